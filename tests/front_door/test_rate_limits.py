"""Rate limits: off unless the operator says otherwise; by key and by app; told before anything is done."""

import time

import requests
from lib import tokens
from lib.api import Api
from lib.server import run
from lib.world import MISSING, new_app


def exhaust(caller, path, most=60):
    """Calls until it is refused; returns how many went through and the refusal."""
    for count in range(most):
        answer = caller.get(path)
        if answer.status == 429:
            return count, answer
    raise AssertionError(f"{most} calls went through")


def check(refused):
    refused.refused(429, "too_many_requests", "Too many requests")
    assert len(refused.body["errors"]) == 1
    assert 1 <= int(refused.headers["retry-after"]) <= 3600, refused.headers


def test_off_by_default(app):
    for _ in range(60):
        app.api.get(app.path).ok(200)


def test_by_key(launch):
    server = launch("--rate-limit-key", "20/h")
    app = new_app(server)
    key = app.key
    for caller in (Api(server, key), Api(server, bearer=tokens.mint(key))):
        count, refused = exhaust(caller, app.path)
        # Basic and Bearer of one key are one budget.
        assert count == (20 if caller.bearer is None else 0)
        check(refused)
        assert 120 <= int(refused.headers["retry-after"]) <= 180
    # What would be refused anyway is refused for this first, and nothing is done.
    check(Api(server, key).post("/v2/apps", {"displayName": "No"}))
    # Another key of the same app has its own.
    fresh = app.new_key()
    Api(server, fresh).get(app.path).ok(200)
    # Who does not know the secret uses up nobody's budget.
    victim = app.new_key()
    for _ in range(25):
        Api(server, {"id": victim["id"], "secret": "guessed-and-wrong-secret"}).get(app.path).refused(401)
    Api(server, victim).get(app.path).ok(200)
    assert requests.get(f"{server.url}/healthz", timeout=60).status_code == 200


def test_who_has_no_grant_uses_up_nothing(launch):
    server = launch("--rate-limit-app", "20/h")
    app, granted = new_app(server), new_app(server)
    stranger = Api(server, server.admin_key("--service", "--grant", granted.id))
    for _ in range(30):
        stranger.get(app.path).refused(404, "app_not_found")
    app.api.get(app.path).ok(200)
    assert exhaust(stranger, granted.path)[0] == 20, "the app's limit holds for those who have a grant"


def test_by_app(launch):
    server = launch("--rate-limit-app", "25/h")
    app, other = new_app(server), new_app(server)
    keys = [app.key, app.new_key()]
    used = sum(exhaust(Api(server, key), app.path)[0] for key in keys)
    # The two keys were made by calls about the app.
    assert used == 23
    check(app.account.get(app.path))
    check(app.account.post(f"{app.path}/keys", {"displayName": "No"}))
    check(Api(server, keys[0]).get("/v2/tokenInfo"))
    other.api.get(other.path).ok(200)
    # Who is of another app, or nobody, does not count here.
    for _ in range(30):
        Api(server, keys[0]).get(other.path).refused(403)
        Api(server).get(other.path).refused(401)
    other.api.get(other.path).ok(200)
    server.account.get("/v2/apps").ok(200)
    server.account.get(f"/v2/apps/{MISSING}").refused(404)


def test_after_the_pause_there_is_room(launch):
    server = launch("--rate-limit-key", "5/s", env={"HELIOGRAPH_RATE_LIMIT_APP": "1000/s"})
    app = new_app(server)
    _, refused = exhaust(app.api, app.path, most=400)
    check(refused)
    time.sleep(int(refused.headers["retry-after"]))
    app.api.get(app.path).ok(200)


def test_settings_that_are_none():
    for wrong in ("often", "0/s", "5", "5/d", "-1/s"):
        ended = run("serve", f"--rate-limit-key={wrong}")
        assert ended.returncode != 0 and "rate limit" in ended.stderr, (wrong, ended.stderr)


def test_a_page_of_another_origin_may_read_when_to_come_back(launch):
    origin = "https://chat.example.org"
    server = launch("--rate-limit-key", "20/h", "--cors-origin", origin)
    app = new_app(server)
    exhaust(app.api, app.path)
    refused = app.api.get(app.path, headers={"Origin": origin})
    check(refused)
    assert refused.headers["access-control-allow-origin"] == origin
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
