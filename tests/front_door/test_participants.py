"""Participants: join, list, leave."""

import re

import pytest
from lib.world import MISSING, new_app

NO_CONVERSATION = (404, "conversation_not_found", "Conversation not found")
NO_USER = (404, "user_not_found", "User not found")


def test_join_list_leave(app):
    jane, joe = app.user(externalId="jane"), app.user(externalId="joe")
    conversation = app.group(jane)
    path = app.conversation_path(conversation)
    joined = app.api.post(f"{path}/join", {"userExternalId": "joe", "subscribeSDKClient": False}).ok(201)
    assert list(joined) == ["participant"]
    participant = joined["participant"]
    assert re.fullmatch("[0-9a-f]{24}", participant["id"])
    assert participant["userId"] == joe["id"] and participant["userExternalId"] == "joe"
    assert participant["unreadCount"] == 0 and participant["clientAssociations"] == []

    listed = app.api.get(f"{path}/participants").ok(200)
    assert [one["userId"] for one in listed["participants"]] == [jane["id"], joe["id"]]
    assert listed["participants"][1] == participant
    assert listed["meta"] == {"hasMore": False} and "links" not in listed

    assert app.api.post(f"{path}/leave", {"userId": jane["id"]}).ok(200) == {}
    assert app.api.post(f"{path}/leave", {"participantId": participant["id"]}).ok(200) == {}
    assert app.api.get(f"{path}/participants").ok(200)["participants"] == []
    title = "User is not a member of the conversation"
    app.api.post(f"{path}/leave", {"userExternalId": "joe"}).refused(404, "not_found", title)


def test_joining_twice_changes_nothing(app):
    user = app.user()
    conversation = app.group()
    path = app.conversation_path(conversation)
    first = app.api.post(f"{path}/join", {"userId": user["id"]}).ok(201)
    assert app.api.post(f"{path}/join", {"userId": user["id"]}).ok(201) == first
    assert len(app.api.get(f"{path}/participants").ok()["participants"]) == 1


def test_limit_of_ten(app):
    users = [app.user() for _ in range(11)]
    conversation = app.group(*users[:10])
    path = app.conversation_path(conversation)
    app.api.post(f"{path}/join", {"userId": users[10]["id"]}).refused(400, "bad_request", "Too many participants")
    # One who is in already is not one too many.
    app.api.post(f"{path}/join", {"userId": users[0]["id"]}).ok(201)
    app.api.post(f"{path}/leave", {"userId": users[0]["id"]}).ok(200)
    app.api.post(f"{path}/join", {"userId": users[10]["id"]}).ok(201)


def test_only_groups_are_joined(app):
    conversation = app.personal()
    path = app.conversation_path(conversation)
    app.api.post(f"{path}/join", {"userId": app.user()["id"]}).refused(400, "bad_request")
    assert len(app.api.get(f"{path}/participants").ok()["participants"]) == 1


@pytest.mark.parametrize("action", ["join", "leave"])
def test_bad_calls(app, action):
    conversation = app.group()
    path = app.conversation_path(conversation)
    app.api.post(f"{path}/{action}", {}).refused(400, "bad_request")
    app.api.post(f"{path}/{action}", {"userId": 7}).refused(400, "bad_request")
    user = app.user()
    both = {"userId": user["id"], "userExternalId": user["externalId"]}
    app.api.post(f"{path}/{action}", both).refused(400, "bad_request")
    app.api.post(f"{app.path}/conversations/{MISSING}/{action}", {"userId": user["id"]}).refused(*NO_CONVERSATION)


def test_unknown_users(app):
    path = app.conversation_path(app.group())
    app.api.post(f"{path}/join", {"userId": MISSING}).refused(*NO_USER)
    app.api.post(f"{path}/join", {"userExternalId": "nobody"}).refused(*NO_USER)
    app.api.post(f"{path}/leave", {"userId": MISSING}).refused(404)
    app.api.post(f"{path}/leave", {"participantId": MISSING}).refused(404)
    app.api.get(f"{app.path}/conversations/{MISSING}/participants").refused(*NO_CONVERSATION)


def test_unread_count(app):
    jane, joe = app.user(), app.user()
    conversation = app.group(jane, joe)
    app.say(conversation, "From the business")
    app.say(conversation, "From Jane", jane)
    listed = app.api.get(f"{app.conversation_path(conversation)}/participants").ok()["participants"]
    counts = {one["userId"]: one["unreadCount"] for one in listed}
    assert counts[joe["id"]] == 2, "neither message is Joe's own"
    assert counts[jane["id"]] <= 1, "her own message is read"


def test_deleted_messages_are_not_unread(app):
    jane = app.user()
    conversation = app.group(jane)
    path = app.conversation_path(conversation)

    def unread():
        return app.api.get(f"{path}/participants").ok()["participants"][0]["unreadCount"]

    def delete(message):
        app.api.delete(f"{path}/messages/{message['id']}").ok()

    read = app.say(conversation, "Read")
    app.say(conversation, "From Jane", jane)
    first, second, third = (app.say(conversation, text) for text in ("One", "Two", "Three"))
    assert unread() == 3
    delete(read)
    assert unread() == 3, "what was read is not unread any less"
    delete(second)
    assert unread() == 2
    delete(third)
    delete(first)
    assert unread() == 0
    app.say(conversation, "Four")
    assert unread() == 1


def test_what_was_deleted_with_all_the_others_is_not_unread(server):
    """Nor does it come back when the conversation becomes part of another."""
    app = new_app(server, multiConvoEnabled=False)
    stays, goes = (app.user(zendeskId=f"{app.id}-{number}") for number in range(2))
    kept, absorbed = app.personal(stays), app.personal(goes)

    def unread(conversation):
        (one,) = app.api.get(f"{app.conversation_path(conversation)}/participants").ok()["participants"]
        return one["unreadCount"]

    def say(conversation, count):
        return [app.say(conversation, f"message {number}") for number in range(count)]

    for conversation in (kept, absorbed):
        say(conversation, 5)
        app.api.delete(f"{app.conversation_path(conversation)}/messages").ok()
        assert unread(conversation) == 0
    app.say(kept, "Written, so all is read", stays)
    say(kept, 2)
    fresh = say(absorbed, 3)
    assert (unread(kept), unread(absorbed)) == (2, 3)
    app.api.delete(f"{app.conversation_path(absorbed)}/messages/{fresh[0]['id']}").ok()
    assert unread(absorbed) == 2
    app.api.post(f"{app.path}/users/{goes['zendeskId']}/sync", {"survivingZendeskId": stays["zendeskId"]}).ok(200)
    assert unread(kept) == 4, "two and two"
    app.say(kept, "Read", stays)
    assert unread(kept) == 0


def test_what_was_deleted_before_an_update_is_not_unread(launch):
    """A database of a release that kept the count down in another way."""
    server = launch()
    app = new_app(server)
    reader = app.user()
    group = app.group(reader)
    for text in ("One", "Two", "Three"):
        app.say(group, text)
    assert server.stop() == 0
    server.sql(f"UPDATE conversation SET message_count = 1 WHERE id = '{group['id']}'")
    # What came after that release is taken back.
    server.sql("ALTER TABLE conversation DROP COLUMN revision")
    server.sql("DELETE FROM heliograph_migration WHERE version >= 14")
    server.start()
    [one] = app.api.get(f"{app.conversation_path(group)}/participants").ok()["participants"]
    assert one["unreadCount"] == 1
