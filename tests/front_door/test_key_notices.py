"""That a key ends soon is told to its app's owner: once for each key and threshold, whatever restarts meanwhile."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lib import secrets
from lib.clock import PATIENCE_S, moment
from lib.server import Server
from lib.world import new_app
from test_key_life import life

DAY = 86400


class Notes:
    """Takes notices, which are not among the contract's events, and keeps them."""

    def __init__(self):
        told, seen = [], set()
        self.told = told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802 (the base class names it so)
                secrets.note(self.headers["x-api-key"])
                events = json.loads(self.rfile.read(int(self.headers["content-length"])))["events"]
                # A server that is killed may send again what had arrived; it is the same event then.
                told.extend(one for one in events if one["id"] not in seen)
                seen.update(one["id"] for one in events)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count, within=PATIENCE_S):
        until = time.monotonic() + within
        while len(self.told) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.told) == count, self.told
        return [(one["payload"]["key"]["id"], one["payload"]["withinDays"]) for one in self.told]

    def stays(self, count, seconds=1.0):
        time.sleep(seconds)
        return self.wait(count, 0)


@pytest.fixture
def notes():
    notes = Notes()
    yield notes
    notes.server.shutdown()


def listen(app, notes):
    secrets.note(app.account.put(f"/heliograph/v1/apps/{app.id}/notices", {"target": notes.url}).ok(200)["notices"]["secret"])


def ends(app, key, seconds):
    return app.account.patch(life(key), {"expiresAt": moment(seconds) if seconds else None}).ok(200)["key"]["expiresAt"]


def test_once_for_each_threshold(launch, notes):
    server = launch()
    app = new_app(server)
    listen(app, notes)
    key, far = app.new_key("Soon over"), app.new_key()
    ends(app, far, 50 * DAY)
    end = ends(app, key, 10 * DAY)
    notes.wait(1)
    event = notes.told[0]
    assert event["type"] == "heliograph:key:expiring" and event["payload"] == {
        "key": {"id": key["id"], "displayName": "Soon over", "expiresAt": end}, "withinDays": 14}
    server.restart()
    app = type(app)(server, server.account, app.body)
    assert notes.stays(1) == [(key["id"], 14)], "not again after a restart"
    # As if the days had gone by: it was told of this end when there were two weeks, now there are five days.
    ends(app, key, 5 * DAY)
    notes.wait(2)
    server.sql(f"UPDATE api_key SET told_days = 14 WHERE id = '{key['id']}'")
    server.kill9()
    server.start()
    app = type(app)(server, server.account, app.body)
    assert notes.wait(3) == [(key["id"], 14), (key["id"], 7), (key["id"], 7)]
    ends(app, key, DAY - 60)
    assert notes.wait(4)[-1] == (key["id"], 1)
    # What does not change the end tells nothing.
    app.account.patch(life(key), {"limits": {"rateLimit": "50/s"}}).ok(200)
    server.restart()
    assert notes.stays(4)[-1] == (key["id"], 1)


def test_only_who_wants_it_and_only_what_will_end(launch, notes):
    server = launch()
    app, other = new_app(server), new_app(server)
    bot = app.custom()
    key, disabled, foreign = bot.new_key(), app.new_key(), other.new_key()
    ends(app, key, 3 * DAY), ends(other, foreign, 3 * DAY), ends(app, disabled, 3 * DAY)
    app.account.patch(life(disabled), {"enabled": False}).ok(200)
    notes.stays(0)
    # Whoever begins to listen is told of what is so.
    listen(app, notes)
    assert notes.wait(1) == [(key["id"], 7)] and notes.told[0]["payload"]["key"]["integrationId"] == bot.id
    app.account.patch(life(disabled), {"enabled": True}).ok(200)
    assert notes.wait(2)[-1] == (disabled["id"], 7)
    app.account.delete(f"/heliograph/v1/apps/{app.id}/notices").ok(200)
    ends(app, key, DAY // 2)
    assert len(notes.stays(2)) == 2


def test_several_servers_tell_once(tmp_path, notes):
    one = Server("postgres", tmp_path / "one").start()
    two = Server.beside(one, tmp_path / "two")
    try:
        app = new_app(one)
        keys = [app.new_key() for _ in range(5)]
        for key in keys:
            ends(app, key, 2 * DAY)
        one.kill9()
        # As if somebody had set the target while no server looked.
        two.start()
        app = type(app)(two, two.account, app.body)
        listen(app, notes)
        starting = threading.Thread(target=one.start)
        starting.start()
        two.restart()
        starting.join()
        assert sorted(notes.wait(5)) == sorted((key["id"], 7) for key in keys)
        assert len(notes.stays(5)) == 5
    finally:
        one.kill9(), two.kill9()
