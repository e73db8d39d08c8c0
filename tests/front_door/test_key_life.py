"""The life of keys: told, disabled, ended, rotated; by those alone who may delete them by the contract."""

import re
import time

import requests
from lib import secrets, tokens
from lib.api import Api
from lib.clock import LEAD_S, PATIENCE_S, moment, sleep_past
from lib.server import Server
from lib.world import MISSING, new_app

KEYS = "/heliograph/v1/keys"
DAY_MS = 86_400_000
DISABLED = "The key is disabled"


def life(key):
    return f"{KEYS}/{key['id']}"


def both(server, key):
    """The same key by Basic and by a token."""
    return Api(server, key), Api(server, bearer=tokens.mint(key))


def test_what_is_told(server, app):
    key = app.custom().key
    told = app.api.get(life(key)).ok(200)["key"]
    assert (told["id"], told["displayName"], told["appId"], told["enabled"]) == (key["id"], "Key", app.id, True)
    assert re.fullmatch(r"\*{82}[A-Za-z0-9_-]{4}", told["secretHint"]) and told["secretHint"][-4:] == key["secret"][-4:]
    assert "lastUsed" not in told and told["limits"] == {} and "expiresAt" not in told
    assert moment(-60) < told["createdAt"] < moment(60)
    Api(server, key).get(f"{app.path}/integrations/me/webhooks", headers={"User-Agent": "A test\u00e9".encode()}).ok(200)
    used = app.api.get(life(key)).ok(200)["key"]["lastUsed"]
    assert used["address"] == "127.0.0.1" and used["userAgent"].startswith("A test") and moment(-60) < used["at"] < moment(60)


def test_a_use_at_the_page_is_a_use(server, app):
    """Who signs in at the consent page with a key has used it."""
    from test_oauth import Browser, Partner
    key = app.new_key()
    browser = Browser(server)
    browser.session.headers["User-Agent"] = "A browser"
    browser.sign_in(Partner(server).query(), {**key, "secret": "wrong"})
    assert "lastUsed" not in app.account.get(life(key)).ok(200)["key"]
    browser.sign_in(Partner(server).query(), key)
    assert app.account.get(life(key)).ok(200)["key"]["lastUsed"]["userAgent"] == "A browser"


def test_last_use_outlives_the_server(launch):
    """It is written at the end of the server's life, without a write per request in between."""
    server = launch()
    app = new_app(server)
    key = app.key
    app.api.get(app.path).ok(200)
    before = server.account.get(life(key)).ok(200)["key"]["lastUsed"]
    assert server.sql("SELECT COUNT(*) FROM key_use").strip() == "0", "nothing is written yet"
    server.restart()
    assert server.account.get(life(key)).ok(200)["key"]["lastUsed"] == before
    Api(server, app.key).get(app.path).ok(200)
    server.account.delete(f"{app.path}/keys/{key['id']}").ok(200)
    server.restart()
    left = server.sql(f"SELECT COUNT(*) FROM key_use WHERE key_id = '{key['id']}'").strip()
    assert left == "0", "the use of a deleted key is not written"


def test_disable_and_enable(server, app):
    key = app.key
    calls = both(server, key)
    told = app.account.patch(life(key), {"enabled": False}).ok(200)["key"]
    assert told["enabled"] is False and told["disabledReason"] == "asked" and told["disabledAt"]
    calls[0].get(app.path).refused(401, "unauthorized", DISABLED)
    calls[1].get(app.path).refused(401, "invalid_auth", DISABLED)
    # Whoever has not its secret learns nothing of it.
    Api(server, {**key, "secret": key["secret"][::-1]}).get(app.path).refused(401, "unauthorized", "Authorization is required")
    assert "disabledAt" not in app.account.patch(life(key), {"enabled": True}).ok(200)["key"]
    for one in calls:
        one.get(app.path).ok(200)


def test_expiry(server, app):
    key = app.key
    end = moment(LEAD_S)
    assert app.account.patch(life(key), {"expiresAt": end}).ok(200)["key"]["expiresAt"] == end
    for one in both(server, key):
        assert one.get(app.path).ok(200) and one.get(app.path).headers["heliograph-key-expires"] == end
    sleep_past(end)
    for one, code in zip(both(server, key), ("unauthorized", "invalid_auth")):
        one.get(app.path).refused(401, code, f"The key expired at {end}")
    app.account.post(f"{life(key)}/rotate", {}).refused(400, "bad_request", "A key that is disabled or expired cannot be rotated")
    app.account.patch(life(key), {"expiresAt": moment(-5)}).refused(400, "bad_request")
    app.account.patch(life(key), {"expiresAt": "soon"}).refused(400, "bad_request")
    assert "expiresAt" not in app.account.patch(life(key), {"expiresAt": None}).ok(200)["key"]
    answer = Api(server, key).get(app.path)
    assert answer.ok(200) and "heliograph-key-expires" not in answer.headers


