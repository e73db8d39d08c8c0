"""A webhook receiver: records what arrives, answers as told."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lib.clock import PATIENCE_S


@dataclass
class Delivery:
    """One POST that arrived."""

    at: float
    headers: dict
    body: dict
    status: int
    raw: bytes

    @property
    def events(self):
        return self.body["events"]


@dataclass
class Target:
    """One address of the sink. `answers` are (status, delay) used up in order; then `always`.
    What hangs is let go by `go`, before its delay is over."""

    url: str
    answers: list = field(default_factory=list)
    always: tuple = (200, 0)
    deliveries: list = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    go: threading.Event = None

    def take_answer(self):
        with self.changed:
            return self.answers.pop(0) if self.answers else self.always

    def record(self, delivery):
        with self.changed:
            self.deliveries.append(delivery)
            self.changed.notify_all()

    def wait_deliveries(self, count, within=PATIENCE_S):
        """Waits for `count` POSTs and returns all that arrived."""
        with self.changed:
            arrived = self.changed.wait_for(lambda: len(self.deliveries) >= count, within)
            assert arrived, f"{len(self.deliveries)} of {count} deliveries within {within} s at {self.url}"
            return list(self.deliveries)

    def events(self):
        """All events so far, in order of arrival."""
        with self.changed:
            return [event for delivery in self.deliveries for event in delivery.events]

    def wait_event(self, kind, within=PATIENCE_S, where=lambda event: True):
        """Waits for an event of a type (that fulfils `where`) and returns it."""
        def found():
            return next((event for event in self.events_unlocked() if event["type"] == kind and where(event)), None)

        with self.changed:
            assert self.changed.wait_for(lambda: found() is not None, within), \
                f"no {kind} within {within} s at {self.url}; arrived: {[e['type'] for e in self.events_unlocked()]}"
            return found()

    def events_unlocked(self):
        return [event for delivery in self.deliveries for event in delivery.events]

    def stays_at(self, count, seconds):
        """Asserts that no further POST arrives for a while."""
        time.sleep(seconds)
        assert len(self.deliveries) == count, f"{len(self.deliveries)} deliveries at {self.url}, wanted {count}"


class Handler(BaseHTTPRequestHandler):
    """Receives for all targets; the path tells which."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_HEAD(self):  # noqa: N802 (the base class names it so)
        self.finish_with(200)

    def do_POST(self):  # noqa: N802
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        target = self.server.targets.get(self.path)
        if target is None:
            return self.finish_with(404)
        status, delay = target.take_answer()
        headers = {name.lower(): value for name, value in self.headers.items()}
        target.record(Delivery(time.monotonic(), headers, json.loads(raw), status, raw))
        # A hanging target must not keep the test process: the wait ends with the sink.
        (target.go or self.server.closing).wait(delay)
        return self.finish_with(status)

    def finish_with(self, status):
        try:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        """Quiet."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A server killed in the middle of a delivery is part of the tests."""


class Sink:
    """All targets of a run."""

    def __init__(self):
        self.http = Listener(("127.0.0.1", 0), Handler)
        self.http.targets = {}
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def target(self, *answers, always=(200, 0)):
        """A new address. `answers`: statuses or (status, delay in seconds)."""
        pairs = [answer if isinstance(answer, tuple) else (answer, 0) for answer in answers]
        path = f"/hook/{len(self.http.targets) + 1}"
        target = Target(f"http://127.0.0.1:{self.http.server_port}{path}", pairs, always, go=threading.Event())
        self.http.targets[path] = target
        return target

    def close(self):
        for target in self.http.targets.values():
            target.go.set()
        self.http.shutdown()
        self.http.server_close()
