"""Clients: linking, what a channel reports, removal; which clients take part in a conversation; devices."""

import pytest
from lib.world import MISSING, unique

CHANNELS = {
    "whatsapp": {},
    "twilio": {"accountSid": "AC0123456789", "authToken": "twilio-auth-token-1", "phoneNumberSid": "PN0123456789"},
    "messagebird": {"accessKey": "messagebird-access-1", "signingKey": "messagebird-signing-1", "originator": "12262121021"},
    "mailgun": {"apiKey": "mailgun-api-key-123", "domain": "example.org", "incomingAddress": "in@example.org"},
}
EVENTS = ["client:add", "client:update", "client:remove"]


@pytest.fixture
def target(sink):
    return sink.target()


@pytest.fixture
def bot(app, target):
    return app.custom(target, EVENTS)


@pytest.fixture
def user(app):
    return app.user()


@pytest.fixture
def conversation(app, user):
    return app.personal(user)


def channel(app, kind):
    """An integration of a channel."""
    return app.api.post(f"{app.path}/integrations", {"type": kind, **CHANNELS[kind]}).ok(201)["integration"]


def clients_path(app, user):
    return f"{app.path}/users/{user['id']}/clients"


def link(integration, conversation, **criteria):
    """The body of CreateClient."""
    kind = integration["type"]
    address = {"address": "Steve@Example.org"} if kind == "mailgun" else {"phoneNumber": "+1 (212) 555-2368"}
    match = {"type": kind, "integrationId": integration["id"], **address, **criteria}
    return {"matchCriteria": match, "confirmation": {"type": "immediate"}, "target": {"conversationId": conversation["id"]}}


def add(app, user, conversation, kind="whatsapp", **criteria):
    """A pending client, and its integration."""
    integration = channel(app, kind)
    body = link(integration, conversation, **criteria)
    return app.api.post(clients_path(app, user), body).ok(201)["client"], integration


def report(app, user, client, outcome, **more):
    path = f"/heliograph/v1{clients_path(app, user)[3:]}/{client['id']}/report"
    return app.api.post(path, {"outcome": outcome, **more})


def associations(app, conversation):
    found = app.api.get(f"{app.conversation_path(conversation)}/participants").ok(200)["participants"]
    return [one["clientAssociations"] for one in found]


@pytest.mark.parametrize("kind", CHANNELS)
def test_create(app, bot, target, user, conversation, kind):
    client, integration = add(app, user, conversation, kind)
    assert client == {"id": client["id"], "type": kind, "status": "pending", "integrationId": integration["id"]}
    assert app.api.get(clients_path(app, user)).ok(200) == {"clients": [client], "meta": {"hasMore": False}}
    assert associations(app, conversation) == [[]], "a pending client does not take part yet"
    payload = target.wait_event("client:add")["payload"]
    assert payload["conversation"] == {"id": conversation["id"], "type": "personal"}
    assert payload["user"]["id"] == user["id"] and payload["client"] == client
    assert payload["reason"] == "channelLinking" and payload["source"] == {"type": "api:conversations"}


def test_the_link_of_a_channel(app, bot, target, user, conversation):
    """matched, confirmed, blocked, unblocked: each is told."""
    client, _ = add(app, user, conversation)
    seen = []
    told = {"displayName": "Steve", "avatarUrl": "https://example.org/s.png", "info": {"city": "MONTREAL"}, "raw": {"From": "+1"}}
    for outcome, status in [("matched", "pending"), ("confirmed", "active"), ("blocked", "blocked"), ("unblocked", "active")]:
        shown = report(app, user, client, outcome, **(told if outcome == "matched" else {})).ok(200)["client"]
        assert shown["status"] == status and shown.items() >= told.items()
        event = target.wait_event("client:update", where=lambda e, outcome=outcome: e["payload"]["reason"] == outcome)
        assert event["payload"]["client"] == shown and event["payload"]["conversation"]["id"] == conversation["id"]
        seen.append(shown)
    assert "externalId" not in seen[0] and "linkedAt" not in seen[0]
    assert seen[1]["externalId"] == "+12125552368", "the address, in its one spelling"
    assert seen[1]["linkedAt"] == seen[1]["lastSeen"]
    assert associations(app, conversation) == [[{"type": "whatsapp", "clientId": client["id"]}]]
    assert app.api.get(clients_path(app, user)).ok(200)["clients"] == [seen[-1]]


