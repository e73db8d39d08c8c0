"""Egress proxies: the server's and a webhook's own, over a small real one. (TLS through a tunnel is tested in Rust.)"""

import time

import pytest
from lib import secrets
from lib.api import Api
from lib.clock import PATIENCE_S
from lib.proxy import Proxy
from lib.server import SHORT_GAPS, Server
from lib.world import MISSING, new_app

PASSWORD = "pass-word-of-the-proxy"


@pytest.fixture
def proxy():
    """A proxy that knows its callers, and knows a name that nobody else does."""
    secrets.note(PASSWORD)
    one = Proxy("me", PASSWORD, names={"inside.example": "127.0.0.1"})
    yield one
    one.close()


def place(app, webhook):
    return f"/heliograph/v1/apps/{app.id}/webhooks/{webhook['id']}/proxy"


def inside(target):
    """The sink's address by the name that only the proxy knows."""
    return target.url.replace("127.0.0.1", "inside.example")


def test_a_webhook_leaves_by_its_own_proxy(app, sink, proxy):
    target, beside = sink.target(), sink.target()
    webhook = app.custom(inside(target)).webhook
    app.custom(beside)
    body = {"url": f"http://{proxy.host}", "username": "me", "password": PASSWORD}
    shown = app.account.put(place(app, webhook), body).ok(200)
    assert shown == {"proxy": {"url": body["url"], "username": "me"}}, "the password is shown to nobody"
    assert app.account.get(place(app, webhook)).ok(200) == shown
    group = app.group()
    app.say(group, "By the proxy")
    call = target.wait_deliveries(1)[0]
    beside.wait_deliveries(1)
    assert [(method, url) for method, url, _ in proxy.asked] == [("POST", inside(target))], "and nobody else does"
    assert "proxy-authorization" not in call.headers

    # Without it nobody knows the name.
    app.account.delete(place(app, webhook)).ok(200)
    app.account.get(place(app, webhook)).refused(404)
    app.account.delete(place(app, webhook)).refused(404)
    app.say(group, "Lost")
    beside.wait_deliveries(2)
    target.stays_at(1, 0.5)
    assert len(proxy.asked) == 1


def test_a_credential_that_is_wrong_or_missing_is_a_failure(launch, sink, proxy):
    app, target = new_app(launch("--webhook-retry-gaps", ",".join(["1"] * 60))), sink.target()
    webhook = app.custom(inside(target)).webhook
    app.account.put(place(app, webhook), {"url": f"http://{proxy.host}"}).ok(200)
    app.say(app.group(), "Late")
    until = time.monotonic() + PATIENCE_S
    log = place(app, webhook).removesuffix("/proxy") + "/deliveries"
    while "lastResult" not in (delivery := app.api.get(log).ok(200)["deliveries"][0]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert proxy.asked and (delivery["status"], delivery["lastResult"]) == ("pending", "proxyRefused")
    # It is tried again, and by then the proxy knows who calls.
    app.account.put(place(app, webhook), {"url": f"http://{proxy.host}", "username": "me", "password": PASSWORD}).ok(200)
    target.wait_deliveries(1)


def test_https_asks_for_a_tunnel(app, sink, proxy):
    """The sink speaks no TLS, so that it ends there; but the proxy was asked for the right thing."""
    webhook = app.custom(inside(sink.target()).replace("http://", "https://")).webhook
    app.account.put(place(app, webhook), {"url": f"http://{proxy.host}", "username": "me", "password": PASSWORD}).ok(200)
    app.say(app.group(), "Through a tunnel")
    until = time.monotonic() + PATIENCE_S
    while not proxy.asked:
        assert time.monotonic() < until
        time.sleep(0.05)
    method, target, credential = proxy.asked[0]
    assert (method, target) == ("CONNECT", f"inside.example:{sink.http.server_port}") and credential.startswith("Basic ")


@pytest.mark.parametrize("body", [
    {}, {"url": ""}, {"url": "egress.example:3128"}, {"url": "https://egress.example"}, {"url": "socks5://egress.example"},
    {"url": "http://me:secret@egress.example"}, {"url": "http://egress.example/path"}, {"url": "http://egress.example:0"},
    {"url": "http://egress.example", "username": "me"}, {"url": "http://egress.example", "password": "secret-secret"},
    {"url": "http://egress.example", "username": "a:b", "password": "secret-secret"},
    {"url": "http://egress.example", "username": "a" * 257, "password": "secret-secret"}, {"url": 1},
])
def test_what_is_no_proxy_is_refused(app, body):
    webhook = app.custom().webhook
    app.account.put(place(app, webhook), body).refused(400, "bad_request")
    app.account.get(place(app, webhook)).refused(404)
    app.account.put(place(app, webhook).replace(webhook["id"], MISSING), {"url": "http://a.example"}).refused(404)


def test_only_the_operator_names_proxies(server, app):
    """Whose targets are guarded must not name what stands in the guard's place."""
    service = server.admin_key("--service", "--grant", app.id)
    webhook = app.custom().webhook
    for caller in (Api(server, service), app.api):
        caller.put(place(app, webhook), {"url": "http://127.0.0.1:22"}).refused(403, "forbidden")
        caller.get(place(app, webhook)).refused(403, "forbidden")
        caller.delete(place(app, webhook)).refused(403, "forbidden")


def test_the_server_s_proxy_and_what_its_guard_means(launch, sink, proxy):
    """Names are the proxy's to judge; addresses that show what they are are refused here. The proxy may be anywhere."""
    server = launch(*SHORT_GAPS, "--allow-private-targets=false",
                    env={"HELIOGRAPH_OUTBOUND_PROXY": f"http://me:{PASSWORD}@{proxy.host}"})
    assert proxy.host in server.stdout and PASSWORD not in server.stdout
    app = new_app(server)
    target = sink.target()
    app.custom(inside(target))
    for url in (target.url, target.url.replace("127.0.0.1", "localhost"), target.url.replace("127.0.0.1", "2130706433"),
                target.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"), "http://169.254.169.254/latest/meta-data"):
        app.custom(url)
    app.say(app.group(), "By the server's proxy")
    target.wait_deliveries(1)
    target.stays_at(1, 1.5)
    assert {url for _, url, _ in proxy.asked} == {inside(target)}


def test_a_proxy_s_variables_of_the_environment_are_not_asked(launch, sink, proxy):
    environment = {name: f"http://{proxy.host}" for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY")}
    server = launch(*SHORT_GAPS, env=environment)
    app, target = new_app(server), sink.target()
    app.custom(target)
    app.say(app.group(), "Directly")
    target.wait_deliveries(1)
    assert proxy.asked == []


def test_a_proxy_that_is_none_keeps_the_server_from_starting(tmp_path):
    server = Server("sqlite", tmp_path, env={"HELIOGRAPH_OUTBOUND_PROXY": "https://me:hush-hush@egress.example"})
    with pytest.raises(AssertionError, match="the outbound proxy should be http://HOST:PORT"):
        server.start()
    assert "hush" not in server.stderr
