"""Users who come to the business on a channel: by a start that is reported (`StartChannelConversation`), with or without a
referral, and by messages that a referral led to."""

import pytest
from lib.reference import reference
from lib.world import MISSING, new_app
from test_channel_messages import PHONE, deliver, linking, part, whatsapp
from test_channel_events import web

HEARD = ["conversation:create", "conversation:referral", "conversation:message", "client:add", "client:update"]
REFERRAL = {"code": "summer", "details": {"source": "ADS", "type": "OPEN-THREAD", "adId": "42"}}


def start(app, caller=None, headers=None, **body):
    path = f"{app.path}/channelConversations".replace("/v2/", "/heliograph/v1/")
    return (caller or app.api).post(path, body, headers=headers)


@pytest.fixture
def target(app, sink):
    """Where everything is told, in full."""
    target = sink.target()
    app.custom(target, HEARD, includeFullUser=True, includeFullSource=True)
    return target


def told(target, kind):
    """The payload of the one event of a type, which the reference knows."""
    event = target.wait_event(kind)
    if reference():
        reference().check(event)
    return event["payload"]


def kinds(target):
    return [event["type"] for event in target.events()]


def test_a_stranger_comes(app, target):
    """A user, a client and a conversation come to be; what they write then is said there."""
    channel = whatsapp(app)
    jane = {"externalId": PHONE, "displayName": "Jane"}
    made = start(app, integrationId=channel, client=jane, referral=REFERRAL).ok(201)
    assert set(made) == {"conversation", "user", "client"}
    assert (made["client"]["externalId"], made["client"]["status"]) == (PHONE, "active")
    created = told(target, "conversation:create")
    assert created["creationReason"] == "startConversation" and created["referral"] == REFERRAL
    assert created["conversation"] == made["conversation"] and created["user"]["profile"]["givenName"] == "Jane"
    assert (created["source"]["type"], created["source"]["integrationId"]) == ("whatsapp", channel)
    assert created["source"]["client"]["id"] == made["client"]["id"]
    whole = app.api.get(app.conversation_path(made["conversation"])).ok(200)["conversation"]
    assert whole["isDefault"] is True and whole["type"] == "personal" and app.messages(whole)["messages"] == []
    (member,) = app.api.get(f"{app.conversation_path(whole)}/participants").ok(200)["participants"]
    assert member["clientAssociations"] == [{"type": "whatsapp", "clientId": made["client"]["id"]}]
    said = deliver(app, integrationId=channel, client=jane).ok(201)
    assert (said["conversation"]["id"], said["user"]) == (whole["id"], made["user"])
    target.wait_event("conversation:message")
    assert kinds(target) == ["conversation:create", "conversation:message"], "the creation tells of the referral by itself"


def test_a_start_without_a_referral(app, target):
    made = start(app, integrationId=whatsapp(app), client={"externalId": PHONE}).ok(201)
    created = told(target, "conversation:create")
    assert created["creationReason"] == "startConversation" and "referral" not in created
    # Who is there already comes back to where they were, and nothing is told.
    assert start(app, integrationId=made["client"]["integrationId"], client={"externalId": PHONE}).ok(201)["conversation"] == made["conversation"]
    app.say(made["conversation"], "Hello")
    target.wait_event("conversation:message")
    assert kinds(target) == ["conversation:create", "conversation:message"]


def test_a_referral_to_where_the_user_is_already(app, target):
    user, channel = app.user(profile={"givenName": "Jane"}), web(app)
    conversation = app.personal(user)
    device = {"type": "web", "guid": "g-1", "integrationId": channel}
    path = f"{app.path}/users/{user['id']}/devices".replace("/v2/", "/heliograph/v1/")
    device = app.api.post(path, device).ok(201)["device"]
    made = start(app, integrationId=channel, userExternalId=user["externalId"], deviceId=device["id"], referral=REFERRAL).ok(201)
    assert made["conversation"]["id"] == conversation["id"] and made["client"]["type"] == "sdk"
    referred = told(target, "conversation:referral")
    assert referred["referral"] == REFERRAL and referred["user"]["profile"]["givenName"] == "Jane"
    assert referred["source"]["type"] == "web" and referred["source"]["device"]["id"] == device["id"]
    assert referred["source"]["client"] == made["client"]
    created = told(target, "conversation:create")
    assert created["creationReason"] == "none" and "referral" not in created


