"""What whoever runs a channel reports of it: deliveries, postbacks, referrals, typing, what is passed on. (What webhooks
are sent for it is in test_triggers.py.)"""

import pytest
from lib.world import MISSING, new_app, text_message

BUTTON = {"type": "postback", "text": "Say hello", "payload": "Greet", "metadata": {"button": 1}}
LINK = {"type": "link", "text": "Read on", "uri": "https://example.org"}
TYPING = {"type": "typing:start"}
HEARD = ["conversation:postback", "conversation:typing", "conversation:message:delivery:channel",
         "conversation:message:delivery:user", "conversation:message:delivery:failure", "conversation:message"]


def events_path(app, conversation):
    return app.conversation_path(conversation).replace("/v2/", "/heliograph/v1/") + "/channelEvents"


def report(app, conversation, event, caller=None, **more):
    return (caller or app.api).post(events_path(app, conversation), {"event": event, **more})


def web(app):
    return app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]["id"]


def post(app, conversation, content):
    body = {"author": {"type": "business"}, "content": content}
    return app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)["messages"][0]


@pytest.mark.parametrize("content", [
    {"type": "text", "text": "Choose", "actions": [LINK, BUTTON]},
    {"type": "image", "mediaUrl": "http://127.0.0.1:9/a.png", "actions": [BUTTON]},
    {"type": "carousel", "items": [{"title": "One", "actions": [LINK]}, {"title": "Two", "actions": [LINK, BUTTON]}]},
    {"type": "list", "items": [{"title": "One", "actions": [LINK]}], "actions": [BUTTON]},
])
def test_a_postback_is_found_wherever_it_is_offered(app, sink, content):
    target = sink.target()
    app.custom(target, HEARD)
    user = app.user()
    conversation = app.personal(user)
    message = post(app, conversation, content)
    chosen = {"type": "postback", "messageId": message["id"], "payload": "Greet"}
    assert report(app, conversation, chosen, integrationId=web(app)).ok(200) == {}
    payload = target.wait_event("conversation:postback")["payload"]
    assert payload["postback"] == {"payload": "Greet", "metadata": {"button": 1}}
    assert payload["user"]["id"] == user["id"] and payload["conversation"]["id"] == conversation["id"]


def test_what_was_not_offered_cannot_be_chosen(app):
    user = app.user()
    conversation, elsewhere, channel = app.personal(user), app.personal(), web(app)
    message = post(app, conversation, {"type": "text", "text": "Choose", "actions": [LINK, BUTTON]})

    def choose(**wrong):
        event = {"type": "postback", "messageId": message["id"], "payload": "Greet", **wrong}
        return report(app, wrong.pop("where", conversation), event, integrationId=channel)

    title = "event.payload should be that of a postback action of the message"
    choose(payload="Read on").refused(400, "bad_request", title)
    choose(messageId=MISSING).refused(404, "not_found")
    choose(messageId="nonsense").refused(404, "not_found")
    choose(where=elsewhere).refused(404, "not_found")
    own = app.say(conversation, "Mine", user)
    report(app, conversation, {"type": "delivery:user", "messageId": own["id"]}, integrationId=channel).refused(
        400, "bad_request", "event.messageId should be the id of a message to the user, not of one by the user")


def test_which_channel_and_which_user(app, sink):
    target = sink.target()
    bot, jane, joe = app.custom(target, HEARD, includeFullSource=True), app.user(), app.user()
    personal, group = app.personal(jane), app.group(jane, joe)
    report(app, personal, TYPING).refused(400, "bad_request", "should have required property 'integrationId'")
    report(app, personal, TYPING, integrationId=MISSING).refused(404, "integration_not_found")
    report(app, personal, TYPING, integrationId=new_app(app.server).custom().id).refused(404, "integration_not_found")
    # A custom integration that is a channel reports for itself.
    report(app, personal, TYPING, caller=bot.api).ok(200)
    told = target.wait_event("conversation:typing")["payload"]["activity"]
    assert told["source"] == {"type": "custom", "integrationId": bot.id}
    assert told["author"]["userId"] == jane["id"]
    title = "should have exactly one of userId and userExternalId"
    report(app, group, TYPING, caller=bot.api).refused(400, "bad_request", title)
    report(app, group, TYPING, caller=bot.api, userId=app.user()["id"]).refused(404, "not_found")
    report(app, group, TYPING, caller=bot.api, userId=MISSING).refused(404, "user_not_found")
    report(app, group, TYPING, caller=bot.api, userExternalId=joe["externalId"]).ok(200)
    target.wait_event("conversation:typing", where=lambda one: one["payload"]["activity"]["author"]["userId"] == joe["id"])
    report(app, {"id": MISSING}, TYPING, caller=bot.api).refused(404, "conversation_not_found")


