"""Delivery: retries with growing gaps, statuses that end it, slow targets that delay nobody.

The shared server's gaps are 0.2 s each (SHORT_GAPS), so that five attempts take a second instead of a quarter hour.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib.clock import PATIENCE_S
from lib.server import SHORT_GAPS
from lib.sink import Handler, Listener, Target
from lib.world import new_app
from test_deliveries import place, raw_target, settled
from test_delivery_order import refuse

ATTEMPTS = 5
# The gaps carry jitter; after this long without a further POST none will come.
QUIET_S = 1.2


def ids(target):
    return [[event["id"] for event in delivery.events] for delivery in target.deliveries]


@pytest.mark.parametrize("status", [500, 503, 429, 410, 302])
def test_retry_until_success(app, sink, status):
    target = sink.target(status, status, 200)
    app.custom(target)
    app.say(app.group(), "Try again")
    target.wait_deliveries(3)
    target.stays_at(3, QUIET_S)
    assert ids(target)[0] == ids(target)[1] == ids(target)[2], "retries carry the same event id"
    first, second, third = target.deliveries
    assert first.body == second.body == third.body


def test_five_attempts_and_no_more(app, sink):
    target = sink.target(always=(500, 0))
    app.custom(target)
    app.say(app.group(), "In vain")
    target.wait_deliveries(ATTEMPTS)
    target.stays_at(ATTEMPTS, QUIET_S)
    times = [delivery.at for delivery in target.deliveries]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert all(gap >= 0.08 for gap in gaps), f"gaps of 0.2 s with jitter, measured {gaps}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406])
def test_statuses_that_end_it(app, sink, status):
    target = sink.target(status)
    app.custom(target)
    group = app.group()
    app.say(group, "Refused")
    target.wait_deliveries(1)
    target.stays_at(1, QUIET_S)
    # The next event is delivered as if nothing had been.
    app.say(group, "Accepted")
    target.wait_deliveries(2)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(app, sink, status):
    target = sink.target(always=(status, 0))
    app.custom(target)
    app.say(app.group(), "Thanks")
    target.wait_deliveries(1)
    target.stays_at(1, 0.6)


def test_nobody_listens(app, sink):
    """A target that refuses connections is retried, and disturbs nobody."""
    app.custom("http://127.0.0.1:9/", name="closed port")
    target = sink.target()
    app.custom(target)
    app.say(app.group(), "Hello")
    target.wait_deliveries(1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(app, sink, status):
    """A redirect counts as a failure; its Location is never asked, neither at the first attempt nor at a later one."""
    elsewhere = sink.target()
    answer = f"HTTP/1.1 {status} Elsewhere\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
    listener, url = raw_target(answer.encode())
    with listener:
        path = place(app, app.custom(url).webhook)
        app.say(app.group(), "Not elsewhere")
        [delivery] = settled(app, path, "failed")
        assert (delivery["lastResult"], delivery["attemptCount"]) == (str(status), ATTEMPTS)
    elsewhere.stays_at(0, 0.2)


# Ways to say "this machine", "this network" or "the cloud's metadata".
PRIVATE = [
    "127.0.0.1", "2130706433", "0x7f.1", "0.0.0.0", "localhost", "[::1]", "[::]", "10.1.2.3", "172.16.0.1", "192.168.0.1",
    "100.64.0.1", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:a9fe:a9fe::1]", "[2002:7f00:1::1]", "[2001:0:7f00:1::1]",
]


def test_private_addresses_by_whatever_name(launch):
    server = launch("--webhook-retry-gaps", "0.05", "--allow-private-targets=false")
    for some in (PRIVATE[at:at + 10] for at in range(0, len(PRIVATE), 10)):
        app = new_app(server)
        webhooks = {}
        for host in some:
            hook = {"target": f"http://{host}:9/hook", "triggers": ["conversation:message"]}
            made = app.api.post(f"{app.path}/integrations", {"type": "custom", "webhooks": [hook]})
            if made.status == 201:
                webhooks[host] = made.body["integration"]["webhooks"][0]
            else:
                made.refused(400, "bad_request")
        app.say(app.group(), "Not to ourselves")
        for host, webhook in webhooks.items():
            [delivery] = settled(app, place(app, webhook), "failed")
            assert delivery["lastResult"] == "addressNotAllowed", host


def test_a_hanging_target_delays_nobody(app, sink):
    hanging = [sink.target(always=(200, 30)) for _ in range(3)]
    for target in hanging:
        app.custom(target)
    swift = sink.target()
    app.custom(swift)
    group = app.group()
    for number in range(10):
        app.say(group, f"message {number}")
    posted = time.monotonic()
    swift.wait_deliveries(10)
    # Who waited behind the others would do so for twenty seconds.
    assert swift.deliveries[-1].at - posted < 18
    assert all(len(target.deliveries) >= 1 for target in hanging)


@pytest.fixture
def counting():
    """A target that keeps who connected, in `peers`."""
    listener = Counting(("127.0.0.1", 0), Handler)
    listener.target = Target(f"http://127.0.0.1:{listener.server_port}/")
    listener.targets, listener.closing, listener.peers = {"/": listener.target}, threading.Event(), set()
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield listener
    listener.shutdown()
    listener.server_close()


def test_connections_are_used_again(app, counting):
    """One call after the other goes by one connection."""
    path = place(app, app.custom(counting.target).webhook)
    group = app.group()
    for number in range(10):
        app.say(group, f"message {number}")
        settled(app, path, "delivered", number + 1)
    assert len(counting.peers) == 1, counting.peers


def test_calls_side_by_side_find_their_connections_again(app, counting):
    """All connections of a target that gets many calls at a time are kept for its next ones."""
    path = place(app, app.custom(counting.target).webhook)
    groups = [app.group() for _ in range(40)]

    def say_in_all(held):
        """Says something in every group. Held, no call is answered before all have come."""
        arrived = len(counting.target.deliveries)
        counting.target.always = (200, 30 if held else 0)
        counting.closing.clear()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda group: app.say(group, "to all"), groups))
        counting.target.wait_deliveries(arrived + len(groups))
        counting.closing.set()
        settled(app, path, "pending", 0)

    # A target that does well gets more and more.
    say_in_all(held=False)
    say_in_all(held=False)
    say_in_all(held=True)
    opened = len(counting.peers)
    assert opened >= len(groups), "calls are made side by side"
    say_in_all(held=True)
    assert len(counting.peers) == opened


class Counting(Listener):
    """Keeps who connected."""

    def verify_request(self, request, client_address):
        self.peers.add(client_address)
        return True


def test_nothing_is_missing_or_doubled(app, sink):
    """When all goes well, each event comes once. (Its order is test_delivery_order.py's business.)"""
    target = sink.target()
    app.custom(target)
    group = app.group()
    sent = [app.say(group, f"message {number}")["id"] for number in range(30)]
    target.wait_deliveries(30)
    target.stays_at(30, 0.5)
    arrived = [event["payload"]["message"]["id"] for event in target.events()]
    assert sorted(arrived) == sorted(sent)


# A database that will not have it written down that something of this conversation arrived.
def test_one_that_cannot_be_written_down_keeps_no_other_from_it(launch, sink):
    """What arrived is written down together; where that fails, each for itself."""
    server = launch(*SHORT_GAPS)
    app, target = new_app(server), sink.target()
    webhook = app.custom(target).webhook
    groups = [app.group() for _ in range(9)]
    refuse(server, f"new.status = 'delivered' and new.conversation_id = '{groups[4]['id']}'")
    with ThreadPoolExecutor(len(groups)) as pool:
        for _ in range(3):
            list(pool.map(lambda group: app.say(group, "arrives"), groups))
    target.wait_deliveries(3 * len(groups) - 2)
    found = settled(app, place(app, webhook), "delivered", 3 * len(groups) - 3)
    assert groups[4]["id"] not in [delivery["conversationId"] for delivery in found]
    until = time.monotonic() + PATIENCE_S
    while "is asked again" not in server.stderr:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_private_targets_are_refused_unless_allowed(launch, sink):
    """A server on loopback alone allows them, unless told not to."""
    target = sink.target()
    guarded = launch(*SHORT_GAPS, env={"HELIOGRAPH_ALLOW_PRIVATE_TARGETS": "false"})
    app = new_app(guarded)
    hook = {"target": target.url, "triggers": ["conversation:message"]}
    made = app.api.post(f"{app.path}/integrations", {"type": "custom", "webhooks": [hook]})
    if made.status != 201:
        made.refused(400, "bad_request")
    app.say(app.group(), "Not to loopback")
    target.stays_at(0, 1.5)

    trusting = launch(*SHORT_GAPS, "--allow-private-targets")
    app = new_app(trusting)
    app.custom(target)
    app.say(app.group(), "To loopback")
    target.wait_deliveries(1)


@pytest.mark.parametrize("how", [{"listen": "0.0.0.0:0"}, {"env": {"HELIOGRAPH_PUBLIC_URL": "https://chat.example"}}],
                         ids=["listens to everybody", "has a public address"])
def test_private_targets_are_refused_by_default_and_allowed_on_loopback_alone(launch, sink, how):
    """Without the setting it depends on whom the server is for. That it allows them is said in its log."""
    alone, public = launch(*SHORT_GAPS), launch(*SHORT_GAPS, **how)
    said = "webhooks may name private addresses"
    assert said in alone.stderr and said in alone.stdout
    assert said not in public.stderr and said not in public.stdout
    target = sink.target()
    apps = [new_app(server) for server in (alone, public)]
    webhooks = [app.custom(target).webhook for app in apps]
    for app in apps:
        app.say(app.group(), "To loopback")
    [delivery] = settled(apps[1], place(apps[1], webhooks[1]), "failed")
    assert delivery["lastResult"] == "addressNotAllowed"
    target.wait_deliveries(1)
    target.stays_at(1, 0.3)
