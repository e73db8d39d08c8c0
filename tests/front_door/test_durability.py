"""kill -9, and a disk that takes no more: nothing acknowledged is lost, neither the change nor its webhook."""

import os
import resource
import threading
import time

import pytest
import requests
from lib.clock import PATIENCE_S, TAKEN_OVER_S
from lib.server import SHORT_GAPS, Server
from lib.world import EVERY_TRIGGER, new_app, text_message

THREADS = 8
STORM_S = 1.0

pytestmark = pytest.mark.waits


def patience(store):
    """How long a delivery that was in hand when its server died may take to come back. With PostgreSQL another server
    may be alive, so that its lease (45 s) has to end first; with SQLite there is no other."""
    return 45 + TAKEN_OVER_S if store == "postgres" else TAKEN_OVER_S


class Storm:
    """Threads that post messages until the server dies, keeping the ledger of what was acknowledged."""

    def __init__(self, app, conversations):
        self.app, self.conversations = app, conversations
        self.ledger, self.lock, self.over = {}, threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.post, args=(number,), daemon=True) for number in range(THREADS)]

    def post(self, number):
        conversation = self.conversations[number % len(self.conversations)]
        url = self.app.server.url + f"{self.app.conversation_path(conversation)}/messages"
        key, count = self.app.key, 0
        with requests.Session() as session:
            session.trust_env = False
            while not self.over.is_set():
                count += 1
                text = f"storm {number}.{count}"
                try:
                    answer = session.post(
                        url, json=text_message(text), auth=(key["id"], key["secret"]), timeout=PATIENCE_S)
                except requests.RequestException:
                    return
                if answer.status_code == 201:
                    message = answer.json()["messages"][0]
                    with self.lock:
                        self.ledger[message["id"]] = (conversation["id"], text)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE_S + 30)


def all_messages(app, conversation):
    """Every message of a conversation, page by page: id -> text."""
    found, query = {}, ""
    while True:
        answer = app.messages(conversation, query)
        found.update({one["id"]: one["content"]["text"] for one in answer["messages"]})
        if not answer["meta"]["hasMore"]:
            return found
        query = f"?page[before]={answer['meta']['beforeCursor']}"


@pytest.mark.parametrize("round_number", range(3))
def test_kill_during_writes(store, launch, sink, round_number):
    target = sink.target()
    server = launch(*SHORT_GAPS)
    app = new_app(server)
    app.custom(target)
    conversations = [app.group(), app.group()]
    assert app.key
    with Storm(app, conversations) as storm:
        # Not at the same moment of a batch each time.
        time.sleep(STORM_S + 0.137 * round_number)
        until = time.monotonic() + PATIENCE_S
        while len(storm.ledger) <= 20 and time.monotonic() < until:
            time.sleep(0.01)
        server.kill9()
    assert len(storm.ledger) > 20, "the storm was none"
    server.start()

    stored = {}
    for conversation in conversations:
        for message, text in all_messages(app, conversation).items():
            stored[message] = (conversation["id"], text)
    lost = {message: entry for message, entry in storm.ledger.items() if stored.get(message) != entry}
    assert not lost, f"{len(lost)} of {len(storm.ledger)} acknowledged messages are lost"

    # Every message that is there was announced, whether or not its answer got through.
    deadline = time.monotonic() + patience(store)
    missing = set(stored)
    while missing and time.monotonic() < deadline:
        time.sleep(0.1)
        missing = set(stored) - {event["payload"]["message"]["id"] for event in target.events()}
    assert not missing, f"{len(missing)} of {len(stored)} messages never reached the webhook"
    announced = {event["payload"]["message"]["id"] for event in target.events()}
    assert announced <= set(stored), "a webhook told of a message that does not exist"
    assert server.stop() == 0


