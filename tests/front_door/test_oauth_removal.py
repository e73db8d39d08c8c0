"""A partner's `removeUrl` is told that its access has ended, whatever ended it, and whatever happens to the server."""

import time

import pytest
from lib import rows
from lib.clock import PATIENCE_S
from lib.world import new_app
from test_oauth import Partner


def body(app, integration, partner):
    return {"app": {"id": app.id}, "integration": {"id": integration["id"], "type": partner.id}}


def partner_in(server, app, target):
    """A partner that was let in, and its integration."""
    partner = Partner(server, removeUrl=target.url)
    partner.let_in(app)
    (integration,) = app.api.get(f"{app.path}/integrations").ok(200)["integrations"]
    return partner, integration


@pytest.mark.waits
def test_it_is_told_after_a_crash(launch, sink):
    server, target = launch(), sink.target(503)
    app = new_app(server)
    partner, integration = partner_in(server, app, target)
    app.api.delete(f"{app.path}/integrations/{integration['id']}").ok(200)
    target.wait_deliveries(1)
    server.kill9()
    server.start()
    # The first attempt was refused for now; the server that made it is dead.
    assert target.wait_deliveries(2, within=90)[1].body == body(app, integration, partner)
    until = time.monotonic() + PATIENCE_S
    while rows.tables(server)["removal"]:
        assert time.monotonic() < until, "it was told, and is still to be told"
        time.sleep(0.1)


def test_the_end_of_the_app_is_told(server, account, app, sink):
    target = sink.target()
    partner, integration = partner_in(server, app, target)
    account.delete(app.path).ok(200)
    assert target.wait_deliveries(1)[0].body == body(app, integration, partner)


def test_the_end_of_the_partner_is_told_for_each_app(server, account, app, other, sink):
    target = sink.target()
    partner, first = partner_in(server, app, target)
    partner.let_in(other)
    (second,) = other.api.get(f"{other.path}/integrations").ok(200)["integrations"]
    account.delete(f"/heliograph/v1/oauthClients/{partner.id}").ok(200)
    told = [call.body for call in target.wait_deliveries(2)]
    assert sorted(told, key=str) == sorted([body(app, first, partner), body(other, second, partner)], key=str)


@pytest.mark.parametrize("status", [200, 404])
def test_what_was_answered_is_told_once(server, app, sink, status):
    target = sink.target(always=(status, 0))
    _, integration = partner_in(server, app, target)
    app.api.delete(f"{app.path}/integrations/{integration['id']}").ok(200)
    target.wait_deliveries(1)
    target.stays_at(1, 1.5)


def test_an_integration_of_nobody_is_told_to_nobody(server, app, sink):
    target = sink.target()
    partner_in(server, app, target)
    custom = app.custom()
    app.api.delete(custom.path).ok(200)
    target.stays_at(0, 0.5)
