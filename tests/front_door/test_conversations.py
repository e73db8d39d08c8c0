"""Conversations."""

import re
import time

import pytest
from lib.api import segment
from lib.world import MISSING, new_app

NOT_FOUND = (404, "conversation_not_found", "Conversation not found")
NO_USER = (404, "user_not_found", "User not found")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_personal(app):
    user = app.user(externalId="jane/1")
    body = {"type": "personal", "participants": [{"userExternalId": "jane/1"}], "displayName": "Support",
            "description": "About the order", "iconUrl": "https://example.org/i.png", "metadata": {"order": 7}}
    made = app.api.post(f"{app.path}/conversations", body).ok(201)
    assert list(made) == ["conversation"]
    conversation = made["conversation"]
    assert re.fullmatch("[0-9a-f]{24}", conversation["id"])
    for name in ("type", "displayName", "description", "iconUrl", "metadata"):
        assert conversation[name] == body[name]
    assert conversation["isDefault"] is True, "the first personal conversation of its user"
    assert re.fullmatch(TIME, conversation["createdAt"])
    assert conversation["lastUpdatedAt"] == conversation["createdAt"]
    assert app.api.get(app.conversation_path(conversation)).ok(200) == made
    assert app.personal(user)["isDefault"] is False
    assert app.group(user)["isDefault"] is False


def test_one_conversation_only_when_multi_is_off(server):
    app = new_app(server, multiConvoEnabled=False)
    user = app.user()
    # Groups are not meant by it, neither before nor after.
    app.group(user)
    assert app.personal(user)["isDefault"] is True
    body = {"type": "personal", "participants": [{"userId": user["id"]}]}
    app.api.post(f"{app.path}/conversations", body).refused(400, "bad_request")
    app.group(user)
    app.api.post(f"{app.conversation_path(app.group())}/join", {"userId": user["id"]}).ok(201)
    app.api.patch(app.path, {"settings": {"multiConvoEnabled": True}}).ok(200)
    assert app.personal(user)["isDefault"] is False
    # There is no way back.
    settings = app.api.patch(app.path, {"settings": {"multiConvoEnabled": False}}).ok(200)["app"]["settings"]
    assert settings["multiConvoEnabled"] is True
    app.personal(user)


def test_a_group_may_begin_empty_and_names_nobody_twice(app):
    assert app.api.post(f"{app.path}/conversations", {"type": "sdkGroup"}).ok(201)["conversation"]["isDefault"] is False
    user = app.user()
    participants = [{"userId": user["id"]}, {"userExternalId": user["externalId"]}]
    group = app.api.post(f"{app.path}/conversations", {"type": "sdkGroup", "participants": participants}).ok(201)["conversation"]
    assert len(app.api.get(f"{app.conversation_path(group)}/participants").ok(200)["participants"]) == 1


def test_null_at_creation_is_nothing(app):
    nothing = dict.fromkeys(("displayName", "description", "iconUrl", "metadata"))
    made = app.api.post(f"{app.path}/conversations", {"type": "sdkGroup", **nothing}).ok(201)["conversation"]
    assert set(made) == {"id", "type", "isDefault", "lastUpdatedAt", "createdAt"}
    assert set(app.group(metadata={})) == set(made), "empty metadata is left out"


@pytest.mark.parametrize("make", [
    lambda user: {},
    lambda user: {"type": "secret"},
    lambda user: {"type": "personal"},
    lambda user: {"type": "personal", "participants": []},
    lambda user: {"type": "personal", "participants": [{"userId": user}, {"userId": user}]},
    lambda user: {"type": "sdkGroup", "participants": [{"userId": user}] * 11},
    lambda user: {"type": "sdkGroup", "participants": "everyone"},
    lambda user: {"type": "sdkGroup", "participants": [{}]},
    lambda user: {"type": "sdkGroup", "participants": [{"userId": user, "userExternalId": "both"}]},
    lambda user: {"type": "sdkGroup", "displayName": "x" * 101},
    lambda user: {"type": "sdkGroup", "displayName": ""},
    lambda user: {"type": "sdkGroup", "description": "x" * 101},
    lambda user: {"type": "sdkGroup", "iconUrl": "not a url"},
    lambda user: {"type": "sdkGroup", "metadata": {"k": "x" * 4097}},
    lambda user: {"type": "sdkGroup", "metadata": {"k": {}}},
])
def test_bad_bodies(app, make):
    user = app.user()
    app.api.post(f"{app.path}/conversations", make(user["id"])).refused(400, "bad_request")
    listed = app.api.get(f"{app.path}/conversations?filter[userId]={user['id']}").ok(200)
    assert listed["conversations"] == [], "a refused creation leaves nothing"


def test_type_titles(app):
    answer = app.api.post(f"{app.path}/conversations", {}).refused(400, "bad_request")
    assert "should have required property 'type'" in answer.titles
    answer = app.api.post(f"{app.path}/conversations", {"type": "secret"}).refused(400, "bad_request")
    assert "type should be equal to one of the allowed values" in answer.titles


def test_unknown_participants(app):
    for who in ({"userId": MISSING}, {"userExternalId": "nobody"}):
        for kind in ("personal", "sdkGroup"):
            app.api.post(f"{app.path}/conversations", {"type": kind, "participants": [who]}).refused(*NO_USER)


def test_metadata_is_merged(app):
    """Key by key; null takes a key away, and null for the whole takes all."""
    conversation = app.group(metadata={"a": 1, "b": "two", "gone": None})
    assert conversation["metadata"] == {"a": 1, "b": "two"}
    path = app.conversation_path(conversation)
    changed = app.api.patch(path, {"metadata": {"a": None, "c": True}}).ok(200)["conversation"]
    assert changed["metadata"] == {"b": "two", "c": True}
    assert not app.api.patch(path, {"metadata": None}).ok(200)["conversation"].get("metadata")


