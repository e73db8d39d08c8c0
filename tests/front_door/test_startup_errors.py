"""What keeps a server from starting is said in one clear line, with exit status 1."""

import os

import pytest
from lib import server as servers
from lib.server import Server


def refused(*flags, env=None, words=()):
    """Runs `serve`, which must give up at once; returns its one line."""
    done = servers.run("serve", "--listen", "127.0.0.1:0", *flags, env=env)
    assert done.returncode == 1, f"exit {done.returncode}: {done.stderr}"
    lines = [line for line in done.stderr.splitlines() if line.startswith("heliograph: ")]
    assert len(lines) == 1, done.stderr
    assert "panicked" not in done.stderr and "ready " not in done.stdout
    for word in words:
        assert word.lower() in lines[0].lower(), f"{lines[0]!r} does not say {word!r}"
    return lines[0]


def test_port_in_use(server, tmp_path):
    """The later --listen would win, so this server is told its place alone."""
    done = servers.run("serve", "--listen", f"127.0.0.1:{server.port}", "--data", tmp_path / "data")
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("heliograph: ")]
    assert len(lines) == 1 and str(server.port) in lines[0], done.stderr


@pytest.mark.parametrize("url", ["mysql://root@127.0.0.1/x", "nonsense", "postgres://", "", "sqlite:"])
def test_bad_database_url(tmp_path, url):
    refused("--data", tmp_path / "data", "--database-url", url)


def test_database_out_of_reach(tmp_path):
    line = refused("--data", tmp_path / "data", "--database-url", "postgres://somebody:hidden-password-1@127.0.0.1:9/nothing")
    assert "hidden-password-1" not in line


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused("--data", tmp_path / "file" / "data", words=["file"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused("--data", locked / "data", words=["locked"])


def test_wrong_master_key(store, tmp_path):
    first = Server(store, tmp_path / "one").start()
    assert first.stop() == 0
    second = Server(store, tmp_path / "two").start()
    assert second.stop() == 0
    foreign = tmp_path / "two" / "data-master.key"
    refused(*first.place(), "--master-key-file", foreign, words=["master key"])
    # The right one still opens it.
    assert first.start().account.get("/v2/apps").ok(200)
    assert first.stop() == 0


def test_missing_master_key_of_an_existing_database(store, tmp_path):
    """A new key in the place of a lost one would make every stored secret unreadable."""
    first = Server(store, tmp_path / "one").start()
    assert first.stop() == 0
    (tmp_path / "one" / "data-master.key").rename(tmp_path / "kept.key")
    refused(*first.place(), words=["master key"])
    assert not (tmp_path / "one" / "data-master.key").exists()


def test_damaged_master_key(tmp_path):
    (tmp_path / "short.key").write_text("too short")
    refused("--data", tmp_path / "data", "--master-key-file", tmp_path / "short.key", words=["master key"])


def test_damaged_database(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "heliograph.db").write_bytes(b"this is no database" * 1000)
    refused("--data", tmp_path / "data")


@pytest.mark.parametrize("text", ["listen = [", "lisnten = '127.0.0.1:0'", "listen = 5", "metrics-token = false"])
def test_bad_configuration_file(tmp_path, text):
    file = tmp_path / "heliograph.toml"
    file.write_text(text)
    done = servers.run("serve", "--data", tmp_path / "data", "--config", file)
    assert done.returncode == 1, done.stderr
    assert "heliograph.toml" in done.stderr


def test_missing_configuration_file(tmp_path):
    refused("--data", tmp_path / "data", "--config", tmp_path / "nowhere.toml", words=["nowhere.toml"])


@pytest.mark.parametrize("flags", [("--listen", "nowhere"), ("--listen", "127.0.0.1:99999"), ("--webhook-retry-gaps", "soon"),
                                   ("--log-format", "xml"), ("--public-url", "not a url"), ("--unheard-of",)])
def test_bad_flags(tmp_path, flags):
    done = servers.run("serve", "--data", tmp_path / "data", *flags)
    assert done.returncode in (1, 2), f"exit {done.returncode}"
    assert done.stderr and "panicked" not in done.stderr


def test_newer_database(store, tmp_path):
    """A database migrated by a later version is left alone."""
    one = Server(store, tmp_path / "one").start()
    assert one.stop() == 0
    one.sql("update heliograph_migration set version = version + 1000 where version = (select max(version) from heliograph_migration)")
    refused(*one.place(), words=["newer"])


def test_changed_migration(store, tmp_path):
    """A schema that was made by other texts than this binary's is left alone."""
    one = Server(store, tmp_path / "one").start()
    assert one.stop() == 0
    one.sql("update heliograph_migration set sha256 = 'other'")
    refused(*one.place(), words=["migration"])


def test_one_server_per_sqlite_database(tmp_path):
    one = Server("sqlite", tmp_path / "one").start()
    refused(*one.place(), words=["another server"])
    one.account.get("/v2/apps").ok(200)
    assert one.stop() == 0
    assert one.start().stop() == 0
