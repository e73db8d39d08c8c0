"""The page that started it all: its curl line as it stands, and its Postman item run by newman."""

import copy
import json
import re
import shlex
import subprocess

import pytest
from lib import page, tokens

KEY_ID = re.compile(r"^int_[0-9a-f]{24}$")
SECRET = re.compile(r"^[A-Za-z0-9_-]{86}$")


@pytest.fixture
def integration(app):
    return app.custom()


def assert_the_page_answer(status, text):
    """Exactly {"key": {id, displayName, secret}}, in this order."""
    body = json.loads(text)
    assert status == 201, text
    assert list(body) == ["key"]
    assert list(body["key"]) == ["id", "displayName", "secret"]
    assert KEY_ID.match(body["key"]["id"]), body["key"]["id"]
    assert body["key"]["displayName"] == "My custom key"
    assert SECRET.match(body["key"]["secret"]), "86 characters of base64url"


def test_what_is_kept_is_what_the_page_says():
    assert page.KEPT_CURL.split() == page.CURL.split()
    kept, said = page.KEPT_ITEM["request"], page.ITEM["request"]
    assert json.loads(kept["body"]["raw"]) == json.loads(said["body"]["raw"])
    for part in ["method", "header", "url"]:
        assert kept[part] == said[part]


@pytest.mark.parametrize("key_of", ["account", "app"])
@pytest.mark.parametrize("prefix", ["", "/sc"])
def test_curl_line(server, app, integration, key_of, prefix):
    key = server.first_key if key_of == "account" else app.key
    # Only the host, the credentials and the ids differ from the page.
    line = page.CURL.replace("https://domain.com", server.relayed + prefix).replace("username:password", f"{key['id']}:{key['secret']}")
    line = line.replace("{{appId}}", app.id).replace(":integrationId", integration.id)
    command = shlex.split(line)
    assert command[:3] == ["curl", "-X", "POST"]
    done = subprocess.run([*command, "-sS", "-w", "\n%{http_code}"], capture_output=True, text=True, timeout=60, check=True)
    text, status = done.stdout.rsplit("\n", 1)
    assert_the_page_answer(int(status), text)


@pytest.mark.parametrize("key_of", ["account", "app"])
@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_postman_item(server, app, integration, node, tmp_path, key_of, scheme):
    key = server.first_key if key_of == "account" else app.key
    report = tmp_path / "report.json"
    (tmp_path / "collection.json").write_text(json.dumps(collection(server, app, integration, key, scheme)))
    done = node(
        "node_modules/.bin/newman", "run", tmp_path / "collection.json", "--reporters", "json",
        "--reporter-json-export", report)
    assert done.returncode == 0, done.stdout + done.stderr
    response = json.loads(report.read_text())["run"]["executions"][0]["response"]
    assert_the_page_answer(response["code"], bytes(response["stream"]["data"]).decode())


def collection(server, app, integration, key, scheme):
    """A Postman collection of the page's one item, with our values and a credential."""
    item = copy.deepcopy(page.ITEM)
    item["request"]["url"]["variable"][0]["value"] = integration.id
    basic = [{"key": "username", "value": key["id"]}, {"key": "password", "value": key["secret"]}]
    auth = {
        "basic": {"type": "basic", "basic": basic},
        "bearer": {"type": "bearer", "bearer": [{"key": "token", "value": tokens.mint(key)}]},
    }[scheme]
    return {
        "info": {"name": "The page", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "item": [item],
        "auth": auth,
        "variable": [{"key": "url", "value": server.relayed}, {"key": "appId", "value": app.id}],
    }
