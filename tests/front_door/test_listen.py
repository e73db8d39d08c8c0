"""A webhook's events, fetched in place of being called: the operation, and `heliograph listen`."""

import json
import signal
import socket
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
from lib import secrets, signing
from lib.clock import PATIENCE_S
from lib.ports import free_port
from lib.raw import Wire, basic
from lib.server import BINARY, SHORT_GAPS, Server, clean_environment
from lib.world import MISSING, new_app


def place(app, webhook_id):
    return f"/heliograph/v1{app.path[3:]}/webhooks/{webhook_id}/events"


class Running:
    """The command line, running beside the test. `lines` and `said` are what it printed."""

    def __init__(self, server, app, *words):
        key = app.api.key
        env = clean_environment(
            HELIOGRAPH_URL=server.relayed, HELIOGRAPH_KEY_ID=key["id"], HELIOGRAPH_SECRET=key["secret"],
            XDG_CONFIG_HOME="/nonexistent")
        self.process = subprocess.Popen(
            [BINARY, *words, "--app", app.id], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.said, self.changed = [], [], threading.Condition()
        for stream, kept in ((self.process.stdout, self.lines), (self.process.stderr, self.said)):
            threading.Thread(target=self.read, args=(stream, kept), daemon=True).start()

    def read(self, stream, kept):
        for line in stream:
            with self.changed:
                kept.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait(self, found, within=PATIENCE_S):
        with self.changed:
            assert self.changed.wait_for(found, within), (self.lines, self.said)

    def wait_said(self, text):
        self.wait(lambda: any(text in line for line in self.said))
        return self

    def wait_lines(self, count):
        self.wait(lambda: len(self.lines) >= count)
        return list(self.lines)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        assert not any("panicked" in line for line in self.said), self.said
        assert not any(secrets.found_in(line.encode()) for line in self.said + self.lines), (self.said, self.lines)


class Unread(Running):
    """Its output is closed from the beginning, as `| head -0` has it."""

    def read(self, stream, kept):
        if stream is self.process.stdout:
            stream.close()


@pytest.fixture
def listen(server, app, sink):
    """Starts a listener; answers it and the local target."""
    running = []

    def start(*flags, target=None):
        target = target or sink.target()
        command = ("listen", "--forward-to", target.url, *flags)
        running.append(Running(server, app, *command).wait_said("Listening to"))
        return running[-1], target

    yield start
    for one in running:
        one.__exit__()


def test_what_is_fetched_is_what_would_be_sent(app, sink):
    target = sink.target()
    integration = app.custom(target)
    path = place(app, integration.webhook["id"])
    app.say(app.group(), "Ünïcode")
    [sent] = target.wait_deliveries(1)
    listed = app.api.get(f"{path}?since=2020-01-01T00:00:00Z").ok(200)
    [event] = listed["events"]
    assert listed["hasMore"] is False and listed["completeUntil"] < event["id"]
    assert (event["id"], event["trigger"]) == (sent.events[0]["id"], "conversation:message")
    assert event["body"].encode() == sent.raw and event["createdAt"] == sent.events[0]["createdAt"]
    assert event["headers"]["x-api-key"] == sent.headers["x-api-key"] == integration.webhook["secret"]
    assert event["headers"]["webhook-id"] == sent.headers["webhook-id"]
    assert app.api.get(f"{path}?after={event['id']}").ok(200)["events"] == []
    # The integration's own key sees its own, and nobody else's.
    assert integration.api.get(f"{path}?after={'0' * 24}").ok(200)["events"][0]["id"] == event["id"]
    app.custom().api.get(path).refused(403, "forbidden")
    app.api.get(place(app, MISSING)).refused(404, "not_found")
    for query in ("wait=26", "wait=-1", "after=x", f"after={event['id']}&since=2020-01-01T00:00:00Z", "since=x"):
        assert app.api.get(f"{path}?{query}").status == 400, query


def test_pages_follow_one_another(app, sink):
    webhook = app.custom(sink.target()).webhook
    path, group = place(app, webhook["id"]), app.group()
    for n in range(53):
        app.say(group, f"No. {n}")
    first = app.api.get(f"{path}?after={'0' * 24}").ok(200)
    rest = app.api.get(f"{path}?after={first['events'][-1]['id']}").ok(200)
    assert (len(first["events"]), first["hasMore"], len(rest["events"]), rest["hasMore"]) == (50, True, 3, False)
    texts = [json.loads(event["body"])["events"][0]["payload"]["message"]["content"]["text"]
             for event in first["events"] + rest["events"]]
    assert texts == [f"No. {n}" for n in range(53)]


def test_a_call_waits_for_what_happens(app, sink):
    path, group = place(app, app.custom(sink.target()).webhook["id"]), app.group()
    began = time.monotonic()
    assert app.api.get(f"{path}?wait=1").ok(200)["events"] == []
    assert 0.9 < time.monotonic() - began < 15
    said = []
    timer = threading.Timer(1, lambda: (app.say(group, "At last"), said.append(time.monotonic())))
    timer.start()
    [event] = app.api.get(f"{path}?wait=20").ok(200)["events"]
    came = time.monotonic()
    timer.join()
    assert "At last" in event["body"] and came - said[0] < 15


def test_a_stopping_server_does_not_wait(store, tmp_path, sink):
    server = Server(store, tmp_path / "server", *SHORT_GAPS).start()
    try:
        app = new_app(server)
        path = place(app, app.custom(sink.target()).webhook["id"])
        with Wire(server) as wire:
            # A connection that was answered already was surely let in.
            assert wire.request("GET", "/healthz").status == 200
            wire.send(f"GET {path}?wait=25 HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(app.key)}\r\n\r\n".encode())
            time.sleep(2)
            began = time.monotonic()
            assert server.stop() == 0 and time.monotonic() - began < 18
            answer = wire.read()
        assert answer.status == 200 and answer.json()["events"] == []
    finally:
        server.kill9()


def test_events_reach_the_local_program(app, sink, listen):
    distant = sink.target()
    webhook = app.custom(distant, ["conversation:message", "conversation:create"]).webhook
    secret = signing.secret_of(app, webhook)
    app.say(app.group(), "Before")
    distant.wait_deliveries(2)
    shown, local = listen("--webhook", webhook["id"], "--trigger", "conversation:message", "--json",
                          target=sink.target(500))
    group = app.group()
    app.say(group, "First")
    app.say(group, "Second")
    printed = [json.loads(line) for line in shown.wait_lines(2)]
    arrived = local.wait_deliveries(2)
    sent = {delivery.events[0]["id"]: delivery for delivery in distant.wait_deliveries(5)}
    for line, delivery, text in zip(printed, arrived, ("First", "Second"), strict=True):
        [event] = delivery.events
        assert event["payload"]["message"]["content"]["text"] == text
        assert delivery.raw == sent[event["id"]].raw and signing.verified(secret, delivery)
        for name in ("x-api-key", "webhook-id", "content-type"):
            assert delivery.headers[name] == sent[event["id"]].headers[name], name
        assert (line["id"], line["trigger"], line["event"]) == (event["id"], "conversation:message", event)
        assert line["durationMs"] >= 0 and line["error"] is None
    assert [line["status"] for line in printed] == [500, 200]
    # Nothing is forwarded twice, also when the latest are read once more.
    local.stays_at(2, 7)
    assert shown.interrupt() == 0


def test_a_temporary_webhook_goes_with_its_listener(app, listen):
    integration = app.custom()
    webhooks = f"{integration.path}/webhooks"
    app.api.delete(f"{webhooks}/{integration.webhook['id']}").ok(200)
    shown, local = listen("--integration", integration.id, "--print")
    [webhook] = app.api.get(webhooks).ok(200)["webhooks"]
    secret = signing.secret_of(app, webhook)
    app.say(app.group(), "Hello")
    event = local.wait_event("conversation:message")
    assert all(signing.verified(secret, delivery) for delivery in local.deliveries)
    shown.wait(lambda: f"conversation:message {event['id']} 200" in "\n".join(shown.lines)
               and '"text": "Hello"' in "\n".join(shown.lines))
    # Nobody tried to deliver anything.
    health = app.api.get(place(app, webhook["id"]).removesuffix("/events")).ok(200)["webhook"]
    assert health["status"] == "paused" and "failingSince" not in health
    # One that is killed leaves it behind, and the next one clears it away.
    shown.process.kill()
    shown.process.wait()
    shown, local = listen("--integration", integration.id)
    assert [one["id"] for one in app.api.get(webhooks).ok(200)["webhooks"]] == [webhook["id"]]
    assert shown.interrupt() == 0
    assert app.api.get(webhooks).ok(200)["webhooks"] == [] and local.deliveries == []


def test_what_was_left_is_told_of_what_is_wanted_now(app, listen):
    integration = app.custom()
    webhooks = f"{integration.path}/webhooks"
    app.api.delete(f"{webhooks}/{integration.webhook['id']}").ok(200)
    shown, _ = listen("--integration", integration.id, "--trigger", "user:remove")
    [left] = app.api.get(webhooks).ok(200)["webhooks"]
    assert left["triggers"] == ["user:remove"]
    shown.process.kill()
    shown.process.wait()
    shown, local = listen("--integration", integration.id, "--trigger", "conversation:message")
    [webhook] = app.api.get(webhooks).ok(200)["webhooks"]
    assert webhook["id"] == left["id"] and set(webhook["triggers"]) == {"user:remove", "conversation:message"}
    app.say(app.group(), "Hello")
    local.wait_event("conversation:message")
    assert shown.interrupt() == 0 and app.api.get(webhooks).ok(200)["webhooks"] == []


def test_it_warns_of_what_the_webhook_is_not_told_of(app, sink, listen):
    integration = app.custom(sink.target(), ["conversation:message"])
    for which in (("--webhook", integration.webhook["id"]), ("--integration", integration.id)):
        shown, _ = listen(*which, "--trigger", "user:remove,conversation:message")
        shown.wait_said(f"the webhook {integration.webhook['id']} is not told of user:remove")
        assert shown.interrupt() == 0
    assert app.api.get(f"{integration.path}/webhooks").ok(200)["webhooks"][0]["triggers"] == ["conversation:message"]


def test_it_ends_when_nobody_reads_it(server, app, sink):
    """And removes its webhook."""
    integration = app.custom()
    webhooks = f"{integration.path}/webhooks"
    app.api.delete(f"{webhooks}/{integration.webhook['id']}").ok(200)
    with Unread(server, app, "listen", "--forward-to", sink.target().url, "--integration", integration.id) as one:
        assert "Listening to" in one.process.stderr.readline()
        app.say(app.group(), "Hello")
        assert one.process.wait(30) == 0
    assert app.api.get(webhooks).ok(200)["webhooks"] == []


def test_a_second_signal_does_not_wait_for_the_server(app, sink):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = SimpleNamespace(relayed=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with Running(deaf, app, "listen", "--forward-to", sink.target().url) as one:
            silent.accept()[0].recv(1)
            one.process.send_signal(signal.SIGINT)
            one.wait_said("Once more stops at once")
            assert one.process.poll() is None
            assert one.interrupt() == 0


def test_the_webhook_that_is_there_is_followed_and_stays(app, sink, listen):
    integration = app.custom(sink.target())
    app.say(app.group(), "Early")
    shown, local = listen("--integration", integration.id, "--since", "2020-01-01T00:00:00Z")
    app.say(app.group(), "Late")
    texts = [d.events[0]["payload"]["message"]["content"]["text"] for d in local.wait_deliveries(2)]
    assert texts == ["Early", "Late"]
    assert shown.interrupt() == 0
    app.api.get(f"{integration.path}/webhooks/{integration.webhook['id']}").ok(200)


def test_nothing_is_lost_over_a_restart(store, tmp_path, sink):
    server = Server(store, tmp_path / "server", *SHORT_GAPS, listen=f"127.0.0.1:{free_port()}").start()
    try:
        app = new_app(server)
        webhook, group, local = app.custom(sink.target()).webhook, app.group(), sink.target()
        with Running(server, app, "listen", "--forward-to", local.url, "--webhook", webhook["id"]) as shown:
            shown.wait_said("Listening to")
            for n in range(3):
                app.say(group, f"{n}")
            local.wait_deliveries(1)
            server.kill9()
            shown.wait_said("trying again in")
            server.start()
            for n in range(3, 6):
                app.say(group, f"{n}")
            local.wait_deliveries(6, 90)
            local.stays_at(6, 6)
            assert [e["payload"]["message"]["content"]["text"] for e in local.events()] == [str(n) for n in range(6)]
            assert shown.interrupt() == 0
    finally:
        server.kill9()


def test_what_cannot_be_followed_ends_with_the_reason(server, app, sink):
    with Running(server, app, "listen", "--forward-to", sink.target().url, "--webhook", MISSING) as shown:
        assert shown.process.wait(PATIENCE_S) == 1
        shown.wait_said("404")
