"""Deliveries beside others that fail, wait or are told once more."""

import time

import pytest
from lib.clock import PATIENCE_S
from lib.world import new_app
from test_deliveries import place, settled
from test_delivery_order import refuse, wait_said


def test_a_claim_that_fails_keeps_no_other_from_its_webhook(launch, sink):
    """Several are claimed in one go; what the store refuses of one of them concerns that one alone."""
    server = launch("--webhook-retry-gaps", "2,2,2,2,2,2,2,2")
    app = new_app(server)
    targets = [sink.target(always=(500, 0)) for _ in range(6)]
    webhooks = [app.custom(target).webhook["id"] for target in targets]
    app.say(app.group(), "To all")
    for target in targets:
        target.wait_deliveries(1)
    time.sleep(0.5)
    refuse(server, f"new.webhook_id = '{webhooks[0]}' and new.node is not null")
    called = len(targets[0].deliveries)
    for target in targets:
        target.always = (200, 0)
    for webhook in webhooks[1:]:
        settled(app, place(app, {"id": webhook}), "delivered")
    assert len(targets[0].deliveries) == called


def one_told_and_one_that_waits(app, target):
    """Two events of a conversation: the first has arrived, the second has failed and waits. Where they are, too."""
    path, group = place(app, app.custom(target).webhook), app.group()
    app.say(group, "one")
    [one] = settled(app, path, "delivered")
    app.say(group, "two")
    target.wait_deliveries(2)
    return path, group, one, wait_tried(app, path)


def test_a_replay_uses_up_no_attempt_of_what_follows(launch, sink):
    """An event waits for its next attempt; earlier ones of its conversation are told once more."""
    app, target = new_app(launch("--webhook-retry-gaps", "600")), sink.target(200, 500)
    path, group, one, waits = one_told_and_one_that_waits(app, target)
    app.say(group, "three")
    for replay in range(3):
        app.api.post(f"{path}/deliveries/{one['id']}/replay", {}).ok(202)
        target.wait_deliveries(3 + replay)
        settled(app, path, "delivered")
    target.stays_at(5, 2)
    assert pending(app, path) == waits
    # What is told once more itself does not wait.
    app.api.post(f"{path}/deliveries/{waits['id']}/replay", {}).ok(202)
    settled(app, path, "delivered", 3)


def pending(app, path):
    """The first delivery that waits."""
    return app.api.get(f"{path}/deliveries?filter[status]=pending").ok(200)["deliveries"][-1]


