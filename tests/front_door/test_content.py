"""What messages may hold: every kind of content, what the server adds to it, and what it refuses."""

import sqlite3
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lib import postgres
from lib.world import MISSING, new_app, text_message

BUSINESS = {"type": "business"}
POSTBACK = {"type": "postback", "text": "Select", "payload": "TACOS"}
LINK = {"type": "link", "text": "More info", "uri": "https://example.org"}
REPLY = {"type": "reply", "text": "Yes", "payload": "YES"}
WEBVIEW = {"type": "webview", "text": "Open", "uri": "https://example.org/w", "fallback": "https://example.org/f"}
ITEM = {"title": "Tacos", "description": "Get your tacos today!", "actions": [POSTBACK, LINK]}
NAME = {"type": "text", "name": "full_name", "label": "Your name?"}
TEMPLATE = {"type": "template", "template": {"namespace": "n", "name": "hello", "language": {"code": "en_US"}}}
# A port of this machine at which nobody listens: nothing is found out about files there.
NOWHERE = "http://127.0.0.1:9"


class Files(BaseHTTPRequestHandler):
    """Files that tell what they are, as their path says."""

    def do_HEAD(self):  # noqa: N802 (the base class names it so)
        self.answer(405 if "/only-get/" in self.path else 200)

    def do_GET(self):  # noqa: N802
        self.answer(200)

    def answer(self, status):
        if "/missing/" in self.path:
            status = 404
        self.server.asked.append(f"{self.command} {self.path}")
        if "/silent/" in self.path:
            self.server.closing.wait(20)
        try:
            self.send_response(status)
            self.send_header("content-type", "image/jpeg" if status == 200 else "text/html")
            self.send_header("content-length", "627328")
            self.end_headers()
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture(scope="module")
def files():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.daemon_threads = True
    server.asked, server.closing = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def conversation(app):
    return app.personal()


@pytest.fixture
def post(app, conversation):
    """Posts content, of the business when no user is given."""
    def send(content, user=None, **fields):
        author = {"type": "user", "userId": user["id"]} if user else BUSINESS
        body = {"author": author, "content": content, **fields}
        return app.api.post(f"{app.conversation_path(conversation)}/messages", body)

    return send


def kept(app, conversation, answer):
    """The content of a message that was just posted; the list shows it likewise."""
    message = answer.ok(201)["messages"][0]
    assert app.messages(conversation)["messages"][-1] == message
    return message["content"]


@pytest.mark.parametrize("kind", ["carousel", "list"])
def test_items(app, conversation, post, kind):
    ramen = {"title": "Ramen", "size": "compact", "actions": [WEBVIEW], "metadata": {"dish": 2}}
    content = kept(app, conversation, post({"type": kind, "items": [ITEM, ramen]}))
    assert content["text"] == "1. Tacos\nGet your tacos today!\nMore info: https://example.org\n\n2. Ramen"
    assert content["items"] == [{**ITEM, "actions": [{**POSTBACK, "uri": ""}, LINK]}, ramen]


def test_list_has_actions_of_its_own(app, conversation, post):
    content = kept(app, conversation, post({"type": "list", "items": [ITEM], "actions": [POSTBACK]}))
    assert content["actions"] == [{**POSTBACK, "uri": ""}]


def test_carousel_display_settings(app, conversation, post):
    settings = {"imageAspectRatio": "square"}
    assert kept(app, conversation, post({"type": "carousel", "items": [ITEM], "displaySettings": settings}))["displaySettings"] == settings


def test_location(app, conversation, post):
    place = {"coordinates": {"lat": 45.5261583, "long": -73.595346}, "location": {"name": "Montréal"}}
    content = kept(app, conversation, post({"type": "location", **place}))
    assert content == {"type": "location", "text": "Location shared:\nhttps://maps.google.com/maps?q=45.5261583,-73.595346", **place}


