"""The log of deliveries, telling once more, and the health of targets."""

import json
import socket
import threading
import time

import pytest
from lib.clock import PATIENCE_S, TAKEN_OVER_S
from lib.server import SHORT_GAPS, run
from lib.world import MISSING, NOWHERE, new_app


def place(app, webhook):
    return f"/heliograph/v1{app.path[3:]}/webhooks/{webhook['id']}"


def settled(app, path, status, count=1, within=PATIENCE_S):
    """Waits for so many deliveries of this status, or for the end of all."""
    until = time.monotonic() + within
    while True:
        found = app.api.get(f"{path}/deliveries?filter[status]={status}&page[size]=100").ok(200)["deliveries"]
        if (len(found) >= count if count else not found) or time.monotonic() > until:
            assert len(found) == count, found
            return found
        time.sleep(0.1)


def test_every_attempt_is_written_down(app, sink):
    target = sink.target(500, 200)
    integration = app.custom(target)
    path, secret = place(app, integration.webhook), integration.webhook["secret"]
    group = app.group()
    app.say(group, "Hello")
    [delivery] = settled(app, path, "delivered")
    assert (delivery["trigger"], delivery["conversationId"]) == ("conversation:message", group["id"])
    assert (delivery["attemptCount"], delivery["lastResult"]) == (2, "200")
    shown = app.api.get(f"{path}/deliveries/{delivery['id']}").ok(200)
    assert shown["event"] == target.events()[0]
    first, second = shown["attempts"]
    assert (first["outcome"], first["status"], second["outcome"], second["status"]) == ("retry", 500, "delivered", 200)
    assert first["nextAttemptAt"] > first["at"] and "nextAttemptAt" not in second
    assert first["request"]["url"] == target.url and first["request"]["body"] == target.deliveries[0].body
    assert first["request"]["headers"]["x-api-key"] == "***" and secret not in json.dumps(shown)
    assert first["durationMs"] >= 0
    # The integration's own key sees its own, and nobody else's.
    assert integration.api.get(f"{path}/deliveries").ok(200)["deliveries"][0]["id"] == delivery["id"]
    app.custom().api.get(f"{path}/deliveries").refused(403, "forbidden")
    app.api.get(f"{path}/deliveries/{MISSING}").refused(404, "not_found")


