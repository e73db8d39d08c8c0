"""What clients of the real service are known to send, to stumble over and to ask for, each under its own name: what the
official SDKs put on the wire, and what people reported of the service that this server stands in for."""

import json
from urllib.parse import quote

import jwt
import pytest
import sunshine_conversations_client as sdk
from lib import tokens
from lib.api import Api
from lib.catalogue import KINDS
from lib.world import MISSING, NOWHERE, new_app, text_message, unique
from test_sdk_python import client, custom

ITEMS = [{"title": "One", "actions": [{"type": "link", "text": "Go", "uri": "https://example.org"}]}]
EVERY_CONTENT = [
    {"type": "text", "text": "Hello", "actions": [{"type": "reply", "text": "Yes", "payload": "yes"}]},
    {"type": "image", "mediaUrl": NOWHERE + "/a.png"},
    {"type": "file", "mediaUrl": NOWHERE + "/a.pdf"},
    {"type": "carousel", "items": ITEMS},
    {"type": "list", "items": ITEMS},
    {"type": "location", "coordinates": {"lat": 45.5, "long": -73.6}},
    {"type": "form", "fields": [{"type": "text", "name": "n", "label": "Name"}]},
    {"type": "template", "template": {"name": "hello"}},
]
# What no API sends: whoever runs the channel delivers it.
FILLED_IN = {"type": "formResponse", "fields": [{"type": "text", "name": "n", "label": "Name", "text": "Jane"}]}


def post(app, conversation, content):
    body = {"author": {"type": "business"}, "content": content}
    if content["type"] == "template":
        body["schema"] = "whatsapp"
    return app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)["messages"][0]


def as_python(value):
    """A query parameter as the Python SDK writes it: JSON, percent-encoded, with spaces."""
    return quote(json.dumps(value))


# ---- What the SDKs put on the wire

def test_python_sends_page_and_filter_as_json(app):
    for _ in range(3):
        app.custom()
    page = as_python({"size": 2})
    query = f"page={page}&filter={as_python({'types': 'custom,web'})}"
    first = app.api.get(f"{app.path}/integrations?{query}").ok(200)
    assert len(first["integrations"]) == 2 and first["meta"]["hasMore"]
    more = as_python({"after": first["meta"]["afterCursor"], "size": 2})
    rest = app.api.get(f"{app.path}/integrations?page={more}").ok(200)
    assert len(rest["integrations"]) == 1 and not rest["meta"]["hasMore"]


def test_javascript_percent_encodes_brackets(app):
    app.custom()
    bot = app.custom()
    listed = app.api.get(f"{app.path}/integrations?page%5Bsize%5D=1&filter%5Btypes%5D=custom%2Cweb").ok(200)
    after = listed["meta"]["afterCursor"]
    rest = app.api.get(f"{app.path}/integrations?page%5Bafter%5D={after}").ok(200)
    assert [one["id"] for one in rest["integrations"]] == [bot.id]


def test_javascript_loses_all_keys_but_the_first(app):
    """`{after, size}` arrives as `after` alone: the page has its usual size, and nothing is refused."""
    ids = [app.custom().id for _ in range(3)]
    listed = app.api.get(f"{app.path}/integrations?page%5Bafter%5D={ids[0]}").ok(200)
    assert [one["id"] for one in listed["integrations"]] == ids[1:]


@pytest.mark.parametrize("external_id", ["a/b", "50%", "jane@example.org", "a b", "ü?#&=", "%2F"])
def test_external_ids_are_percent_encoded_whole(app, external_id):
    user = app.user(externalId=external_id)
    path = f"{app.path}/users/{quote(external_id, safe='')}"
    assert app.api.get(path).ok(200)["user"]["id"] == user["id"]
    assert app.api.patch(path, {"metadata": {"a": 1}}).ok(200)["user"]["metadata"] == {"a": 1}
    assert app.api.get(f"{path}/clients").ok(200)["clients"] == []


