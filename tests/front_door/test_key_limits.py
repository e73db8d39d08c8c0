"""Limits that an owner gives a key, each tried by whoever would get around it."""

import time

import pytest
from lib import tokens
from lib.api import Api
from lib.world import new_app

KEYS = "/heliograph/v1/keys"


def limit(app, key, **limits):
    return app.account.patch(f"{KEYS}/{key['id']}", {"limits": limits})


def test_addresses(server, app):
    key = app.new_key()
    caller, token = Api(server, key), Api(server, bearer=tokens.mint(key))
    for ranges, good in ((["10.0.0.0/8"], False), (["127.0.0.0/8"], True), (["::1", "192.0.2.0/24"], False), (["127.0.0.1"], True)):
        assert limit(app, key, allowedAddresses=ranges).ok(200)["key"]["limits"] == {"allowedAddresses": ranges}
        for one in (caller, token):
            # No proxy is trusted, so nobody's word is taken for where they are.
            for headers in ({}, {"X-Forwarded-For": "10.1.2.3"}, {"Forwarded": "for=10.1.2.3"}, {"X-Forwarded-For": "127.0.0.1"}):
                answer = one.get(app.path, headers=headers)
                if good:
                    answer.ok(200)
                else:
                    answer.refused(403, "forbidden", "This key may not be used from this address")
    # Whoever does not know the secret does not learn of the limit.
    limit(app, key, allowedAddresses=["10.0.0.0/8"]).ok(200)
    Api(server, {**key, "secret": key["secret"][::-1]}).get(app.path).refused(401, "unauthorized")
    limit(app, key, allowedAddresses=None).ok(200)
    caller.get(app.path).ok(200)
    for wrong in (["here"], ["10.0.0.0/33"], [], "10.0.0.1", [1], ["10.0.0.1"] * 101):
        limit(app, key, allowedAddresses=wrong).refused(400, "bad_request")