def test_an_end_that_is_near_is_told(launch):
    server = launch()
    app = new_app(server)
    near, far = app.new_key(), app.new_key()
    app.account.patch(life(near), {"expiresAt": moment(5 * 86400)}).ok(200)
    app.account.patch(life(far), {"expiresAt": moment(50 * 86400)}).ok(200)
    assert "heliograph-key-expires" in Api(server, near).get(app.path).headers
    assert "heliograph-key-expires" not in Api(server, far).get(app.path).headers
    soon = lambda: [line for line in server.stderr.splitlines() if "a key expires soon" in line]  # noqa: E731
    until = time.monotonic() + PATIENCE_S
    while not soon():
        assert time.monotonic() < until
        time.sleep(0.1)
    server.restart()
    until = time.monotonic() + PATIENCE_S
    while "heliograph_keys_expiring 1" not in requests.get(f"{server.url}/metrics", timeout=PATIENCE_S).text or len(soon()) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    told = soon()
    assert len(told) == 2 and all(near["id"] in line for line in told), "once in each life of the server"


def test_rotation_with_grace(server, app):
    key = app.custom().key
    path = f"{app.path}/integrations/me/webhooks"
    rotated = app.api.post(f"{life(key)}/rotate", {"graceSeconds": LEAD_S}).ok(200)
    new = {**key, "secret": rotated["secret"]}
    assert new["secret"] != key["secret"] and rotated["key"]["id"] == key["id"]
    assert rotated["key"]["rotatedAt"] and rotated["key"]["secretHint"][-4:] == new["secret"][-4:]
    until = rotated["key"]["oldSecretUntil"]
    for one in both(server, key):
        assert one.get(path).headers["heliograph-key-expires"] == until
        one.get(path).ok(200)
    for one in both(server, new):
        answer = one.get(path)
        assert answer.ok(200) and "heliograph-key-expires" not in answer.headers
    sleep_past(until)
    for one in both(server, key):
        one.get(path).refused(401)
    for one in both(server, new):
        one.get(path).ok(200)
    assert "oldSecretUntil" not in app.api.get(life(key)).ok(200)["key"]


def test_rotation_without_grace_and_twice(server, app):
    key, path = app.key, app.path
    second = {**key, "secret": app.account.post(f"{life(key)}/rotate", {}).ok(200)["secret"]}
    third = {**key, "secret": app.account.post(f"{life(key)}/rotate", {}).ok(200)["secret"]}
    Api(server, key).get(path).refused(401), Api(server, second).get(path).ok(200), Api(server, third).get(path).ok(200)
    last = {**key, "secret": app.account.post(f"{life(key)}/rotate", {"graceSeconds": 0}).ok(200)["secret"]}
    for old in (key, second, third):
        for one in both(server, old):
            one.get(path).refused(401)
    Api(server, last).get(path).ok(200)
    for wrong in (-1, 90 * 86400 + 1, "1d", None):
        app.account.post(f"{life(key)}/rotate", {"graceSeconds": wrong}).refused(400, "bad_request")
    assert app.account.get(f"{path}/keys/{key['id']}").ok(200)["key"] == {**last, "displayName": "Key"}
    app.account.post(f"{life(key)}/rotate", {"graceSeconds": 90 * 86400}).ok(200)


def test_old_secrets_are_wiped_when_their_time_is_over(launch):
    server = launch()
    app = new_app(server)
    key = server.account.post(f"{life(app.key)}/rotate", {"graceSeconds": 3}).ok(200)["key"]
    assert server.sql("SELECT COUNT(*) FROM api_key WHERE old_secret IS NOT NULL").strip() == "1"
    sleep_past(key["oldSecretUntil"])
    server.restart()
    until = time.monotonic() + PATIENCE_S
    while server.sql("SELECT COUNT(*) FROM api_key WHERE old_secret IS NOT NULL").strip() != "0":
        assert time.monotonic() < until
        time.sleep(0.1)