@pytest.mark.parametrize("prefix", ["", "/sc"])
def test_base_address_with_and_without_sc(app, prefix):
    """Mixing the two up gave errors that looked like bad credentials."""
    assert app.api.get(f"{prefix}{app.path}").ok(200)["app"]["id"] == app.id
    listed = app.api.get(f"{prefix}{app.path}/integrations").ok(200)
    assert listed["integrations"] == []


def test_both_credentials_at_once(app):
    """Of Basic and Bearer the Python SDK sends Bearer alone."""
    both = sdk.Configuration(host=app.server.relayed, username=app.key["id"], password="wrong",
                             access_token=tokens.mint(app.key))
    assert sdk.AppsApi(sdk.ApiClient(both)).get_app(app.id).app.id == app.id


def test_read_only_and_unknown_fields_are_ignored(app):
    """Marketplace bots send `status` with a new integration, and `mediaType` with a message."""
    body = {"type": "custom", "status": "active", "webhooks": [{"target": NOWHERE, "triggers": [], "id": "x", "new": 1}]}
    made = app.api.post(f"{app.path}/integrations", body).ok(201)["integration"]
    assert made["webhooks"][0]["id"] != "x"
    image = {"type": "image", "mediaUrl": NOWHERE + "/a.png", "mediaType": "image/png", "somethingNew": True}
    assert post(app, app.personal(), image)["content"]["type"] == "image"


def test_marketplace_headers_are_accepted(app):
    names = ("Name", "Organization-Id", "App-Id")
    app.api.get(app.path, headers={f"X-Zendesk-Marketplace-{name}": "1" for name in names}).ok(200)


# ---- What broke the SDKs

def test_python_reads_messages_of_every_content(app):
    """An older release could not read ListMessages at all."""
    user = app.user()
    conversation = app.personal(user)
    posted = [post(app, conversation, content)["id"] for content in EVERY_CONTENT]
    quoted = {"messageId": posted[[one["type"] for one in EVERY_CONTENT].index("form")]}
    delivered = {"userId": user["id"], "content": FILLED_IN, "quotedMessage": quoted}
    path = f"{app.path}/channelMessages".replace("/v2/", "/heliograph/v1/")
    posted.append(app.custom().api.post(path, delivered).ok(201)["message"]["id"])
    listed = sdk.MessagesApi(client(app.server, app.key, "basic")).list_messages(app.id, conversation["id"])
    assert [one.id for one in listed.messages] == posted
    shown = [one.content.actual_instance for one in listed.messages]
    assert [one.type for one in shown] == [content["type"] for content in (*EVERY_CONTENT, FILLED_IN)]
    assert len({one.type for one in shown}) == 9


def test_python_reads_integrations_of_every_type(app):
    """It fails on a type that it does not know, so an app that let in no partner has none. It would also fail without
    the credentials that the reference requires of answers: hints stand there."""
    app.custom()
    for kind, fields in KINDS.items():
        app.api.post(f"{app.path}/integrations", {"type": kind, **fields.body}).ok(201)
    listed = sdk.IntegrationsApi(client(app.server, app.key, "basic")).list_integrations(app.id, page=sdk.Page(size=100))
    assert [one.type for one in listed.integrations] == ["custom", *KINDS]
    shown = {one.type: one for one in listed.integrations}
    assert len(shown) == 16
    assert shown["apple"].api_secret == "*" * len(KINDS["apple"].body["apiSecret"])
    assert shown["twitter"].consumer_key == "*" * 28 + KINDS["twitter"].body["consumerKey"][-4:]


