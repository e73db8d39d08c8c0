"""Delivery: retries with growing gaps, statuses that end it, slow targets that delay nobody.

The shared server's gaps are 0.2 s each (SHORT_GAPS), so that five attempts take a second instead of a quarter hour.
"""

import time

import pytest
from lib.server import SHORT_GAPS
from lib.world import new_app

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
    target.wait_deliveries(1, within=5)


def test_redirects_are_not_followed(app, sink):
    """A 302 counts as a failure; its Location is never asked."""
    target = sink.target(302, 200)
    app.custom(target)
    app.say(app.group(), "Not elsewhere")
    target.wait_deliveries(2)


def test_a_hanging_target_delays_nobody(app, sink):
    hanging = [sink.target(always=(200, 30)) for _ in range(3)]
    for target in hanging:
        app.custom(target)
    swift = sink.target()
    app.custom(swift)
    group = app.group()
    started = time.monotonic()
    for number in range(10):
        app.say(group, f"message {number}")
    swift.wait_deliveries(10, within=8)
    assert swift.deliveries[-1].at - started < 8
    assert all(len(target.deliveries) >= 1 for target in hanging)


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