def test_who_is_not_there_any_more(app, user, conversation):
    """`inactive`, until they return or do something; of the SDKs' client, too."""
    web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]["id"]
    client, integration = add(app, user, conversation)
    report(app, user, client, "confirmed").ok(200)
    body = {"content": {"type": "text", "text": "Hello"}, "userId": user["id"]}
    channel_messages = f"{app.path}/channelMessages".replace("/v2/", "/heliograph/v1/")
    sdk = app.api.post(channel_messages, {**body, "integrationId": web}).ok(201)["client"]
    for one, channel_id in ((client, integration["id"]), (sdk, web)):
        report(app, user, one, "returned").refused(400, "bad_request")
        assert report(app, user, one, "left").ok(200)["client"]["status"] == "inactive"
        report(app, user, one, "left").refused(400, "bad_request")
        assert report(app, user, one, "returned").ok(200)["client"]["status"] == "active"
        report(app, user, one, "left").ok(200)
        said = app.api.post(channel_messages, {**body, "integrationId": channel_id}).ok(201)["client"]
        assert (said["id"], said["status"]) == (one["id"], "active")
    assert {one["status"] for one in app.api.get(clients_path(app, user)).ok(200)["clients"]} == {"active"}
    report(app, user, sdk, "blocked").refused(400, "bad_request")


@pytest.mark.parametrize("outcome", ["linkFailed", "linkCancelled"])
def test_a_link_that_comes_to_nothing(app, bot, target, user, conversation, outcome):
    client, _ = add(app, user, conversation)
    report(app, user, client, outcome, error={"code": "not_found", "message": "No such number"}).ok(200)
    payload = target.wait_event("client:remove")["payload"]
    assert payload["reason"] == outcome and payload["error"] == {"code": "not_found", "message": "No such number"}
    assert payload["conversation"]["id"] == conversation["id"] and payload["client"] == client
    assert app.api.get(clients_path(app, user)).ok(200)["clients"] == []


def test_reports_that_do_not_fit(app, user, conversation):
    client, _ = add(app, user, conversation)
    for outcome in ("blocked", "unblocked"):
        report(app, user, client, outcome).refused(400, "bad_request")
    report(app, user, client, "vanished").refused(400, "bad_request", "outcome should be equal to one of the allowed values")
    report(app, user, client, "confirmed").ok(200)
    for outcome in ("confirmed", "matched", "linkFailed", "unblocked"):
        report(app, user, client, outcome).refused(400, "bad_request")
    report(app, user, {"id": MISSING}, "matched").refused(404, "client_not_found", "Client not found")


def test_an_address_is_one_users(app, bot, target, user, conversation):
    """Whoever links the address of another user takes it from them."""
    first, integration = add(app, user, conversation)
    report(app, user, first, "confirmed").ok(200)
    app.api.post(clients_path(app, user), link(integration, conversation)).refused(409, "conflict", "Client already exists")
    thief = app.user()
    theirs = app.personal(thief)
    second = app.api.post(clients_path(app, thief), link(integration, theirs)).ok(201)["client"]
    report(app, thief, second, "confirmed").ok(200)
    payload = target.wait_event("client:remove")["payload"]
    assert (payload["reason"], payload["user"]["id"], payload["client"]["id"]) == ("theft", user["id"], first["id"])
    assert payload["conversation"]["id"] == conversation["id"]
    assert app.api.get(clients_path(app, user)).ok(200)["clients"] == []
    assert associations(app, theirs) == [[{"type": "whatsapp", "clientId": second["id"]}]]


