"""`heliograph keys show, rotate, disable, enable, expire, limit`: the life of keys by the shell."""

import json
import re

import pytest
from lib import secrets
from lib.api import Api
from test_cli import Shell


@pytest.fixture
def shell(server):
    return Shell(server, server.first_key)


def test_the_life_of_a_key(server, app, shell):
    key = app.custom().key
    shown = shell.json("keys", "show", key["id"])["key"]
    assert (shown["id"], shown["enabled"], shown["appId"]) == (key["id"], True, app.id)
    assert re.search(r"^enabled +true$", shell.ok("keys", "show", key["id"]), re.M)
    rotated = json.loads(shell.ok("keys", "rotate", key["id"], "--grace", "0", "--json"))
    secrets.note(rotated["secret"])
    path = f"{app.path}/integrations/me/webhooks"
    Api(server, key).get(path).refused(401)
    new = Api(server, {**key, "secret": rotated["secret"]})
    new.get(path).ok(200)
    assert shell.json("keys", "disable", key["id"])["key"]["enabled"] is False
    new.get(path).refused(401, "unauthorized", "The key is disabled")
    assert shell.json("keys", "enable", key["id"])["key"]["enabled"] is True
    new.get(path).ok(200)


def test_a_new_secret_is_printed(app, shell):
    printed = shell.ok("keys", "rotate", app.key["id"])
    secret = re.search(r"^secret +(\S{86})$", printed, re.M)[1]
    secrets.note(secret)
    Api(app.server, {**app.key, "secret": secret}).get(app.path).ok(200)
    app.api.get(app.path).ok(200)


def test_expiry(app, shell):
    key = app.key["id"]
    assert shell.json("keys", "expire", key, "--at", "2099-01-31T00:00:00Z")["key"]["expiresAt"] == "2099-01-31T00:00:00.000Z"
    assert shell.json("keys", "expire", key, "--in", "90d")["key"]["expiresAt"] < "2099"
    assert "expiresAt" not in shell.json("keys", "expire", key, "--in", "never")["key"]
    assert "in the future" in shell.refused("keys", "expire", key, "--at", "2001-01-01T00:00:00Z")
    for wrong in ((), ("--in", "soon"), ("--in", "1d", "--at", "2099-01-31T00:00:00Z")):
        assert shell.run("keys", "expire", key, *wrong).returncode == 2


def test_limits(app, shell):
    key = app.key["id"]
    told = shell.json("keys", "limit", key, "--address", "10.0.0.0/8,::1", "--operation", "GetApp", "--operation", "UpdateApp",
                      "--rate", "5/s", "--token-lifetime", "1h")["key"]["limits"]
    assert told == {"allowedAddresses": ["10.0.0.0/8", "::1"], "allowedOperations": ["GetApp", "UpdateApp"],
                    "rateLimit": "5/s", "maxTokenSeconds": 3600}
    told = shell.json("keys", "limit", key, "--address", "any", "--rate", "any")["key"]["limits"]
    assert told == {"allowedOperations": ["GetApp", "UpdateApp"], "maxTokenSeconds": 3600}
    assert shell.json("keys", "limit", key, "--operation", "any", "--token-lifetime", "never")["key"]["limits"] == {}
    assert "may not call CreateApp" in shell.refused("keys", "limit", key, "--operation", "CreateApp")
    assert shell.run("keys", "show", "not-a-key").returncode == 2
