"""Short words for what most tests need: an app, its custom integration, users, conversations, messages."""

import itertools
from functools import cached_property

from lib import tokens
from lib.api import Api

numbers = itertools.count(1)
NOWHERE = "http://127.0.0.1:9/nobody-listens"
MISSING = "0123456789abcdef01234567"
EVERY_TRIGGER = [
    "conversation:message", "conversation:create", "conversation:join", "conversation:leave", "conversation:remove",
    "user:remove",
]


def unique(word):
    """A word that no other test uses."""
    return f"{word}-{next(numbers)}"


class Integration:
    """A custom integration of an app."""

    def __init__(self, app, body):
        self.app, self.body, self.id = app, body, body["id"]
        self.path = f"{app.path}/integrations/{self.id}"

    @property
    def webhook(self):
        return self.body["webhooks"][0]

    def new_key(self, name="Key"):
        return self.app.api.post(f"{self.path}/keys", {"displayName": name}).ok(201)["key"]

    @cached_property
    def key(self):
        return self.new_key()

    @cached_property
    def api(self):
        """The integration as a caller, by Basic."""
        return Api(self.app.server, self.key)

    @cached_property
    def bearer(self):
        """The integration as a caller, by a token signed with its key."""
        return Api(self.app.server, bearer=tokens.mint(self.key))


class App:
    """An app, called as its account (`account`) or with its own key (`api`)."""

    def __init__(self, server, account, body):
        self.server, self.account, self.body, self.id = server, account, body, body["id"]
        self.path = f"/v2/apps/{self.id}"

    def new_key(self, name="Key"):
        return self.account.post(f"{self.path}/keys", {"displayName": name}).ok(201)["key"]

    @cached_property
    def key(self):
        return self.new_key()

    @cached_property
    def api(self):
        return Api(self.server, self.key)

    def custom(self, target=NOWHERE, triggers=None, name=None, **webhook):
        """A custom integration with its one webhook."""
        hook = {"target": getattr(target, "url", target), "triggers": triggers or ["conversation:message"], **webhook}
        body = {"type": "custom", "displayName": name or unique("Custom"), "webhooks": [hook]}
        return Integration(self, self.api.post(f"{self.path}/integrations", body).ok(201)["integration"])

    def user(self, **fields):
        fields.setdefault("externalId", unique("user"))
        return self.api.post(f"{self.path}/users", fields).ok(201)["user"]

    def personal(self, user=None, **fields):
        """A personal conversation (of a new user, when none is given)."""
        user = user or self.user()
        body = {"type": "personal", "participants": [{"userId": user["id"], "subscribeSDKClient": False}], **fields}
        return self.api.post(f"{self.path}/conversations", body).ok(201)["conversation"]

    def group(self, *users, **fields):
        """A group conversation of these users."""
        participants = [{"userId": user["id"], "subscribeSDKClient": False} for user in users]
        body = {"type": "sdkGroup", "participants": participants, **fields}
        return self.api.post(f"{self.path}/conversations", body).ok(201)["conversation"]

    def conversation_path(self, conversation):
        return f"{self.path}/conversations/{conversation['id']}"

    def say(self, conversation, text, user=None, caller=None):
        """Posts a text message (of the business, or of a user) and returns it."""
        answer = (caller or self.api).post(f"{self.conversation_path(conversation)}/messages", text_message(text, user))
        return answer.ok(201)["messages"][0]

    def messages(self, conversation, query=""):
        return self.api.get(f"{self.conversation_path(conversation)}/messages{query}").ok(200)


def text_message(text, user=None):
    """The body of PostMessage with a text."""
    author = {"type": "user", "userId": user["id"]} if user else {"type": "business"}
    return {"author": author, "content": {"type": "text", "text": text}}


def new_app(server, account=None, **settings):
    """An app in which a user may have several conversations, which most tests want."""
    account = account or server.account
    body = {"displayName": unique("App"), "settings": {"multiConvoEnabled": True, **settings}}
    return App(server, account, account.post("/v2/apps", body).ok(201)["app"])
