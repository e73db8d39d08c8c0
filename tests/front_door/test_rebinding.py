"""DNS rebinding: a name that is public when it is looked at and local when it is called. The server's own resolver asks a
name server of ours, in a mount namespace where /etc/resolv.conf names it; that takes root."""

import os
import socket
import subprocess
import threading
import time

import pytest
from lib import server as servers
from lib.clock import PATIENCE_S
from lib.names import NameServer
from lib.server import SHORT_GAPS, Server
from lib.world import new_app
from test_deliveries import place, settled

# Public by its number, and nobody's: connections to it end in a moment or never.
PUBLIC = "192.88.98.7"


@pytest.fixture(scope="module")
def names():
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if os.geteuid() != 0 or tried.returncode != 0:
        pytest.skip("a resolver of its own takes root and a mount namespace")
    # One at a time on this machine: the workers of a run share the port.
    for number in range(1, 250):
        try:
            one = NameServer(f"127.97.53.{number}")
            break
        except OSError:
            continue
    yield one
    one.close()


@pytest.fixture
def listener():
    """What must not be reached: counts its connections."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        reached = []

        def accept():
            while True:
                try:
                    stream, peer = door.accept()
                except OSError:
                    return
                reached.append(peer)
                with stream:
                    stream.recv(65536)
                    stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        threading.Thread(target=accept, daemon=True).start()
        yield door.getsockname()[1], reached


class Misled(Server):
    """A server whose resolver asks the lying name server."""

    options = "options timeout:1 attempts:1"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "resolv.conf").write_text(f"nameserver {self.names.address}\n{self.options}\n")
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n")
        wrapper = self.folder / "heliograph"
        wrapper.write_text(
            f"#!/bin/sh\nexec unshare -m sh -c 'mount --bind {self.folder}/resolv.conf /etc/resolv.conf && "
            f"mount --bind {self.folder}/hosts /etc/hosts && exec {servers.BINARY} \"$@\"' sh \"$@\"\n")
        wrapper.chmod(0o755)
        kept, servers.BINARY = servers.BINARY, str(wrapper)
        try:
            return super().start()
        finally:
            servers.BINARY = kept


def misled(names, folder, *flags):
    one = Misled("sqlite", folder, *SHORT_GAPS, *flags)
    one.names = names
    return one.start()


def wait_asked(names, name, count):
    until = time.monotonic() + PATIENCE_S
    while sum(asked == name for asked, _ in names.asked) < count:
        assert time.monotonic() < until, f"{names.asked}"
        time.sleep(0.05)


@pytest.mark.waits
def test_a_name_that_changes_its_mind_reaches_nothing(names, listener, tmp_path):
    port, reached = listener
    flips = {
        "turns.rebind.example": [[PUBLIC], ["127.0.0.1"]],
        "local.rebind.example": [["127.0.0.1"]],
        "both.rebind.example": [["127.0.0.1", PUBLIC]],
        "metadata.rebind.example": [["169.254.169.254"], ["10.0.0.1"]],
    }
    for name, answers in flips.items():
        names.lie(name, *answers)
    server = misled(names, tmp_path, "--allow-private-targets=false")
    try:
        app = new_app(server)
        for name in flips:
            app.custom(f"http://{name}:{port}/hook")
        app.say(app.group(), "To whoever you are now")
        for name in flips:
            wait_asked(names, name, 3)
        assert reached == []
        # Each attempt asks once, and what it was told is what it goes by.
        assert server.alive()
    finally:
        server.kill9()


def test_the_same_name_is_reached_where_that_is_allowed(names, listener, tmp_path):
    """The lie works: without the guard the local listener is called."""
    port, reached = listener
    names.lie("allowed.rebind.example", ["127.0.0.1"])
    server = misled(names, tmp_path, "--allow-private-targets")
    try:
        app = new_app(server)
        app.custom(f"http://allowed.rebind.example:{port}/hook")
        app.say(app.group(), "To loopback")
        until = time.monotonic() + PATIENCE_S
        while not reached:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        server.kill9()


def test_a_name_that_nobody_has_is_told_as_such(names, tmp_path):
    server = misled(names, tmp_path, "--allow-private-targets")
    try:
        app = new_app(server)
        path = place(app, app.custom("http://nobody.rebind.example/hook").webhook)
        app.say(app.group(), "To nobody")
        [delivery] = settled(app, path, "failed")
        assert delivery["lastResult"] == "hostNotFound"
    finally:
        server.kill9()
