"""The command line as a client: what it prints, for people and for programs, and how it ends when it is refused."""

import json
import os
import re
import subprocess
import time

import jwt
import pytest
import requests
from lib import secrets, server as servers
from lib.api import Api
from lib.world import MISSING, NOWHERE, new_app

SECRET = r"[A-Za-z0-9_-]{86}"


class Shell:
    """The binary, called with the credential of one key (or whatever else `env` says)."""

    def __init__(self, server, key=None, **env):
        credential = {"HELIOGRAPH_KEY_ID": key["id"], "HELIOGRAPH_SECRET": key["secret"]} if key else {}
        # No profile of the developer's.
        self.env = {"HELIOGRAPH_URL": server.relayed, "XDG_CONFIG_HOME": "/nonexistent", **credential, **env}

    def run(self, *words):
        done = servers.run(*words, env=self.env)
        assert "panicked" not in done.stderr, done.stderr
        return done

    def ok(self, *words):
        """What it printed; it must have ended well."""
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words):
        return json.loads(self.ok(*words, "--json"))

    def refused(self, *words):
        """What it said on stderr; it must have ended with 1 and printed nothing else."""
        done = self.run(*words)
        assert done.returncode == 1, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.stdout == "", done.stdout
        return done.stderr


@pytest.fixture
def shell(server):
    return Shell(server, server.first_key)


def test_the_page_s_program(server, app, shell):
    """It prints the pretty answer and its status."""
    integration = app.custom()
    place = ("--app", app.id, "--integration", integration.id)
    printed = shell.ok("keys", "create", *place, "--display-name", "My custom key")
    first, rest = printed.split("\n", 1)
    body, last = rest.rstrip("\n").rsplit("\n", 1)
    assert (first, last) == ("Response Body:", "Response Status Code = 201")
    key = json.loads(body)["key"]
    assert body == json.dumps({"key": key}, indent=2), "pretty, in the answer's own order"
    assert list(key) == ["id", "displayName", "secret"] and key["displayName"] == "My custom key"
    assert re.fullmatch("int_[0-9a-f]{24}", key["id"]) and re.fullmatch(SECRET, key["secret"])
    Api(server, key).get(f"{app.path}/integrations/me/webhooks").ok(200)

    only = shell.json("keys", "create", *place, "--display-name", "For programs")
    assert list(only) == ["key"] and only["key"]["displayName"] == "For programs"


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_the_page_s_program_refused(app, shell, flags):
    """Status, headers and errors, and exit status 1."""
    said = shell.refused("keys", "create", "--app", app.id, "--integration", MISSING, "--display-name", "x", *flags)
    assert "Response Status Code = 404" in said
    headers = said.split("Response Header:\n", 1)[1].split("Failed.", 1)[0]
    request = re.search(r"^x-request-id: (\S+)$", headers, re.M)
    assert request and re.search(r"^content-type: application/json", headers, re.M), headers
    assert "integration_not_found" in said and "Integration not found" in said
    assert said.splitlines()[-1] == f"heliograph: 404 integration_not_found: Integration not found (request {request[1]})"


def test_keys(app, shell):
    integration = app.custom()
    for prefix, place in (("int", ("--app", app.id, "--integration", integration.id)), ("app", ("--app", app.id))):
        key = shell.json("keys", "create", *place, "--display-name", "Mine")["key"]
        assert key["id"].startswith(f"{prefix}_")
        assert key in shell.json("keys", "list", *place)["keys"]
        table = shell.ok("keys", "list", *place)
        assert key["id"] in table and "Mine" in table and key["secret"] not in table
        assert shell.json("keys", "get", key["id"], *place) == {"key": key}
        assert key["secret"] in shell.ok("keys", "get", key["id"], *place)
        assert shell.ok("keys", "delete", key["id"], *place) == f"Deleted {key['id']}.\n"
        assert "404 not_found: Resource not found" in shell.refused("keys", "get", key["id"], *place)


def test_apps(server, shell):
    made = shell.json(
        "apps", "create", "--display-name", "By the shell", "--settings", '{"multiConvoEnabled": true}',
        "--metadata", '{"plan": "gold"}')["app"]
    assert made["settings"]["multiConvoEnabled"] is True and made["metadata"] == {"plan": "gold"}
    assert shell.json("apps", "get", made["id"])["app"] == made
    shown = shell.ok("apps", "get", made["id"])
    assert re.search(rf"^id +{made['id']}$", shown, re.M) and re.search(r"^metadata\.plan +gold$", shown, re.M), shown
    assert made["id"] in shell.ok("apps", "list")
    assert len(shell.json("apps", "list", "--limit", "1")["apps"]) == 1
    assert shell.json("apps", "delete", made["id"]) == {}
    assert "404 app_not_found: App not found" in shell.refused("apps", "get", made["id"])
    worker = server.admin_key("--service")
    assert shell.json("apps", "list", "--service-account", worker["serviceAccountId"])["apps"] == []


