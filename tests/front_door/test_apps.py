"""Apps and app keys."""

import re

import pytest
from lib.world import MISSING, new_app

DEFAULT_SETTINGS = {
    "appLocalizationEnabled": True, "echoPostback": False, "maskCreditCardNumbers": True, "multiConvoEnabled": False,
    "useAnimalNames": False,
}
NO_NAME = "should have required property 'displayName'"


def test_create_get_update_delete(account):
    made = account.post("/v2/apps", {"displayName": "My app"}).ok(201)
    assert list(made) == ["app"]
    app = made["app"]
    assert re.fullmatch("[0-9a-f]{24}", app["id"])
    assert app["displayName"] == "My app"
    assert app["settings"] == DEFAULT_SETTINGS
    path = f"/v2/apps/{app['id']}"
    got = account.get(path).ok(200)["app"]
    assert (got["id"], got["displayName"], got["settings"]) == (app["id"], "My app", DEFAULT_SETTINGS)

    change = {"displayName": "Renamed", "settings": {"useAnimalNames": True, "conversationRetentionSeconds": 3600}}
    changed = account.patch(path, {**change, "metadata": {"tier": "gold", "seats": 3, "trial": False}}).ok(200)["app"]
    assert changed["displayName"] == "Renamed"
    assert changed["settings"] == {**DEFAULT_SETTINGS, "useAnimalNames": True, "conversationRetentionSeconds": 3600}
    assert changed["metadata"] == {"tier": "gold", "seats": 3, "trial": False}
    assert account.patch(path, {}).ok(200)["app"] == changed

    assert account.delete(path).ok(200) == {}
    for again in (account.get(path), account.patch(path, {}), account.delete(path)):
        again.refused(404, "app_not_found", "App not found")


def test_an_app_may_read_and_change_itself(app):
    assert app.api.get(app.path).ok(200)["app"]["id"] == app.id
    assert app.api.patch(app.path, {"displayName": "By itself"}).ok(200)["app"]["displayName"] == "By itself"


@pytest.mark.parametrize("body, title", [
    ({}, NO_NAME),
    ({"settings": {}}, NO_NAME),
    ({"displayName": "x" * 101}, "displayName should NOT be longer than 100 characters"),
    ({"displayName": ""}, "displayName should NOT be shorter than 1 characters"),
    ({"displayName": 5}, "displayName should be string"),
    ({"displayName": None}, "displayName should be string"),
    ({"displayName": "a", "settings": []}, "settings should be object"),
    ({"displayName": "a", "settings": {"useAnimalNames": "yes"}}, "settings.useAnimalNames should be boolean"),
    ({"displayName": "a", "settings": {"conversationRetentionSeconds": -1}},
     "settings.conversationRetentionSeconds should be >= 0"),
])
def test_bad_bodies(account, body, title):
    assert title in account.post("/v2/apps", body).refused(400, "bad_request").titles


def test_name_length_counts_characters(account):
    name = "ñ" * 99 + "🛰"
    app = account.post("/v2/apps", {"displayName": name}).ok(201)["app"]
    assert app["displayName"] == name


def test_metadata(app):
    limit = "App metadata is limited to 4096 bytes in size."
    app.api.patch(app.path, {"metadata": {"k": "x" * 4000}}).ok(200)
    app.api.patch(app.path, {"metadata": {"k": "x" * 4097}}).refused(400, "bad_request", limit)
    app.api.patch(app.path, {"metadata": {"k": "é" * 2100}}).refused(400, "bad_request", limit)
    app.api.patch(app.path, {"metadata": {"nested": {"no": 1}}}).refused(400, "bad_request")
    app.api.patch(app.path, {"metadata": {"list": [1]}}).refused(400, "bad_request")
    assert app.api.get(app.path).ok()["app"]["metadata"] == {"k": "x" * 4000}


def test_multi_conversation_is_irreversible(app):
    app.api.patch(app.path, {"settings": {"multiConvoEnabled": False}})
    assert app.api.get(app.path).ok()["app"]["settings"]["multiConvoEnabled"] is True


def test_unknown_and_read_only_fields_are_ignored(account):
    body = {"id": MISSING, "displayName": "Mine", "colour": "blue", "subdomain": "x"}
    app = account.post("/v2/apps", body).ok(201)["app"]
    assert app["id"] != MISSING
    assert "colour" not in app


def test_deleting_an_app_takes_everything_of_it(server, account):
    app = new_app(server)
    integration, user = app.custom(), app.user()
    account.delete(app.path).ok(200)
    for path in (integration.path, f"{integration.path}/keys", f"{app.path}/users/{user['id']}", f"{app.path}/keys"):
        account.get(path).refused(404, "app_not_found", "App not found")


def test_app_keys(account, app):
    path = f"{app.path}/keys"
    made = account.post(path, {"displayName": "First"}).ok(201)
    assert list(made) == ["key"]
    key = made["key"]
    assert list(key) == ["id", "displayName", "secret"]
    assert re.fullmatch("app_[0-9a-f]{24}", key["id"])
    assert re.fullmatch("[A-Za-z0-9_-]{86}", key["secret"])
    # The secret comes back on every read, not only at creation.
    assert account.get(f"{path}/{key['id']}").ok(200) == {"key": key}
    second = account.post(path, {"displayName": "Second"}).ok(201)["key"]
    listed = account.get(path).ok(200)
    assert listed == {"keys": [key, second]}
    assert account.delete(f"{path}/{key['id']}").ok(200) == {}
    assert account.get(path).ok(200) == {"keys": [second]}
    for again in (account.get(f"{path}/{key['id']}"), account.delete(f"{path}/{key['id']}")):
        again.refused(404, "not_found", "Resource not found")


def test_app_key_limit(account, app):
    for number in range(10):
        account.post(f"{app.path}/keys", {"displayName": f"Key {number}"}).ok(201)
    account.post(f"{app.path}/keys", {"displayName": "One too many"}).refused(400, "bad_request")
    assert len(account.get(f"{app.path}/keys").ok()["keys"]) == 10


@pytest.mark.parametrize("body, title", [
    ({}, NO_NAME),
    ({"displayName": ""}, "displayName should NOT be shorter than 1 characters"),
    ({"displayName": "x" * 101}, "displayName should NOT be longer than 100 characters"),
    ({"displayName": ["x"]}, "displayName should be string"),
])
def test_bad_key_names(account, app, body, title):
    integration = app.custom()
    for path in (app.path, integration.path):
        assert title in account.post(f"{path}/keys", body).refused(400, "bad_request").titles
        assert account.get(f"{path}/keys").ok(200)["keys"] == ([app.key] if path == app.path else [])