def test_remove(app, bot, target, user, conversation):
    client, _ = add(app, user, conversation)
    report(app, user, client, "confirmed").ok(200)
    path = f"{clients_path(app, user)}/{client['id']}"
    assert app.api.delete(path).ok(200) == {}
    payload = target.wait_event("client:remove")["payload"]
    assert payload["reason"] == "api" and payload["client"]["id"] == client["id"]
    assert "conversation" not in payload and "error" not in payload
    assert associations(app, conversation) == [[]]
    app.api.delete(path).refused(404, "client_not_found", "Client not found")


def test_the_primary_client_comes_first(app, user):
    conversation = app.api.post(f"{app.path}/conversations", {
        "type": "personal", "participants": [{"userId": user["id"], "subscribeSDKClient": True}]}).ok(201)["conversation"]
    sdk = app.api.get(clients_path(app, user)).ok(200)["clients"][0]
    later, _ = add(app, user, conversation, "twilio", primary=False)
    first, _ = add(app, user, conversation, "whatsapp")
    for client in (first, later):
        report(app, user, client, "confirmed").ok(200)
    assert [one["clientId"] for one in associations(app, conversation)[0]] == [first["id"], sdk["id"], later["id"]]


def test_subscribing_makes_one_sdk_client(app, bot, target, user):
    group = app.group()
    path = f"{app.conversation_path(group)}/join"
    joined = app.api.post(path, {"userId": user["id"], "subscribeSDKClient": True}).ok(201)["participant"]
    [client] = app.api.get(clients_path(app, user)).ok(200)["clients"]
    assert (client["type"], client["status"]) == ("sdk", "active")
    assert "integrationId" not in client and client["lastSeen"] == client["linkedAt"]
    assert joined["clientAssociations"] == [{"type": "sdk", "clientId": client["id"]}]
    payload = target.wait_event("client:add")["payload"]
    assert payload["client"] == client and "conversation" not in payload
    again = app.api.post(path, {"userId": user["id"], "subscribeSDKClient": True}).ok(201)["participant"]
    assert again == joined
    app.api.post(f"{app.conversation_path(app.group())}/join", {"userId": user["id"], "subscribeSDKClient": True}).ok(201)
    assert len(app.api.get(clients_path(app, user)).ok(200)["clients"]) == 1
    app.api.delete(f"{clients_path(app, user)}/{client['id']}").refused(
        400, "bad_request", "Cannot remove a client of type 'sdk'")
    app.api.post(f"{app.conversation_path(group)}/leave", {"userId": user["id"]}).ok(200)
    assert associations(app, group) == []


def test_without_subscription_there_is_no_client(app, user):
    app.api.post(f"{app.conversation_path(app.group())}/join", {"userId": user["id"], "subscribeSDKClient": False}).ok(201)
    assert app.api.get(clients_path(app, user)).ok(200)["clients"] == []


@pytest.mark.parametrize("number", ["212 555 2368", "1 212 555 2368", "+1", "+0 212 555 2368", "+1 212 555 CALL", "", "+12125552368123456"])
def test_bad_phone_numbers(app, user, conversation, number):
    body = link(channel(app, "twilio"), conversation, phoneNumber=number)
    answer = app.api.post(clients_path(app, user), body).refused(400, "bad_request")
    assert answer.titles[0].startswith("matchCriteria.phoneNumber should match pattern"), answer.titles


@pytest.mark.parametrize("number", ["+1 212-555-2368", "+12125552368", "+1 212 555 2368", "+1.212.555.2368"])
def test_good_phone_numbers(app, user, conversation, number):
    client, _ = add(app, user, conversation, "twilio", phoneNumber=number)
    assert report(app, user, client, "confirmed").ok(200)["client"]["externalId"] == "+12125552368"


