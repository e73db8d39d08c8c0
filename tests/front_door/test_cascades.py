"""What is deleted leaves nothing behind: every table is walked after it. And messages that have had their time."""

import time

import pytest
from lib import rows
from lib.clock import PATIENCE_S
from lib.world import EVERY_TRIGGER, NOWHERE, new_app

# What webhooks are told is kept until it has arrived, and then as a log for its time, also of things that are gone.
OUTBOX = "delivery"
LOG = "audit_event"
# What belongs to the server, and to no app. (What partners are told of their removal outlives the app.)
BESIDE = {"heliograph_migration", "server_node", "service_account", "oauth_client", "removal"}


class Town:
    """One of everything in an app, as far as calls of the API can make it."""

    def __init__(self, server):
        self.server, self.app = server, new_app(server)
        app = self.app
        self.bot = app.custom(NOWHERE, EVERY_TRIGGER)
        self.keys = [app.new_key(), self.bot.new_key()]
        self.channel = app.api.post(f"{app.path}/integrations", {"type": "whatsapp"}).ok(201)["integration"]
        self.email = f"{app.id}@example.org"
        # Named, because what a nameless user has said shows their id.
        self.user, self.friend = (app.user(zendeskId=f"{app.id}-{n}", profile={"givenName": "Sue"}) for n in range(2))
        app.api.post(f"{app.path}/users/{self.user['zendeskId']}/sync", {"email": self.email}).ok(200)
        self.conversation = app.personal(self.user)
        self.group = app.group(self.friend)
        app.api.post(f"{app.conversation_path(self.group)}/join", {"userId": self.user["id"], "subscribeSDKClient": True}).ok()
        app.say(self.conversation, "Hello", self.user)
        app.say(self.group, "Hello", self.friend)
        self.clients = [self.link(self.conversation, "+12125552368"), self.link(self.conversation, "+12125552369")]
        self.report(self.clients[0])
        self.ours = f"/heliograph/v1/apps/{app.id}"
        self.quotes()
        self.web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
        device = {"type": "web", "guid": "g", "integrationId": self.web["id"]}
        app.api.post(f"{self.ours}/users/{self.user['id']}/devices", device).ok(201)
        self.switchboard()
        self.file = self.upload(f"&for=message&conversationId={self.conversation['id']}")
        self.beside_users()

    def link(self, conversation, number):
        body = {"matchCriteria": {"type": "whatsapp", "integrationId": self.channel["id"], "phoneNumber": number},
                "confirmation": {"type": "prompt"}, "target": {"conversationId": conversation["id"]}}
        return self.app.api.post(f"{self.app.path}/users/{self.user['id']}/clients", body).ok(201)["client"]

    def report(self, client):
        path = f"/heliograph/v1/apps/{self.app.id}/users/{self.user['id']}/clients/{client['id']}/report"
        self.app.api.post(path, {"outcome": "confirmed"}).ok(200)

    def quotes(self):
        """What a channel delivers: a message that quotes another, and data that one refers to."""
        app, ours, number = self.app, self.ours, {"externalId": "+12125552368"}
        said = app.say(self.conversation, "Which one?")
        body = {"integrationId": self.channel["id"], "client": number, "content": {"type": "text", "text": "This one"},
                "quotedMessage": {"messageId": said["id"]}, "originalMessageId": f"wamid-{said['id']}"}
        made = app.api.post(f"{ours}/channelMessages", body).ok(201)
        assert made["conversation"]["id"] == self.conversation["id"]
        self.quoting = [said["id"], made["message"]["id"]]
        apple = {"type": "apple", "businessId": "9ef4e7a5", "apiSecret": "apple-api-secret-1", "mspId": "f8c3"}
        apple = app.api.post(f"{app.path}/integrations", apple).ok(201)["integration"]["id"]
        ref = {name: f"{name}-{app.id}" for name in ("url", "bid", "key", "signature", "owner")}
        event = {"type": "passthrough", "payload": {}, "download": {"interactiveDataRef": ref, "data": {"title": "Two"}}}
        app.api.post(f"{ours}/conversations/{self.conversation['id']}/channelEvents", {"integrationId": apple, "event": event}).ok(200)

    def switchboard(self):
        path = f"{self.app.path}/switchboards"
        path += f"/{self.app.api.post(path).ok(201)['switchboard']['id']}/switchboardIntegrations"
        self.app.api.post(path, {"name": "bot", "integrationId": self.bot.id}).ok(201)

    def upload(self, query=""):
        answer = self.app.api.session.post(
            f"{self.server.url}{self.app.path}/attachments?access=public{query}", timeout=60,
            auth=(self.app.key["id"], self.app.key["secret"]), files={"source": ("a.txt", b"Some notes")})
        return answer.json()["attachment"]["mediaUrl"]

    def beside_users(self):
        """What keys and partners leave behind; some of it is written only now and then, or by people in a browser."""
        app = self.app
        app.account.patch(f"{self.ours}/keyPolicy", {"mode": "hardened"}).ok(200)
        app.api.post(f"{app.path}/users", {}, headers={"Idempotency-Key": "once"}).ok(201)
        for table, more in {
            "key_use": {"key_id": app.key["id"], "used_at": 1, "address": "127.0.0.1"},
            "oauth_code": {"hash": f"code-{app.id}", "client_id": "partner", "redirect_uri": "http://127.0.0.1:9/", "expires_at": 2**52},
            "oauth_login": {"hash": f"login-{app.id}", "expires_at": 2**52},
            "service_account_app": {"service_account_id": f"service-{app.id}"},
        }.items():
            # A key that was used may have been written down by now.
            rows.insert(self.server, table, app_id=app.id, **more)

    def left(self, *words):
        """Rows in which an id still stands, but for what is on its way, and for the log of who deleted it."""
        return [(name, row) for name, row in rows.holding(self.server, *words) if name not in (OUTBOX, LOG)]


