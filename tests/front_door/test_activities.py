"""Activities: what they leave behind, and what webhooks are told of them."""

import pytest
from lib.world import MISSING

BUSINESS = {"type": "business"}


@pytest.fixture
def target(sink):
    return sink.target()


@pytest.fixture
def bot(app, target):
    return app.custom(target, ["conversation:read", "conversation:typing"])


def note(app, conversation, author, kind):
    return app.api.post(f"{app.conversation_path(conversation)}/activity", {"author": author, "type": kind})


def participant(app, conversation):
    return app.api.get(f"{app.conversation_path(conversation)}/participants").ok()["participants"][0]


def read_by_business(app, conversation):
    return app.api.get(app.conversation_path(conversation)).ok()["conversation"].get("businessLastRead")


def test_a_user_reads(app, bot, target):
    user = app.user()
    conversation = app.personal(user)
    for text in ("one", "two"):
        app.say(conversation, text)
    before = participant(app, conversation)
    assert before["unreadCount"] == 2 and "lastRead" not in before
    assert note(app, conversation, {"type": "user", "userId": user["id"]}, "conversation:read").ok(200) == {}
    after = participant(app, conversation)
    assert after["unreadCount"] == 0 and after["lastRead"]
    payload = target.wait_event("conversation:read")["payload"]
    assert payload["conversation"] == {"id": conversation["id"], "type": "personal"}
    author = payload["activity"]["author"]
    assert payload["activity"] == {"type": "conversation:read", "source": {"type": "api:conversations"}, "author": author}
    assert (author["type"], author["userId"], author["user"]["externalId"]) == ("user", user["id"], user["externalId"])
    app.say(conversation, "three")
    assert participant(app, conversation)["unreadCount"] == 1


def test_a_user_named_by_external_id_reads(app):
    user = app.user()
    conversation = app.personal(user)
    app.say(conversation, "one")
    note(app, conversation, {"type": "user", "userExternalId": user["externalId"]}, "conversation:read").ok(200)
    assert participant(app, conversation)["unreadCount"] == 0


def test_the_full_user(app, sink):
    target = sink.target()
    app.custom(target, ["conversation:read"], includeFullUser=True)
    user = app.user(profile={"givenName": "Jane"})
    note(app, app.personal(user), {"type": "user", "userId": user["id"]}, "conversation:read").ok(200)
    assert target.wait_event("conversation:read")["payload"]["activity"]["author"]["user"]["profile"]["givenName"] == "Jane"


def test_the_business_reads(app, bot, target):
    user = app.user()
    conversation = app.personal(user)
    app.say(conversation, "Hello?", user)
    assert read_by_business(app, conversation) is None
    note(app, conversation, BUSINESS, "conversation:read").ok(200)
    read = read_by_business(app, conversation)
    assert read and participant(app, conversation)["unreadCount"] == 0
    # Only users' reading is told.
    note(app, conversation, BUSINESS, "typing:start").ok(200)
    target.wait_event("conversation:typing")
    assert [event["type"] for event in target.events()] == ["conversation:typing"]


def test_whoever_writes_has_read(app):
    user = app.user()
    conversation = app.personal(user)
    app.say(conversation, "one")
    assert read_by_business(app, conversation) == app.messages(conversation)["messages"][-1]["received"]
    message = app.say(conversation, "two", user)
    assert participant(app, conversation)["unreadCount"] == 0
    assert participant(app, conversation)["lastRead"] == message["received"]


def test_the_business_types(app, bot, target):
    conversation = app.personal()
    before = app.api.get(app.conversation_path(conversation)).ok()["conversation"]
    for kind in ("typing:start", "typing:stop"):
        note(app, conversation, BUSINESS, kind).ok(200)
        event = target.wait_event("conversation:typing", where=lambda event, kind=kind: event["payload"]["activity"]["type"] == kind)
        assert event["payload"]["activity"] == {"type": kind, "author": BUSINESS, "source": {"type": "api:conversations"}}
    assert app.api.get(app.conversation_path(conversation)).ok()["conversation"] == before, "typing leaves nothing behind"


@pytest.mark.parametrize("body, title", [
    ({}, "should have required property 'author'"),
    ({"author": BUSINESS}, "should have required property 'type'"),
    ({"author": {}, "type": "typing:start"}, "author should have required property 'type'"),
    ({"author": BUSINESS, "type": "dancing:start"}, "type should be equal to one of the allowed values"),
    ({"author": {"type": "user"}, "type": "conversation:read"}, "author should have exactly one of userId and userExternalId"),
    ({"author": {"type": "user", "userId": MISSING}, "type": "typing:start"}, "type should be conversation:read with author.type user"),
])
def test_refusals(app, body, title):
    answer = app.api.post(f"{app.conversation_path(app.personal())}/activity", body).refused(400, "bad_request")
    assert title in answer.titles


def test_who_is_not_there(app):
    conversation, outsider = app.personal(), app.user()
    note(app, {"id": MISSING}, BUSINESS, "typing:start").refused(404, "conversation_not_found")
    note(app, conversation, {"type": "user", "userId": MISSING}, "conversation:read").refused(404, "user_not_found")
    note(app, conversation, {"type": "user", "userId": outsider["id"]}, "conversation:read").refused(404, "not_found")
