"""What a person at the consent pages is let do, while what let them in changes."""

import pytest
from lib import secrets
from test_oauth import Browser, Partner

KEYS = "/heliograph/v1/keys"


def rotate(app, key):
    secrets.note(app.account.post(f"{KEYS}/{key['id']}/rotate", {"graceSeconds": 0}).ok(200)["secret"])


def limit(**limits):
    return lambda app, key: app.account.patch(f"{KEYS}/{key['id']}", {"limits": limits}).ok(200)


CHANGES = {
    "its secret was replaced": rotate,
    "it is for some operations alone": limit(allowedOperations=["GetApp"]),
    "it may not be used from here": limit(allowedAddresses=["192.0.2.1"]),
    "it was disabled": lambda app, key: app.account.patch(f"{KEYS}/{key['id']}", {"enabled": False}).ok(200),
    "it was deleted": lambda app, key: app.account.delete(f"{app.path}/keys/{key['id']}").ok(200),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_would_let_nobody_in_lets_nobody_go_on(server, app, change):
    partner, key = Partner(server), app.new_key()
    browser = Browser(server)
    browser.sign_in(partner.query(), key)
    CHANGES[change](app, key)
    browser.submit(app=app.id, decision="allow")
    assert 'name="secret"' in browser.page.text, "it asks to sign in"


def test_a_secret_that_still_works_goes_on(server, app):
    partner, key = Partner(server), app.new_key()
    browser = Browser(server)
    browser.sign_in(partner.query(), key)
    secrets.note(app.account.post(f"{KEYS}/{key['id']}/rotate", {}).ok(200)["secret"])
    assert browser.answer(app)["code"]