def test_bad_requests(app, user, conversation):
    integration = channel(app, "whatsapp")
    path = clients_path(app, user)

    def refused(body, *expected):
        app.api.post(path, body).refused(*expected)

    good = link(integration, conversation)
    for name in good:
        refused({key: value for key, value in good.items() if key != name}, 400, "bad_request",
                f"should have required property '{name}'")
    refused({**good, "matchCriteria": {"type": "telegram", "integrationId": integration["id"]}}, 400, "bad_request")
    refused({**good, "matchCriteria": {"type": "mailgun", "integrationId": integration["id"], "address": "nobody"}}, 400,
            "bad_request", 'matchCriteria.address should match format "email"')
    refused(link({**integration, "type": "twilio"}, conversation), 400, "bad_request",
            "matchCriteria.integrationId should be the id of an integration of type twilio")
    refused(link({**integration, "id": MISSING}, conversation), 404, "integration_not_found", "Integration not found")
    refused(link(integration, {"id": MISSING}), 404, "conversation_not_found", "Conversation not found")
    refused(link(integration, app.personal()), 404, "not_found", "User is not a member of the conversation")
    refused(link(integration, app.group(user)), 400, "bad_request",
            "target.conversationId should be the id of a personal conversation")
    refused({**good, "confirmation": {"type": "perhaps"}}, 400, "bad_request")
    app.api.post(f"{app.path}/users/{MISSING}/clients", good).refused(404, "user_not_found", "User not found")
    assert app.api.get(path).ok(200)["clients"] == []


def test_confirmation_messages(app, user, conversation):
    integration = channel(app, "whatsapp")

    def body(kind, content):
        message = {"author": {"type": "business"}, "content": content} if content else None
        return {**link(integration, conversation), "confirmation": {"type": kind, **({"message": message} if message else {})}}

    def refused(kind, content, title):
        app.api.post(clients_path(app, user), body(kind, content)).refused(400, "bad_request", title)

    words = {"type": "text", "text": "May we write to you here?"}
    refused("userActivity", None, "confirmation should have required property 'message'")
    refused("immediate", {"type": "file", "mediaUrl": "https://example.org/a.pdf"},
            "confirmation.message.content.type should be text or image")
    refused("prompt", {**words, "actions": [{"type": "reply", "text": "Yes", "payload": "yes"}]},
            "confirmation.message.content.actions should all be of type link")
    linked = {**words, "actions": [{"type": "link", "text": "Terms", "uri": "https://example.org/terms"}]}
    app.api.post(clients_path(app, user), body("userActivity", linked)).ok(201)
    assert app.messages(conversation)["messages"] == [], "what confirms a link is no part of the conversation"


def asked(integration, conversation, message, kind="prompt", **criteria):
    """The body of CreateClient with a message by the business."""
    whole = {"author": {"type": "business"}, **message}
    return {**link(integration, conversation, **criteria), "confirmation": {"type": kind, "message": whole}}


def link_of(app, user, client):
    return app.api.get(f"/heliograph/v1{clients_path(app, user)[3:]}/{client['id']}/link")


@pytest.mark.parametrize("wrong, title", [
    ({"author": {"type": "user", "userId": MISSING}}, "author.type should be business"),
    ({"author": {"type": "business", "subtypes": ["bot"]}}, "author.subtypes[0] should be equal to one of the allowed values"),
    ({"destination": {"integrationType": "none"}}, "destination should NOT be given: it goes to the new client"),
    ({"schema": "line"}, "schema should be equal to one of the allowed values"),
    ({"metadata": {"a": "x" * 4096}}, "metadata is limited to 4096 bytes in size."),
    ({"content": {"type": "text"}}, "content should have required property 'text'"),
    ({"content": {"type": "text", "htmlText": "<b>a</b>", "markdownText": "a"}}, "content should have only one of htmlText and markdownText"),
    ({"content": {"type": "text", "text": "x" * 4097}}, None),
    ({"content": {"type": "image", "mediaUrl": "nowhere"}}, None),
])
def test_a_confirmation_is_checked_as_a_message_is(app, user, conversation, wrong, title):
    message = {"content": {"type": "text", "text": "Is it you?"}, **wrong}
    refused = app.api.post(clients_path(app, user), asked(channel(app, "whatsapp"), conversation, message)).refused(400, "bad_request")
    assert title is None or refused.titles == [f"confirmation.message.{title}"]
    assert refused.titles[0].startswith("confirmation.message.")
    assert app.api.get(clients_path(app, user)).ok(200)["clients"] == []