def test_kill_during_delivery(store, launch, sink):
    """Events under way when the server dies are delivered by its successor, under the same event id."""
    target = sink.target(always=(200, 60))
    server = launch(*SHORT_GAPS)
    app = new_app(server)
    app.custom(target)
    group = app.group()
    sent = {app.say(group, f"under way {number}")["id"] for number in range(5)}
    target.wait_deliveries(1)
    server.kill9()
    first = {event["payload"]["message"]["id"]: event["id"] for event in target.events()}
    target.always = (200, 0)
    target.deliveries.clear()
    server.start()
    deadline = time.monotonic() + patience(store)
    while time.monotonic() < deadline and {e["payload"]["message"]["id"] for e in target.events()} != sent:
        time.sleep(0.1)
    again = {event["payload"]["message"]["id"]: event["id"] for event in target.events()}
    assert set(again) == sent
    assert all(again[message] == event for message, event in first.items()), "the same event has the same id"


def test_a_clock_that_was_set_back(store, launch, sink):
    """What is made after a restart follows what was there, and what was in hand is delivered, whatever the clock says."""
    if store == "postgres":
        pytest.skip("the clocks of PostgreSQL's servers are to agree: docs/webhooks.md")
    target = sink.target(always=(200, 60))
    server = launch(*SHORT_GAPS)
    app = new_app(server)
    app.custom(target)
    group = app.group()
    said = [app.say(group, "before")["id"]]
    target.wait_deliveries(1)
    server.kill9()
    # As if all of that had been an hour later.
    ahead = 3600
    server.sql(f"UPDATE delivery SET due_at = due_at + {ahead}000")
    for file in server.folder.glob("**/*.db*"):
        os.utime(file, (time.time() + ahead, time.time() + ahead))
    target.always = (200, 0)
    target.deliveries.clear()
    server.start()
    assert "the clock is behind what was written last" in server.stderr
    said += [app.say(group, f"after {number}")["id"] for number in range(3)]
    assert [one["id"] for one in app.messages(group)["messages"]] == said == sorted(said)
    assert int(said[1][:8], 16) >= time.time() + ahead - 60
    target.wait_deliveries(4)
    assert [event["payload"]["message"]["id"] for event in target.events()] == said
    # What was written since bears the time of the clock as it is now: the next start goes on from there all the same.
    server.kill9()
    server.start()
    said.append(app.say(group, "after another")["id"])
    assert [one["id"] for one in app.messages(group)["messages"]] == said == sorted(said)


def test_kill_while_retrying(launch, sink):
    """A retry that was due in a while survives the crash."""
    target = sink.target(500)
    server = launch("--webhook-retry-gaps", "2,0.2,0.2,0.2")
    app = new_app(server)
    app.custom(target)
    message = app.say(app.group(), "Try later")
    target.wait_deliveries(1)
    # The failure must be on record before the crash; were it not, an early first attempt would be right too.
    time.sleep(0.5)
    server.kill9()
    server.start()
    target.wait_deliveries(2, within=TAKEN_OVER_S)
    ids = {event["id"] for event in target.events()}
    assert len(ids) == 1
    assert target.events()[1]["payload"]["message"]["id"] == message["id"]


def test_everything_survives_a_restart(launch):
    server = launch()
    app = new_app(server)
    integration, user = app.custom(), app.user(metadata={"kept": True})
    conversation = app.personal(user)
    app.say(conversation, "Still here")
    paths = [app.path, f"{app.path}/integrations", f"{integration.path}/keys", f"{integration.path}/webhooks",
             f"{app.path}/users/{user['id']}", app.conversation_path(conversation),
             f"{app.conversation_path(conversation)}/participants", f"{app.conversation_path(conversation)}/messages"]
    assert integration.key and app.key
    before = [app.api.get(path).ok(200) for path in paths]
    assert server.stop() == 0
    server.start()
    assert [app.api.get(path).ok(200) for path in paths] == before
    integration.bearer.get(f"{app.path}/integrations/me/webhooks").ok(200)