@pytest.mark.parametrize("event, title", [
    ({}, "event should have required property 'type'"),
    ({"type": "delivery"}, "event.type should be equal to one of the allowed values"),
    ({"type": "postback", "messageId": MISSING}, "event should have required property 'payload'"),
    ({"type": "delivery:failure", "messageId": MISSING}, "event should have required property 'error'"),
    ({"type": "delivery:failure", "messageId": MISSING, "error": {}}, "event.error should have required property 'message'"),
    ({"type": "delivery:user", "messageId": MISSING, "externalMessages": []},
     "event.externalMessages should NOT have fewer than 1 items"),
    ({"type": "referral", "details": 5}, "event.details should be object"),
    ({"type": "passthrough", "payload": "raw"}, "event.payload should be object"),
])
def test_bad_reports(app, event, title):
    report(app, app.personal(), event, integrationId=MISSING).refused(400, "bad_request", title)


def test_the_course_of_a_delivery(app, sink):
    """First the channel, then the user; the last one says that it is. A failure has a code."""
    target = sink.target()
    app.custom(target, HEARD)
    conversation, channel = app.personal(), web(app)

    def told(outcome, **more):
        message = app.say(conversation, outcome)["id"]
        event = {"type": f"delivery:{outcome}", "messageId": message, **more}
        report(app, conversation, event, integrationId=channel).ok(200)
        payload = target.wait_event(f"conversation:message:delivery:{outcome}",
                                    where=lambda one: one["payload"]["message"]["id"] == message)["payload"]
        assert payload["destination"] == {"type": "web", "integrationId": channel}
        return payload

    first = told("channel", externalMessages=[{"id": "371"}])
    assert first["isFinalEvent"] is False and first["externalMessages"] == [{"id": "371"}]
    assert told("channel", isFinalEvent=True)["isFinalEvent"] is True
    last = told("user")
    assert last["isFinalEvent"] is True and "externalMessages" not in last and "error" not in last
    lost = told("failure", error={"message": "Blocked"})
    assert lost["isFinalEvent"] is True and lost["error"] == {"code": "uncategorized_error", "message": "Blocked"}
    assert told("failure", error={"code": "spam", "message": "No"}, isFinalEvent=False)["error"]["code"] == "spam"


@pytest.mark.parametrize("echo", [True, False])
def test_echo_of_a_postback(server, sink, echo):
    """`echoPostback`: what the user chose becomes a message of theirs, by the channel."""
    app, target = new_app(server, echoPostback=echo), sink.target()
    app.custom(target, HEARD)
    user = app.user(profile={"givenName": "Jane"})
    conversation, channel = app.personal(user), web(app)
    message = post(app, conversation, {"type": "text", "text": "Choose", "actions": [BUTTON]})
    chosen = {"type": "postback", "messageId": message["id"], "payload": "Greet"}
    report(app, conversation, chosen, integrationId=channel).ok(200)
    target.wait_event("conversation:postback")
    said = app.messages(conversation)["messages"][1:]
    if not echo:
        assert said == []
        return
    assert [one["content"] for one in said] == [{"type": "text", "text": "Say hello"}]
    assert said[0]["source"] == {"type": "web", "integrationId": channel}
    assert (said[0]["author"]["userId"], said[0]["author"]["displayName"]) == (user["id"], "Jane")
    told = target.wait_event("conversation:message", where=lambda one: one["payload"]["message"]["id"] == said[0]["id"])
    assert told["payload"]["message"]["author"]["user"]["id"] == user["id"]


