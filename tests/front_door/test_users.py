"""Users: creation, lookup by id or externalId (of any spelling), PATCH, deletion."""

import re

import pytest
from lib.api import segment
from lib.raw import Wire, basic
from lib.world import MISSING, unique

NOT_FOUND = (404, "user_not_found", "User not found")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_create_with_nothing(app):
    user = app.api.post(f"{app.path}/users", {}).ok(201)["user"]
    assert re.fullmatch("[0-9a-f]{24}", user["id"])
    assert "externalId" not in user
    assert re.fullmatch(TIME, user["signedUpAt"])
    assert user["metadata"] == {} and user["identities"] == [] and user["hasPaymentInfo"] is False
    assert isinstance(user["profile"], dict)
    assert app.api.get(f"{app.path}/users/{user['id']}").ok(200)["user"] == user


def test_create_with_everything(app):
    profile = {"givenName": "Jane", "surname": "Doe", "email": "jane@example.org", "avatarUrl": "https://example.org/a.png",
               "locale": "fr-CA"}
    body = {"externalId": "jane", "signedUpAt": "2020-01-02T03:04:05.678Z", "toBeRetained": True, "profile": profile,
            "metadata": {"tier": "gold", "age": 7, "vip": True}}
    user = app.api.post(f"{app.path}/users", body).ok(201)["user"]
    assert user["externalId"] == "jane"
    assert user["signedUpAt"] == body["signedUpAt"]
    assert user["profile"].items() >= profile.items()
    assert user["metadata"] == body["metadata"]
    assert user["toBeRetained"] is True


def test_same_external_id_twice(app, other):
    first = app.user(externalId="twin")
    app.api.post(f"{app.path}/users", {"externalId": "twin"}).refused(409, "conflict", "User already exists")
    elsewhere = other.user(externalId="twin")
    assert elsewhere["id"] != first["id"], "externalId is unique per app, not beyond"
    app.api.delete(f"{app.path}/users/twin").ok(200)
    assert app.user(externalId="twin")["id"] != first["id"], "free again after deletion"


@pytest.mark.parametrize("external", [
    "plain", "with space", "a/b/c", "what?", "frag#ment", "100%", "%2F", "+plus+", "a&b=c", "semi;colon", "quote'\"", "back\\slash",
    "jané@exämple.org", "用户", "🛰️", "a:b@c", "[page]", "x" * 1024, "UPPER", "0123456789abcdef01234567",
])
def test_lookup_by_external_id(app, external):
    user = app.user(externalId=external)
    path = f"{app.path}/users/{segment(external)}"
    assert app.api.get(path).ok(200)["user"] == user
    assert app.api.patch(path, {"metadata": {"seen": True}}).ok(200)["user"]["id"] == user["id"]
    assert app.api.delete(path).ok(200) == {}
    app.api.get(path).refused(*NOT_FOUND)


def test_every_character_an_external_id_may_hold(app):
    """All of Latin-1 but U+0000 (which no text may hold), and some beyond; each byte escaped, and by the SDKs' rule."""
    wire = Wire(app.server)

    def found(path):
        answer = wire.request("GET", path, {"Authorization": basic(app.key)})
        return answer.status, answer.json()

    for text in [*map(chr, range(1, 256)), "..", "./..", "//", "\u200b", "\ufffd", "用户", "🛰️" * 512, "me"]:
        user = app.user(externalId=text)
        for escaped in ("".join(f"%{byte:02X}" for byte in text.encode()), segment(text)):
            if escaped in (".", ".."):
                # As they are they are steps of a path.
                continue
            assert found(f"{app.path}/users/{escaped}") == (200, {"user": user}), repr(text)
        status, listed = found(f"{app.path}/conversations?filter[userExternalId]={segment(text)}")
        assert (status, listed["conversations"]) == (200, []), repr(text)
    app.api.post(f"{app.path}/users", {"externalId": "a\0b"}).refused(400, "bad_request")


def test_external_ids_are_exact(app):
    app.user(externalId="Case")
    app.api.get(f"{app.path}/users/case").refused(*NOT_FOUND)
    app.user(externalId="case")
    app.api.get(f"{app.path}/users/Case%20").refused(*NOT_FOUND)


