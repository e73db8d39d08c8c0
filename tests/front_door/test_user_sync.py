"""Identities, synchronising with Zendesk, merging, and forgetting a person."""

import time
from urllib.parse import quote

import pytest
from lib.world import new_app, unique

NOT_FOUND = (404, "user_not_found", "User not found")
EVENTS = ["user:merge", "user:update", "user:remove", "conversation:remove"]


@pytest.fixture
def target(app, sink):
    """Where an integration is told of users in full."""
    target = sink.target()
    app.custom(target, EVENTS, includeFullUser=True)
    return target


def in_zendesk(app, **fields):
    """A user with an id in Zendesk."""
    return app.user(zendeskId=unique("z"), **fields)


def sync(app, user, **record):
    return app.api.post(f"{app.path}/users/{quote(user['zendeskId'], safe='')}/sync", record)


def by_email(app, email, more=""):
    path = f"{app.path}/users?filter[identities.email]={quote(email)}{more}"
    return [user["id"] for user in app.api.get(path).ok(200)["users"]]


def fetch(app, user):
    return app.api.get(f"{app.path}/users/{user['id']}")


def test_zendesk_ids_are_one_users(app):
    user = in_zendesk(app)
    taken = user["zendeskId"]
    app.api.post(f"{app.path}/users", {"zendeskId": taken}).refused(409, "conflict", "User already exists")
    other = app.user()
    path = f"{app.path}/users/{other['id']}"
    app.api.patch(path, {"zendeskId": taken}).refused(409, "conflict", "User already exists")
    assert app.api.patch(path, {"zendeskId": "z/free"}).ok(200)["user"]["zendeskId"] == "z/free"
    assert app.api.post(f"{app.path}/users/z%2Ffree/sync", {}).ok(200)["user"]["id"] == other["id"]
    assert "zendeskId" not in app.api.patch(path, {"zendeskId": None}).ok(200)["user"]
    app.api.post(f"{app.path}/users/z%2Ffree/sync", {}).refused(*NOT_FOUND)


def test_sync_takes_the_record_over(app, target):
    user = app.api.post(f"{app.path}/users", {"zendeskId": "35436", "profile": {"email": "old@example.org"}}).ok(201)["user"]
    record = {"givenName": "Sue", "surname": "Roe", "externalId": "sue", "email": "Sue@Example.org"}
    synced = sync(app, user, **record).ok(200)["user"]
    assert (synced["id"], synced["externalId"], synced["authenticated"]) == (user["id"], "sue", True)
    assert synced["profile"].items() >= {"givenName": "Sue", "surname": "Roe", "email": "old@example.org"}.items()
    assert synced["identities"] == [{"type": "email", "value": "Sue@Example.org", "verification": "sso"}]
    assert fetch(app, user).ok(200)["user"] == synced
    assert sync(app, user).ok(200)["user"] == synced, "a call without a record changes nothing"
    payload = target.wait_event("user:update")["payload"]
    assert payload == {"user": synced, "reason": "authentication", "source": {"type": "api:conversations"}}
    renamed = sync(app, user, email="sue@new.example").ok(200)["user"]
    assert [one["value"] for one in renamed["identities"]] == ["sue@new.example"], "a record has one primary address"
    assert by_email(app, "Sue@Example.org") == []


def test_identities_have_a_limit(app):
    user, longest = in_zendesk(app), "x" * 124 + "@b.c"
    assert sync(app, user, email=longest).ok(200)["user"]["identities"][0]["value"] == longest
    sync(app, user, email="x" + longest).refused(400, "bad_request", "email should NOT be longer than 128 characters")
    sync(app, user, email="nobody").refused(400, "bad_request", 'email should match format "email"')
    ignored = app.api.post(f"{app.path}/users", {"identities": [{"type": "email", "value": "a@b.c"}]}).ok(201)["user"]
    assert ignored["identities"] == [] and by_email(app, "a@b.c") == [], "they are read-only"


def test_list_by_email(app):
    user = in_zendesk(app, profile={"email": "profile@example.org"})
    sync(app, user, email="sue+a@example.org").ok(200)
    assert by_email(app, "SUE+A@example.org") == [user["id"]]
    assert by_email(app, "profile@example.org") == [], "addresses in profiles do not count"
    assert by_email(app, "sue+a@example.org", "&brandId=other") == []
    for query in ("", "?filter[email]=x", "?filter=x"):
        app.api.get(f"{app.path}/users{query}").refused(400, "bad_request")
    branded = in_zendesk(app, brandId="brand-1")
    sync(app, branded, email="sue+a@example.org").ok(200)
    assert by_email(app, "sue+a@example.org", "&brandId=brand-1") == [branded["id"]]
    assert by_email(app, "sue+a@example.org") == [user["id"]], "each brand has identities of its own"
    app.api.delete(f"{app.path}/users/{user['id']}").ok(200)
    assert by_email(app, "sue+a@example.org") == []


