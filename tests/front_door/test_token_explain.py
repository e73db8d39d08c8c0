"""What the server makes of a token: to whoever may know, everything; to strangers, nothing about which keys there are."""

import subprocess
import time

import pytest
from lib import tokens
from lib.api import Api
from lib.server import BINARY, clean_environment
from lib.world import MISSING, new_app
from test_cli import Shell
from test_tokens import DEFECTS

EXPLAIN, KEYS = "/heliograph/v1/token/explain", "/heliograph/v1/keys"
TERSE = "Invalid JWT. No known key (kid) has signed it"


def explain(caller, token, **more):
    told = caller.post(EXPLAIN, {"token": token, **more}).ok(200)
    checks = {one["check"]: (one["outcome"], one["detail"]) for one in told["checks"]}
    assert len(checks) == len(told["checks"]) == 16
    assert told["accepted"] == all(outcome in ("passed", "skipped") for outcome, _ in checks.values())
    return told["accepted"], checks


def failed(checks):
    return {name: detail for name, (outcome, detail) in checks.items() if outcome == "failed"}


def test_a_good_token(server, app):
    now = int(time.time())
    token = tokens.mint(app.key, iat=now, nbf=now - 5, exp=now + 100)
    accepted, checks = explain(Api(server), token, operation="PostMessage", appId=app.id)
    assert accepted and not failed(checks)
    assert checks["exp"][1].startswith("Not over yet, by ") and checks["scope"] == ("passed", "app")
    assert [name for name, (outcome, _) in checks.items() if outcome == "skipped"] == ["party"]


@pytest.mark.parametrize("name", DEFECTS)
def test_it_agrees_with_the_door(server, app, name):
    """Whatever is refused is explained as refused, with the sentence that the door has for it."""
    make, title = DEFECTS[name]
    accepted, checks = explain(app.account, make(app.key))
    assert not accepted and any(detail.startswith(title) for detail in failed(checks).values()), checks


def test_what_an_integration_may_not_get_it_is_not_told_of(launch):
    """Which keys there are is for those who may get them."""
    server = launch(listen="0.0.0.0:0")
    server.url = f"http://127.0.0.1:{server.port}"
    app = new_app(server)
    bot, key = app.custom(), app.new_key()
    forged = [tokens.mint({**one, "secret": "wrong" * 10}) for one in (key, {"id": f"app_{MISSING}"})]
    limited = app.new_key()
    app.account.patch(f"{KEYS}/{limited['id']}", {"limits": {"allowedOperations": ["GetApp"]}}).ok(200)
    for asker, terse in ((bot.api, True), (Api(server, limited), True), (app.account, False)):
        told = [failed(explain(asker, token)[1]) for token in forged]
        assert (told[0] == told[1]) is terse, told


def test_each_check(server, app, other):
    now, key = int(time.time()), app.key
    caller = app.account
    for claims, more, check, words in [
        ({"exp": now - 100}, {}, "exp", "by 1"),
        ({"nbf": now + 500}, {}, "nbf", "by "),
        ({}, {"appId": other.id}, "app", "another app"),
        ({}, {"operation": "CreateApp"}, "operation", "The scope app may not call CreateApp"),
        ({}, {"operation": "Nonsense"}, "operation", "no such operation"),
        ({"scope": "account"}, {}, "scope", "Cannot use account scope"),
    ]:
        accepted, checks = explain(caller, tokens.mint(key, **claims), **more)
        assert not accepted and list(failed(checks)) == [check] and words in checks[check][1], (claims, more, checks)
    limits = {"allowedOperations": ["GetApp"], "allowedAddresses": ["192.0.2.1"], "maxTokenSeconds": 60}
    caller.patch(f"{KEYS}/{key['id']}", {"limits": limits}).ok(200)
    _, checks = explain(caller, tokens.mint(key), operation="PostMessage")
    assert set(failed(checks)) == {"operation", "address", "lifetime"}
    caller.patch(f"{KEYS}/{key['id']}", {"enabled": False, "limits": {"allowedAddresses": None}}).ok(200)
    _, checks = explain(caller, tokens.mint(key))
    assert checks["enabled"] == ("failed", "The key is disabled")