def test_update(app):
    user = app.user(profile={"givenName": "Jane", "surname": "Doe"}, metadata={"a": 1, "b": 2})
    path = f"{app.path}/users/{user['id']}"
    changed = app.api.patch(path, {"profile": {"surname": "Roe"}, "metadata": {"b": 3, "c": "x"}}).ok(200)["user"]
    assert changed["profile"]["surname"] == "Roe"
    assert changed["metadata"] == {"a": 1, "b": 3, "c": "x"}, "metadata is merged key by key"
    assert app.api.patch(path, {"metadata": {"a": None}}).ok(200)["user"]["metadata"] == {"b": 3, "c": "x"}
    ignored = {"externalId": "other", "identities": [{"type": "email", "value": "x@example.org"}], "id": MISSING}
    after = app.api.patch(path, ignored).ok(200)["user"]
    assert (after["id"], after["externalId"], after["identities"]) == (user["id"], user["externalId"], [])
    assert app.api.patch(path, {"profile": {"givenName": None}}).ok(200)["user"]["profile"].get("givenName") is None


def test_metadata_limit(app):
    user = app.user(metadata={"k": "x" * 4000})
    path = f"{app.path}/users/{user['id']}"
    app.api.patch(path, {"metadata": {"more": "y" * 200}}).refused(400, "bad_request")
    app.api.patch(path, {"metadata": {"k": None, "more": "y" * 4000}}).ok(200)
    app.api.post(f"{app.path}/users", {"metadata": {"k": "x" * 4097}}).refused(400, "bad_request")
    assert app.api.get(path).ok()["user"]["metadata"] == {"more": "y" * 4000}


@pytest.mark.parametrize("body, title", [
    ({"externalId": ""}, "externalId should NOT be shorter than 1 characters"),
    ({"externalId": "x" * 1025}, "externalId should NOT be longer than 1024 characters"),
    ({"externalId": 5}, "externalId should be string"),
    ({"profile": {"email": "nobody"}}, 'profile.email should match format "email"'),
    ({"profile": {"avatarUrl": "not a url"}}, 'profile.avatarUrl should match format "uri"'),
    ({"profile": {"givenName": "x" * 129}}, "profile.givenName should NOT be longer than 128 characters"),
    ({"profile": {"locale": "x" * 65}}, "profile.locale should NOT be longer than 64 characters"),
    ({"profile": "Jane"}, "profile should be object"),
    ({"toBeRetained": "yes"}, "toBeRetained should be boolean"),
])
def test_bad_bodies(app, body, title):
    body = {"externalId": unique("bad"), **body}
    assert title in app.api.post(f"{app.path}/users", body).refused(400, "bad_request").titles
    if isinstance(body["externalId"], str) and 0 < len(body["externalId"]) <= 1024:
        app.api.get(f"{app.path}/users/{body['externalId']}").refused(*NOT_FOUND)


@pytest.mark.parametrize("given, shown", [
    ("2020-05-21T15:53:30.197Z", "2020-05-21T15:53:30.197Z"),
    ("2020-05-21T15:53:30Z", "2020-05-21T15:53:30.000Z"),
    ("2020-05-21T17:53:30.1979+02:00", "2020-05-21T15:53:30.197Z"),
    ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
    ("9999-12-30T22:00:00.999Z", "9999-12-30T22:00:00.999Z"),
])
def test_signed_up_at(app, given, shown):
    user = app.user(signedUpAt=given)
    assert user["signedUpAt"] == shown
    path = f"{app.path}/users/{user['id']}"
    app.api.patch(path, {"signedUpAt": "2021-01-01T00:00:00.000Z"}).ok(200)
    assert app.api.patch(path, {"toBeRetained": True}).ok(200)["user"]["signedUpAt"] == "2021-01-01T00:00:00.000Z"
    for wrong in ("yesterday", "2020-05-21", "2020-13-01T00:00:00.000Z", "-000001-01-01T00:00:00Z",
                  "+010000-01-01T00:00:00Z", "", 0, None):
        app.api.patch(path, {"signedUpAt": wrong}).refused(400, "bad_request")
        app.api.post(f"{app.path}/users", {"signedUpAt": wrong}).refused(400, "bad_request")


def test_locale(app):
    """The default says so; one that was given is nobody's default, and may be taken away."""
    user = app.api.post(f"{app.path}/users", {}).ok(201)["user"]
    assert user["profile"] == {"locale": "en", "localeOrigin": "zendeskAccount"}
    path = f"{app.path}/users/{user['id']}"
    assert app.api.patch(path, {"profile": {"givenName": "Jane"}}).ok(200)["user"]["profile"]["localeOrigin"] == "zendeskAccount"
    assert app.api.patch(path, {"profile": {"locale": "fr-CA"}}).ok(200)["user"]["profile"] == {"givenName": "Jane", "locale": "fr-CA"}
    assert app.api.patch(path, {"profile": {"locale": None}}).ok(200)["user"]["profile"] == {"givenName": "Jane"}
    assert app.user(profile={"locale": "de"})["profile"] == {"locale": "de"}