def raw_target(answer):
    """A target that answers with these bytes (nothing: it resets the connection)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                if answer:
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.parametrize("fault, error", [
    ("reset", "connectionBroken"), ("closed", "connectionRefused"), ("no TLS", "tls"),
])
def test_what_fails_has_a_name(app, fault, error):
    """What takes long to fail: below. Unknown names: test_rebinding.py; proxies: test_proxies.py."""
    listener, url = raw_target(b"")
    with listener:
        # A port that was closed just now may be somebody else's already.
        url = {"closed": NOWHERE, "reset": url, "no TLS": url.replace("http:", "https:")}[fault]
        path = place(app, app.custom(url).webhook)
        app.say(app.group(), "In vain")
        [delivery] = settled(app, path, "failed")
        assert (delivery["lastResult"], delivery["attemptCount"]) == (error, 5)


@pytest.mark.waits
def test_a_call_without_an_answer_ends_after_twenty_seconds(launch, sink):
    """And while it waits, the metrics tell of it."""
    server = launch("--webhook-retry-gaps", "600")
    app, target = new_app(server), sink.target(always=(200, 30))
    path = place(app, app.custom(target).webhook)
    app.say(app.group(), "Hello?")
    target.wait_deliveries(1)
    time.sleep(3)
    under_way = app.api.get(f"{path}/deliveries").ok(200)["deliveries"][0]
    assert (under_way["status"], under_way["attemptCount"]) == ("pending", 0) and "nextAttemptAt" not in under_way
    text = app.api.session.get(server.url + "/metrics").text
    metrics = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(metrics["heliograph_webhook_deliveries_in_memory"]) == 1
    assert float(metrics["heliograph_webhook_queue_length"]) == 1
    assert 2 <= float(metrics["heliograph_webhook_queue_oldest_seconds"]) < 60
    until = time.monotonic() + PATIENCE_S
    while not (delivery := app.api.get(f"{path}/deliveries").ok(200)["deliveries"][0])["attemptCount"]:
        assert time.monotonic() < until, delivery
        time.sleep(0.3)
    assert (delivery["status"], delivery["lastResult"]) == ("pending", "timeout")
    [attempt] = app.api.get(f"{path}/deliveries/{delivery['id']}").ok(200)["attempts"]
    assert attempt["error"] == "timeout" and "status" not in attempt and 20_000 <= attempt["durationMs"] < 60_000
    assert attempt["nextAttemptAt"] == delivery["nextAttemptAt"] > attempt["at"]


def test_a_target_that_fails_is_shown_and_unless_asked_never_paused(app, sink):
    target = sink.target(500, 403)
    path = place(app, app.custom(target).webhook)
    health = lambda: app.api.get(path).ok(200)["webhook"]  # noqa: E731
    assert health()["status"] == "active"
    group = app.group()
    app.say(group, "In vain")
    settled(app, path, "failed")
    failing = health()
    assert failing["status"] == "failing" and failing["failingSince"] and "pausedAt" not in failing
    app.say(group, "Better")
    settled(app, path, "delivered")
    until = time.monotonic() + PATIENCE_S
    while health()["status"] != "active" and time.monotonic() < until:
        time.sleep(0.1)
    assert health()["status"] == "active" and "failingSince" not in health()


def test_the_start_of_an_answer_is_kept_without_the_secret(app):
    listener, url = raw_target(b"")
    with listener:
        webhook = app.custom(url).webhook
        told = f"no: {webhook['secret']} " + "x" * 3000
        listener.close()
    listener, url = raw_target(f"HTTP/1.1 403 No\r\ncontent-length: {len(told)}\r\n\r\n{told}".encode())
    with listener:
        integrations = app.api.get(f"{app.path}/integrations").ok(200)["integrations"]
        hook = f"{app.path}/integrations/{integrations[0]['id']}/webhooks/{webhook['id']}"
        app.api.patch(hook, {"target": url}).ok(200)
        app.say(app.group(), "Who are you?")
        path = place(app, webhook)
        [delivery] = settled(app, path, "failed")
        [attempt] = app.api.get(f"{path}/deliveries/{delivery['id']}").ok(200)["attempts"]
        assert attempt["answer"].startswith("no: *** xxx") and len(attempt["answer"]) == 1024


def test_filters_and_pages(app, sink):
    target = sink.target(403)
    path = place(app, app.custom(target, ["conversation:message", "conversation:create"]).webhook)
    group = app.group()
    settled(app, path, "failed")
    for number in range(4):
        app.say(group, f"message {number}")
    late = app.group()
    settled(app, path, "delivered", 5)
    asked = lambda query: app.api.get(f"{path}/deliveries?{query}").ok(200)  # noqa: E731
    everything = asked("")["deliveries"]
    assert len(everything) == 6 and everything == sorted(everything, key=lambda one: one["id"], reverse=True)
    ids = [one["id"] for one in everything]
    assert [one["id"] for one in asked("filter[trigger]=conversation:message")["deliveries"]] == ids[1:5]
    assert [one["id"] for one in asked(f"filter[conversationId]={late['id']}")["deliveries"]] == ids[:1]
    since = everything[0]["createdAt"]
    assert ids[0] in [one["id"] for one in asked(f"filter[since]={since}")["deliveries"]]
    assert ids[5] not in [one["id"] for one in asked(f"filter[since]={since}")["deliveries"]]
    assert asked("filter[until]=2020-01-01T00:00:00Z")["deliveries"] == []
    assert [one["id"] for one in asked(f"filter[until]={since}")["deliveries"]] == [
        one["id"] for one in everything if one["createdAt"] < since]
    assert [one["id"] for one in asked("filter[status]=failed")["deliveries"]] == ids[5:]
    together = f"filter[status]=delivered&filter[trigger]=conversation:message&filter[conversationId]={group['id']}"
    assert [one["id"] for one in asked(f"{together}&filter[since]={everything[5]['createdAt']}")["deliveries"]] == ids[1:5]
    first = asked("page[size]=4")
    assert [one["id"] for one in first["deliveries"]] == ids[:4] and first["meta"]["hasMore"]
    second = asked(f"page[size]=4&page[after]={first['meta']['afterCursor']}")
    assert [one["id"] for one in second["deliveries"]] == ids[4:] and not second["meta"]["hasMore"]
    back = asked(f"page[size]=4&page[before]={second['meta']['beforeCursor']}")
    assert [one["id"] for one in back["deliveries"]] == ids[:4]
    app.api.get(f"{path}/deliveries?filter[status]=lost").refused(400, "bad_request")
    app.api.get(f"{path}/deliveries?filter[since]=yesterday").refused(400, "bad_request")


def test_told_once_more(app, sink):
    target = sink.target(400, 400)
    path = place(app, app.custom(target).webhook)
    group = app.group()
    for number in range(4):
        app.say(group, f"message {number}")
    failed = [one["id"] for one in settled(app, path, "failed", 2)][::-1]
    settled(app, path, "delivered", 2)
    # All that failed.
    app.api.post(f"{path}/replay", {"status": "failed"}).refused(400, "bad_request")
    told = app.api.post(f"{path}/replay", {"since": "2020-01-01T00:00:00Z", "status": "failed"}).ok(202)
    assert told == {"replayed": 2}
    target.wait_deliveries(6)
    assert [event["id"] for event in target.events()[4:]] == failed, "the same ids, in their order"
    # One of them.
    settled(app, path, "delivered", 4)
    app.api.post(f"{path}/deliveries/{failed[0]}/replay").ok(202)
    target.wait_deliveries(7)
    assert target.events()[6] == target.events()[0]
    # Everything since an event.
    settled(app, path, "delivered", 4)
    assert app.api.post(f"{path}/replay", {"sinceEventId": failed[1]}).ok(202) == {"replayed": 3}
    target.wait_deliveries(10)
    texts = [event["payload"]["message"]["content"]["text"] for event in target.events()[7:]]
    assert texts == ["message 1", "message 2", "message 3"]
    target.stays_at(10, 0.5)


def test_a_test_event(app, launch, sink):
    listener, url = raw_target(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    with listener:
        path = place(app, app.custom(url).webhook)
        made = app.api.post(f"{path}/test").ok(202)
        assert made["event"]["type"] == "heliograph:test" and made["delivery"]["status"] == "pending"
        assert settled(app, path, "delivered")[0]["id"] == made["delivery"]["id"]


def test_paused_and_resumed(app, sink):
    target = sink.target()
    path = place(app, app.custom(target).webhook)
    group = app.group()
    for skip in (False, True):
        assert app.api.post(f"{path}/pause").ok(200)["webhook"]["status"] == "paused"
        app.say(group, f"missed {skip}")
        app.say(group, f"missed {skip} too")
        before = len(target.deliveries)
        settled(app, path, "held", 2)
        app.api.post(f"{path}/test").refused(409, "conflict")
        target.stays_at(before, 0.7)
        body = {"missed": "skip"} if skip else {}
        assert app.api.post(f"{path}/resume", body).ok(200)["webhook"]["status"] == "active"
        app.say(group, f"after {skip}")
        target.wait_event("conversation:message", where=lambda e: e["payload"]["message"]["content"]["text"] == f"after {skip}")  # noqa: B023
    texts = [event["payload"]["message"]["content"]["text"] for event in target.events()]
    assert texts == ["missed False", "missed False too", "after False", "after True"]
    settled(app, path, "skipped", 2)


def test_a_dead_target_is_paused_and_its_owner_told(launch, sink):
    server = launch("--webhook-retry-gaps", "0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2", "--webhook-pause-days", "0.00001")
    app = new_app(server)
    notes = NoticeTarget()
    notices = f"/heliograph/v1{app.path[3:]}/notices"
    app.api.get(notices).refused(404, "not_found")
    made = app.api.send("PUT", notices, json={"target": notes.url}).ok(200)["notices"]
    path = place(app, app.custom(NOWHERE).webhook)
    app.say(app.group(), "Nobody is there")
    until = time.monotonic() + PATIENCE_S
    while app.api.get(path).ok(200)["webhook"]["status"] != "paused" and time.monotonic() < until:
        time.sleep(0.1)
    health = app.api.get(path).ok(200)["webhook"]
    assert health["status"] == "paused" and health["failingSince"] < health["pausedAt"]
    settled(app, path, "held")
    event = notes.wait()["events"][0]
    assert event["type"] == "heliograph:webhook:paused"
    assert event["payload"] == {"webhook": {"id": health["id"]}, "failingSince": health["failingSince"]}
    assert notes.secret == made["secret"]
    assert "a webhook is paused" in server.stderr
    # It shows among the notices' own deliveries, and in no list of the contract.
    own = place(app, {"id": made["webhookId"]})
    settled(app, own, "delivered")
    metrics = app.api.session.get(server.url + "/metrics").text
    assert "heliograph_webhooks_paused_total 1" in metrics and "heliograph_webhook_queue_length 0" in metrics
    app.api.delete(notices).ok(200)
    app.api.get(own).refused(404)


class NoticeTarget:
    """Takes one call, and keeps its body: what notices carry is not in the contract's list of events."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.body, self.secret, self.came = None, None, threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            headers = {}
            while (line := lines.readline().strip()):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            self.body = json.loads(lines.read(int(headers["content-length"])))
            self.secret = headers["x-api-key"]
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        self.came.set()

    def wait(self):
        assert self.came.wait(PATIENCE_S), "no notice came"
        return self.body