def test_custom_integrations_always_show_webhooks(app):
    """Without the list, the Python SDK cannot read them. (It wants one in it: it cannot read one whose webhook was
    deleted, of whatever server.)"""
    bot = app.custom()
    read = sdk.IntegrationsApi(client(app.server, app.key, "basic"))
    assert read.get_integration(app.id, bot.id).integration.webhooks[0].secret == bot.webhook["secret"]
    assert read.list_integrations(app.id).integrations[0].webhooks[0].id == bot.webhook["id"]
    app.api.delete(f"{bot.path}/webhooks/{bot.webhook['id']}").ok(200)
    assert app.api.get(bot.path).ok(200)["integration"]["webhooks"] == []
    assert app.api.get(f"{app.path}/integrations").ok(200)["integrations"][0]["webhooks"] == []


# ---- What people stumbled over

def test_tokens_are_refused_with_the_reason(app):
    """"401, and no explanation" was the commonest start-up failure."""
    def asked(token):
        return Api(app.server, bearer=token).get(app.path)

    kid_in_the_body = jwt.encode({"scope": "app", "kid": app.key["id"]}, app.key["secret"], algorithm="HS256")
    asked(kid_in_the_body).refused(401, "invalid_auth", "Invalid JWT header. Missing key id (kid)")
    stronger = tokens.mint(app.key, scope="account")
    asked(stronger).refused(401, "invalid_auth", "Invalid JWT body. Cannot use account scope with app secret key")
    other_secret = tokens.mint({"id": app.key["id"], "secret": "wrong" * 10})
    asked(other_secret).refused(
        401, "invalid_auth", "Invalid JWT signature. It does not match the secret of the key")
    # Clients fetch a new token on 401 alone.
    asked(tokens.mint(app.key, exp=1)).refused(401, "invalid_auth", "Invalid JWT body. Token expired (exp)")


def test_app_scope_cannot_create_apps(app):
    app.api.with_token().post("/v2/apps", {"displayName": "No"}).refused(403, "forbidden", "Forbidden")


def test_no_refusal_is_without_a_reason(app):
    """A bare status helped nobody: each has a code for programs and a sentence for people."""
    for answer in (app.api.get("/v2/nothing/here"), app.api.send("PUT", app.path), Api(app.server).get(app.path),
                   app.api.post(f"{app.path}/users", data=b"{", headers={"Content-Type": "application/json"}),
                   app.api.get(f"{app.path}/users/{MISSING}"), app.api.post(f"{app.path}/integrations", {"type": "fax"})):
        assert 400 <= answer.status < 500
        assert all(error["code"] and len(error["title"]) > 3 for error in answer.body["errors"])


def test_an_integrations_key_says_forbidden_not_unauthorized(app):
    """App keys and integration keys get mixed up."""
    app.custom().api.get(f"{app.path}/integrations").refused(403, "forbidden", "Forbidden")


def test_an_address_of_another_user_is_found_and_merged(app):
    """A sign-in with an address that another external id holds was a dead end; here the record says who survives."""
    holder = app.user(zendeskId=unique("z"))
    sync = f"{app.path}/users/{holder['zendeskId']}/sync"
    app.api.post(sync, {"email": "jane@example.org"}).ok(200)
    found = app.api.get(f"{app.path}/users?filter[identities.email]=jane%40example.org").ok(200)["users"]
    assert [one["id"] for one in found] == [holder["id"]]
    survivor = app.user(zendeskId=unique("z"))
    app.api.post(sync, {"survivingZendeskId": survivor["zendeskId"]}).ok(200)
    found = app.api.get(f"{app.path}/users?filter[identities.email]=jane%40example.org").ok(200)["users"]
    assert [one["id"] for one in found] == [survivor["id"]]
    assert app.api.get(f"{app.path}/users/{holder['id']}").status == 404


def test_a_locked_conversation_says_why_and_can_be_unlocked(app):
    conversation = app.personal()
    path = f"{app.conversation_path(conversation)}/messages"
    app.server.sql(f"UPDATE conversation SET message_count = 30000 WHERE id = '{conversation['id']}'")
    app.api.post(path, text_message("No")).refused(423, "locked", "Message limit of 30000 per conversation reached.")
    app.api.delete(path).ok(200)
    app.api.post(path, text_message("Yes")).ok(201)