def wait_tried(app, path):
    """The first delivery that waits, once an attempt of it is on record."""
    until = time.monotonic() + PATIENCE_S
    while not (found := pending(app, path))["attemptCount"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_a_new_target_has_not_failed(app, sink):
    """Nor was its webhook failing for as long as the former one was."""
    first, second = sink.target(always=(404, 0)), sink.target()
    integration = app.custom(first)
    webhook = f"{integration.path}/webhooks/{integration.webhook['id']}"
    path = place(app, integration.webhook)
    app.say(app.group(), "Hello")
    settled(app, path, "failed")
    failing = app.api.get(path).ok(200)["webhook"]
    assert failing["status"] == "failing"
    app.api.patch(webhook, {"target": first.url, "includeFullUser": True}).ok(200)
    assert app.api.get(path).ok(200)["webhook"]["failingSince"] == failing["failingSince"], "it is where it was"
    app.api.patch(webhook, {"target": second.url}).ok(200)
    assert app.api.get(path).ok(200)["webhook"]["status"] == "active"
    app.say(app.group(), "Hello again")
    second.wait_deliveries(1)


def test_a_call_of_the_former_target_says_nothing_of_the_new_one(app, sink):
    """It was under way when the webhook's target was changed."""
    first, second = sink.target(always=(404, 60)), sink.target()
    integration = app.custom(first)
    path = place(app, integration.webhook)
    app.say(app.group(), "Hello")
    first.wait_deliveries(1)
    app.api.patch(f"{integration.path}/webhooks/{integration.webhook['id']}", {"target": second.url}).ok(200)
    first.go.set()
    settled(app, path, "failed")
    assert app.api.get(path).ok(200)["webhook"]["status"] == "active"


LONG_GAP_S = 7200


def ages(server, condition, seconds):
    """As if so much time had passed for deliveries that wait and fulfil this."""
    server.sql(f"update delivery set due_at = due_at - {seconds * 1000} where due_at is not null and {condition}")


def wait_aside(server, event):
    """Until an event that was due is seen to be behind another: then it is due much later."""
    until = time.monotonic() + PATIENCE_S
    while int(server.sql(f"select due_at from delivery where id = '{event}'")) < (time.time() + 60) * 1000:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_what_was_aside_for_long_follows_at_once(launch, sink):
    """It has failed before, and what came before it in its conversation waited longer than an hour for its attempt."""
    server = launch("--webhook-retry-gaps", f"{LONG_GAP_S},{LONG_GAP_S}")
    app, target = new_app(server), sink.target(200, 500, 500)
    path, _, one, two = one_told_and_one_that_waits(app, target)
    app.api.post(f"{path}/deliveries/{one['id']}/replay", {}).ok(202)
    target.wait_deliveries(3)
    settled(app, path, "pending", 2)
    past = int(LONG_GAP_S * 1.1) + 1
    ages(server, f"id = '{two['id']}'", past)
    wait_aside(server, two["id"])
    ages(server, "node is null", past)
    settled(app, path, "delivered", 2)
    assert [event["id"] for event in target.events()[3:]] == [one["id"], two["id"]]


def test_what_was_not_woken_is_looked_at_again(launch, sink):
    server = launch("--webhook-retry-gaps", str(LONG_GAP_S))
    app = new_app(server)
    target = sink.target(500)
    path = place(app, app.custom(target).webhook)
    group = app.group()
    app.say(group, "one")
    target.wait_deliveries(1)
    app.say(group, "two")
    two, one = settled(app, path, "pending", 2)
    wait_aside(server, two["id"])
    told = app.api.get(f"{path}/deliveries/{two['id']}").ok(200)["delivery"]
    assert told["status"] == "pending" and "nextAttemptAt" not in told, "nobody knows yet"
    server.stop()
    server.sql(f"update delivery set status = 'delivered', due_at = null where id = '{one['id']}'")
    ages(server, f"id = '{two['id']}'", 3601)
    server.start()
    settled(app, path, "delivered", 2)
    assert [event["id"] for event in target.events()] == [one["id"], two["id"]]


def wait_logged(server, *words):
    """Until one of these stands in the server's log."""
    until = time.monotonic() + PATIENCE_S
    while not any(word in server.stderr for word in words):
        assert time.monotonic() < until
        time.sleep(0.05)


def take_again(server):
    """Ends what `refuse` began."""
    server.sql("drop trigger refuse" + (" on delivery" if server.store == "postgres" else ""))


@pytest.mark.waits
def test_what_could_not_be_given_back_keeps_its_place(launch, sink):
    """The store has it as being in hand until its lease ends. One lease ends while the other still lasts."""
    server = launch("--webhook-retry-gaps", "29,29,29")
    app = new_app(server)
    target = sink.target((500, 15))
    app.custom(target)
    group = app.group()
    app.say(group, "a 0")
    target.wait_deliveries(1)
    app.say(group, "a 1")
    time.sleep(13)
    app.say(group, "a 2")
    refuse(server, "old.node is not null and new.node is null and new.attempts = old.attempts and new.due_at < old.due_at")
    wait_logged(server, "deliveries go back when their lease ends")
    take_again(server)
    assert wait_said(target, 2) == ["a 0", "a 1"]
    for number in range(3, 6):
        time.sleep(1.5)
        app.say(group, f"a {number}")
    assert wait_said(target, 6) == [f"a {number}" for number in range(6)]


@pytest.mark.waits
def test_a_lease_is_long_enough_however_long_it_took_to_get(store, launch, sink):
    """A delivery waited in memory for so long that it gets a new lease before it is sent; the store takes its time."""
    if store == "sqlite":
        pytest.skip("no statement of SQLite's sleeps")
    server = launch()
    app = new_app(server)
    target = sink.target((200, 16), always=(200, 15))
    app.custom(target)
    group = app.group()
    app.say(group, "first")
    target.wait_deliveries(1)
    app.say(group, "second")
    server.sql("create sequence renewals")
    server.sql("create function wait() returns trigger language plpgsql as $$ begin"
               " if nextval('renewals') = 1 then perform pg_sleep(24); end if; return new; end $$")
    server.sql("create trigger wait before update on delivery for each row when (new.node = old.node) execute function wait()")
    second = target.wait_deliveries(2)[1].events[0]["id"]
    lease_until = int(server.sql(f"select due_at from delivery where id = '{second}'"))
    target.go.set()
    assert lease_until / 1000 - time.time() > 30


def test_what_a_pause_could_not_keep_is_not_overtaken(launch, sink):
    """The store did not take that it is held; then the webhook was resumed."""
    server = launch()
    app = new_app(server)
    target = sink.target((200, 60))
    path = place(app, app.custom(target).webhook)
    group = app.group()
    app.say(group, "a 0")
    target.wait_deliveries(1)
    app.say(group, "a 1")
    app.api.post(f"{path}/pause", {}).ok(200)
    refuse(server, "new.status = 'held'")
    target.go.set()
    wait_logged(server, "is asked again", "left in hand")
    app.api.post(f"{path}/resume", {"missed": "deliver"}).ok(200)
    take_again(server)
    for number in range(2, 5):
        time.sleep(1)
        app.say(group, f"a {number}")
    assert wait_said(target, 5) == [f"a {number}" for number in range(5)]