def test_form(app, conversation, post):
    select = {"type": "select", "name": "size", "label": "Size?", "options": [{"name": "s", "label": "Small"}]}
    number = {"type": "text", "name": "age", "label": "Age?", "format": "integer", "minSize": 1, "maxSize": 3}
    # What sizes a text has if its form does not say is no matter of other fields.
    mail = {"type": "email", "name": "mail", "label": "Mail?", "placeholder": "a@b", "minSize": 200}
    fields = [NAME, mail, select, number]
    content = kept(app, conversation, post({"type": "form", "blockChatInput": True, "fields": fields, "submitted": True}))
    assert content == {"type": "form", "submitted": False, "blockChatInput": True, "fields": fields}


def test_template(app, conversation, post):
    assert kept(app, conversation, post(TEMPLATE, schema="whatsapp")) == TEMPLATE


def test_text_with_actions_alone(app, conversation, post):
    actions = [REPLY, {"type": "locationRequest", "text": "Where?"}, {"type": "buy", "text": "Buy", "amount": 999, "currency": "CAD"},
               LINK, WEBVIEW, POSTBACK]
    content = kept(app, conversation, post({"type": "text", "actions": actions}))
    assert content == {"type": "text", "actions": [*actions[:-1], {**POSTBACK, "uri": ""}]}


def test_payload_of_a_chosen_reply(app, conversation, post):
    content = {"type": "text", "text": "Yes", "payload": "YES"}
    user = {"id": app.api.get(f"{app.conversation_path(conversation)}/participants").ok()["participants"][0]["userId"]}
    assert kept(app, conversation, post(content, user)) == content


@pytest.mark.parametrize("given, html, text", [
    ({"htmlText": "<h1>Hello!</h1><p>a &amp; b</p>"}, "<h1>Hello!</h1><p>a &amp; b</p>", "Hello!\na & b"),
    ({"markdownText": "# Hello!\n\n**you**"}, "<h1>Hello!</h1>\n<p><strong>you</strong></p>", "Hello!\nyou"),
    ({"markdownText": "a <script>b</script>"}, "<p>a &lt;script&gt;b&lt;/script&gt;</p>", "a <script>b</script>"),
    ({"markdownText": "**x**", "text": "mine"}, "<p><strong>x</strong></p>", "mine"),
])
@pytest.mark.parametrize("kind", [{"type": "text"}, {"type": "image", "mediaUrl": NOWHERE, "altText": "A"}])
def test_rich_text(app, conversation, post, kind, given, html, text):
    content = kept(app, conversation, post({**kind, **given}))
    assert content == {**kind, "htmlText": html, "text": text}, "markdownText is write-only"


# A file's host is given three seconds. On a machine that stood still for as long, what was not found out is asked again.
TRIES = 3


@pytest.mark.parametrize("kind", ["image", "file"])
def test_media(app, conversation, post, files, kind):
    url = f"{files.url}/a/My%20photo.jpg?size=2"
    for _ in range(TRIES):
        content = kept(app, conversation, post({"type": kind, "mediaUrl": url, "mediaType": "x/y", "mediaSize": 1}))
        if "mediaType" in content:
            break
    assert content == {"type": kind, "mediaUrl": url, "mediaType": "image/jpeg", "mediaSize": 627328, "altText": "My photo.jpg"}


def test_media_that_answers_get_alone(app, conversation, post, files):
    for _ in range(TRIES):
        content = kept(app, conversation, post({"type": "image", "mediaUrl": f"{files.url}/only-get/x"}))
        if "mediaType" in content:
            break
    assert content["mediaType"] == "image/jpeg"


@pytest.mark.parametrize("url", ["{}/missing/a.png", "{}/silent/a.png", NOWHERE + "/a.png", "data:image/png;base64,x/a.png", "ftp://example.org/a.png"])
def test_media_of_which_nothing_is_found_out(app, conversation, post, files, url):
    url = url.format(files.url)
    content = kept(app, conversation, post({"type": "image", "mediaUrl": url, "text": "See"}))
    assert not {"mediaType", "mediaSize"} & set(content)
    assert content["mediaUrl"] == url and content["text"] == "See"


