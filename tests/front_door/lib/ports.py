"""Ports for what has to listen where that is known beforehand, or once more where it did."""

import itertools
import os
import random
import socket

# Below those that the system hands out by itself. Each worker has as many of its own; where it begins differs from run to run.
FIRST, EACH = 20_000, 1_000
worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
offsets = itertools.count(random.randrange(EACH))


def free_port():
    """A port at which nobody listens, and that nobody else is given."""
    for offset in itertools.islice(offsets, EACH):
        port = FIRST + EACH * worker + offset % EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
