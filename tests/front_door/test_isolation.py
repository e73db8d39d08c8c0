"""Two apps beside each other: nothing of one can be reached through the other, neither by path nor by key."""

import pytest
from lib.world import text_message

HOOK = {"target": "http://127.0.0.1:9/taken", "triggers": ["user:remove"]}


class Property:
    """One of everything, in one app."""

    def __init__(self, app):
        self.app = app
        self.integration = app.custom()
        self.key = self.integration.key
        self.user = app.user(externalId="same-in-both")
        self.conversation = app.group(self.user)
        self.message = app.say(self.conversation, "Mine")

    def snapshot(self):
        """Everything there is to read, as the app itself sees it."""
        app = self.app
        paths = [
            app.path, f"{app.path}/integrations", f"{self.integration.path}/keys", f"{self.integration.path}/webhooks",
            f"{app.path}/users/{self.user['id']}", app.conversation_path(self.conversation),
            f"{app.conversation_path(self.conversation)}/participants",
            f"{app.conversation_path(self.conversation)}/messages",
        ]
        everything = [app.api.get(path).ok(200) for path in paths]
        return [*everything, app.account.get(f"{app.path}/keys").ok(200)]


def reach_for(base, theirs):
    """(method, path, body) of every resource of `theirs`, under the path `base` of some app."""
    integration = f"{base}/integrations/{theirs.integration.id}"
    webhook = f"{integration}/webhooks/{theirs.integration.webhook['id']}"
    user = f"{base}/users/{theirs.user['id']}"
    conversation = f"{base}/conversations/{theirs.conversation['id']}"
    person = {"userId": theirs.user["id"]}
    return [
        ("GET", integration, None), ("PATCH", integration, {"displayName": "taken"}), ("DELETE", integration, None),
        ("GET", f"{integration}/keys", None), ("POST", f"{integration}/keys", {"displayName": "taken"}),
        ("GET", f"{integration}/keys/{theirs.key['id']}", None), ("DELETE", f"{integration}/keys/{theirs.key['id']}", None),
        ("GET", f"{integration}/webhooks", None), ("POST", f"{integration}/webhooks", HOOK),
        ("GET", webhook, None), ("PATCH", webhook, HOOK), ("DELETE", webhook, None),
        ("GET", user, None), ("PATCH", user, {"metadata": {"taken": True}}), ("DELETE", user, None),
        ("GET", conversation, None), ("PATCH", conversation, {"displayName": "taken"}), ("DELETE", conversation, None),
        ("GET", f"{base}/conversations?filter[userId]={theirs.user['id']}", None),
        ("POST", f"{base}/conversations", {"type": "personal", "participants": [person]}),
        ("POST", f"{conversation}/join", person), ("POST", f"{conversation}/leave", person),
        ("GET", f"{conversation}/participants", None), ("GET", f"{conversation}/messages", None),
        ("POST", f"{conversation}/messages", text_message("taken")), ("DELETE", f"{conversation}/messages", None),
        ("DELETE", f"{conversation}/messages/{theirs.message['id']}", None),
    ]


@pytest.fixture
def theirs(app):
    return Property(app)


def assert_out_of_reach(caller, requests, allowed):
    for method, path, body in requests:
        answer = caller.send(method, path, json=body)
        assert answer.status in allowed, f"{method} {path} -> {answer.status} {answer.text[:300]}"


@pytest.mark.parametrize("who", ["account", "app", "integration"])
def test_with_ones_own_path(theirs, other, who):
    """Their ids under my path: not found (or forbidden), whoever I am."""
    caller = {"account": other.account, "app": other.api, "integration": other.custom().api}[who]
    before = theirs.snapshot()
    assert_out_of_reach(caller, reach_for(other.path, theirs), (403, 404))
    assert theirs.snapshot() == before


@pytest.mark.parametrize("who", ["app", "integration"])
def test_with_their_path(theirs, other, who):
    """Their path with my key: forbidden, and nothing happens."""
    caller = {"app": other.api, "integration": other.custom().api}[who]
    before = theirs.snapshot()
    requests = [*reach_for(theirs.app.path, theirs), ("PATCH", theirs.app.path, {"displayName": "taken"}),
                ("POST", f"{theirs.app.path}/users", {}), ("DELETE", theirs.app.path, None)]
    assert_out_of_reach(caller, requests, (403,))
    assert theirs.snapshot() == before


def test_with_their_path_as_a_stranger_service_account(theirs, other, server):
    """A service account granted another app: as if theirs were not there."""
    caller = type(theirs.app.api)(server, server.admin_key("--service", "--grant", other.id))
    before = theirs.snapshot()
    requests = [one for one in reach_for(theirs.app.path, theirs) if "/webhooks" not in one[1]]
    assert_out_of_reach(caller, requests, (404,))
    assert theirs.snapshot() == before


def test_app_keys_of_another_app(theirs, other):
    path = f"{other.path}/keys/{theirs.app.key['id']}"
    other.account.get(path).refused(404, "not_found", "Resource not found")
    other.account.delete(path).refused(404, "not_found", "Resource not found")
    theirs.app.api.get(theirs.app.path).ok(200)


def test_same_external_ids_do_not_mix(theirs, other):
    mine = other.user(externalId="same-in-both")
    assert other.api.get(f"{other.path}/users/same-in-both").ok(200)["user"]["id"] == mine["id"]
    other.api.delete(f"{other.path}/users/same-in-both").ok(200)
    theirs.app.api.get(f"{theirs.app.path}/users/same-in-both").ok(200)