@pytest.mark.parametrize("is_new", [True, False])
def test_a_message_by_a_referral(app, target, is_new):
    """The first event of the conversation tells of it: its creation, or one of its own before the message's."""
    user, channel = app.user(), whatsapp(app)
    if not is_new:
        app.personal(user)
    made = deliver(app, integrationId=channel, userId=user["id"], client={"externalId": PHONE}, referral=REFERRAL).ok(201)
    target.wait_event("conversation:message")
    if is_new:
        created = told(target, "conversation:create")
        assert created["creationReason"] == "message" and created["referral"] == REFERRAL
        assert kinds(target) == ["conversation:create", "conversation:message"]
    else:
        referred = told(target, "conversation:referral")
        assert referred["referral"] == REFERRAL and referred["conversation"]["id"] == made["conversation"]["id"]
        assert kinds(target) == ["conversation:create", "conversation:referral", "conversation:message"]
    assert "referral" not in made["message"]


def test_the_client_of_sdks_comes_by_its_channel(app, target):
    channel = web(app)
    for number, come in enumerate((start, deliver)):
        user = app.user()
        come(app, integrationId=channel, userId=user["id"]).ok(201)
        payload = target.wait_event("client:add", where=lambda event, user=user: event["payload"]["user"]["id"] == user["id"])["payload"]
        assert payload["source"] == {"type": "web", "integrationId": channel}
        assert payload["reason"] == "sdkLogin" and payload["client"]["type"] == "sdk", number


def test_coming_confirms_a_link_that_waits_for_a_sign_of_life(app, target):
    user, channel = app.user(), whatsapp(app)
    pending = linking(app, user, app.personal(user), channel, "userActivity")
    made = start(app, integrationId=channel, client={"externalId": PHONE}).ok(201)
    assert made["user"]["id"] == user["id"] and made["client"]["id"] == pending["id"]
    assert told(target, "client:update")["reason"] == "confirmed"


def test_who_answers(app):
    """Whoever the channel names, or else the default: in a new conversation, and in one that nobody controls."""
    path = f"{app.path}/switchboards"
    board = f"{path}/{app.api.post(path).ok(201)['switchboard']['id']}"
    default, desk = part(app, board, "bot"), part(app, board, "desk")
    app.api.patch(board, {"enabled": True, "defaultSwitchboardIntegrationId": default}).ok(200)
    channel = whatsapp(app, defaultResponderId=desk)
    made = start(app, integrationId=channel, client={"externalId": PHONE}).ok(201)["conversation"]
    assert made["activeSwitchboardIntegration"]["name"] == "desk"
    app.api.post(f"{app.conversation_path(made)}/releaseControl").ok(200)
    again = start(app, integrationId=channel, client={"externalId": PHONE}).ok(201)["conversation"]
    assert again == made


def test_a_start_is_made_once(app, target):
    channel, name = whatsapp(app), {"Idempotency-Key": "m_1"}
    first, second = (start(app, headers=name, integrationId=channel, client={"externalId": PHONE}, referral=REFERRAL).ok(201)
                     for _ in range(2))
    assert first == second
    app.say(first["conversation"], "Hello")
    target.wait_event("conversation:message")
    assert kinds(target) == ["conversation:create", "conversation:message"]


def test_refusals(app):
    user, channel = app.user(), whatsapp(app)
    title = "should have exactly one of userId, userExternalId and client"
    start(app, integrationId=channel).refused(400, "bad_request", title)
    both = {"userId": user["id"], "userExternalId": user["externalId"]}
    start(app, integrationId=channel, **both).refused(400, "bad_request", "should have exactly one of userId and userExternalId")
    start(app, userId=user["id"]).refused(400, "bad_request", "should have required property 'integrationId'")
    start(app, userId=user["id"], integrationId=MISSING).refused(404, "integration_not_found")
    start(app, userId=user["id"], integrationId=new_app(app.server).custom().id).refused(404, "integration_not_found")
    start(app, userId=MISSING, integrationId=channel).refused(404, "user_not_found")
    start(app, userId=user["id"], integrationId=channel, deviceId=MISSING).refused(404, "device_not_found")
    title = "client should NOT be given for an integration of type web"
    start(app, integrationId=web(app), client={"externalId": PHONE}).refused(400, "bad_request", title)
    for wrong in ({"client": {}}, {"client": {"externalId": ""}}, {"referral": "x"}, {"referral": {"code": ""}}, {"referral": {"details": {"adId": 5}}}):
        start(app, **{"userId": user["id"], "integrationId": channel, **wrong}).refused(400, "bad_request")
    listed = app.api.get(f"{app.path}/conversations?filter[userId]={user['id']}").ok(200)["conversations"]
    assert listed == [], "what is refused leaves nothing behind"
