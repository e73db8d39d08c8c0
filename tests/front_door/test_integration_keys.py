"""Keys of a custom integration: the reason for all of this."""

import re

from lib.world import MISSING


def test_create_list_get_delete(app):
    integration = app.custom()
    path = f"{integration.path}/keys"
    assert app.api.get(path).ok(200) == {"keys": []}
    key = app.api.post(path, {"displayName": "My custom key"}).ok(201)["key"]
    assert list(key) == ["id", "displayName", "secret"]
    assert re.fullmatch("int_[0-9a-f]{24}", key["id"])
    assert key["id"] != f"int_{integration.id}"
    second = app.api.post(path, {"displayName": "My custom key"}).ok(201)["key"]
    assert second["id"] != key["id"] and second["secret"] != key["secret"]
    assert app.api.get(path).ok(200) == {"keys": [key, second]}
    assert app.api.get(f"{path}/{key['id']}").ok(200) == {"key": key}
    assert app.account.get(f"{path}/{key['id']}").ok(200) == {"key": key}
    assert app.api.delete(f"{path}/{key['id']}").ok(200) == {}
    assert app.api.get(path).ok(200) == {"keys": [second]}
    for again in (app.api.get(f"{path}/{key['id']}"), app.api.delete(f"{path}/{key['id']}")):
        again.refused(404, "not_found", "Resource not found")


def test_limit_of_ten(app):
    integration = app.custom()
    keys = [integration.new_key(f"Key {number}") for number in range(10)]
    app.api.post(f"{integration.path}/keys", {"displayName": "The eleventh"}).refused(400, "bad_request")
    app.api.delete(f"{integration.path}/keys/{keys[0]['id']}").ok(200)
    integration.new_key("Room again")
    assert len(app.api.get(f"{integration.path}/keys").ok()["keys"]) == 10


def test_only_custom_integrations_have_keys(app):
    web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
    path = f"{app.path}/integrations/{web['id']}/keys"
    title = "API keys are available only for custom integrations"
    app.api.get(path).refused(400, "bad_request", title)
    app.api.post(path, {"displayName": "No"}).refused(400, "bad_request", title)


def test_unknown_integration(app):
    path = f"{app.path}/integrations/{MISSING}/keys"
    app.api.get(path).refused(404, "integration_not_found", "Integration not found")
    app.api.post(path, {"displayName": "No"}).refused(404, "integration_not_found", "Integration not found")


def test_a_key_belongs_to_its_integration(app):
    mine, beside = app.custom(), app.custom()
    key = mine.new_key()
    app.api.get(f"{beside.path}/keys/{key['id']}").refused(404, "not_found", "Resource not found")
    app.api.delete(f"{beside.path}/keys/{key['id']}").refused(404, "not_found", "Resource not found")
    # Neither is an app key reachable as an integration key, nor the other way round.
    app.api.get(f"{mine.path}/keys/{app.key['id']}").refused(404, "not_found")
    app.account.get(f"{app.path}/keys/{key['id']}").refused(404, "not_found")
    assert app.api.get(f"{mine.path}/keys").ok() == {"keys": [key]}