def test_a_list_is_followed_to_its_end(server):
    worker = server.admin_key("--service")
    api = Api(server, worker)
    made = [new_app(server, api).id for _ in range(3)]
    listed = Shell(server, worker).json("apps", "list")
    assert [one["id"] for one in listed["apps"]] == made and listed["meta"] == {"hasMore": False}
    limited = Shell(server, worker).json("apps", "list", "--limit", "2")
    assert [one["id"] for one in limited["apps"]] == made[:2] and limited["meta"]["hasMore"] is True


def test_integrations(app, shell):
    place = ("--app", app.id)
    made = shell.json(
        "integrations", "create", *place, "--display-name", "Bot", "--target", NOWHERE, "--trigger", "conversation:message",
        "--trigger", "user:remove", "--include-full-user")["integration"]
    (webhook,) = made["webhooks"]
    assert (made["type"], webhook["target"], webhook["includeFullUser"]) == ("custom", NOWHERE, True)
    assert webhook["triggers"] == ["conversation:message", "user:remove"]
    web = shell.json("integrations", "create", *place, "--type", "web", "--fields", '{"brandColor": "112233"}')["integration"]
    assert web["brandColor"] == "112233"
    assert shell.json("integrations", "list", *place)["integrations"] == [made, web]
    assert [one["id"] for one in shell.json("integrations", "list", *place, "--types", "web")["integrations"]] == [web["id"]]
    table = shell.ok("integrations", "list", *place)
    assert made["id"] in table and NOWHERE in table and "active" in table
    assert shell.json("integrations", "get", made["id"], *place)["integration"] == made
    assert shell.ok("integrations", "delete", web["id"], *place) == f"Deleted {web['id']}.\n"
    assert "404 integration_not_found" in shell.refused("integrations", "get", web["id"], *place)
    said = shell.refused("integrations", "create", *place, "--type", "telegram")
    assert "400 bad_request: should have required property 'token'" in said


def test_webhooks(server, app):
    """They take a key of the app or of the integration; the latter may say `me`."""
    integration = app.custom()
    for key, name in ((app.key, integration.id), (integration.key, "me")):
        shell, place = Shell(server, key), ("--app", app.id, "--integration", name)
        (webhook,) = shell.json("webhooks", "list", *place)["webhooks"]
        assert shell.json("webhooks", "get", webhook["id"], *place) == {"webhook": webhook}
        assert webhook["secret"] not in shell.ok("webhooks", "list", *place)
        create = ("webhooks", "create", *place, "--target", NOWHERE, "--trigger", "conversation:message")
        assert "400 bad_request" in shell.refused(*create)
        assert shell.ok("webhooks", "delete", webhook["id"], *place) == f"Deleted {webhook['id']}.\n"
        assert shell.json(*create)["webhook"]["target"] == NOWHERE
    said = Shell(server, server.first_key).refused("webhooks", "list", "--app", app.id, "--integration", integration.id)
    assert "403 forbidden: Forbidden" in said and "this is for keys and tokens of an app or an integration that may see it" in said


def test_token(server, app):
    """Minted without the server, accepted by it; by default for an hour."""
    integration = app.custom()
    for key, scope in ((server.first_key, "account"), (app.key, "app"), (integration.key, "integration")):
        token = Shell(server, key).ok("token").strip()
        secrets.note(token)
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": key["id"]}
        claims = jwt.decode(token, key["secret"], algorithms=["HS256"])
        assert claims["scope"] == scope and claims["exp"] - claims["iat"] == 3600
        assert Api(server, bearer=token).get("/v2/tokenInfo").ok(200).get("app", {}).get("id") in (None, app.id)
    described = Shell(server, app.key).json("token", "--expires-in", "90s")
    assert (described["keyId"], described["scope"], described["expiresIn"]) == (app.key["id"], "app", 90)
    endless = Shell(server, app.key).ok("token", "--expires-in", "never").strip()
    assert "exp" not in jwt.decode(endless, app.key["secret"], algorithms=["HS256"])
    # A token in the place of a key.
    bearer = Shell(server, HELIOGRAPH_TOKEN=endless)
    assert bearer.json("apps", "get", app.id)["app"]["id"] == app.id


def test_profile(server, app, tmp_path):
    folder = tmp_path / "heliograph"
    folder.mkdir()
    file = folder / "profiles.toml"
    key = server.first_key
    file.write_text(f'[default]\nurl = "{server.relayed}"\nkey-id = "{key["id"]}"\nsecret = "{key["secret"]}"\n'
                    f'[app]\nurl = "{server.relayed}/sc"\nkey-id = "{app.key["id"]}"\nsecret = "{app.key["secret"]}"\n')
    file.chmod(0o600)
    alone = Shell(server, XDG_CONFIG_HOME=str(tmp_path))
    del alone.env["HELIOGRAPH_URL"]
    assert app.id in alone.ok("apps", "get", app.id)
    assert "403 forbidden" in alone.refused("apps", "list", "--profile", "app")
    assert alone.json("apps", "get", app.id, "--profile", "app")["app"]["id"] == app.id
    file.chmod(0o644)
    assert "chmod 600" in alone.run("apps", "get", app.id).stderr