@pytest.mark.waits
def test_the_log_is_cleared(launch, sink):
    server = launch(*SHORT_GAPS, "--webhook-log-size", "3")
    app = new_app(server)
    target = sink.target()
    path = place(app, app.custom(target).webhook)
    group = app.group()
    sent = [app.say(group, f"message {number}")["id"] for number in range(8)]
    target.wait_deliveries(8)
    until = time.monotonic() + PATIENCE_S
    kept = []
    while time.monotonic() < until:
        kept = app.api.get(f"{path}/deliveries").ok(200)["deliveries"]
        if len(kept) == 3:
            break
        time.sleep(0.3)
    texts = [app.api.get(f"{path}/deliveries/{one['id']}").ok(200)["event"]["payload"]["message"]["id"] for one in kept]
    assert texts == sent[:4:-1]


@pytest.mark.waits
def test_the_log_forgets_what_is_old(launch, sink):
    """By age, which an id tells. What is still to be delivered stays, however old."""
    flags = ["--webhook-retry-gaps", "600", "--webhook-log-hours", "2"]
    server = launch(*flags)
    app = new_app(server)
    target = sink.target(200, 200, 500)
    path = place(app, app.custom(target).webhook)
    said = []
    for number in range(3):
        # One by one: what comes first has the first answer.
        said.append(app.say(app.group(), f"message {number}")["id"])
        target.wait_deliveries(number + 1)
    old, new, waits = said
    settled(app, path, "delivered", 2)
    settled(app, path, "pending", 1)
    ids = {event["payload"]["message"]["id"]: event["id"] for event in target.events()}
    server.stop()
    for message, hours in ((old, 3), (waits, 200)):
        earlier = f"{int(ids[message][:8], 16) - hours * 3600:08x}{ids[message][8:]}"
        server.sql(f"update delivery set id = '{earlier}' where id = '{ids[message]}'")
    server.start()
    until = time.monotonic() + PATIENCE_S
    while len(kept := app.api.get(f"{path}/deliveries").ok(200)["deliveries"]) != 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert [(one["id"] == ids[new], one["status"]) for one in kept] == [(True, "delivered"), (False, "pending")]