@pytest.fixture
def town(server):
    return Town(server)


def test_every_table_is_walked(town):
    """There is something in each that holds anything of an app: the other tests would pass over one that is empty, and over
    one that is new."""
    filled = {name for name, _ in rows.holding(town.server, town.app.id)}
    assert set(rows.tables(town.server)) - filled == BESIDE - filled, "fill a new table above, or say that it is no app's"


def test_app(town):
    words = [town.app.id, town.user["id"], town.channel["id"], town.conversation["id"]]
    town.app.account.delete(town.app.path).ok(200)
    left = rows.holding(town.server, *words)
    assert {name for name, _ in left} == {LOG}, "not even what was on its way: there is nobody to tell"
    # That it was made, and that it was deleted, stands in the server's own log.
    own = town.server.sql(f"SELECT operation FROM audit_event WHERE app_id = '' AND subject_id = '{town.app.id}' ORDER BY id")
    assert len(left) == 2 and own.split() == ["CreateApp", "DeleteApp"]


def test_integration(town):
    for integration in (town.channel["id"], town.web["id"], town.bot.id):
        town.app.api.delete(f"{town.app.path}/integrations/{integration}").ok(200)
        # What was said by way of it stays said.
        assert [name for name, _ in town.left(integration) if name != "message"] == []
    assert town.left(*(client["id"] for client in town.clients)) == []
    assert rows.holding(town.server, town.bot.webhook["id"]) == [], "what was on its way to its webhook goes with it"


def test_user(town):
    sdk = [one["id"] for one in town.app.api.get(f"{town.app.path}/users/{town.user['id']}/clients").ok(200)["clients"]]
    town.app.api.delete(f"{town.app.path}/users/{town.user['id']}").ok(200)
    assert town.left(town.user["id"], town.conversation["id"], town.email, *sdk) == []


def test_conversation(town):
    second = town.app.personal(town.user)
    town.link(second, "+12125552370")
    town.app.say(second, "Hello")
    for conversation in (second, town.group):
        town.app.api.delete(town.app.conversation_path(conversation)).ok(200)
        assert town.left(conversation["id"]) == []


def test_messages(town):
    """One by one; and all that are left at once."""
    path = f"{town.app.conversation_path(town.conversation)}/messages"
    picture = town.upload("&for=message")
    carried = town.app.api.post(path, {"author": {"type": "business"}, "content": {"type": "image", "mediaUrl": picture}}).ok(201)
    for message in [*town.quoting, carried["messages"][0]["id"]]:
        town.app.api.delete(f"{path}/{message}").ok(200)
    assert town.left(*town.quoting, carried["messages"][0]["id"]) == []
    words = [town.app.say(town.conversation, text)["id"] for text in ("One", "Two")]
    town.app.api.delete(path).ok(200)
    assert town.left(*words) == []
    left = {name for name, _ in town.left(town.conversation["id"])}
    assert left == {"conversation", "participant", "client_conversation", "attachment"}, "the one that was not sent yet"


def test_merge(town):
    body = {"survivingZendeskId": town.friend["zendeskId"]}
    town.app.api.post(f"{town.app.path}/users/{town.user['zendeskId']}/sync", body).ok(200)
    assert town.left(town.user["id"]) == []


def test_retention(app):
    old, fresh = app.personal(), app.personal()
    app.say(old, "Old")
    time.sleep(1.2)
    app.say(fresh, "Fresh")
    assert app.api.patch(app.path, {"settings": {"conversationRetentionSeconds": 0}}).ok(200)
    time.sleep(0.3)
    assert len(app.messages(old)["messages"]) == 1, "0 is no limit"
    app.api.patch(app.path, {"settings": {"conversationRetentionSeconds": 1}}).ok(200)
    until = time.monotonic() + PATIENCE_S
    while app.messages(old)["messages"] and time.monotonic() < until:
        time.sleep(0.05)
    assert app.messages(old)["messages"] == []
    until = time.monotonic() + PATIENCE_S
    while app.messages(fresh)["messages"] and time.monotonic() < until:
        time.sleep(0.05)
    assert app.messages(fresh)["messages"] == [], "its second passes without a call"
    # The conversations stay, and go on.
    app.api.get(app.conversation_path(old)).ok(200)
    app.say(old, "Anew")
