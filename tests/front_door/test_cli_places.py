"""Commands on the database itself, where there is none: they say so, and make nothing."""

import pytest
from lib import postgres, server as servers
from lib.world import MISSING

READING = [
    ("admin", "keys", "list"), ("admin", "keys", "delete", f"act_{MISSING}"), ("admin", "oauth-clients", "list"),
    ("admin", "oauth-clients", "delete", "shop"), ("admin", "login-link", "--url", "http://127.0.0.1:8080"),
    ("audit", "list"), ("audit", "export"), ("audit", "verify"), ("audit", "prune", "--before", "2020-01-01T00:00:00Z"),
    ("master-key", "status"), ("master-key", "rotate"), ("master-key", "prune"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_no_database_no_folder_no_key(store, tmp_path, command):
    url = postgres.fresh_database() if store == "postgres" else None
    place = ["--data", tmp_path / "wrong", *(["--database-url", url] if url else [])]
    done = servers.run(*command, *place, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == "", done.stdout
    assert done.stderr.startswith("heliograph: there is no database at ") and len(done.stderr.splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []
    if url:
        assert postgres.run(url, "select count(*) from pg_tables where schemaname = 'public'").strip() == "0"


def test_what_makes_the_first_key_may_come_before_the_server(launch, tmp_path):
    place = ["--data", tmp_path / "data"]
    made = servers.run("admin", "keys", "create", "--json", *place)
    assert made.returncode == 0, made.stderr
    assert servers.run("admin", "keys", "list", *place).returncode == 0


def test_the_master_key_of_the_folder_that_one_is_in_lies_beside_it(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    made = servers.run("admin", "keys", "create", "--data", ".", cwd=here)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "here-master.key").is_file() and not list(here.glob("*.key"))