@pytest.mark.waits
def test_told_once_more_across_a_restart(launch, sink):
    """What is put back waits in the store: a server that is killed meanwhile delivers it at its next start."""
    server = launch(*SHORT_GAPS)
    app = new_app(server)
    target = sink.target()
    path = place(app, app.custom(target).webhook)
    group = app.group()
    for number in range(5):
        app.say(group, f"message {number}")
    settled(app, path, "delivered", 5)
    target.always = (200, 60)
    assert app.api.post(f"{path}/replay", {"since": "2020-01-01T00:00:00Z"}).ok(202) == {"replayed": 5}
    target.wait_deliveries(6)
    server.kill9()
    target.always = (200, 0)
    server.start()
    # On PostgreSQL the dead server has to be silent for ten seconds first.
    target.wait_deliveries(11, within=TAKEN_OVER_S)
    ids = [event["id"] for event in target.events()]
    assert ids == ids[:5] + ids[:1] + ids[:5]
    settled(app, path, "delivered", 5)


def test_told_once_more_while_paused(app, sink):
    """A paused webhook keeps what is put back for its resumption."""
    target = sink.target(400, 400)
    path = place(app, app.custom(target).webhook)
    group = app.group()
    for number in range(3):
        app.say(group, f"message {number}")
    failed = [one["id"] for one in settled(app, path, "failed", 2)]
    app.api.post(f"{path}/pause").ok(200)
    assert app.api.post(f"{path}/replay", {"since": "2020-01-01T00:00:00Z", "status": "failed"}).ok(202) == {"replayed": 2}
    settled(app, path, "held", 2)
    target.stays_at(3, 0.5)
    app.api.post(f"{path}/resume").ok(200)
    target.wait_deliveries(5)
    assert [event["id"] for event in target.events()[3:]] == failed[::-1]