def test_strangers_learn_nothing_of_keys(launch):
    """Off loopback: for a known and for an unknown key id every byte is the same, at the door and here."""
    server = launch("--explain-refusals=false")
    app, other = new_app(server), new_app(server)
    key = app.key
    wrong = tokens.mint({**key, "secret": key["secret"][::-1]})
    nobody = tokens.mint({**key, "id": f"app_{MISSING}"})
    doors = [Api(server, bearer=token).get(app.path).refused(401, "invalid_auth", TERSE).text for token in (wrong, nobody)]
    assert doors[0] == doors[1]
    basics = [Api(server, {"id": name, "secret": "guessed-and-wrong-secret"}).get(app.path).text for name in (key["id"], f"app_{MISSING}")]
    assert basics[0] == basics[1]
    strangers = [Api(server), other.api, Api(server, bearer=wrong), Api(server, {**key, "secret": "guessed-and-wrong"})]
    for stranger in strangers:
        told = [stranger.post(EXPLAIN, {"token": token}).ok(200)["checks"] for token in (wrong, nobody)]
        mine = [[one for one in checks if one["check"] != "kid"] for checks in told]
        assert mine[0] == mine[1]
        assert ("untold", "skipped") == tuple(next(one["outcome"] for one in mine[0] if one["check"] == name) for name in ("key", "enabled"))
    # Whoever may see the key is told.
    _, checks = explain(server.account, wrong)
    assert checks["key"][0] == "passed" and checks["signature"][0] == "failed"
    _, checks = explain(server.account, nobody)
    assert checks["key"] == ("failed", "Invalid JWT header. Unknown key id (kid)")
    # A genuine token is its own proof, even of a key that is disabled.
    server.account.patch(f"{KEYS}/{key['id']}", {"enabled": False}).ok(200)
    _, checks = explain(Api(server), tokens.mint(key))
    assert checks["enabled"] == ("failed", "The key is disabled")
    for name in (key["id"], f"app_{MISSING}"):
        Api(server, {"id": name, "secret": "guessed-and-wrong-secret"}).get(app.path).refused(401, "unauthorized", "Authorization is required")


def test_explaining_is_no_way_to_guess(launch):
    server = launch("--explain-refusals=false", "--failure-limit-address", "10/h")
    key = new_app(server).key
    wrong = tokens.mint({**key, "secret": key["secret"][::-1]})
    statuses = [Api(server).post(EXPLAIN, {"token": wrong}).status for _ in range(14)]
    assert statuses == [200] * 10 + [429] * 4
    assert explain(Api(server), tokens.mint(key))[0]


def test_by_the_shell(server, app):
    token = tokens.mint(app.key, exp=int(time.time()) - 5_000)
    for shell in (Shell(server), Shell(server, server.first_key)):
        done = shell.run("token", "explain", token, "--operation", "GetApp")
        assert done.returncode == 1 and "Token expired (exp) by 50" in done.stdout and "would be refused" in done.stderr
    # By stdin nobody else sees it.
    piped = subprocess.run(
        [BINARY, "token", "explain", "-", "--json"], input=tokens.mint(app.key) + "\n", env=clean_environment(**Shell(server).env),
        capture_output=True, text=True, timeout=30, check=False)
    assert piped.returncode == 0 and '"accepted": true' in piped.stdout, piped.stderr
    good = Shell(server).run("token", "explain", tokens.mint(app.key), "--app", app.id, "--json")
    assert good.returncode == 0 and '"accepted": true' in good.stdout


def test_bad_questions(server):
    for body in ({}, {"token": ""}, {"token": 1}, {"token": "no token " * 2_000}, {"token": "a.b.c", "appId": "x"}):
        Api(server).post(EXPLAIN, body).refused(400, "bad_request")
