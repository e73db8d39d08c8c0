"""What each webhook says: the envelope and the payload of every event that plain calls cause."""

import re

import pytest
from lib.world import EVERY_TRIGGER

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def target(sink):
    return sink.target()


@pytest.fixture
def bot(app, target):
    """An integration that hears everything."""
    return app.custom(target, EVERY_TRIGGER)


def truncated(user):
    """A user as webhooks show it without includeFullUser."""
    return {"id": user["id"], "authenticated": False, "externalId": user["externalId"]}


def assert_truncated(shown, user):
    """Exactly the short form; whether `authenticated` is true is not these tests' matter."""
    assert {**shown, "authenticated": False} == truncated(user)


def test_envelope(app, bot, target):
    app.say(app.group(), "Hello")
    target.wait_event("conversation:message")
    ids = set()
    for delivery in target.deliveries:
        assert delivery.headers["x-api-key"] == bot.webhook["secret"]
        assert delivery.headers["content-type"].startswith("application/json")
        assert set(delivery.body) == {"app", "webhook", "events"}
        assert delivery.body["app"] == {"id": app.id}
        assert delivery.body["webhook"] == {"id": bot.webhook["id"], "version": "v2"}
        for event in delivery.events:
            assert set(event) == {"id", "createdAt", "type", "payload"}
            assert re.fullmatch("[0-9a-f]{24}", event["id"]) and event["id"] not in ids
            assert re.fullmatch(TIME, event["createdAt"])
            ids.add(event["id"])


def test_create_of_a_personal_conversation(app, bot, target):
    user = app.user()
    conversation = app.personal(user, metadata={"order": 7})
    payload = target.wait_event("conversation:create")["payload"]
    assert payload["conversation"] == {"id": conversation["id"], "type": "personal", "metadata": {"order": 7}}
    assert payload["creationReason"] == "none"
    assert payload["source"]["type"].startswith("api")
    assert_truncated(payload["user"], user)


def test_create_of_a_group(app, bot, target):
    conversation = app.group(app.user())
    payload = target.wait_event("conversation:create")["payload"]
    assert payload["conversation"] == {"id": conversation["id"], "type": "sdkGroup"}
    assert "user" not in payload, "only personal conversations name their user"


def test_message_of_the_business(app, bot, target):
    conversation = app.personal()
    message = app.say(conversation, "Hello", caller=bot.bearer)
    payload = target.wait_event("conversation:message")["payload"]
    assert payload["conversation"] == {"id": conversation["id"], "type": "personal"}
    assert payload["message"] == message, "the webhook shows the message as the answer did"
    assert payload["message"]["source"]["type"] == "api:conversations"


def test_message_of_a_user(app, bot, target):
    user = app.user(profile={"givenName": "Jane", "surname": "Doe"})
    conversation = app.personal(user)
    message = app.say(conversation, "Hello", user)
    author = target.wait_event("conversation:message")["payload"]["message"]["author"]
    assert (author["type"], author["userId"], author["displayName"]) == ("user", user["id"], "Jane Doe")
    assert_truncated(author["user"], user)
    assert message["author"]["userId"] == user["id"]


def test_join_and_leave(app, bot, target):
    user = app.user()
    group = app.group(metadata={"room": 1})
    path = app.conversation_path(group)
    shown = {"id": group["id"], "type": "sdkGroup", "metadata": {"room": 1}}
    for action in ("join", "leave"):
        app.api.post(f"{path}/{action}", {"userId": user["id"]}).ok()
        payload = target.wait_event(f"conversation:{action}")["payload"]
        assert payload["conversation"] == shown
        assert_truncated(payload["user"], user)
    # Joining again when already in would be no event; here the user joins anew.
    app.api.post(f"{path}/join", {"userId": user["id"]}).ok(201)
    app.api.post(f"{path}/join", {"userId": user["id"]}).ok(201)
    app.say(group, "after both")
    target.wait_event("conversation:message")
    assert [event["type"] for event in target.events()].count("conversation:join") == 2


