"""The first account key: made once, never lost, and never made for whoever wants none."""

import json
import re
import time

import pytest
from lib import secrets, server as servers
from lib.clock import moment
from lib.server import Server
from lib.world import new_app


class Fresh(Server):
    """A server whose first key is read off its banner, wherever its file is."""

    @property
    def first_key(self):
        shown = re.search(r"key id +(\S+)\n +secret +(\S+)", self.stdout)
        if shown:
            secrets.note(shown[2])
        return {"id": shown[1], "secret": shown[2]} if shown else {"id": None, "secret": None}


@pytest.fixture
def one(store, tmp_path):
    """A server that has still to be started."""
    server = Fresh(store, tmp_path / "one")
    server.folder.mkdir()
    yield server
    server.end()
    server.assert_witnessed()


def keys(server):
    """The ids of the keys of accounts."""
    listed = servers.run("admin", "keys", "list", "--json", *server.place())
    assert listed.returncode == 0, listed.stderr
    return [key["keyId"] for key in json.loads(listed.stdout)["keys"]]


def files(server):
    """What tells of a first key in the data folder."""
    return sorted(path.name for path in server.data.glob("first-key*"))


def test_a_setting_that_is_refused_costs_no_key(one):
    for flags in (["--outbound-proxy", "nonsense"], ["--attachments", "s3://"], ["--public-url", "https://a.example/?b"],
                  ["--webhook-events-per-call", "0"]):
        refused = servers.run("serve", "--listen", "127.0.0.1:0", *one.place(), *flags)
        assert refused.returncode in (1, 2) and "first account key" not in refused.stdout, (flags, refused.stderr)
    assert files(one) == []
    one.start()
    assert keys(one) == [one.first_key["id"]] and new_app(one)


def test_a_key_of_a_service_account_is_not_the_first(one):
    worker = one.admin_key("--service")
    one.start()
    assert one.first_key["id"].startswith("act_") and sorted(keys(one)) == sorted([worker["id"], one.first_key["id"]])


def test_an_account_key_made_before_is_the_first(one):
    made = one.admin_key()
    one.start()
    assert one.first_key["id"] is None and keys(one) == [made["id"]] and files(one) == []


def test_later_starts_name_the_file_as_long_as_it_is_there(one):
    one.start()
    secret = one.first_key["secret"]
    file = one.data / "first-key.json"
    assert json.loads(file.read_text())["secret"] == secret and file.stat().st_mode & 0o777 == 0o600
    first = len(one.stdout)
    one.restart()
    later = one.stdout[first:]
    assert str(file) in later and secret not in later
    # A key that is there no more is not told of, either.
    other, kept = one.admin_key(), file.read_text()
    file.write_text(kept.replace(one.first_key["id"], "act_" + 24 * "0"))
    before = len(one.stdout)
    one.restart()
    assert "first-key.json" not in one.stdout[before:]
    file.unlink()
    before = len(one.stdout)
    one.restart()
    assert "first-key.json" not in one.stdout[before:] and other["id"] in keys(one)


def test_what_is_in_the_way_of_its_file_loses_no_key(one):
    (one.data / "first-key.json").mkdir(parents=True)
    one.start()
    named = re.search(r"it is also in (\S+)", one.stdout)[1]
    kept = json.loads(open(named).read())
    assert (kept["keyId"], kept["secret"]) == (one.first_key["id"], one.first_key["secret"])
    assert keys(one) == [kept["keyId"]] and new_app(one)


def test_who_deleted_all_account_keys_is_given_none(one):
    one.start()
    assert servers.run("admin", "keys", "delete", one.first_key["id"], *one.place()).returncode == 0
    one.restart()
    assert keys(one) == []
    time.sleep(1)
    # Not either when the log does not tell of it any more.
    pruned = servers.run("audit", "prune", "--before", moment(-0.1), *one.place())
    assert pruned.returncode == 0, pruned.stderr
    one.restart()
    assert keys(one) == []
