"""Last of all: none of the secrets seen or sent by the tests above stands in a log or in the database."""

import time

from lib import postgres, secrets
from lib.world import new_app


def provoke(server):
    """Secrets in the likeliest places: bad headers, bad bodies, bad URLs."""
    app = new_app(server)
    integration = app.custom()
    key = integration.new_key()
    for path in ("/v2/apps", app.path, f"{app.path}?token={key['secret']}"):
        app.api.get(path, headers={"Authorization": f"Bearer {key['secret']}"})
        app.api.get(path, headers={"Authorization": f"Basic {key['secret']}"})
    app.api.post(f"{integration.path}/keys", {"displayName": [key["secret"]]})
    app.api.post(f"{app.path}/integrations", {"type": "telegram", "token": {"oops": key["secret"]}})
    app.say(app.group(), "to a closed port, so that the delivery's failure is logged")
    time.sleep(1)


def test_no_secret_in_the_log(server):
    provoke(server)
    assert len(secrets.seen) >= 4
    assert secrets.found_in(server.stderr.encode()) == []


def test_stdout_shows_the_first_key_alone(server):
    shown = server.stdout.replace(server.first_key["secret"], "")
    assert secrets.found_in(shown.encode()) == []


def test_no_secret_in_the_database(server, store):
    provoke(server)
    if store == "postgres":
        assert secrets.found_in(postgres.dump(server.database_url)) == []
    for path in sorted(server.data.rglob("*")):
        if path.is_file() and path.name != "first-key.json":
            assert secrets.found_in(path.read_bytes()) == [], path.name


def test_master_key_lies_outside_the_data(server):
    assert not list(server.data.rglob("*master*"))
    assert (server.folder / "data-master.key").exists()


def test_the_whole_log_holds_no_panic(server):
    assert "panicked" not in server.stderr
