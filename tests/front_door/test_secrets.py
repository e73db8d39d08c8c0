"""No secret stands in a log or in the database. (`Server.assert_discreet` holds every server of every test to that when
it ends; here secrets are put where they are likeliest to slip through.)"""

from lib import secrets, tokens
from lib.api import Api
from lib.world import new_app


def test_secrets_in_odd_places(launch):
    server = launch("--log", "trace")
    app = new_app(server)
    integration = app.custom()
    key = integration.new_key()
    token = tokens.mint(key)
    secrets.note(token)
    for path in ("/v2/apps", app.path, f"{app.path}?token={key['secret']}"):
        app.api.get(path, headers={"Authorization": f"Bearer {key['secret']}"})
        app.api.get(path, headers={"Authorization": f"Basic {key['secret']}"})
        Api(server, bearer=token).get(path)
    app.api.post(f"{integration.path}/keys", {"displayName": [key["secret"]]})
    app.api.post(f"{app.path}/integrations", {"type": "telegram", "token": {"oops": key["secret"]}})
    app.api.post(f"{app.path}/integrations", {"type": "telegram", "token": "telegram-token-12345"}).ok(201)
    # To a closed port, so that the delivery's failure is logged.
    app.say(app.group(), "Is anybody there?")
    assert server.stop() == 0
    assert len(secrets.seen) >= 5
    server.assert_discreet()


def test_what_is_looked_for_would_be_found():
    """The search itself: plain, hexadecimal, and nothing where there is nothing."""
    secret = "a-secret-that-no-server-has-seen"
    secrets.note(secret)
    assert secrets.found_in(b"..." + secret.encode() + b"...")
    assert secrets.found_in(secret.encode().hex().upper().encode())
    assert not secrets.found_in(b"nothing of the kind, but " + secret[:-1].encode())


def test_master_key_lies_outside_the_data(server):
    assert not list(server.data.rglob("*master*"))
    assert (server.folder / "data-master.key").exists()
