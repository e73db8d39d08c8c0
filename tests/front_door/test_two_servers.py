"""PostgreSQL below several servers: they are one to their callers. And PostgreSQL that goes away for a moment."""

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from lib import postgres, tokens
from lib.api import Api
from lib.clock import TAKEN_OVER_S
from lib.link import Link
from lib.proxy import pour
from lib.server import SHORT_GAPS, Server
from lib.world import App, new_app

# How long a server believes a key without asking.
BELIEVED_S = 0.5


class Gate:
    """Stands before PostgreSQL, and lets connections in by their number until it opens for all; the others are told that
    there are too many."""

    def __init__(self, beyond, let_in):
        self.beyond, self.let_in, self.opens = beyond, let_in, False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        for number in itertools.count(1):
            client, _ = self.listener.accept()
            carry = self.carry if self.opens or number in self.let_in else self.refuse
            threading.Thread(target=carry, args=(client,), daemon=True).start()

    def carry(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(self.beyond) as server:
            threading.Thread(target=pour, args=(client, server), daemon=True).start()
            pour(server, client)

    def refuse(self, client):
        words = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"
        with client, contextlib.suppress(OSError):
            client.recv(4096)
            time.sleep(0.3)
            client.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)


@pytest.fixture
def pair(tmp_path):
    """Two servers on one database, with one master key."""
    first = Server("postgres", tmp_path / "first", *SHORT_GAPS).start()
    second = Server("postgres", tmp_path / "second", *SHORT_GAPS, "--master-key-file", str(tmp_path / "first" / "data-master.key"))
    # Made by the first: the second start of a database prints and writes no key.
    second.data.mkdir(parents=True)
    (second.data / "first-key.json").write_text((first.data / "first-key.json").read_text())
    second.database_url = first.database_url
    yield first, second.start()
    for one in (first, second):
        one.end()
        one.assert_discreet()
        one.assert_witnessed()


@pytest.fixture(autouse=True)
def only_postgres(request):
    if request.config.getoption("--store") == "sqlite":
        pytest.skip("two servers share PostgreSQL alone")


def test_each_sees_what_the_other_does(pair, sink):
    first, second = pair
    app = new_app(first)
    target = sink.target()
    integration = app.custom(target)
    beside = App(second, second.account, app.body)
    beside.key = app.key
    group = app.group(app.user(externalId="jane"))
    mine, theirs = app.say(group, "by the first"), beside.say(group, "by the second")
    assert [one["id"] for one in beside.messages(group)["messages"]] == [mine["id"], theirs["id"]]
    assert app.messages(group) == beside.messages(group)
    beside.api.post(f"{app.path}/users", {"externalId": "jane"}).refused(409, "conflict")
    target.wait_deliveries(2)
    target.stays_at(2, 1.5)

    key = integration.new_key()
    caller = Api(second, bearer=tokens.mint(key))
    caller.get(f"{app.path}/integrations/me/webhooks").ok(200)
    app.api.delete(f"{integration.path}/keys/{key['id']}").ok(200)
    time.sleep(BELIEVED_S + 0.2)
    caller.get(f"{app.path}/integrations/me/webhooks").refused(401, "invalid_auth")


def test_a_secret_replaced_on_one_server_and_reported_on_the_other(pair):
    """The other still takes it for the current one: that one ends all the same, and no more."""
    first, second = pair
    app = new_app(first)
    key = app.new_key()
    Api(second, key).get(app.path).ok(200)
    new = {**key, "secret": app.account.post(f"/heliograph/v1/keys/{key['id']}/rotate", {}).ok(200)["secret"]}
    Api(second).post("/heliograph/v1/leaked-keys", {"keys": [{"keyId": key["id"], "secret": key["secret"]}]}).ok(200)
    time.sleep(BELIEVED_S + 0.2)
    for one in pair:
        Api(one, new).get(app.path).ok(200)
        Api(one, key).get(app.path).refused(401, "unauthorized")


@pytest.mark.waits
def test_the_survivor_delivers_what_the_other_had_in_hand(pair, sink):
    first, second = pair
    app = new_app(first)
    target = sink.target(always=(200, 60))
    app.custom(target)
    message = app.say(app.group(), "taken over")
    target.wait_deliveries(1)
    first.kill9()
    target.always = (200, 0)
    # The dead server has to be silent for ten seconds first.
    target.wait_deliveries(2, within=TAKEN_OVER_S)
    assert [event["payload"]["message"]["id"] for event in target.events()] == [message["id"]] * 2
    assert len({event["id"] for event in target.events()}) == 1
    second.account.get(app.path).ok(200)


@pytest.mark.waits
@pytest.mark.parametrize("answer", [500, 404])
def test_who_was_away_writes_nothing_over_what_the_other_did(pair, sink, answer):
    """A server that stalls with a call under way, which fails; the other one delivers meanwhile."""
    first, second = pair
    app = new_app(first)
    target = sink.target((answer, 3))
    webhook = app.custom(target).webhook
    beside = App(second, second.account, app.body)
    beside.key = app.key
    group = app.group()
    app.say(group, "one")
    target.wait_deliveries(1)
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        beside.say(group, "two")
        # The one that stands still has to be silent for ten seconds first.
        target.wait_deliveries(3, within=40)
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    target.stays_at(3, 3)
    path = f"/heliograph/v1{app.path[3:]}/webhooks/{webhook['id']}"
    deliveries = beside.api.get(f"{path}/deliveries").ok(200)["deliveries"]
    assert [one["status"] for one in deliveries] == ["delivered"] * 2
    assert beside.api.get(path).ok(200)["webhook"]["status"] == "active"


