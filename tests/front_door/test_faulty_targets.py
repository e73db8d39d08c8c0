"""Targets with every fault there is, under load: nothing is lost, the order is kept, and what came twice is counted.

A few seconds here; `./test long` goes on for minutes. (A server that is killed under load: test_three_servers.py.)"""

import collections
import json
import random
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from lib import long
from lib.server import MANY_FAILURES
from lib.sink import Listener
from lib.world import new_app, text_message

SECONDS = long.SECONDS / 2 or 8
SEED = random.randrange(2**32) if long.SECONDS else 20261126
CONVERSATIONS = 8
# More attempts than any event has bad luck.
GAPS = ["--webhook-retry-gaps", ",".join(["0.2"] * 60)]
# What a target does with a call: its share, and whether the event counts as taken.
FAULTS = {
    "200": 20, "slow": 4, "500": 4, "429": 2, "410": 2, "302": 1, "reset": 3, "reset after reading": 3, "closed": 2,
    "garbage": 1, "half an answer": 2, "hang": 1,
}
HANG_S = 21


class Handler(BaseHTTPRequestHandler):
    """Takes a call and has the target's bad luck with it."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self):  # noqa: N802 (the base class names it so)
        faulty = self.server.faulty
        fault = faulty.next_fault()
        if fault == "reset":
            return self.reset()
        events = json.loads(self.rfile.read(int(self.headers["content-length"])))["events"]
        if fault in ("200", "slow"):
            self.server.closing.wait(2.5 if fault == "slow" else 0)
            # Written down before it is answered, as a careful receiver does.
            faulty.take(events)
            return self.finish_with(200)
        if fault == "reset after reading":
            # It took the events, and nobody will know: they come again.
            faulty.take(events)
            return self.reset()
        if fault == "closed":
            self.close_connection = True
        elif fault == "garbage":
            self.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        elif fault == "half an answer":
            self.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        elif fault == "hang":
            self.server.closing.wait(HANG_S)
            self.close_connection = True
        else:
            self.finish_with(int(fault))

    def finish_with(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        if status == 302:
            self.send_header("location", "/elsewhere")
        self.end_headers()

    def raw(self, answer):
        self.wfile.write(answer)
        self.close_connection = True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_):
        """Quiet."""


class Faulty:
    """A target with faults; what it took, in the order in which it did. Some it has in any case, also when it is healed."""

    def __init__(self, dice, certain=()):
        self.dice, self.lock, self.healed = dice, threading.Lock(), False
        self.certain = list(certain)
        self.taken, self.faults = [], collections.Counter()
        self.http = Listener(("127.0.0.1", 0), Handler)
        self.http.faulty, self.http.closing = self, threading.Event()
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def next_fault(self):
        with self.lock:
            if self.certain:
                fault = self.certain.pop(0)
            else:
                fault = "200" if self.healed else self.dice.choices(list(FAULTS), FAULTS.values())[0]
            self.faults[fault] += 1
            return fault

    def take(self, events):
        with self.lock:
            self.taken += events

    def close(self):
        self.http.closing.set()
        self.http.shutdown()
        self.http.server_close()


def talk(app, conversation, over, said):
    with requests.Session() as session:
        session.trust_env, session.auth = False, (app.key["id"], app.key["secret"])
        while not over.is_set():
            body = text_message(str(len(said)))
            answer = session.post(f"{app.server.url}{app.conversation_path(conversation)}/messages", json=body, timeout=30)
            assert answer.status_code == 201, answer.text
            said.append(answer.json()["messages"][0]["id"])
            over.wait(0.1)


@pytest.mark.waits
@pytest.mark.long
@pytest.mark.parametrize("events_per_call", [1, 10])
def test_targets_with_every_fault(launch, events_per_call):
    server = launch(*GAPS, *MANY_FAILURES, "--webhook-events-per-call", str(events_per_call))
    app = new_app(server)
    # One has every fault there is: the longest last, so that it takes none of the time in which others come up.
    every = sorted(FAULTS, key=lambda fault: fault == "hang")
    targets = [Faulty(random.Random(f"{SEED} {number}"), every if number == 0 else ()) for number in range(3)]
    try:
        for target in targets:
            app.custom(target)
        assert app.key
        said = [[] for _ in range(CONVERSATIONS)]
        over = threading.Event()
        talkers = [threading.Thread(target=talk, args=(app, app.group(), over, mine), daemon=True) for mine in said]
        for talker in talkers:
            talker.start()
        time.sleep(SECONDS)
        over.set()
        for talker in talkers:
            talker.join(40)
        for target in targets:
            target.healed = True
        for target in targets:
            judge(target, said, events_per_call)
        assert targets[0].faults.keys() == FAULTS.keys(), targets[0].faults
    finally:
        for target in targets:
            target.close()
    assert server.alive()


def judge(target, said, events_per_call):
    """All arrives in the end, each conversation in its order; the events that came again are counted."""
    what = f"seed {SEED}, {events_per_call} a call"
    everything = {message for mine in said for message in mine}
    assert len(everything) > CONVERSATIONS * 10, "there was no load"
    of = lambda event: event["payload"]["message"]["id"]  # noqa: E731
    until = time.monotonic() + 120
    while (missing := everything - {of(event) for event in list(target.taken)}) and time.monotonic() < until:
        time.sleep(0.2)
    faults = dict(target.faults)
    assert not missing, f"{len(missing)} of {len(everything)} never arrived ({what}; {faults})"
    with target.lock:
        first, times = {}, collections.Counter(event["id"] for event in target.taken)
        for place, event in enumerate(target.taken):
            first.setdefault(of(event), place)
    assert len(times) == len(everything), "an event has one id, however often it comes"
    for mine in said:
        assert sorted(mine, key=first.get) == mine, f"an order was lost ({what}; {faults})"
    twice = sum(times.values()) - len(times)
    print(f"{what}: {len(everything)} events, 0 lost, in order, {twice} came again; {faults}")
    # Only a call whose answer was lost after the events were taken has them come again.
    assert twice <= faults.get("reset after reading", 0) * events_per_call