def test_whoever_runs_the_channel_sees_what_is_to_be_sent(app, user, conversation):
    """The address and the message, as it is to be sent; until it is settled. The API's client shows neither."""
    integration = channel(app, "whatsapp")
    content = {"type": "text", "markdownText": "Is it **you**, 4242424242424242?",
               "actions": [{"type": "link", "text": "Terms", "uri": "https://example.org/terms"}]}
    template = {"whatsapp": {"payload": {"type": "template", "template": {"name": "link"}}}}
    body = asked(integration, conversation, {"content": content, "override": template, "metadata": {"try": 1}})
    client = app.api.post(clients_path(app, user), body).ok(201)["client"]
    shown = link_of(app, user, client).ok(200)["link"]
    assert shown["matchCriteria"] == body["matchCriteria"] and shown["target"] == body["target"]
    message = shown["confirmation"]["message"]
    assert shown["confirmation"]["type"] == "prompt" and message["override"] == template and message["metadata"] == {"try": 1}
    assert message["content"]["htmlText"] == "<p>Is it <strong>you</strong>, ************4242?</p>"
    assert message["content"]["text"] == "Is it you, ************4242?" and "markdownText" not in message["content"]
    assert message["author"]["avatarUrl"].startswith("https://www.gravatar.com/avatar/")
    report(app, user, client, "matched").ok(200)
    link_of(app, user, client).ok(200)
    report(app, user, client, "confirmed").ok(200)
    link_of(app, user, client).refused(404, "not_found", "Resource not found")
    link_of(app, user, {"id": MISSING}).refused(404, "client_not_found", "Client not found")


def test_the_subject_of_a_mail_names_the_app(app, user, conversation):
    integration, words = channel(app, "mailgun"), {"content": {"type": "text", "text": "Hello"}}
    name = app.api.get(app.path).ok(200)["app"]["displayName"]
    for address, given, subject in [("a@example.org", {}, f"New message from {name}"), ("b@example.org", {"subject": "{appName}!"}, f"{name}!")]:
        body = asked(integration, conversation, words, "immediate", address=address, **given)
        client = app.api.post(clients_path(app, user), body).ok(201)["client"]
        assert link_of(app, user, client).ok(200)["link"]["matchCriteria"]["subject"] == subject