@pytest.mark.parametrize("what", ["externalId", "email"])
def test_a_user_with_another_record_gives_up(app, target, what):
    value = "mine@example.org"
    other, user = in_zendesk(app), in_zendesk(app)
    sync(app, other, **{what: value}).ok(200)
    assert sync(app, user, **{what: value}).ok(200)["user"]["id"] == user["id"]
    left = fetch(app, other).ok(200)["user"]
    assert left["identities"] == [] and left.get("externalId") != value
    assert left["authenticated"] is (what == "email")
    assert not [event for event in target.events() if event["type"] == "user:merge"]


@pytest.mark.parametrize("what", ["externalId", "survivingZendeskId"])
def test_merge(app, target, what):
    """One is merged into the other: because they share an external id, or because their records were merged."""
    if what == "externalId":
        gone = app.user(externalId="shared", metadata={"a": 1, "b": 2}, profile={"givenName": "Old", "surname": "Kept"})
        stays = app.user(externalId=unique("e"), zendeskId="z1", metadata={"b": 3}, profile={"givenName": "New"})
        merged = sync(app, stays, externalId="shared").ok(200)["user"]
    else:
        gone = in_zendesk(app, metadata={"a": 1, "b": 2}, profile={"givenName": "Old", "surname": "Kept"})
        stays = in_zendesk(app, metadata={"b": 3}, profile={"givenName": "New"})
        merged = sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)["user"]
    assert merged["id"] == stays["id"] and merged["zendeskId"] == stays["zendeskId"]
    assert merged["metadata"] == {"a": 1, "b": 3}
    assert merged["profile"].items() >= {"givenName": "New", "surname": "Kept"}.items()
    assert merged["externalId"] == ("shared" if what == "externalId" else stays["externalId"])
    fetch(app, gone).refused(*NOT_FOUND)
    payload = target.wait_event("user:merge")["payload"]
    assert payload["mergedUsers"]["discarded"] == gone
    assert payload["mergedUsers"]["surviving"]["id"] == stays["id"]
    assert payload["reason"] == "api"
    assert set(payload) == {"mergedUsers", "reason"}


@pytest.mark.parametrize("has", ["nobody", "survivor", "somebody"])
def test_merge_across_brands(app, target, has):
    """External ids and addresses are one user's in each brand: what is not free in the survivor's brand ends."""
    address, external_id = "both@example.org", unique("e")
    gone = app.api.post(f"{app.path}/users", {"zendeskId": unique("z"), "externalId": external_id, "brandId": "a"})
    gone = sync(app, gone.ok(201)["user"], email=address).ok(200)["user"]
    stays = app.api.post(f"{app.path}/users", {"zendeskId": unique("z"), "brandId": "b"}).ok(201)["user"]
    somebody = in_zendesk(app, brandId="b", externalId=external_id if has == "somebody" else unique("e"))
    if has != "nobody":
        sync(app, stays if has == "survivor" else somebody, email=address.upper()).ok(200)
    merged = sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)["user"]
    assert (merged["id"], merged["brandId"]) == (stays["id"], "b")
    assert merged.get("externalId") == (None if has == "somebody" else external_id)
    assert merged["authenticated"] is (has != "somebody")
    assert [one["value"] for one in merged["identities"]] == {
        "nobody": [address], "survivor": [address.upper()], "somebody": []}[has]
    assert fetch(app, merged).ok(200)["user"] == merged
    owner = somebody if has == "somebody" else stays
    assert by_email(app, address, "&brandId=b") == [owner["id"]] and by_email(app, address, "&brandId=a") == []
    found = app.api.get(f"{app.path}/users/{external_id}?brandId=b").ok(200)["user"]
    assert found["id"] == owner["id"]
    assert target.wait_event("user:merge")["payload"]["mergedUsers"] == {"surviving": merged, "discarded": gone}


def test_merge_of_languages(app):
    """One that was told goes before one that is the server's default."""
    def merged(mine, theirs):
        stays, gone = (in_zendesk(app, **({"profile": {"locale": locale}} if locale else {})) for locale in (mine, theirs))
        return sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)["user"]["profile"]

    assert merged("fr", "de") == {"locale": "fr"}
    assert merged("fr", None) == {"locale": "fr"}
    assert merged(None, "de") == {"locale": "de"}
    assert merged(None, None) == {"locale": "en", "localeOrigin": "zendeskAccount"}