def test_brands_have_external_ids_of_their_own(app):
    users = [app.user(externalId="jane", **brand) for brand in ({}, {"brandId": "b1"}, {"brandId": "b2"})]
    assert len({user["id"] for user in users}) == 3
    app.api.post(f"{app.path}/users", {"externalId": "jane", "brandId": "b1"}).refused(409, "conflict", "User already exists")
    app.api.post(f"{app.path}/users", {"externalId": "jane", "brandId": None}).refused(409, "conflict", "User already exists")
    path = f"{app.path}/users/jane"
    assert app.api.get(path).ok(200)["user"] == users[0]
    assert app.api.get(f"{path}?brandId=b2").ok(200)["user"] == users[2]
    assert app.api.patch(f"{path}?brandId=b1", {"metadata": {"a": 1}, "brandId": "b3"}).ok(200)["user"]["brandId"] == "b1"
    app.api.delete(f"{path}?brandId=b1").ok(200)
    app.api.get(f"{path}?brandId=b1").refused(*NOT_FOUND)
    app.api.get(f"{path}?brandId=").ok(200)
    assert app.api.get(path).ok(200)["user"] == users[0], "the others stay"
    # Conversations name a brand's users by id alone: there is no field for the brand.
    named = {"type": "sdkGroup", "participants": [{"userExternalId": "jane"}, {"userId": users[2]["id"]}]}
    group = app.api.post(f"{app.path}/conversations", named).ok(201)["conversation"]
    members = app.api.get(f"{app.conversation_path(group)}/participants").ok(200)["participants"]
    assert [one["userId"] for one in members] == [users[0]["id"], users[2]["id"]]
    listed = app.api.get(f"{app.path}/conversations?filter[userId]={users[2]['id']}").ok(200)["conversations"]
    assert [one["id"] for one in listed] == [group["id"]]
    # An id is the user's whatever brand is asked for.
    assert app.api.get(f"{app.path}/users/{users[2]['id']}").ok(200)["user"] == users[2]


def test_an_id_goes_before_an_external_id(app):
    """An external id that looks like another user's id is hidden behind it, as long as there is that user."""
    first = app.user()
    second = app.user(externalId=first["id"])
    path = f"{app.path}/users/{first['id']}"
    assert app.api.get(path).ok(200)["user"] == first
    app.api.delete(path).ok(200)
    assert app.api.get(path).ok(200)["user"] == second


def test_deletion_is_told(app, sink):
    """First what goes with the user, then the user."""
    target = sink.target()
    app.custom(target, ["conversation:remove", "conversation:leave", "client:remove", "user:remove"])
    user, friend = app.user(), app.user()
    conversations = [app.personal(user), app.personal(user)]
    group = app.group(user, friend)
    app.api.post(f"{app.conversation_path(group)}/join", {"userId": user["id"], "subscribeSDKClient": True}).ok(201)
    said = app.say(group, "I was here", user)
    app.api.delete(f"{app.path}/users/{user['id']}").ok(200)
    target.wait_event("user:remove")
    target.wait_deliveries(4)
    told = {(event["type"], event["payload"].get("conversation", {}).get("id")) for event in target.events()}
    assert told == {("user:remove", None), ("conversation:leave", group["id"]),
                    *(("conversation:remove", one["id"]) for one in conversations)}
    ids = {event["type"]: event["id"] for event in target.events()}
    assert ids["user:remove"] == max(ids.values())
    assert app.messages(group)["messages"] == [said], "what was said in a group stays said"


def test_several_mistakes_are_all_named(app):
    body = {"externalId": 5, "profile": {"email": "nobody"}, "toBeRetained": 1}
    titles = app.api.post(f"{app.path}/users", body).refused(400, "bad_request").titles
    assert len(titles) == 3, titles


def test_delete_takes_conversations_along(app):
    user = app.user()
    conversation = app.personal(user)
    group = app.group(user, app.user())
    app.api.delete(f"{app.path}/users/{user['id']}").ok(200)
    app.api.get(f"{app.path}/users/{user['id']}").refused(*NOT_FOUND)
    app.api.delete(f"{app.path}/users/{user['id']}").refused(*NOT_FOUND)
    app.api.get(app.conversation_path(conversation)).refused(404, "conversation_not_found")
    # The group goes on without the user.
    left = app.api.get(f"{app.conversation_path(group)}/participants").ok(200)["participants"]
    assert len(left) == 1 and left[0]["userId"] != user["id"]


def test_unknown_user(app):
    path = f"{app.path}/users/{MISSING}"
    for answer in (app.api.get(path), app.api.patch(path, {}), app.api.delete(path)):
        answer.refused(*NOT_FOUND)