def test_what_goes_wrong_before_any_answer(server, app):
    shell = Shell(server, {"id": app.key["id"], "secret": "wrong-secret-of-this-test"})
    said = shell.refused("apps", "get", app.id)
    assert "401 unauthorized: Authorization is required" in said and "wrong-secret" not in said
    assert "HELIOGRAPH_KEY_ID" in Shell(server).refused("apps", "list")
    said = Shell(server, app.key, HELIOGRAPH_URL="http://127.0.0.1:9").refused("apps", "delete", app.id)
    assert said.startswith("heliograph: cannot connect to http://127.0.0.1:9: ") and len(said.splitlines()) == 1
    assert Shell(server, app.key).run("apps", "get", "not-an-id").returncode == 2, "a mistake of usage"


def test_admin_keys(launch):
    """Keys made and deleted beside the running server are known to it."""
    server = launch()
    app = new_app(server)
    place = server.place()
    made = server.admin_key("--display-name", "Second")
    worker = server.admin_key("--service", "--grant", app.id, "--display-name", "Worker")
    assert made["id"].startswith("act_") and worker["id"].startswith("svc_")
    listed = json.loads(servers.run("admin", "keys", "list", "--json", *place).stdout)["keys"]
    shown = {one["keyId"]: one for one in listed}
    assert set(shown) == {server.first_key["id"], made["id"], worker["id"]}
    assert shown[made["id"]]["displayName"] == "Second"
    assert shown[worker["id"]]["grants"] == [app.id]
    assert made["secret"] not in json.dumps(listed)
    table = servers.run("admin", "keys", "list", *place).stdout
    assert worker["id"] in table and "Worker" in table and app.id in table

    Api(server, made).get("/v2/apps").ok(200)
    deleted = servers.run("admin", "keys", "delete", made["id"], *place)
    assert (deleted.returncode, deleted.stdout) == (0, f"Deleted {made['id']}.\n"), deleted.stderr
    # Another process did it: the server believes a key for half a second.
    time.sleep(0.7)
    Api(server, made).get("/v2/apps").refused(401, "unauthorized")
    for words in (("delete", made["id"]), ("create", "--service", "--grant", MISSING), ("create", "--service", "--grant", "x")):
        refused = servers.run("admin", "keys", *words, *place)
        assert refused.returncode == 1 and refused.stderr.startswith("heliograph: "), (words, refused.stderr)
        assert len(refused.stderr.splitlines()) == 1, refused.stderr


def test_the_banner_s_first_steps_can_be_pasted(launch):
    """What the first start prints is a shell script that ends in the page's own call."""
    server = launch()
    script = "URL=" + server.stdout.split("\nURL=", 1)[1].split("\n\n", 1)[0]
    assert f"URL='{server.url}'" in script
    done = subprocess.run(["sh", "-eu"], input=script.replace(server.url, server.relayed), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    key = json.loads(done.stdout)["key"]
    assert list(key) == ["id", "displayName", "secret"] and key["displayName"] == "My custom key"
    assert re.fullmatch("int_[0-9a-f]{24}", key["id"]) and re.fullmatch(SECRET, key["secret"])


def test_attachments(server, app, shell, tmp_path):
    """A file goes up piece by piece, under its own name or another, and is deleted by its address."""
    file = tmp_path / 'my "notes" é.txt'
    file.write_text("Some notes")
    made = shell.json("attachments", "upload", file, "--app", app.id)["attachment"]
    assert made["mediaType"].startswith("text/plain")
    assert made["mediaUrl"].endswith("/my%20%22notes%22%20%C3%A9.txt"), "as browsers and the SDKs name it"
    assert fetch(made["mediaUrl"]) == b"Some notes"
    assert made["mediaUrl"] in shell.ok("attachments", "delete", made["mediaUrl"], "--app", app.id)
    assert "404 not_found: Attachment not found" in shell.refused("attachments", "delete", made["mediaUrl"], "--app", app.id)

    large = tmp_path / "large.pdf"
    large.write_bytes(b"%PDF-1.7\n" + b"x" * (20 << 20))
    group = app.group()
    told = shell.ok("attachments", "upload", large, "--app", app.id, "--name", "report.pdf", "--for-message",
                    "--conversation", group["id"])
    url = re.search(r"http\S+/report\.pdf", told).group()
    assert fetch(url) == large.read_bytes()
    app.api.delete(app.conversation_path(group)).ok(200)
    assert requests.get(url, timeout=60).status_code == 404

    (tmp_path / "page.html").write_text("<html>")
    assert "415" in shell.refused("attachments", "upload", tmp_path / "page.html", "--app", app.id)
    assert "conversation_not_found" in shell.refused(
        "attachments", "upload", file, "--app", app.id, "--conversation", MISSING)
    assert "cannot read" in shell.refused("attachments", "upload", tmp_path / "none.txt", "--app", app.id)
    # How long a pipe will be nobody knows; it is refused before anything is sent, also one that nobody writes into.
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, "/dev/null"):
        said = shell.refused("attachments", "upload", path, "--app", app.id, "--name", "p.txt")
        assert "no regular file" in said and str(path) in said


def fetch(url):
    answer = requests.get(url, timeout=60)
    assert answer.status_code == 200
    return answer.content