@pytest.mark.waits
def test_a_pause_keeps_what_waits_already(app, sink):
    """Not only what happens from now on: what was in the queue is held, and skipped or delivered with the rest."""
    target = sink.target((500, 60))
    path = place(app, app.custom(target).webhook)
    group = app.group()
    for number in range(12):
        app.say(group, f"message {number}")
    target.wait_deliveries(1)
    app.api.post(f"{path}/pause").ok(200)
    app.say(group, "message 12")
    target.go.set()
    held = settled(app, path, "held", 13)
    target.stays_at(1, 0.5)
    app.api.post(f"{path}/resume", {"missed": "skip"}).ok(200)
    app.say(group, "message 13")
    target.wait_deliveries(2)
    settled(app, path, "skipped", len(held))
    assert [event["payload"]["message"]["content"]["text"] for event in target.events()] == ["message 0", "message 13"]


def test_without_a_log(launch, sink):
    server = launch(*SHORT_GAPS, "--webhook-log-hours", "0")
    app = new_app(server)
    target = sink.target(500)
    path = place(app, app.custom(target).webhook)
    app.say(app.group(), "Gone")
    target.wait_deliveries(2)
    until = time.monotonic() + PATIENCE_S
    while app.api.get(f"{path}/deliveries").ok(200)["deliveries"] and time.monotonic() < until:
        time.sleep(0.05)
    assert app.api.get(f"{path}/deliveries").ok(200)["deliveries"] == []


def test_from_the_command_line(app, sink):
    target = sink.target(400)
    webhook = app.custom(target).webhook
    path = place(app, webhook)
    app.say(app.group(), "Hello")
    [delivery] = settled(app, path, "failed")

    def command(*words):
        key = {"HELIOGRAPH_URL": app.server.relayed, "HELIOGRAPH_KEY_ID": app.key["id"], "HELIOGRAPH_SECRET": app.key["secret"]}
        done = run(*words, "--app", app.id, "--json", env=key)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    of = ("--webhook", webhook["id"])
    listed = command("deliveries", "list", *of, "--status", "failed")
    assert [one["id"] for one in listed["deliveries"]] == [delivery["id"]]
    assert command("deliveries", "get", delivery["id"], *of)["attempts"][0]["status"] == 400
    assert command("deliveries", "replay", *of, "--since", "2020-01-01T00:00:00Z", "--status", "failed") == {"replayed": 1}
    settled(app, path, "delivered")
    command("deliveries", "replay", delivery["id"], *of)
    target.wait_deliveries(3)
    settled(app, path, "delivered")
    assert command("deliveries", "replay", *of, "--since-event", delivery["id"]) == {"replayed": 1}
    target.wait_deliveries(4)
    # To nobody: the sink holds what it gets against the document, which has no tests in it.
    told = command("webhooks", "test", app.custom(NOWHERE).webhook["id"])
    assert (told["event"]["type"], told["delivery"]["status"]) == ("heliograph:test", "pending")
    settled(app, path, "delivered")
    narrowed = ("--trigger", "conversation:message", "--conversation", delivery["conversationId"],
                "--since", delivery["createdAt"], "--until", "2100-01-01T00:00:00Z")
    assert [one["id"] for one in command("deliveries", "list", *of, *narrowed)["deliveries"]] == [delivery["id"]]
    assert command("webhooks", "pause", webhook["id"])["webhook"]["status"] == "paused"
    assert command("webhooks", "resume", webhook["id"], "--skip-missed")["webhook"]["status"] == "active"
    assert command("webhooks", "health", webhook["id"])["webhook"]["target"] == target.url