def test_addresses_behind_a_proxy(launch):
    server = launch("--trusted-proxies", "127.0.0.1,fd00::/8")
    app = new_app(server)
    key = app.key
    limit(app, key, allowedAddresses=["203.0.113.0/24", "2001:db8::/32"]).ok(200)
    caller = Api(server, key)
    for headers, good in [
        ({"X-Forwarded-For": "203.0.113.9"}, True),
        ({"Forwarded": 'for="[2001:db8::9]:4711";proto=https'}, True),
        ({"X-Forwarded-For": "203.0.113.9, 127.0.0.1"}, True),
        ({}, False),
        # What the client wrote stands before what the proxy added.
        ({"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}, False),
        # A proxy that writes one header lets the other through.
        ({"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=203.0.113.9"}, False),
        ({"X-Forwarded-For": "nonsense"}, False),
        ({"X-Forwarded-For": "203.0.113.9, nonsense"}, False),
    ]:
        assert caller.get(app.path, headers=headers).status == (200 if good else 403), headers
    # A network that the proxy is in: the proxy's own requests are from there, but not what two headers disagree about.
    limit(app, key, allowedAddresses=["127.0.0.0/8", "203.0.113.0/24"]).ok(200)
    for other in ("for=1.2.3.4", "x", "", "for=127.0.0.1"):
        headers = {"X-Forwarded-For": "198.51.100.1", "Forwarded": other}
        assert caller.get(app.path, headers=headers).status == 403, headers
    caller.get(app.path, headers={"X-Forwarded-For": "203.0.113.9", "User-Agent": "one"}).ok(200)
    used = server.account.get(f"{KEYS}/{key['id']}").ok(200)["key"]["lastUsed"]
    assert used["address"] in ("203.0.113.9", "2001:db8::9")
    caller.get(app.path).ok(200)


def test_addresses_of_both_families(launch):
    """On a socket of both, an IPv4 caller comes as an IPv6 address: the range that holds it is the IPv4 one, however it
    is written."""
    server = launch(listen="[::]:0")
    server.url = f"http://127.0.0.1:{server.port}"
    app = new_app(server)
    key = app.new_key()
    four = Api(server, key)
    server.url = f"http://[::1]:{server.port}"
    six = Api(server, key)

    def reach(*ranges):
        limit(app, key, allowedAddresses=list(ranges)).ok(200)
        statuses = []
        for host, caller in (("127.0.0.1", four), ("[::1]", six)):
            server.url = f"http://{host}:{server.port}"
            statuses.append(caller.get(app.path).status)
        return statuses

    assert reach("127.0.0.0/8") == [200, 403] and reach("::1") == [403, 200]
    assert reach("::ffff:127.0.0.1") == [200, 403] and reach("::ffff:127.0.0.0/104") == [200, 403]
    assert reach("::/0") == [403, 200] and reach("0.0.0.0/0") == [200, 403] and reach("0.0.0.0/0", "::/0") == [200, 200]
    assert reach("::ffff:10.0.0.0/104", "2001:db8::/32") == [403, 403]
    server.url = f"http://127.0.0.1:{server.port}"


def test_operations(server, app):
    bot = app.custom()
    key = bot.key
    limit(app, key, allowedOperations=["ListWebhooks", "PostMessage"]).ok(200)
    hooks = f"{app.path}/integrations/me/webhooks"
    conversation = app.group()
    for caller in (bot.api, bot.bearer):
        caller.get(hooks).ok(200)
        app.say(conversation, "It may", caller=caller)
        caller.delete(f"{hooks}/{bot.webhook['id']}").refused(403, "forbidden", "This key may not call DeleteWebhook")
        caller.post(f"{app.path}/users", {}).refused(403, "forbidden", "This key may not call CreateUser")
        # A limit takes away; it gives nothing beyond the scope.
        caller.get(app.path).refused(403, "forbidden", "Forbidden")
    for wrong, words in ((["CreateApp"], "may not call CreateApp"), (["NoSuchThing"], "operations of this API"), ([], "")):
        answer = limit(app, key, allowedOperations=wrong).refused(400, "bad_request")
        assert words in answer.titles[0], answer.titles
    told = limit(app, key, allowedOperations=None).ok(200)["key"]["limits"]
    assert told == {}
    bot.api.post(f"{app.path}/users", {}).ok(201)


def test_rate(server, app):
    key, beside = app.new_key(), app.new_key()
    limit(app, key, rateLimit="5/h").ok(200)
    caller, token = Api(server, key), Api(server, bearer=tokens.mint(key))
    statuses = [one.get(app.path).status for one in (caller, token) * 4]
    assert statuses == [200] * 5 + [429] * 3, "Basic and Bearer are one budget"
    assert 1 <= int(caller.get(app.path).refused(429, "too_many_requests").headers["retry-after"]) <= 720
    Api(server, beside).get(app.path).ok(200)
    for wrong in ("often", "0/s", "5", 5):
        limit(app, key, rateLimit=wrong).refused(400, "bad_request")
    limit(app, key, rateLimit=None).ok(200)
    caller.get(app.path).ok(200)


def test_token_lifetime(server, app):
    key, now = app.new_key(), int(time.time())
    limit(app, key, maxTokenSeconds=600).ok(200)
    body = "Invalid JWT body. "
    for claims, title in [
        ({}, "This key requires tokens that expire (exp)"),
        ({"exp": now + 60}, "This key requires tokens that say when they were issued (iat)"),
        ({"iat": now, "exp": now + 700}, "This key allows tokens for 600 seconds at most (exp - iat)"),
        ({"iat": now + 5000, "exp": now + 5100}, "Token was issued in the future (iat)"),
        # In the last stretch of a life that is too long.
        ({"iat": now - 9000, "exp": now + 60}, "This key allows tokens for 600 seconds at most (exp - iat)"),
    ]:
        Api(server, bearer=tokens.mint(key, **claims)).get(app.path).refused(401, "invalid_auth", body + title)
    Api(server, bearer=tokens.mint(key, iat=now, exp=now + 600)).get(app.path).ok(200)
    Api(server, key).get(app.path).ok(200)
    for wrong in (0, -5, "1h", 1e12):
        limit(app, key, maxTokenSeconds=wrong).refused(400, "bad_request")


def test_what_is_left_out_stays(app):
    key = app.new_key()
    limit(app, key, rateLimit="7/s").ok(200)
    told = limit(app, key, allowedAddresses=["10.0.0.1"]).ok(200)["key"]["limits"]
    assert told == {"allowedAddresses": ["10.0.0.1"], "rateLimit": "7/s"}
    limit(app, key, allowedAddresses=["10.0.0.1"], rateLimit="wrong").refused(400)
    assert app.account.get(f"{KEYS}/{key['id']}").ok(200)["key"]["limits"] == told


@pytest.mark.parametrize("flag", ["--trusted-proxies=here", "--failure-limit-key=often", "--key-mode=soft"])
def test_settings_that_are_none(flag):
    from lib.server import run
    ended = run("serve", flag)
    assert ended.returncode == 2 and flag.split("=")[1] in ended.stderr