def test_a_removed_switchboard_integration_is_replaced_without_an_event(app, sink):
    target = sink.target()
    bot, desk = app.custom(target, ["switchboard:passControl", "conversation:message"]), app.custom()
    board = f"{app.path}/switchboards/" + app.api.post(f"{app.path}/switchboards").ok(201)["switchboard"]["id"]
    parts = {name: app.api.post(f"{board}/switchboardIntegrations", {"name": name, "integrationId": one.id}).ok(201)[
        "switchboardIntegration"]["id"] for name, one in (("bot", bot), ("desk", desk))}
    app.api.patch(board, {"enabled": True, "defaultSwitchboardIntegrationId": parts["bot"]}).ok(200)
    conversation = app.personal()
    path = app.conversation_path(conversation)
    app.api.post(f"{path}/passControl", {"switchboardIntegration": "desk"}).ok(200)
    target.wait_event("switchboard:passControl")
    app.api.delete(f"{board}/switchboardIntegrations/{parts['desk']}").ok(200)
    app.say(conversation, "Anybody there?")
    target.wait_event("conversation:message")
    assert app.api.get(path).ok(200)["conversation"]["activeSwitchboardIntegration"]["name"] == "bot"
    assert [event["type"] for event in target.events()].count("switchboard:passControl") == 1


def test_at_most_ten_messages_are_handed_over(app, sink):
    target = sink.target()
    bot, desk = app.custom(), app.custom(target, ["switchboard:passControl"])
    board = f"{app.path}/switchboards/" + app.api.post(f"{app.path}/switchboards").ok(201)["switchboard"]["id"]
    new = {"name": "desk", "integrationId": desk.id}
    app.api.post(f"{board}/switchboardIntegrations", {**new, "messageHistoryCount": 11}).refused(400, "bad_request")
    app.api.post(f"{board}/switchboardIntegrations", {**new, "messageHistoryCount": 10}).ok(201)
    default = app.api.post(f"{board}/switchboardIntegrations", {"name": "bot", "integrationId": bot.id}).ok(201)
    default = default["switchboardIntegration"]["id"]
    app.api.patch(board, {"enabled": True, "defaultSwitchboardIntegrationId": default}).ok(200)
    conversation = app.personal()
    said = [app.say(conversation, f"message {number}")["id"] for number in range(12)]
    app.api.post(f"{app.conversation_path(conversation)}/passControl", {"switchboardIntegration": "desk"}).ok(200)
    told = target.wait_event("switchboard:passControl")["payload"]["messageHistory"]
    assert [one["id"] for one in told] == said[2:]


def test_ticket_fields_travel_in_the_metadata(app, sink):
    """Keys with dots, which desks read as fields of a ticket, arrive as they were given."""
    target = sink.target()
    bot = app.custom(target, ["switchboard:passControl"])
    board = f"{app.path}/switchboards/" + app.api.post(f"{app.path}/switchboards").ok(201)["switchboard"]["id"]
    part = app.api.post(f"{board}/switchboardIntegrations", {"name": "bot", "integrationId": bot.id}).ok(201)
    part = part["switchboardIntegration"]["id"]
    app.api.patch(board, {"enabled": True, "defaultSwitchboardIntegrationId": part}).ok(200)
    conversation = app.personal()
    fields = {"dataCapture.ticketField.9010": "Refund", "dataCapture.systemField.tags": "vip", "first_message_id": MISSING}
    path = f"{app.conversation_path(conversation)}/releaseControl"
    app.api.post(path).ok(200)
    app.api.post(path.replace("release", "pass"), {"switchboardIntegration": "bot", "metadata": fields}).ok(200)
    assert target.wait_event("switchboard:passControl")["payload"]["metadata"] == fields