def test_refused_changes_leave_no_webhook(launch, sink):
    """Even when the server dies right after: neither the change nor its webhook exists."""
    target = sink.target()
    server = launch()
    app = new_app(server)
    app.custom(target, EVERY_TRIGGER)
    user = app.user()
    body = {"type": "sdkGroup", "participants": [{"userId": user["id"]}, {"userExternalId": "nobody"}]}
    app.api.post(f"{app.path}/conversations", body).refused(404, "user_not_found")
    server.kill9()
    server.start()
    assert app.api.get(f"{app.path}/conversations?filter[userId]={user['id']}").ok()["conversations"] == []
    target.stays_at(0, 1)


def test_a_server_that_stops_hands_over_at_once(launch, sink):
    """What it could not deliver is free for its successor, without waiting for a lease to end."""
    target = sink.target(always=(503, 0))
    server = launch("--webhook-retry-gaps", ",".join(["1"] * 60))
    app = new_app(server)
    app.custom(target)
    group = app.group()
    sent = {app.say(group, f"before the end {number}")["id"] for number in range(20)}
    target.wait_deliveries(1)
    assert server.stop() == 0
    target.always = (200, 0)
    target.deliveries.clear()
    server.start()
    started = time.monotonic()
    target.wait_deliveries(1)
    assert target.deliveries[0].at - started < 9, "a dead server's silence would be ten seconds"
    target.wait_deliveries(20)
    assert {event["payload"]["message"]["id"] for event in target.events()} == sent


def test_delivery_outlives_a_full_memory(launch, sink):
    """A target that is down while thousands of events pile up gets every one of them once it is back."""
    target = sink.target(always=(500, 0))
    server = launch("--webhook-retry-gaps", "3," + ",".join(["1"] * 60))
    app = new_app(server)
    app.custom(target)
    conversations = [app.group(), app.group()]
    assert app.key
    with Storm(app, conversations) as storm:
        time.sleep(4 * STORM_S)
    target.always = (200, 0)
    deadline = time.monotonic() + 3 * PATIENCE_S
    missing = set(storm.ledger)
    while missing and time.monotonic() < deadline:
        time.sleep(0.2)
        with target.changed:
            good = [delivery for delivery in target.deliveries if delivery.status == 200]
        missing = set(storm.ledger) - {event["payload"]["message"]["id"] for one in good for event in one.events}
    assert not missing, f"{len(missing)} of {len(storm.ledger)} never arrived"
    assert server.stop() == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the size of another program's files is limited on Linux alone")
@pytest.mark.parametrize("size_limit", [120_000, 131_000, 500_123])
def test_a_disk_that_takes_no_more(tmp_path, size_limit):
    """The log on SQLite cannot grow: what is refused leaves nothing behind, and when there is room all goes on."""
    server = Server("sqlite", tmp_path / "server", *SHORT_GAPS)
    # The signal would end the server; without it, it is told what a full disk tells.
    server.starter = ["sh", "-c", "trap '' XFSZ && exec \"$0\" \"$@\""]
    server.start()
    try:
        app = new_app(server)
        conversations = [app.group() for _ in range(THREADS)]
        assert app.key
        log = server.data / "heliograph.db-wal"
        server.may_fail = True
        pid, least = server.process.pid, log.stat().st_size
        with Storm(app, conversations) as storm:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (least + size_limit, resource.RLIM_INFINITY))
            deadline = time.monotonic() + PATIENCE_S
            while "a group of transactions failed" not in server.stderr and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2)
            assert log.stat().st_size <= least + size_limit
            refused = len(storm.ledger)
            # What is there can be read all the time.
            assert app.api.get(app.path).ok(200)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            deadline = time.monotonic() + PATIENCE_S
            while len(storm.ledger) < refused + 100 and time.monotonic() < deadline:
                time.sleep(0.01)
        assert "a group of transactions failed" in server.stderr, "nothing was refused"
        assert len(storm.ledger) >= refused + 100, "it goes on by itself"
        server.kill9()
        server.start()
        stored = {}
        for conversation in conversations:
            for message, text in all_messages(app, conversation).items():
                stored[message] = (conversation["id"], text)
        assert {message: stored.get(message) for message in storm.ledger} == storm.ledger
        assert server.sql("PRAGMA integrity_check") == "ok"
        assert server.stop() == 0
    finally:
        server.end()