def test_remove_of_a_conversation(app, bot, target):
    group = app.group(metadata={"room": 2})
    app.api.delete(app.conversation_path(group)).ok(200)
    payload = target.wait_event("conversation:remove")["payload"]
    assert payload["conversation"] == {"id": group["id"], "type": "sdkGroup", "metadata": {"room": 2}}


def test_remove_of_a_user(app, bot, target):
    user = app.user(profile={"givenName": "Jane"}, metadata={"tier": "gold"})
    app.api.delete(f"{app.path}/users/{user['id']}").ok(200)
    assert_truncated(target.wait_event("user:remove")["payload"]["user"], user)


def test_full_user(app, sink):
    """includeFullUser shows the user as the API does."""
    target = sink.target()
    app.custom(target, EVERY_TRIGGER, includeFullUser=True)
    user = app.user(profile={"givenName": "Jane"}, metadata={"tier": "gold"})
    conversation = app.personal(user)
    app.say(conversation, "Hello", user)
    created = target.wait_event("conversation:create")["payload"]["user"]
    said = target.wait_event("conversation:message")["payload"]["message"]["author"]["user"]
    for shown in (created, said):
        assert shown["id"] == user["id"]
        assert shown["profile"]["givenName"] == "Jane"
        assert shown["metadata"] == {"tier": "gold"}
        assert shown["signedUpAt"] == user["signedUpAt"] and shown["identities"] == []


def test_only_subscribed_triggers(app, sink):
    messages, creations = sink.target(), sink.target()
    app.custom(messages, ["conversation:message"])
    app.custom(creations, ["conversation:create"])
    app.say(app.group(), "Hello")
    messages.wait_event("conversation:message")
    creations.wait_event("conversation:create")
    assert {event["type"] for event in messages.events()} == {"conversation:message"}
    assert {event["type"] for event in creations.events()} == {"conversation:create"}


def test_every_integration_with_the_trigger_hears_it(app, sink):
    targets = [sink.target() for _ in range(3)]
    bots = [app.custom(target) for target in targets]
    message = app.say(app.group(), "To all")
    for bot, target in zip(bots, targets, strict=True):
        event = target.wait_event("conversation:message")
        assert event["payload"]["message"]["id"] == message["id"]
        assert target.deliveries[0].headers["x-api-key"] == bot.webhook["secret"]


def test_changes_of_a_webhook_apply_to_later_events(app, sink):
    first, second = sink.target(), sink.target()
    bot = app.custom(first)
    group = app.group()
    app.say(group, "to the first")
    first.wait_event("conversation:message")
    path = f"{bot.path}/webhooks/{bot.webhook['id']}"
    app.api.patch(path, {"target": second.url}).ok(200)
    app.say(group, "to the second")
    second.wait_event("conversation:message")
    app.api.delete(path).ok(200)
    app.say(group, "to nobody")
    second.stays_at(1, 0.7)
    first.stays_at(1, 0)


def test_no_event_of_another_app(app, other, sink):
    target = sink.target()
    other.custom(target, EVERY_TRIGGER)
    app.say(app.group(app.user()), "Private")
    other.say(other.group(), "Public")
    target.wait_event("conversation:message")
    assert {delivery.body["app"]["id"] for delivery in target.deliveries} == {other.id}


def test_a_refused_change_leaves_no_webhook(app, bot, target):
    conversation = app.personal()
    path = app.conversation_path(conversation)
    app.api.post(f"{path}/messages", {"author": {"type": "ghost"}, "content": {}}).refused(400)
    app.api.post(f"{path}/join", {"userId": app.user()["id"]}).refused(400)
    app.api.delete(path).refused(400)
    app.api.post(f"{app.path}/conversations", {"type": "personal"}).refused(400)
    app.say(conversation, "the only message")
    target.wait_event("conversation:message")
    target.stays_at(len(target.deliveries), 0.5)
    assert sorted(event["type"] for event in target.events()) == ["conversation:create", "conversation:message"]