def test_pictures_of_items(app, conversation, post, files):
    picture = {"title": "T", "mediaUrl": f"{files.url}/taco.jpg", "actions": [LINK]}
    told = {**picture, "mediaType": "image/webp", "altText": "Mine"}
    for _ in range(TRIES):
        asked = len(files.asked)
        items = kept(app, conversation, post({"type": "carousel", "items": [picture, picture, told]}))["items"]
        if "mediaType" in items[0]:
            break
    assert items == [{**picture, "mediaType": "image/jpeg", "altText": "taco.jpg"}] * 2 + [told]
    assert files.asked[asked:] == ["HEAD /taco.jpg"], "once for all items"


def test_no_file_is_asked_for_where_nothing_may_be_posted(app, files):
    asked = len(files.asked)
    body = {"author": BUSINESS, "content": {"type": "image", "mediaUrl": f"{files.url}/never.jpg"}}
    app.api.post(f"{app.path}/conversations/{MISSING}/messages", body).refused(404, "conversation_not_found")
    assert files.asked[asked:] == []


def test_private_addresses_are_not_asked(launch, files):
    app = new_app(launch("--allow-private-targets=false"))
    asked, conversation = len(files.asked), app.personal()
    body = {"author": BUSINESS, "content": {"type": "image", "mediaUrl": f"{files.url}/never.jpg"}}
    content = app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)["messages"][0]["content"]
    assert "mediaType" not in content and files.asked[asked:] == []


BIG = {"k": "x" * 4097}


@pytest.mark.parametrize("content, title", [
    ({"type": "carousel", "items": []}, "content.items should NOT have fewer than 1 items"),
    ({"type": "carousel", "items": [ITEM] * 11}, "content.items should NOT have more than 10 items"),
    ({"type": "list", "items": [ITEM], "actions": [POSTBACK] * 11}, "content.actions should NOT have more than 10 items"),
    ({"type": "carousel", "items": [{**ITEM, "actions": []}]}, "content.items[0].actions should NOT have fewer than 1 items"),
    ({"type": "carousel", "items": [{**ITEM, "actions": [LINK] * 4}]}, "content.items[0].actions should NOT have more than 3 items"),
    ({"type": "carousel", "items": [{**ITEM, "actions": [REPLY]}]}, "content.items[0].actions[0].type should be equal to one of the allowed values"),
    ({"type": "carousel", "items": [{**ITEM, "title": ""}]}, "content.items[0].title should NOT be shorter than 1 characters"),
    ({"type": "carousel", "items": [{**ITEM, "metadata": BIG}]}, "content.items[0].metadata is limited to 4096 bytes in size."),
    ({"type": "text", "actions": [{**REPLY, "metadata": BIG}]}, "content.actions[0].metadata is limited to 4096 bytes in size."),
    ({"type": "text", "text": "x", "actions": [{"type": "reply", "text": "x"}]}, "content.actions[0] should have required property 'payload'"),
    ({"type": "text", "text": "x", "actions": [{"type": "dance", "text": "x"}]}, "content.actions[0].type should be equal to one of the allowed values"),
    ({"type": "text", "actions": [{**WEBVIEW, "openOnReceive": True}] * 2}, "content should have openOnReceive true in only one action"),
    ({"type": "text", "actions": []}, "content should have required property 'text'"),
    ({"type": "text", "markdownText": "<" * 4096}, "content.markdownText should NOT be longer than 4096 characters when it is HTML"),
    ({"type": "image"}, "content should have required property 'mediaUrl'"),
    ({"type": "image", "mediaUrl": "not a url"}, 'content.mediaUrl should match format "uri"'),
    ({"type": "image", "mediaUrl": NOWHERE, "altText": "x" * 129}, "content.altText should NOT be longer than 128 characters"),
    ({"type": "file", "mediaUrl": NOWHERE, "htmlText": "a", "markdownText": "b"}, "content should have only one of htmlText and markdownText"),
    ({"type": "location"}, "content should have required property 'coordinates'"),
    ({"type": "location", "coordinates": {"lat": 1}}, "content.coordinates should have required property 'long'"),
    ({"type": "form", "fields": []}, "content.fields should NOT have fewer than 1 items"),
    ({"type": "form", "fields": [NAME, NAME]}, "content.fields[1].name should be unique in the form"),
    ({"type": "form", "fields": [{**NAME, "minSize": 129}]}, "content.fields[0].minSize should NOT be greater than maxSize"),
    ({"type": "form", "fields": [{**NAME, "minSize": 9, "maxSize": 3}]}, "content.fields[0].minSize should NOT be greater than maxSize"),
    ({"type": "form", "fields": [{**NAME, "maxSize": 257}]}, "content.fields[0].maxSize should be <= 256"),
    ({"type": "form", "fields": [{**NAME, "type": "select"}]}, "content.fields[0] should have required property 'options'"),
    ({"type": "form", "fields": [{**NAME, "type": "select", "options": [{"name": "a"}, {"name": "a"}]}]},
     "content.fields[0].options[1].name should be unique in the field"),
    ({"type": "formResponse", "fields": [NAME]}, "content.type formResponse cannot be sent by this API"),
    (TEMPLATE, "content.type template needs schema whatsapp"),
])
def test_refused_content(app, conversation, post, content, title):
    assert title in post(content).refused(400, "bad_request").titles
    assert app.messages(conversation)["messages"] == []