def test_an_image_that_confirms_is_described(app, user, conversation):
    upload = app.api.session.post(
        f"{app.server.url}{app.path}/attachments?access=public", auth=(app.key["id"], app.key["secret"]),
        files={"source": ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")}, timeout=60).json()["attachment"]
    image = {"content": {"type": "image", "mediaUrl": upload["mediaUrl"]}}
    client = app.api.post(clients_path(app, user), asked(channel(app, "whatsapp"), conversation, image)).ok(201)["client"]
    content = link_of(app, user, client).ok(200)["link"]["confirmation"]["message"]["content"]
    assert (content["mediaType"], content["mediaSize"], content["altText"]) == ("image/png", 16, "a.png")


def test_a_link_whose_conversation_is_gone(app, user):
    first, second = app.personal(user), app.personal(user)
    client = app.api.post(clients_path(app, user), asked(channel(app, "whatsapp"), second, {"content": {"type": "text", "text": "?"}})).ok(201)["client"]
    app.api.delete(app.conversation_path(second)).ok(200)
    assert "target" not in link_of(app, user, client).ok(200)["link"]
    assert report(app, user, client, "confirmed").ok(200)["client"]["status"] == "active"
    assert first["isDefault"] is True


def test_pages(app, user, conversation):
    integrations = [channel(app, "whatsapp") for _ in range(3)]
    made = [app.api.post(clients_path(app, user), link(one, conversation)).ok(201)["client"]["id"] for one in integrations]
    first = app.api.get(f"{clients_path(app, user)}?page[size]=2").ok(200)
    assert [one["id"] for one in first["clients"]] == made[:2] and first["meta"]["hasMore"] is True
    rest = app.api.get(first["links"]["next"].removeprefix(app.server.url)).ok(200)
    assert [one["id"] for one in rest["clients"]] == made[2:] and rest["meta"]["hasMore"] is False
    for page in ("page[size]=0", "page[size]=0&page[after]=x"):
        answer = app.api.get(f"{clients_path(app, user)}?{page}").refused(400, "bad_request")
        assert answer.titles == ["Invalid page query parameters"], "one sentence, once"


def test_brands(app):
    """A brand's user is found by external id only with the brand, wherever a user stands in the path."""
    name = unique("branded")
    user = app.user(externalId=name, brandId="brand-1")
    app.user(externalId=name)
    for rest in ("", "/clients", "/devices"):
        app.api.get(f"{app.path}/users/{name}{rest}?brandId=brand-1").ok(200)
        app.api.get(f"{app.path}/users/{name}{rest}?brandId=brand-2").refused(404, "user_not_found", "User not found")
    assert app.api.get(f"{app.path}/users/{name}?brandId=brand-1").ok(200)["user"] == user
    assert user["brandId"] == "brand-1"
    forgotten = app.api.delete(f"{app.path}/users/{name}/personalinformation?brandId=brand-1").ok(200)["user"]
    assert forgotten["id"] == user["id"]


def test_devices(app, user):
    """Of every kind, with all that is known of it; the one last heard of comes first."""
    path = f"{app.path}/users/{user['id']}/devices"
    ours = path.replace("/v2/", "/heliograph/v1/")
    assert app.api.get(path).ok(200) == {"devices": []}
    told = {
        "web": {"info": {"currentUrl": "https://example.org/", "browserLanguage": "en", "vendor": "heliograph"}},
        "ios": {"appVersion": "1.2", "pushNotificationToken": "apns-token-of-a-device", "status": "inactive"},
        "android": {"appVersion": "3", "pushNotificationToken": "fcm-token-of-a-device", "info": {"carrier": "Bell"}},
    }
    made = {}
    for kind, more in told.items():
        channel = app.api.post(f"{app.path}/integrations", {"type": kind}).ok(201)["integration"]["id"]
        body = {"type": kind, "guid": f"guid-{kind}", "integrationId": channel, **more}
        made[kind] = app.api.post(ours, body).ok(201)["device"]
        server_made = {name: made[kind][name] for name in ("id", "clientId", "lastSeen")}
        assert made[kind] == {"status": "active", **body, **server_made}
    assert app.api.get(path).ok(200) == {"devices": [made["android"], made["ios"], made["web"]]}
    for device in made.values():
        assert app.api.get(f"{path}/{device['id']}").ok(200) == {"device": device}
    unity = app.api.post(f"{app.path}/integrations", {"type": "unity"}).ok(201)["integration"]["id"]
    game = app.api.post(ours, {"type": "ios", "guid": "guid-ios", "integrationId": unity}).ok(201)["device"]
    again = app.api.post(ours, {"type": "web", "guid": "guid-web", "integrationId": made["web"]["integrationId"]}).ok(201)["device"]
    assert again["id"] == made["web"]["id"] and "info" not in again
    listed = app.api.get(path).ok(200)["devices"]
    assert listed == [again, game, made["android"], made["ios"]]
    [client] = app.api.get(clients_path(app, user)).ok(200)["clients"]
    assert {one["clientId"] for one in listed} == {client["id"]} and client["type"] == "sdk"
    stranger = f"{app.path}/users/{app.user()['id']}/devices"
    for missing in (MISSING, "nothing"):
        app.api.get(f"{path}/{missing}").refused(404, "device_not_found", "Device not found")
    app.api.get(f"{stranger}/{again['id']}").refused(404, "device_not_found", "Device not found")
    app.api.get(f"{app.path}/users/{MISSING}/devices").refused(404, "user_not_found", "User not found")
