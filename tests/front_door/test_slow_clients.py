"""Clients that dawdle are cut off; others do not notice."""

import contextlib
import threading
import time

import pytest
import requests
from lib.raw import Wire, basic

# Whatever the server's time-outs are, this is more than any client needs.
PATIENCE_S = 45


def drip(wire, data, stop):
    """Sends one byte every half second."""
    for start in range(len(data)):
        if stop.wait(0.5):
            return
        try:
            wire.send(data[start:start + 1])
        except OSError:
            return


@pytest.mark.waits
def test_slow_clients_are_cut_off(server, app):
    """A request line that stops, headers that drip, a body that stops, a body that drips: all at once, to save time."""
    head = (f"POST {app.path}/users HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(app.key)}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n").encode()
    openings = {
        "stopped header": (b"GET /v2/apps HT", b""),
        "dripping header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a" * 500),
        "stopped body": (head + b'{"externalId": ', b""),
        "dripping body": (head + b'{"externalId": "', b"a" * 500),
    }
    stop, outcome, threads = threading.Event(), {}, []

    def watch(name, opening, rest):
        with Wire(server, timeout=PATIENCE_S) as wire:
            wire.send(opening)
            dripping = threading.Thread(target=drip, args=(wire, rest, stop), daemon=True)
            dripping.start()
            started = time.monotonic()
            outcome[name] = wire.closed_within(PATIENCE_S), time.monotonic() - started

    for name, (opening, rest) in openings.items():
        threads.append(threading.Thread(target=watch, args=(name, opening, rest)))
        threads[-1].start()
    # Meanwhile everybody else is served.
    for _ in range(10):
        started = time.monotonic()
        app.api.get(app.path).ok(200)
        # Who waited behind them would do so for ten seconds.
        assert time.monotonic() - started < 9
    for thread in threads:
        thread.join(PATIENCE_S + 10)
    stop.set()
    still_open = [name for name, (closed, _) in outcome.items() if not closed]
    assert not still_open and len(outcome) == len(openings), outcome


def test_many_half_open_connections(server, app):
    """A few hundred connections that say nothing do not keep others out."""
    idle = [Wire(server) for _ in range(300)]
    try:
        for wire in idle:
            # On a slow machine the first are sent away before the last have come.
            with contextlib.suppress(OSError):
                wire.send(b"GET /v2/apps HTTP/1.1\r\n")
        app.api.get(app.path).ok(200)
    finally:
        for wire in idle:
            wire.__exit__()


def test_endless_headers(server, app):
    with Wire(server) as wire:
        try:
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            for number in range(2000):
                wire.send(f"X-Header-{number}: {'y' * 400}\r\n".encode())
            wire.send(b"\r\n")
            reply = wire.read()
            assert reply is None or 400 <= reply.status < 500
        except OSError:
            pass
    app.api.get(app.path).ok(200)


@pytest.mark.waits
def test_an_answer_that_nobody_reads_is_given_up(server, app):
    """Who asks for a large file and does not take it is cut off; who takes it in time gets it whole."""
    size = 40 << 20
    form = {"source": ("large.txt", b"x" * size)}
    made = requests.post(f"{server.url}{app.path}/attachments?access=public", files=form, timeout=60,
                         auth=(app.key["id"], app.key["secret"])).json()["attachment"]
    path = made["mediaUrl"].removeprefix(server.url)
    with Wire(server, timeout=PATIENCE_S) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert len(requests.get(made["mediaUrl"], timeout=60).content) == size
        time.sleep(38)
        taken = 0
        try:
            while piece := wire.socket.recv(1 << 20):
                taken += len(piece)
        except ConnectionResetError:
            pass
        assert taken < size