def test_ids_are_free_again_after_a_merge(app):
    """Two who were identified become one: who comes by the other's external id is somebody new."""
    stays, gone = in_zendesk(app), in_zendesk(app)
    merged = sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)["user"]
    assert merged["externalId"] == stays["externalId"]
    app.api.get(f"{app.path}/users/{gone['externalId']}").refused(*NOT_FOUND)
    again = app.user(externalId=gone["externalId"], zendeskId=gone["zendeskId"])
    assert again["id"] not in (stays["id"], gone["id"])


def test_a_surviving_record_without_a_user(app):
    user = in_zendesk(app)
    renamed = sync(app, user, survivingZendeskId="survivor").ok(200)["user"]
    assert (renamed["id"], renamed["zendeskId"]) == (user["id"], "survivor")
    sync(app, user).refused(*NOT_FOUND)
    assert sync(app, renamed, survivingZendeskId="survivor").ok(200)["user"] == renamed


def test_merge_without_room_for_all_metadata(app, target):
    stays, gone = in_zendesk(app, metadata={"k": "x" * 4000}), in_zendesk(app, metadata={"big": "y" * 200, "s": 1})
    merged = sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)["user"]
    assert merged["metadata"] == {"k": "x" * 4000, "s": 1}
    assert target.wait_event("user:merge")["payload"]["discardedMetadata"] == {"big": "y" * 200}


def test_merge_of_conversations_where_there_are_several(app, target):
    stays, gone = in_zendesk(app), in_zendesk(app)
    kept, moved = app.personal(stays), app.personal(gone)
    both, theirs = app.group(stays, gone), app.group(gone)
    said = [app.say(moved, "One", gone), app.say(both, "Two", gone)]
    sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)
    listed = app.api.get(f"{app.path}/conversations?filter[userId]={stays['id']}").ok(200)["conversations"]
    assert {one["id"]: one["isDefault"] for one in listed} == {
        kept["id"]: True, moved["id"]: False, both["id"]: False, theirs["id"]: False}
    for conversation in (moved, both, theirs):
        members = app.api.get(f"{app.conversation_path(conversation)}/participants").ok(200)["participants"]
        assert [one["userId"] for one in members] == [stays["id"]]
    for conversation, message in zip((moved, both), said, strict=True):
        [shown] = app.messages(conversation)["messages"]
        assert shown == {**message, "author": {**message["author"], "userId": stays["id"]}}
    assert "mergedConversations" not in target.wait_event("user:merge")["payload"]


def test_merge_of_conversations_where_there_is_one(server, sink):
    app, target = new_app(server, multiConvoEnabled=False), sink.target()
    app.custom(target, EVENTS)
    stays, gone = in_zendesk(app), in_zendesk(app)
    kept, absorbed = app.personal(stays), app.personal(gone)
    order = [app.say(kept, "One", stays)["id"], app.say(absorbed, "Two")["id"], app.say(kept, "Three")["id"],
             app.say(absorbed, "Four")["id"]]
    sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)
    assert [one["id"] for one in app.messages(kept)["messages"]] == order, "messages keep their place in time"
    app.api.get(app.conversation_path(absorbed)).refused(404, "conversation_not_found")
    [member] = app.api.get(f"{app.conversation_path(kept)}/participants").ok(200)["participants"]
    assert (member["userId"], member["unreadCount"]) == (stays["id"], 3)
    payload = target.wait_event("user:merge")["payload"]
    assert payload["mergedConversations"] == {
        "surviving": {"id": kept["id"], "type": "personal"}, "discarded": {"id": absorbed["id"], "type": "personal"}}
    assert payload["mergedUsers"]["discarded"] == {
        "id": gone["id"], "authenticated": True, "externalId": gone["externalId"], "zendeskId": gone["zendeskId"]}
    assert "conversation:remove" not in [event["type"] for event in target.events()]
    app.say(kept, "Goes on", stays)


def test_files_go_along_with_a_conversation_that_becomes_part_of_another(server):
    app = new_app(server, multiConvoEnabled=False)
    stays, gone = in_zendesk(app), in_zendesk(app)
    kept, absorbed = app.personal(stays), app.personal(gone)
    upload = app.api.session.post(
        f"{server.url}{app.path}/attachments?access=public&for=message", auth=(app.key["id"], app.key["secret"]),
        files={"source": ("a.txt", b"Some notes")}, timeout=60).json()["attachment"]["mediaUrl"]
    body = {"author": {"type": "business"}, "content": {"type": "file", "mediaUrl": upload}}
    message = app.api.post(f"{app.conversation_path(absorbed)}/messages", body).ok(201)["messages"][0]
    sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)
    assert app.api.session.get(upload, timeout=60).content == b"Some notes"
    app.api.delete(f"{app.conversation_path(kept)}/messages/{message['id']}").ok(200)
    assert app.api.session.get(upload, timeout=60).status_code == 404


