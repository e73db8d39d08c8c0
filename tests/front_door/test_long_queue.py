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
from lib.server import MANY_FAILURES, SHORT_GAPS
from lib.world import new_app
from test_dead_targets import SLACK_S, Healthy, compare, silent

COUNT = 1_000_000 if long.SECONDS else 30_000
# Those that are delivered; the others are for targets that hang.
DELIVERED = 3_000
LINES = 1_000
# What a million deliveries may cost in memory.
MORE_MB = 50

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


def metric(server, name):
    text = requests.get(server.url + "/metrics", timeout=60).text
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))


def start_again(server):
    """Starts a server that was stopped; how long that takes."""
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


@pytest.mark.waits
@pytest.mark.long
def test_a_million_that_wait(launch, sink):
    calm, busy = launch(*MANY_FAILURES), launch(*SHORT_GAPS, *MANY_FAILURES)
    with silent() as hangs:
        stuck, flowing = [new_app(busy) for _ in range(2)], new_app(busy)
        webhooks = [[app.custom(hangs).webhook for _ in range(5)] for app in stuck]
        target = sink.target()
        flows = flowing.custom(target).webhook
        busy.stop()
        calm.stop()
        each = COUNT // sum(map(len, webhooks))
        for app, of_app in zip(stuck, webhooks, strict=True):
            for webhook in of_app:
                fill(busy, app, webhook, each)
        fill(busy, flowing, flows, DELIVERED)
        empty, full = start_again(calm), start_again(busy)
        alone, beside = Healthy(calm, sink), Healthy(busy, sink)
        one, two = compare(alone, beside)
        seen = target.wait_deliveries(DELIVERED, within=120)
        more = memory_mb(busy) - memory_mb(calm)
        waits = metric(busy, "heliograph_webhook_queue_length")
        print(f"{busy.store}, {waits:.0f} deliveries wait: start {full:.2f} s ({empty:.2f} s without), memory +{more:.1f} MB, "
              f"p99 beside them {two * 1000:.0f} ms ({one * 1000:.0f} ms without)")
        assert waits >= COUNT * 0.99
        assert more < MORE_MB, f"{more:.1f} MB more than without a queue"
        assert two <= 2 * one + SLACK_S
        assert full < 2 * empty + 2, "the start takes as long as the queue is"
        for app_line in range(3):
            mine = [event["id"] for call in seen for event in call.events if int(event["id"][8:], 16) % LINES == app_line]
            assert mine == sorted(mine) and len(mine) == DELIVERED // LINES