def test_update(app):
    conversation = app.group(displayName="Before", metadata={"a": 1})
    path = app.conversation_path(conversation)
    changed = app.api.patch(path, {"displayName": "After", "description": "New", "type": "personal"}).ok(200)["conversation"]
    assert changed == {**conversation, "displayName": "After", "description": "New"}
    cleared = app.api.patch(path, {"displayName": None, "description": None}).ok(200)["conversation"]
    assert cleared.get("displayName") is None and cleared.get("description") is None
    app.api.patch(path, {"displayName": "x" * 101}).refused(400, "bad_request")
    app.api.patch(path, {"metadata": {"k": "x" * 4097}}).refused(400, "bad_request")
    assert app.api.get(path).ok()["conversation"]["metadata"] == {"a": 1}
    # What counts is what it comes to.
    app.api.patch(path, {"metadata": {"b": "x" * 4000}}).ok(200)
    title = "Conversation metadata is limited to 4096 bytes in size."
    app.api.patch(path, {"metadata": {"c": "x" * 100}}).refused(400, "bad_request", title)
    app.api.patch(path, {"metadata": {"b": None, "c": "x" * 100}}).ok(200)


def test_delete(app):
    user = app.user()
    default, second = app.personal(user), app.personal(user)
    title = f"Conversation {default['id']} cannot be deleted because it is the default."
    app.api.delete(app.conversation_path(default)).refused(400, "bad_request", title)
    app.say(second, "Gone soon")
    assert app.api.delete(app.conversation_path(second)).ok(200) == {}
    path = app.conversation_path(second)
    for answer in (app.api.get(path), app.api.patch(path, {}), app.api.delete(path), app.api.get(f"{path}/participants")):
        answer.refused(*NOT_FOUND)
    assert app.api.delete(app.conversation_path(app.group())).ok(200) == {}


def test_list_of_a_user(app):
    user, stranger = app.user(externalId="a/b c"), app.user()
    own = [app.personal(user), app.group(user, stranger), app.personal(user)]
    app.personal(stranger)
    for query in (f"filter[userId]={user['id']}", f"filter%5BuserExternalId%5D={segment('a/b c')}",
                  f'filter={{"userId":"{user["id"]}"}}'):
        listed = app.api.get(f"{app.path}/conversations?{query}").ok(200)
        assert {one["id"] for one in listed["conversations"]} == {one["id"] for one in own}
        assert listed["meta"] == {"hasMore": False}
        assert "links" not in listed


def test_the_latest_comes_first(app):
    """By the time of the latest message; nothing else moves a conversation. Pages keep to it in both directions."""
    user = app.user()
    made = []
    for number in range(5):
        made.append(app.group(user, displayName=f"{number}"))
        time.sleep(0.002)

    def listed(query=""):
        answer = app.api.get(f"{app.path}/conversations?filter[userId]={user['id']}{query}").ok(200)
        return [made.index(next(one for one in made if one["id"] == shown["id"])) for shown in answer["conversations"]], answer

    assert listed()[0] == [4, 3, 2, 1, 0]
    app.say(made[1], "Hello")
    time.sleep(0.002)
    app.say(made[3], "Hello", user)
    path = app.conversation_path(made[0])
    app.api.patch(path, {"displayName": "renamed"}).ok(200)
    app.api.post(f"{path}/activity", {"author": {"type": "user", "userId": user["id"]}, "type": "conversation:read"}).ok(200)
    app.api.post(f"{path}/activity", {"author": {"type": "business"}, "type": "typing:start"}).ok(200)
    app.api.post(f"{path}/join", {"userId": app.user()["id"]}).ok(201)
    order = [3, 1, 4, 2, 0]
    whole, answer = listed()
    assert whole == order
    times = [one["lastUpdatedAt"] for one in answer["conversations"]]
    assert times == sorted(times, reverse=True)
    assert listed(f"&page[after]={made[1]['id']}")[0] == order[2:]
    assert listed(f"&page[before]={made[4]['id']}")[0] == order[:2]
    assert listed(f"&page[before]={made[0]['id']}&page[size]=2")[0] == order[2:4], "the nearest"
    # The place of the cursor is where its conversation is now.
    app.say(made[0], "Hello")
    assert listed(f"&page[after]={made[0]['id']}")[0] == [3, 1, 4, 2]
    app.api.delete(app.conversation_path(made[4])).ok(200)
    gone, answer = listed(f"&page[after]={made[4]['id']}")
    assert gone == [] and answer["meta"] == {"hasMore": False}


def test_list_needs_exactly_one_user(app):
    user = app.user()
    path = f"{app.path}/conversations"
    app.api.get(path).refused(400, "bad_request")
    both = f"filter[userId]={user['id']}&filter[userExternalId]={user['externalId']}"
    app.api.get(f"{path}?{both}").refused(400, "bad_request")
    for id in (MISSING, "nonsense", user["id"].upper() + "X"):
        app.api.get(f"{path}?filter[userId]={id}").refused(*NO_USER)
    app.api.get(f"{path}?filter[userExternalId]=nobody").refused(*NO_USER)


def test_unknown_conversation(app):
    path = f"{app.path}/conversations/{MISSING}"
    for answer in (app.api.get(path), app.api.patch(path, {}), app.api.delete(path)):
        answer.refused(*NOT_FOUND)
