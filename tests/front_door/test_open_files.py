"""Few open files: the server raises its limit as far as it may, shares what it has, and lets those who come too many wait."""

import concurrent.futures
import contextlib
import resource
import socket

import pytest
import requests
from lib import server as servers
from lib.server import SHORT_GAPS, Server
from lib.world import new_app
from test_dead_targets import silent

FEW = 256
# More than are let in at a time; the system holds the others back.
IDLE = 140


class Limited(Server):
    """A server that is started under a limit: (soft, hard)."""

    limit = (FEW, FEW)

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        wrapper = self.folder / "heliograph"
        soft, hard = self.limit
        wrapper.write_text(f'#!/bin/sh\nulimit -Sn {soft} && ulimit -Hn {hard} && exec {servers.BINARY} "$@"\n')
        wrapper.chmod(0o755)
        kept, servers.BINARY = servers.BINARY, str(wrapper)
        try:
            return super().start()
        finally:
            servers.BINARY = kept


@pytest.fixture
def limited(store, tmp_path):
    """Starts a server under a limit."""
    started = []

    def start(soft, hard, *flags):
        one = Limited(store, tmp_path / f"limited-{len(started)}", *flags)
        one.limit = (soft, hard)
        started.append(one)
        return one.start()

    yield start
    for one in started:
        one.kill9()
        one.assert_discreet()


def open_files(server):
    return len(list((servers.Path("/proc") / str(server.process.pid) / "fd").iterdir()))


def allowed(server):
    return resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)


def test_the_limit_is_raised_and_said(limited):
    server = limited(300, 2000)
    assert allowed(server) == (2000, 2000)
    assert "open files allowed=2000" in server.stderr.replace("\x1b[3m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")
    assert "only 2000 open files are allowed" in server.stdout


def test_too_few_are_said_in_a_line(store, tmp_path):
    one = Limited(store, tmp_path)
    one.limit = (64, 64)
    with pytest.raises(AssertionError, match="64 open files are too few: [0-9]+ are needed"):
        one.start()


@pytest.mark.waits
def test_more_clients_and_calls_than_there_are_files(limited, sink):
    """Idle connections without end, and targets that hang without end; whoever asks is served, and no answer is a 5xx."""
    server = limited(FEW, FEW, *SHORT_GAPS)
    app = new_app(server)
    with silent() as hangs, contextlib.ExitStack() as stack:
        for _ in range(9):
            app.custom(hangs)
        target = sink.target()
        app.custom(target)
        for number in range(20):
            app.say(app.group(), f"many calls {number}")
        target.wait_deliveries(20, within=120)
        for _ in range(IDLE):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))

        def ask(_):
            answer = requests.get(server.url + app.path, auth=(app.key["id"], app.key["secret"]), timeout=120)
            return answer.status_code

        assert app.key
        # The idle ones are sent away after ten seconds, and then the next have their turn.
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert set(pool.map(ask, range(64))) == {200}
        app.say(app.group(), "still delivered")
        target.wait_deliveries(21, within=120)
        assert open_files(server) <= FEW
    assert "Too many open files" not in server.stderr and "cannot accept" not in server.stderr


def test_it_runs_with_as_few_as_it_says(limited):
    server = limited(FEW, FEW)
    app = new_app(server)
    app.say(app.group(), "Hello")
    assert server.stop() == 0
