"""What the command line sends to which server, and what it says of what comes back: also of servers that are none of
ours."""

import json
import os
import stat
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lib import server as servers
from lib.server import BINARY, clean_environment
from lib.world import MISSING
from test_cli import Shell

KEY = {"id": f"act_{MISSING}", "secret": "a-secret-of-this-test"}


class Other:
    """A server of a few lines: it answers every request alike, and counts them."""

    def __init__(self, status, body=""):
        self.seen = seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                seen.append(dict(self.headers))
                self.send_response(status)
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_DELETE = do_GET

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.relayed = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def other():
    """Starts such servers."""
    started = []

    def start(*what):
        started.append(Other(*what))
        return started[-1]

    yield start
    for one in started:
        one.http.shutdown()
        one.http.server_close()


def profiles(folder, text):
    """A home for profiles."""
    (folder / "heliograph").mkdir()
    file = folder / "heliograph" / "profiles.toml"
    file.write_text(text)
    file.chmod(0o600)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_a_server_that_knows_no_names_is_not_sent_a_post_twice(other, tmp_path):
    create = ("apps", "create", "--display-name", "Shop")
    ours = other(500)
    Shell(ours, KEY).refused(*create)
    assert len(ours.seen) == 4 and len({seen["idempotency-key"] for seen in ours.seen}) == 1
    profile = profiles(tmp_path, '[default]\nidempotency-keys = false\n')
    for flags, env in [(["--idempotency-keys=false"], {}), ([], {"HELIOGRAPH_IDEMPOTENCY_KEYS": "false"}), ([], profile)]:
        theirs = other(500)
        Shell(theirs, KEY, **env).refused(*create, *flags)
        assert len(theirs.seen) == 1 and "idempotency-key" not in theirs.seen[0], (flags, env)


def test_a_profile_that_a_flag_names_goes_before_the_environment(other, tmp_path):
    meant, exported = other(404), other(404)
    text = f'[test]\nurl = "{meant.relayed}"\nkey-id = "app_{MISSING}"\nsecret = "another-secret-of-this-test"\n'
    shell = Shell(exported, KEY, **profiles(tmp_path, text))
    shell.refused("apps", "delete", MISSING, "--profile", "test")
    assert len(meant.seen) == 1 and not exported.seen
    shell.refused("apps", "get", MISSING)
    assert len(exported.seen) == 1
    assert meant.seen[0]["authorization"] != exported.seen[0]["authorization"]


def test_a_server_s_words_do_not_steer_the_terminal(other):
    title = "\x1b[31mred\x1b[0m\nheliograph: all is well \u202e"
    mocking = other(404, json.dumps({"errors": [{"code": "not_found", "title": title}]}))
    for words in (("apps", "get", MISSING), ("keys", "create", "--app", MISSING, "--display-name", "x")):
        said = Shell(mocking, KEY).refused(*words)
        assert "\x1b" not in said and "\u202e" not in said, said
        assert said.splitlines()[-1].startswith("heliograph: 404 not_found: "), said


def test_a_secret_may_begin_with_a_dash(other):
    theirs = other(404)
    Shell(theirs).refused("apps", "get", MISSING, "--key-id", KEY["id"], "--secret", "-abc-of-this-test")
    assert len(theirs.seen) == 1


def test_where_nobody_speaks_tls(other):
    plain = other(200)
    said = Shell(plain, KEY, HELIOGRAPH_URL=plain.relayed.replace("http:", "https:")).refused("apps", "list")
    assert f"cannot connect to https://127.0.0.1:{plain.http.server_port}: " in said and "nobody speaks TLS there" in said


def test_a_variable_that_cannot_be_read_is_not_passed_over(tmp_path):
    env = {**{os.fsencode(k): os.fsencode(v) for k, v in clean_environment().items()}, b"HELIOGRAPH_DATA": b"/tmp/\xff"}
    done = subprocess.run(
        [BINARY, "serve", "--listen", "127.0.0.1:0"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "HELIOGRAPH_DATA" in done.stderr and list(tmp_path.iterdir()) == [], done.stderr


def test_where_nothing_can_be_said_the_status_still_tells():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [BINARY, "apps", "get", MISSING], env=clean_environment(XDG_CONFIG_HOME="/nonexistent"), stderr=full, timeout=30, check=False)
    assert done.returncode == 1


def test_samples_with_a_secret_are_for_their_owner_alone(tmp_path):
    def modes(folder, *flags, **env):
        made = servers.run("sample", "--all", folder, *flags, env={"XDG_CONFIG_HOME": "/nonexistent", **env})
        assert made.returncode == 0, made.stderr
        return {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.iterdir()}

    folder = tmp_path / "samples"
    before = os.umask(0o022)
    try:
        assert modes(folder) == {0o044}
        # Also over what is there.
        known = {"HELIOGRAPH_KEY_ID": KEY["id"], "HELIOGRAPH_SECRET": KEY["secret"]}
        assert modes(folder, **known) == {0}
        assert modes(tmp_path / "set", "--set", f"token={KEY['secret']}") == {0}
    finally:
        os.umask(before)


def test_samples_name_the_server_that_commands_would_call():
    env = {"XDG_CONFIG_HOME": "/nonexistent", "HELIOGRAPH_KEY_ID": KEY["id"], "HELIOGRAPH_SECRET": KEY["secret"]}
    assert "'http://127.0.0.1:8080/v2/apps'" in servers.run("sample", "create-app", env=env).stdout
    nobody = servers.run("sample", "create-app", env={"XDG_CONFIG_HOME": "/nonexistent"}).stdout
    assert "{{url}}/v2/apps" in nobody and "{{secret}}" in nobody


def test_a_curl_sample_fails_where_nobody_answers():
    env = {"XDG_CONFIG_HOME": "/nonexistent", "HELIOGRAPH_KEY_ID": KEY["id"], "HELIOGRAPH_SECRET": KEY["secret"]}
    text = servers.run("sample", "create-app", "--set", "url=http://127.0.0.1:9", env=env).stdout
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and done.stderr.startswith("curl: "), done


def test_an_end_is_a_moment_that_can_be_written(other):
    said = Shell(other(200), KEY).refused("keys", "expire", f"int_{MISSING}", "--in", "99999999999d")
    assert "9999" in said and "never" in said


def test_a_login_link_leads_somewhere(launch):
    server = launch()
    for listen in ("127.0.0.1:0", "0.0.0.0:8080"):
        refused = servers.run("admin", "login-link", *server.place(), env={"HELIOGRAPH_LISTEN": listen})
        assert refused.returncode == 1 and "--url" in refused.stderr, refused.stdout
    made = servers.run("admin", "login-link", *server.place(), env={"HELIOGRAPH_LISTEN": "127.0.0.1:8080"})
    assert made.stdout.startswith("http://127.0.0.1:8080/oauth/login?token="), made.stderr


def test_what_scans_names_what_it_cannot_read(tmp_path):
    said = servers.run("keys", "scan", tmp_path / "none")
    assert said.returncode == 1 and said.stderr.count(str(tmp_path / "none")) == 1, said.stderr