def test_another_master_key_is_refused(pair, tmp_path):
    """A second server with a key of its own would write what the first cannot read."""
    first, _ = pair
    third = Server("postgres", tmp_path / "third")
    third.database_url = first.database_url
    with pytest.raises(AssertionError, match="master key"):
        third.start()


def test_broken_connections_are_made_anew(tmp_path):
    server = Server("postgres", tmp_path / "one", *SHORT_GAPS).start()
    app = new_app(server)
    group = app.group()
    sent = [app.say(group, "before")["id"]]
    for number in range(3):
        postgres.run(postgres.admin_url(), "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '"
                     + server.database_url.rsplit("/", 1)[1] + "'")
        sent.append(app.say(group, f"after {number}")["id"])
        assert [one["id"] for one in app.messages(group)["messages"]] == sent
    assert server.stop() == 0
    server.assert_discreet()


@pytest.mark.waits
def test_connections_that_are_refused_are_asked_for_again(tmp_path):
    """PostgreSQL has few to give for a while. Whatever it refuses to whom, nobody waits for ever."""
    server = Server("postgres", tmp_path / "one").start()
    app = new_app(server)
    key = app.key
    assert server.stop() == 0
    url = urlsplit(server.database_url)
    for let_in in ({2, 3}, {1, 3}, {3}, set(), {1, 2}):
        gate = Gate((url.hostname, url.port), let_in)
        beside = Server.beside(server, tmp_path / f"two-{len(let_in)}-{sum(let_in)}")
        beside.database_url = url._replace(netloc=f"{url.username}@127.0.0.1:{gate.port}").geturl()
        beside.may_fail = True
        try:
            start(beside, gate)
            through = App(beside, beside.account, app.body)
            through.key = key
            through.say(through.group(), "through the gate")
            assert beside.stop() == 0
            beside.assert_discreet()
        finally:
            beside.end()


def start(server, gate):
    """Starts a server behind a gate; if it says why it cannot, and ends, then once more when the gate is open."""
    try:
        server.start()
    except AssertionError as ended:
        assert "PostgreSQL" in str(ended)
        gate.opens = True
        server.start()
    gate.opens = True


@pytest.mark.waits
def test_without_its_database_it_says_so(tmp_path):
    """Neither hangs nor ends: not ready, and every call an error of the contract's form that tells nothing."""
    server = Server("postgres", tmp_path / "one").start()
    app = new_app(server)
    assert app.key
    postgres.run(postgres.admin_url(), f"drop database {server.database_url.rsplit('/', 1)[1]} with (force)")
    server.may_fail = True
    answer = app.account.get("/readyz")
    assert answer.status == 503
    assert app.account.get("/healthz").status == 200
    answer = app.account.get(app.path)
    assert answer.status in (500, 503), answer.text
    assert answer.body["errors"][0]["code"] and "database" not in answer.text.lower()
    assert server.stop() == 0


@pytest.fixture
def linked(tmp_path):
    """A server that reaches its database by a link, and the link."""
    server = Server("postgres", tmp_path / "one", *SHORT_GAPS)
    link = Link(server.database_url)
    server.database_url = link.url
    yield server.start(), link
    server.end()
    link.close()


@pytest.mark.waits
@pytest.mark.parametrize("answer", [200, 500])
def test_what_became_of_a_call_outlives_an_outage(linked, sink, answer):
    """It is written down when the database is back, not made anew when its lease has ended."""
    server, link = linked
    server.may_fail = True
    app = new_app(server)
    target = sink.target((answer, 2))
    path = f"/heliograph/v1{app.path[3:]}/webhooks/{app.custom(target).webhook['id']}/deliveries"
    app.say(app.group(), "Hello")
    target.wait_deliveries(1)
    link.cut()
    time.sleep(6)
    link.mend()
    until = time.monotonic() + 30
    while (answered := app.api.get(path)).status != 200 or answered.body["deliveries"][0]["status"] != "delivered":
        assert time.monotonic() < until, answered.text
        time.sleep(0.2)
    assert answered.body["deliveries"][0]["attemptCount"] == len(target.deliveries) == (1 if answer == 200 else 2)


@pytest.mark.waits
def test_a_database_that_is_silent_does_not_hold_up_the_end(linked, sink):
    server, link = linked
    app = new_app(server)
    target = sink.target()
    app.custom(target)
    app.say(app.group(), "Hello")
    target.wait_deliveries(1)
    link.hang()
    time.sleep(1)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(90) == 0
    assert "stopped" in server.stderr


@pytest.mark.waits
def test_nobody_is_taken_for_dead_when_the_database_was_away(linked, tmp_path):
    server, link = linked
    second, other = Server.beside(server, tmp_path / "two", *SHORT_GAPS), Link(link.past)
    second.database_url = other.url
    second.start()
    server.may_fail = second.may_fail = True
    try:
        # Each has seen the other.
        time.sleep(3)
        link.cut()
        other.cut()
        time.sleep(13)
        # One is back before the other.
        for way, back in ((link, server), (other, second)):
            way.mend()
            until = time.monotonic() + 30
            while back.account.get("/readyz").status != 200:
                assert time.monotonic() < until
                time.sleep(0.1)
            time.sleep(2)
        time.sleep(4)
        assert "is silent" not in server.stderr + second.stderr
    finally:
        second.end()
        other.close()
