"""What people who run servers expect: health, metrics, request ids, CORS, configuration, a drain."""

import json
import os
import re
import stat
import threading
import time

import pytest
import requests
from lib import server as servers
from lib.api import Api
from lib.clock import PATIENCE_S
from lib.raw import Wire, basic
from lib.world import new_app, text_message

ORIGIN = "https://console.example.org"


def fetch(server, path, **options):
    session = requests.Session()
    session.trust_env = False
    return session.request(options.pop("method", "GET"), server.url + path, timeout=PATIENCE_S, **options)


def test_health(server):
    for path in ("/healthz", "/readyz"):
        assert fetch(server, path).status_code == 200
    assert fetch(server, "/healthz", method="HEAD").status_code in (200, 405)


def test_metrics(server, app):
    app.api.get(app.path).ok(200)
    answer = fetch(server, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(("text/plain", "application/openmetrics-text"))
    samples = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert samples
    for line in samples:
        assert re.fullmatch(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? \S+( \d+)?', line), line
    # A path with ids as a label would grow without end.
    assert app.id not in answer.text


def test_metrics_count_what_happens(launch, sink):
    server, target = launch(), sink.target()
    app = new_app(server)
    app.custom(target)
    group = app.group()
    for number in range(3):
        app.say(group, f"message {number}")
    Api(server).get(app.path).refused(401)
    target.wait_deliveries(3)
    wanted = [r'http_requests_total\{.*PostMessage.*201.*\} 3', r'http_requests_total\{.*GetApp.*401.*\} 1',
              r'webhook_attempts_total\{.*delivered.*\} 3', r"store_transactions_total [1-9]", r"store_commits_total [1-9]"]
    until = time.monotonic() + PATIENCE_S
    while missing := [one for one in wanted if not re.search(one, fetch(server, "/metrics").text)]:
        assert time.monotonic() < until, f"{missing} in\n{fetch(server, '/metrics').text}"
        time.sleep(0.1)


def test_the_log_tells_of_every_request(launch):
    """One JSON line each: what, how it ended, how long it took, whose key, and the request's id."""
    server = launch("--log-format", "json")
    app = new_app(server)
    app.api.get(f"{app.path}/users/nobody", headers={"X-Request-Id": "find-me-in-the-log"}).refused(404)
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.stderr.splitlines() if line]
    (told,) = [line["fields"] for line in lines if line["fields"].get("request_id") == "find-me-in-the-log"]
    assert (told["operation"], told["method"], told["status"], told["key"]) == ("GetUser", "GET", 404, app.key["id"])
    assert told["path"] == f"{app.path}/users/nobody" and told["ms"] > 0
    assert all(line["timestamp"] and line["level"] for line in lines)


def test_metrics_token(launch):
    server = launch("--metrics-token", "let-the-scraper-in")
    assert fetch(server, "/metrics").status_code in (401, 403)
    assert fetch(server, "/metrics", headers={"Authorization": "Bearer wrong"}).status_code in (401, 403)
    assert fetch(server, "/metrics", headers={"Authorization": "Bearer let-the-scraper-in"}).status_code == 200
    assert fetch(server, "/healthz").status_code == 200
    assert "let-the-scraper-in" not in server.stderr + server.stdout


def test_request_ids(server, app):
    first, second = app.api.get(app.path), app.api.get(app.path)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    kept = app.api.get(app.path, headers={"X-Request-Id": "my-own-id_42"})
    assert kept.headers["x-request-id"] == "my-own-id_42"
    for bad in ("x" * 1000, "with space", "quote\"", "semi;colon<>"):
        answer = app.api.get(app.path, headers={"X-Request-Id": bad})
        assert answer.headers["x-request-id"] != bad
    for path in ("/healthz", "/nowhere"):
        assert fetch(server, path).headers.get("x-request-id")


def test_common_headers(app):
    headers = app.api.get(app.path).headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert "no-store" in headers["cache-control"]
    assert "x-powered-by" not in headers


def test_cors_on_answers_and_errors(launch):
    server = launch("--cors-origin", ORIGIN)
    app = new_app(server)
    for answer, status in [
        (app.api.get(app.path, headers={"Origin": ORIGIN}), 200),
        (Api(server).get(app.path, headers={"Origin": ORIGIN}), 401),
        (app.api.get(f"{app.path}/users/nobody", headers={"Origin": ORIGIN}), 404),
        (app.api.get("/nowhere", headers={"Origin": ORIGIN}), 404),
    ]:
        assert answer.status == status
        assert answer.headers.get("access-control-allow-origin") == ORIGIN, status
        assert "origin" in answer.headers.get("vary", "").lower()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = fetch(server, f"{app.path}/users", method="OPTIONS", headers=asked)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    # Whatever a page could need of our own: names of requests, and what is said of keys and of repeated answers.
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "idempotency-key" in allowed
    shown = preflight.headers["access-control-expose-headers"].lower()
    assert "idempotent-replayed" in shown and "heliograph-key-expires" in shown
    stranger = app.api.get(app.path, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


def test_no_cors_by_default(app):
    answer = app.api.get(app.path, headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers


def test_first_key(launch):
    server = launch()
    path = server.data / "first-key.json"
    kept = json.loads(path.read_text())
    assert set(kept) == {"keyId", "secret"} and kept["keyId"].startswith("act_")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept["secret"] in server.stdout, "shown once at the first start"
    assert stat.S_IMODE((server.folder / "data-master.key").stat().st_mode) == 0o600
    server.account.get("/v2/apps").ok(200)
    printed = len(server.stdout)
    server.restart()
    assert json.loads(path.read_text()) == kept
    assert kept["secret"] not in server.stdout[printed:], "and never again"
    path.unlink()
    server.stop()
    with pytest.raises(FileNotFoundError):
        # It is not made a second time even when the file is gone: the key exists.
        server.start()
    assert not path.exists()


def test_graceful_end(launch):
    """SIGTERM while a request is being sent: it is answered, then the server ends with 0."""
    server = launch()
    app = new_app(server)
    path = f"{app.conversation_path(app.group())}/messages"
    body = json.dumps(text_message("Finish me")).encode()
    with Wire(server) as wire:
        head = (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(app.key)}\r\nExpect: 100-continue\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
        wire.send(head.encode())
        # It waits for the rest of this one, and says so.
        assert wire.file.readline().startswith(b"HTTP/1.1 100 ") and wire.file.readline() == b"\r\n"
        wire.send(body[:10])
        statuses = []
        ending = threading.Thread(target=lambda: statuses.append(server.stop()))
        ending.start()
        time.sleep(0.5)
        wire.send(body[10:])
        reply = wire.read()
    assert reply is not None and reply.status == 201, reply and reply.body
    ending.join(PATIENCE_S)
    assert statuses == [0]


def test_idle_connections_do_not_hold_the_end_up(launch):
    server = launch()
    with Wire(server) as idle:
        assert idle.request("GET", "/healthz").status == 200
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10


def test_sigint_ends_it_too(launch):
    server = launch()
    server.process.send_signal(2)
    assert server.process.wait(PATIENCE_S) == 0


def test_configuration_by_environment(launch):
    server = launch(env={"HELIOGRAPH_METRICS_TOKEN": "from-the-environment", "HELIOGRAPH_LOG_FORMAT": "json"})
    assert fetch(server, "/metrics").status_code in (401, 403)
    assert fetch(server, "/metrics", headers={"Authorization": "Bearer from-the-environment"}).status_code == 200
    for line in filter(None, server.stderr.splitlines()):
        assert isinstance(json.loads(line), dict)


def test_precedence(launch, tmp_path):
    """Flags before environment before file."""
    file = tmp_path / "heliograph.toml"
    file.write_text(
        'metrics-token = "file"\ncors-origin = ["https://file.example"]\nlog-format = "json"\n'
        'public-url = "https://chat.example.org"\n')
    environment = {"HELIOGRAPH_CONFIG": str(file), "HELIOGRAPH_METRICS_TOKEN": "environment",
                   "HELIOGRAPH_CORS_ORIGIN": "https://environment.example"}
    server = launch("--metrics-token", "flag", env=environment)

    def lets_in(token):
        return fetch(server, "/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    assert lets_in("flag") and not lets_in("environment") and not lets_in("file")
    for origin, allowed in (("https://environment.example", True), ("https://file.example", False)):
        headers = fetch(server, "/v2/apps", headers={"Origin": origin}).headers
        assert (headers.get("access-control-allow-origin") == origin) is allowed, origin
    assert all(json.loads(line) for line in server.stderr.splitlines() if line), "log-format comes from the file"
    new_app(server), new_app(server)
    link = server.account.get("/v2/apps?page[size]=1").ok(200)["links"]["next"]
    assert link.startswith("https://chat.example.org/"), "links are built on the public URL"


def test_version_and_help():
    assert re.match(r"heliograph \d+\.\d+", servers.run("--version").stdout)
    text = servers.run("serve", "--help").stdout
    for flag in ("--listen", "--data", "--database-url", "--master-key-file", "--public-url", "--allow-private-targets",
                 "--cors-origin", "--metrics-token", "--webhook-retry-gaps", "--config", "--log-format", "--log"):
        assert re.search(rf"^\s*(-\w, )?{flag}\b", text, re.M), f"serve --help does not explain {flag}"
    assert os.path.exists(servers.BINARY)