def test_who_may(server, app, other):
    """An account: its apps' keys and accounts'. An app: its integrations'. Others: nothing, and nothing changes."""
    bot = app.custom()
    worker, foreign = server.admin_key("--service", "--grant", app.id), server.admin_key("--service", "--grant", other.id)
    act = server.admin_key()
    operator = Api(server, act)
    callers = {"act": operator, "svc": Api(server, worker), "svc of another": Api(server, foreign), "app": app.api,
               "app of another": other.api, "int": bot.api, "int of another": other.custom().api}
    wanted = {
        app.key["id"]: {"act": 200, "svc": 200, "svc of another": 404, "app": 403, "app of another": 403, "int": 403, "int of another": 403},
        bot.key["id"]: {"act": 200, "svc": 200, "svc of another": 404, "app": 200, "app of another": 404, "int": 403, "int of another": 403},
        act["id"]: {"act": 200, "svc": 403, "svc of another": 403, "app": 403, "app of another": 403, "int": 403, "int of another": 403},
        worker["id"]: {"act": 200, "svc": 403, "svc of another": 403, "app": 403, "app of another": 403, "int": 403, "int of another": 403},
        f"int_{MISSING}": {"act": 404, "svc": 404, "svc of another": 404, "app": 404, "app of another": 404, "int": 403, "int of another": 403},
    }
    for key, verdicts in wanted.items():
        for name, status in verdicts.items():
            caller = callers[name]
            got = [caller.get(f"{KEYS}/{key}").status, caller.patch(f"{KEYS}/{key}", {"limits": {}}).status]
            if status != 200:
                got.append(caller.post(f"{KEYS}/{key}/rotate", {"graceSeconds": 0}).status)
                got.append(caller.patch(f"{KEYS}/{key}", {"enabled": False}).status)
            assert set(got) == {status}, (key, name, got)
    for one, path in ((app.api, app.path), (bot.api, f"{app.path}/integrations/me/webhooks"), (operator, "/v2/apps")):
        one.get(path).ok(200)
    for nonsense in ("x", "int_", f"oauth_{MISSING}", "int_%00"):
        operator.get(f"{KEYS}/{nonsense}").refused(404, "not_found")


def test_lists(server, app, other):
    bot = app.custom()
    keys = [bot.new_key(), bot.new_key()]
    ids = lambda answer: [one["id"] for one in answer.ok(200)["keys"]]
    assert ids(app.api.get(f"{KEYS}?integrationId={bot.id}")) == [key["id"] for key in keys]
    assert ids(app.account.get(f"{KEYS}?appId={app.id}&integrationId={bot.id}")) == [key["id"] for key in keys]
    assert ids(app.account.get(f"{KEYS}?appId={app.id}")) == [app.key["id"]]
    assert server.first_key["id"] in ids(app.account.get(KEYS))
    app.api.get(KEYS).refused(403, "forbidden")
    app.api.get(f"{KEYS}?appId={other.id}&integrationId={bot.id}").refused(403, "forbidden")
    app.account.get(f"{KEYS}?integrationId={bot.id}").refused(400, "bad_request")
    worker = Api(server, server.admin_key("--service"))
    worker.get(KEYS).refused(403, "forbidden")
    worker.get(f"{KEYS}?appId={app.id}").refused(404, "app_not_found")
    assert not [one for one in app.account.get(f"{KEYS}?appId={app.id}").text if "secret\":" in one]


def test_two_servers(tmp_path, request):
    """What one changes holds on the other within half a second; last uses meet."""
    if request.config.getoption("--store") == "sqlite":
        return
    first = Server("postgres", tmp_path / "first").start()
    second = Server("postgres", tmp_path / "second", "--master-key-file", str(tmp_path / "first" / "data-master.key"))
    second.data.mkdir(parents=True)
    (second.data / "first-key.json").write_text((first.data / "first-key.json").read_text())
    second.database_url = first.database_url
    second.start()
    try:
        app = new_app(first)
        key = app.key
        Api(second, key).get(app.path).ok(200)
        rotated = first.account.post(f"{life(key)}/rotate", {"graceSeconds": 0}).ok(200)
        time.sleep(0.7)
        Api(second, key).get(app.path).refused(401)
        Api(second, {**key, "secret": rotated["secret"]}).get(app.path).ok(200)
        first.account.patch(life(key), {"enabled": False}).ok(200)
        time.sleep(0.7)
        Api(second, {**key, "secret": rotated["secret"]}).get(app.path).refused(401, "unauthorized", DISABLED)
        assert "lastUsed" not in first.account.get(life(key)).ok(200)["key"], "the other has not written it yet"
        assert second.stop() == 0
        assert first.account.get(life(key)).ok(200)["key"]["lastUsed"]["address"] == "127.0.0.1"
    finally:
        for one in (first, second):
            one.kill9()
            one.assert_discreet()


def test_the_secret_is_in_no_other_answer(server, app):
    key = app.custom().key
    rotated = app.api.post(f"{life(key)}/rotate", {}).ok(200)["secret"]
    secrets.note(rotated)
    for answer in (app.api.get(life(key)), app.api.get(f"{KEYS}?integrationId={app.api.get(life(key)).body['key']['integrationId']}")):
        assert rotated not in answer.text and key["secret"] not in answer.text