RICH = [{"type": "carousel", "items": [ITEM]}, {"type": "list", "items": [ITEM]}, {"type": "form", "fields": [NAME]}, TEMPLATE]


@pytest.mark.parametrize("content", RICH, ids=lambda content: content["type"])
def test_rich_content_is_for_the_business(app, content):
    user = app.user()
    body = {"author": {"type": "user", "userId": user["id"]}, "content": content, "schema": "whatsapp"}
    path = f"{app.conversation_path(app.personal(user))}/messages"
    app.api.post(path, body).refused(400, "bad_request", f"content.type {content['type']} can only be sent by author.type business")


@pytest.mark.parametrize("fields, title", [
    ({"schema": "line"}, "schema should be equal to one of the allowed values"),
    ({"destination": {}}, "destination should have exactly one of integrationId and integrationType"),
    ({"destination": {"integrationId": MISSING, "integrationType": "web"}}, "destination should have exactly one of integrationId and integrationType"),
    ({"destination": {"integrationType": "whatsapp"}}, "The user has no client of type whatsapp in the conversation"),
    ({"references": []}, "references should NOT have fewer than 1 items"),
    ({"references": [{"uri": "https://example.org"}] * 11}, "references should NOT have more than 10 items"),
    ({"references": [{"title": "x"}]}, "references[0] should have required property 'uri'"),
    ({"override": {"apple": {"withCapabilities": ["DANCE"]}}}, "override.apple.withCapabilities[0] should be equal to one of the allowed values"),
    ({"author": {"type": "business", "subtypes": ["agent"]}}, "author.subtypes[0] should be equal to one of the allowed values"),
    ({"author": {"type": "business", "subtypes": ["AI", "AI"]}}, "author.subtypes should NOT have more than 1 items"),
])
def test_refused_beside_the_content(app, conversation, fields, title):
    path = f"{app.conversation_path(conversation)}/messages"
    assert title in app.api.post(path, {**text_message("x"), **fields}).refused(400, "bad_request").titles


def test_destination(app, conversation, post):
    text = {"type": "text", "text": "Only kept"}
    post(text, destination={"integrationType": "none"}).ok(201)
    post(text, destination={"integrationId": MISSING}).refused(404, "integration_not_found")
    post(text, destination={"integrationId": app.custom().id}).refused(400, "bad_request")
    body = {**text_message("x"), "destination": {"integrationType": "none"}}
    app.api.post(f"{app.conversation_path(app.group())}/messages", body).refused(400, "bad_request")