def test_the_channel_that_was_used_last_comes_first(app):
    """Who acts on a channel is there: the client is the participant's first, and its `lastSeen` moves."""
    user = app.user()
    body = {"type": "personal", "participants": [{"userId": user["id"], "subscribeSDKClient": True}]}
    conversation = app.api.post(f"{app.path}/conversations", body).ok(201)["conversation"]
    whatsapp = app.api.post(f"{app.path}/integrations", {"type": "whatsapp"}).ok(201)["integration"]
    clients = f"{app.path}/users/{user['id']}/clients"
    link = {"matchCriteria": {"type": "whatsapp", "integrationId": whatsapp["id"], "phoneNumber": "+12125552368"},
            "confirmation": {"type": "immediate"}, "target": {"conversationId": conversation["id"]}}
    linked = app.api.post(clients, link).ok(201)["client"]
    app.api.post(f"{clients.replace('/v2/', '/heliograph/v1/')}/{linked['id']}/report", {"outcome": "confirmed"}).ok(200)

    def first():
        shown = app.api.get(f"{app.conversation_path(conversation)}/participants").ok(200)["participants"][0]
        return shown["clientAssociations"][0]["type"]

    assert first() == "whatsapp"
    report(app, conversation, TYPING, integrationId=web(app)).ok(200)
    assert first() == "sdk"
    report(app, conversation, {"type": "referral"}, integrationId=whatsapp["id"]).ok(200)
    assert first() == "whatsapp"


def test_devices(app):
    user = app.user()
    path = f"{app.path}/users/{user['id']}/devices"
    ours, channel = path.replace("/v2/", "/heliograph/v1/"), web(app)
    new = {"type": "web", "guid": "g-1", "integrationId": channel, "info": {"browser": "Firefox"}}
    made = app.api.post(ours, new).ok(201)["device"]
    assert made["status"] == "active" and made["info"] == {"browser": "Firefox"}
    assert app.api.get(f"{path}/{made['id']}").ok(200)["device"] == made
    again = app.api.post(ours, {**new, "status": "inactive", "appVersion": "2.0"}).ok(201)["device"]
    assert (again["id"], again["status"], again["appVersion"]) == (made["id"], "inactive", "2.0")
    assert again["lastSeen"] >= made["lastSeen"]
    second = app.api.post(ours, {**new, "guid": "g-2"}).ok(201)["device"]
    assert [one["id"] for one in app.api.get(path).ok(200)["devices"]] == [second["id"], made["id"]]
    (client,) = app.api.get(f"{app.path}/users/{user['id']}/clients").ok(200)["clients"]
    assert client["type"] == "sdk" and client["id"] == second["clientId"] == made["clientId"]
    title = "integrationId should be the id of an integration of type android or unity"
    app.api.post(ours, {**new, "type": "android"}).refused(400, "bad_request", title)
    app.api.post(ours, {**new, "integrationId": MISSING}).refused(404, "integration_not_found")
    app.api.post(ours, {**new, "guid": ""}).refused(400, "bad_request", "guid should NOT be shorter than 1 characters")
    app.api.post(ours, {**new, "type": "toaster"}).refused(400, "bad_request")
    app.api.post(ours.replace(user["id"], MISSING), new).refused(404, "user_not_found")


def test_devices_have_a_limit(app):
    user, channel = app.user(), web(app)
    ours = f"{app.path}/users/{user['id']}/devices".replace("/v2/", "/heliograph/v1/")
    for number in range(100):
        app.api.post(ours, {"type": "web", "guid": str(number), "integrationId": channel}).ok(201)
    one_more = {"type": "web", "guid": "more", "integrationId": channel}
    app.api.post(ours, one_more).refused(400, "bad_request", "The user has reached the maximum number of devices (100)")
    app.api.post(ours, {**one_more, "guid": "7"}).ok(201)


def test_a_full_conversation_has_no_room_for_an_echo(server):
    app = new_app(server, echoPostback=True)
    conversation = app.personal()
    message = post(app, conversation, {"type": "text", "text": "Choose", "actions": [BUTTON]})
    server.sql(f"UPDATE conversation SET message_count = 30000 WHERE id = '{conversation['id']}'")
    chosen = {"type": "postback", "messageId": message["id"], "payload": "Greet"}
    report(app, conversation, chosen, integrationId=web(app)).ok(200)
    assert len(app.messages(conversation)["messages"]) == 1
    app.api.post(f"{app.conversation_path(conversation)}/messages", text_message("No room")).refused(423, "locked")