@pytest.mark.parametrize("latest", ["kept", "absorbed"])
def test_who_read_last_in_two_conversations_that_become_one(server, latest):
    app = new_app(server, multiConvoEnabled=False)
    users = {"kept": in_zendesk(app), "absorbed": in_zendesk(app)}
    conversations = {name: app.personal(user) for name, user in users.items()}
    for name in sorted(users, key=lambda name: name == latest):
        app.say(conversations[name], "Read", users[name])
        time.sleep(0.002)
        app.say(conversations[name], "Read")
        time.sleep(0.002)

    def times(name):
        path = app.conversation_path(conversations[name])
        (member,) = app.api.get(f"{path}/participants").ok(200)["participants"]
        return member["lastRead"], app.api.get(path).ok(200)["conversation"]["businessLastRead"]

    wanted = times(latest)
    sync(app, users["absorbed"], survivingZendeskId=users["kept"]["zendeskId"]).ok(200)
    assert times("kept") == wanted


def test_merge_of_sdk_clients(app, target):
    stays, gone = in_zendesk(app), in_zendesk(app)
    group, other = app.group(), app.group()
    for user, where in ((stays, group), (gone, other)):
        app.api.post(f"{app.conversation_path(where)}/join", {"userId": user["id"], "subscribeSDKClient": True}).ok(201)
    [mine], [theirs] = (
        app.api.get(f"{app.path}/users/{user['id']}/clients").ok(200)["clients"] for user in (stays, gone))
    sync(app, gone, survivingZendeskId=stays["zendeskId"]).ok(200)
    assert app.api.get(f"{app.path}/users/{stays['id']}/clients").ok(200)["clients"] == [mine]
    assert target.wait_event("user:merge")["payload"]["mergedClients"] == {"surviving": mine, "discarded": theirs}
    [member] = app.api.get(f"{app.conversation_path(other)}/participants").ok(200)["participants"]
    assert member["clientAssociations"] == [{"type": "sdk", "clientId": mine["id"]}]


def test_personal_information(app):
    profile = {"givenName": "Jane", "surname": "Doe", "email": "j@example.org", "avatarUrl": "https://example.org/j.png"}
    user = in_zendesk(app, profile=profile, metadata={"tier": "gold"})
    sync(app, user, email="jane@example.org").ok(200)
    conversation = app.personal(user)
    message = app.say(conversation, "Hello", user)
    forgotten = app.api.delete(f"{app.path}/users/{user['id']}/personalinformation").ok(200)["user"]
    assert forgotten["profile"] == {} and forgotten["metadata"] == {} and forgotten["identities"] == []
    for name in ("id", "externalId", "zendeskId", "signedUpAt", "authenticated"):
        assert forgotten[name] == user[name]
    assert fetch(app, user).ok(200)["user"] == forgotten
    assert by_email(app, "jane@example.org") == []
    assert [one["id"] for one in app.messages(conversation)["messages"]] == [message["id"]]
    app.api.delete(f"{app.path}/users/0123456789abcdef01234567/personalinformation").refused(*NOT_FOUND)


def test_personal_information_of_clients(app):
    user = app.user()
    conversation = app.personal(user)
    integration = app.api.post(f"{app.path}/integrations", {"type": "whatsapp"}).ok(201)["integration"]
    path = f"{app.path}/users/{user['id']}/clients"
    client = app.api.post(path, {
        "matchCriteria": {"type": "whatsapp", "integrationId": integration["id"], "phoneNumber": "+12125552368"},
        "confirmation": {"type": "immediate"}, "target": {"conversationId": conversation["id"]}}).ok(201)["client"]
    app.api.post(f"/heliograph/v1{path[3:]}/{client['id']}/report", {
        "outcome": "confirmed", "displayName": "Steve", "avatarUrl": "https://example.org/s.png", "info": {"city": "X"},
        "raw": {"From": "Y"}}).ok(200)
    app.api.delete(f"{app.path}/users/{user['id']}/personalinformation").ok(200)
    [left] = app.api.get(path).ok(200)["clients"]
    assert set(left) == {"id", "type", "status", "integrationId", "externalId", "lastSeen", "linkedAt"}