def test_destination_by_a_client(app):
    user = app.user()
    body = {"type": "personal", "participants": [{"userId": user["id"], "subscribeSDKClient": True}]}
    conversation = app.api.post(f"{app.path}/conversations", body).ok(201)["conversation"]
    web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
    path = f"{app.conversation_path(conversation)}/messages"
    for destination in ({"integrationType": "web"}, {"integrationId": web["id"]}):
        app.api.post(path, {**text_message("To the one SDK client"), "destination": destination}).ok(201)
    line = app.api.post(f"{app.path}/integrations", {"type": "line"}).ok(201)["integration"]
    app.api.post(path, {**text_message("?"), "destination": {"integrationId": line["id"]}}).refused(400, "bad_request")


def test_override_is_for_the_channel_alone(post):
    message = post({"type": "text", "text": "x"}, override={"whatsapp": {"payload": {"a": 1}}}).ok(201)["messages"][0]
    assert "override" not in message and "destination" not in message


def test_what_only_channels_say_is_not_taken(app, conversation, post):
    """Read-only fields, and those of messages that come from channels, are passed over."""
    quoted = post({"type": "text", "text": "Which?"}).ok(201)["messages"][0]
    more = {"quotedMessage": {"type": "message", "message": quoted}, "source": {"type": "whatsapp"}, "received": "2020-01-01T00:00:00.000Z",
            "id": MISSING, "deleted": True, "activity": {"type": "ticket:closed"}}
    message = post({"type": "text", "text": "This"}, **more).ok(201)["messages"][0]
    assert set(message) == {"id", "received", "author", "content", "source"} and message["id"] != MISSING
    assert message["source"] == {"type": "api:conversations"} and message["received"] > "2026"


def test_files_have_no_actions(app, conversation, post):
    content = kept(app, conversation, post({"type": "file", "mediaUrl": NOWHERE + "/a.pdf", "actions": [LINK]}))
    assert content == {"type": "file", "mediaUrl": NOWHERE + "/a.pdf", "altText": "a.pdf"}


def test_ai_and_references(post):
    references = [{"uri": "https://example.org/a", "title": "T", "description": "D"}]
    message = post({"type": "text", "text": "x"}, author={"type": "business", "subtypes": ["AI"]}, references=references).ok(201)["messages"][0]
    assert message["author"]["subtypes"] == ["AI"] and message["references"] == references


def test_card_numbers_are_masked(server):
    for setting, wanted in ((True, "************4242"), (False, "4242424242424242")):
        app = new_app(server, maskCreditCardNumbers=setting)
        user = app.user()
        conversation = app.personal(user)
        for who in (None, user):
            assert app.say(conversation, "My card: 4242424242424242", who)["content"]["text"] == f"My card: {wanted}"
        assert app.say(conversation, "Order 4242424242424241")["content"]["text"] == "Order 4242424242424241"


def test_names_of_users_who_told_none(server):
    for animals in (False, True):
        app = new_app(server, useAnimalNames=animals)
        user = app.user()
        conversation = app.personal(user)
        names = {app.say(conversation, "Hello", user)["author"]["displayName"] for _ in range(2)}
        assert len(names) == 1
        name = names.pop()
        assert (name == f"User {user['id']}") is not animals
        assert animals is False or len(name.split()) == 2


def test_a_full_conversation_is_locked(launch):
    server = launch()
    app = new_app(server)
    full, other = app.personal(), app.personal()
    server.stop()
    statement = f"UPDATE conversation SET message_count = 30000 WHERE id = '{full['id']}'"
    if server.database_url:
        subprocess.run([postgres.tool("psql"), "-qX", server.database_url, "-c", statement], check=True, timeout=60)
    else:
        with sqlite3.connect(server.data / "heliograph.db") as database:
            database.execute(statement)
        database.close()
    server.restart()
    path = f"{app.conversation_path(full)}/messages"
    app.api.post(path, text_message("too much")).refused(423, "locked", "Message limit of 30000 per conversation reached.")
    app.say(other, "not too much")
    app.api.delete(path).ok(200)
    app.say(full, "a new start")