def test_a_custom_integration_has_one_webhook_which_is_updated(app):
    """Connectors that create and delete webhooks have to update the one there is."""
    bot = app.custom()
    hooks = f"{bot.path}/webhooks"
    app.api.post(hooks, {"target": NOWHERE, "triggers": []}).refused(400, "bad_request")
    changed = app.api.patch(f"{hooks}/{bot.webhook['id']}", {"target": NOWHERE + "/2"}).ok(200)["webhook"]
    assert (changed["target"], changed["secret"]) == (NOWHERE + "/2", bot.webhook["secret"])


def test_conversations_are_listed_of_one_user(app):
    """There is no list of all conversations; the refusal says what is wanted."""
    app.api.get(f"{app.path}/conversations").refused(400, "bad_request", "should have required property 'filter'")
    title = "filter should have exactly one of userId and userExternalId"
    app.api.get(f"{app.path}/conversations?filter[of]=all").refused(400, "bad_request", title)


def test_a_user_who_exists_is_fetched_by_external_id(app):
    """Few know it: after the 409, the same id fetches the user."""
    user = app.user(externalId="jane/1")
    app.api.post(f"{app.path}/users", {"externalId": "jane/1"}).refused(409, "conflict", "User already exists")
    assert app.api.get(f"{app.path}/users/jane%2F1").ok(200)["user"] == user


def test_secrets_are_shown_on_every_read(app):
    bot = app.custom()
    key = bot.new_key()
    path = f"{bot.path}/keys"
    assert app.api.get(f"{path}/{key['id']}").ok(200)["key"] == key
    assert key in app.api.get(path).ok(200)["keys"]
    assert app.api.get(f"{bot.path}/webhooks/{bot.webhook['id']}").ok(200)["webhook"]["secret"] == bot.webhook["secret"]


def test_webhooks_show_their_secret_to_their_target(app, sink):
    target = sink.target()
    bot = app.custom(target)
    app.say(app.group(), "Hello")
    assert target.wait_deliveries(1)[0].headers["x-api-key"] == bot.webhook["secret"]


def test_users_are_merged_by_synchronising(app):
    """There is no operation for merging: `survivingZendeskId` is the way."""
    one, two = (app.user(zendeskId=unique("z")) for _ in range(2))
    body = {"survivingZendeskId": two["zendeskId"]}
    survivor = app.api.post(f"{app.path}/users/{one['zendeskId']}/sync", body).ok(200)["user"]
    assert survivor["id"] == two["id"]
    app.api.get(f"{app.path}/users/{one['id']}").refused(404, "user_not_found")


@pytest.mark.parametrize("trigger", ["user:delete", "client:removed", "message:appUser", "Conversation:Message", "*"])
def test_triggers_of_other_systems_and_other_times_are_refused(app, trigger):
    """The prose of the reference has two wrong names, version 1 had others, and Zendesk has webhooks of another kind."""
    hook = {"target": NOWHERE, "triggers": [trigger]}
    app.api.post(f"{app.path}/integrations", {"type": "custom", "webhooks": [hook]}).refused(400, "bad_request")


def test_a_conversation_needs_no_more_than_the_sdk_gives(server):
    """`multiConvoEnabled` is off in a new app; the first personal conversation is the user's default one."""
    app = new_app(server, multiConvoEnabled=False)
    worker = client(server, app.key, "bearer")
    user = sdk.UsersApi(worker).create_user(app.id, sdk.UserCreateBody(external_id=unique("first"))).user
    first = sdk.ConversationsApi(worker).create_conversation(app.id, sdk.ConversationCreateBody(
        type="personal", participants=[sdk.ParticipantSubSchema(sdk.ParticipantWithUserId(user_id=user.id))]))
    assert first.conversation.is_default
    assert sdk.IntegrationsApi(worker).create_integration(app.id, custom()).integration.webhooks[0].version == "v2"
