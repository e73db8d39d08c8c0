"""`heliograph deliveries tail`: deliveries as they happen, and again when something becomes of them."""

import json
import signal

import pytest
from lib.clock import PATIENCE_S
from lib.ports import free_port
from lib.server import SHORT_GAPS
from lib.world import new_app
from test_listen import Running, Unread


@pytest.fixture
def tail():
    """Starts a tail of a webhook."""
    running = []

    def start(server, app, webhook, *flags):
        running.append(Running(server, app, "deliveries", "tail", "--webhook", webhook["id"], *flags))
        return running[-1]

    yield start
    for one in running:
        one.__exit__()


def statuses(one):
    """What was printed of each delivery, in order: {id: [status, …]}."""
    found = {}
    for line in list(one.lines):
        shown = json.loads(line)
        found.setdefault(shown["id"], []).append(shown["status"])
    return found


def test_deliveries_as_they_happen_and_change(server, app, sink, tail):
    target = sink.target(200, (500, 60), 200)
    webhook = app.custom(target).webhook
    group = app.group()
    app.say(group, "before")
    target.wait_deliveries(1)
    one = tail(server, app, webhook, "--json")
    one.wait(lambda: len(one.lines) >= 1)
    app.say(group, "fails at first")
    one.wait(lambda: len(statuses(one)) == 2)
    target.go.set()
    one.wait(lambda: any(json.loads(line)["attemptCount"] == 2 for line in one.lines))
    first, second = statuses(one).items()
    assert first[1] == ["delivered"], "what was there is shown once"
    assert second[1][0] == "pending" and second[1][-1] == "delivered"
    assert [event["id"] for event in target.events()] == [first[0], second[0], second[0]]


def test_as_people_read_it_and_only_what_they_want(server, app, sink, tail):
    target = sink.target(200, 403)
    webhook = app.custom(target).webhook
    group, other = app.group(), app.group()
    one = tail(server, app, webhook, "--status", "failed", "--conversation", group["id"])
    app.say(other, "not of this conversation")
    target.wait_deliveries(1)
    app.say(group, "refused")
    [line] = one.wait_lines(1)
    assert "conversation:message failed (1 attempt, last 403)" in line
    assert target.events()[1]["id"] in line


def test_more_than_a_page_between_two_looks(server, app, sink, tail):
    target = sink.target()
    webhook = app.custom(target).webhook
    group = app.group()
    one = tail(server, app, webhook, "--json").wait_said("Following")
    one.process.send_signal(signal.SIGSTOP)
    sent = [app.say(group, f"message {number}")["id"] for number in range(150)]
    target.wait_deliveries(150, within=60)
    one.process.send_signal(signal.SIGCONT)
    one.wait(lambda: len(statuses(one)) == 150)
    assert list(statuses(one)) == [event["id"] for event in target.events()]
    assert [event["payload"]["message"]["id"] for event in target.events()] == sent


@pytest.mark.waits
def test_what_becomes_of_an_old_one_is_told_too(launch, sink, tail):
    """Its retry arrives when a hundred newer events have come."""
    server = launch("--webhook-retry-gaps", "25")
    app = new_app(server)
    target = sink.target(500, 200)
    webhook = app.custom(target).webhook
    one = tail(server, app, webhook, "--json").wait_said("Following")
    app.say(app.group(), "fails at first")
    one.wait(lambda: any(json.loads(line)["attemptCount"] == 1 for line in one.lines))
    [failed] = statuses(one)
    group = app.group()
    for number in range(120):
        app.say(group, f"newer {number}")
    one.wait(lambda: statuses(one)[failed][-1] == "delivered", within=60)
    assert len(statuses(one)) == 121


def test_it_ends_when_nobody_reads_it(server, app, sink, tail):
    webhook = app.custom(sink.target()).webhook
    group = app.group()
    one = Unread(server, app, "deliveries", "tail", "--webhook", webhook["id"])
    one.process.stderr.readline()
    for number in range(2):
        app.say(group, f"{number}")
    assert one.process.wait(30) == 0


@pytest.mark.waits
def test_it_outlives_a_server_that_is_away_for_a_while(launch, sink, tail):
    server = launch(*SHORT_GAPS, listen=f"127.0.0.1:{free_port()}")
    app = new_app(server)
    webhook = app.custom(sink.target()).webhook
    group = app.group()
    one = tail(server, app, webhook, "--json")
    app.say(group, "before")
    one.wait_lines(1)
    server.kill9()
    one.wait_said("trying again")
    server.start()
    app.say(group, "after")
    one.wait(lambda: len(statuses(one)) == 2)


def test_it_ends_when_it_may_not_look(server, app, other, tail):
    webhook = other.custom().webhook
    one = tail(server, app, webhook)
    one.wait_said("heliograph:")
    assert one.process.wait(PATIENCE_S) == 1
