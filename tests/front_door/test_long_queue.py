"""A very long queue: the server starts with it, holds little of it in memory, delivers it, and serves everybody else as ever.

Thousands of deliveries here, a million in `./test long`; they are written into the database behind the server's back."""

import contextlib
import re
import sqlite3
import time
from pathlib import Path

import pytest
import requests
from lib import long, postgres
from lib.server import MANY_FAILURES, SHORT_GAPS, Server
from lib.world import new_app
from test_dead_targets import Healthy, compare, silent

COUNT = 1_000_000 if long.SECONDS else 30_000
# Those that are delivered; the others are for targets that hang.
DELIVERED = 3_000
LINES = 1_000
# How many wait at the server that it is compared with.
FEW = 1_000
# What a million deliveries may cost in memory. (Of a debug build, whose calls and connections take more than its queue.)
MORE_MB = 25

FILL = {
    "sqlite": """
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1)
        INSERT INTO delivery SELECT '{app}', '{webhook}', printf('{prefix}%016x', i), 'conversation:message', printf('%024x', i % {lines}),
          printf('%024x', i % {lines}), replace('{event}', '@', printf('{prefix}%016x', i)), 'pending', 0, '', {due}, NULL FROM n""",
    "postgres": """
        INSERT INTO delivery SELECT '{app}', '{webhook}', '{prefix}' || lpad(to_hex(i), 16, '0'), 'conversation:message',
          lpad(to_hex(i % {lines}), 24, '0'), lpad(to_hex(i % {lines}), 24, '0'),
          replace('{event}', '@', '{prefix}' || lpad(to_hex(i), 16, '0')), 'pending', 0, '', {due}, NULL
        FROM generate_series(0, {count} - 1) i""",
}
EVENT = ('{"id":"@","createdAt":"2026-01-31T12:00:00.000Z","type":"conversation:message","payload":{"conversation":'
         '{"id":"0123456789abcdef01234567","type":"personal"},"message":{"id":"@","received":"2026-01-31T12:00:00.000Z",'
         '"author":{"type":"business","displayName":"Agent Smith"},"content":{"type":"text","text":"' + "Hello there. " * 40
         + '"},"source":{"type":"api:conversations"}}}}')


def fill(server, app, webhook, count):
    """So many deliveries for a webhook, all due since the same moment, as after a webhook was resumed."""
    places = {"app": app.id, "webhook": webhook["id"], "prefix": "65f1c0ff", "event": EVENT, "count": count,
              "lines": min(LINES, count), "due": 1_700_000_000_000}
    statement = FILL[server.store].format(**places)
    if server.store == "postgres":
        postgres.run(server.database_url, statement, timeout=600)
        return
    with contextlib.closing(sqlite3.connect(server.data / "heliograph.db", timeout=60)) as database, database:
        database.execute(statement)


def memory_mb(server):
    """What is in memory of the process, at its highest since it began: what it had for a moment counts, too."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


def start_again(server):
    """How long a start takes with all that waits now."""
    server.stop()
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


def metric(server, name):
    text = requests.get(server.url + "/metrics", timeout=60).text
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))


def prepare(server, hangs, target, count):
    """Ten webhooks whose target hangs and for whom `count` wait together, and one that is delivered to; then a start. How
    long that took."""
    stuck, flowing = [new_app(server) for _ in range(2)], new_app(server)
    webhooks = [(app, app.custom(hangs).webhook) for app in stuck for _ in range(5)]
    flows = flowing.custom(target).webhook
    server.stop()
    for app, webhook in webhooks:
        fill(server, app, webhook, count // len(webhooks))
    fill(server, flowing, flows, DELIVERED)
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


@pytest.fixture
def pair(store, tmp_path):
    """Two servers. Their databases are too large to be searched for secrets afterwards, as those of `launch` are."""
    both = [Server(store, tmp_path / name, *SHORT_GAPS, *MANY_FAILURES).start() for name in ("short", "endless")]
    yield both
    for one in both:
        one.kill9()
        if one.store == "postgres":
            postgres.run(postgres.admin_url(), f"drop database {one.database_url.rsplit('/', 1)[1]}", timeout=120)


@pytest.mark.waits
@pytest.mark.long
def test_a_million_that_wait(pair, sink):
    """Beside a server that is the same but for the length of its queue."""
    short, endless = pair
    with silent() as hangs:
        targets = sink.target(), sink.target()
        empty, full = prepare(short, hangs, targets[0], FEW), prepare(endless, hangs, targets[1], COUNT)
        seen = [target.wait_deliveries(DELIVERED, within=240) for target in targets][1]
        one, two = compare(Healthy(short, sink), Healthy(endless, sink))
        more = memory_mb(endless) - memory_mb(short)
        waits = metric(endless, "heliograph_webhook_queue_length")
        print(f"{endless.store}, {waits:.0f} deliveries wait: start {full:.2f} s ({empty:.2f} s with {FEW}), "
              f"memory {memory_mb(endless):.0f} MB ({more:+.1f}), p99 beside them {two * 1000:.0f} ms ({one * 1000:.0f} ms)")
        assert waits >= COUNT * 0.98
        assert more < MORE_MB, f"{more:.1f} MB more than with a short queue"
        if full >= 2 * empty + 2:
            # One start may have met a machine that stood still; one that takes as long as the queue is does so each time.
            empty, full = [min(start_again(one) for _ in range(3)) for one in pair]
        assert full < 2 * empty + 2, "the start takes as long as the queue is"
        for line in range(3):
            mine = [event["id"] for call in seen for event in call.events if int(event["id"][8:], 16) % LINES == line]
            assert mine == sorted(mine) and len(mine) == DELIVERED // LINES
