"""Signatures as Standard Webhooks has them: on every call, verified by the official libraries, and their secret's life."""

import base64
import json
import re
import time

from lib import signing
from lib.clock import PATIENCE_S
from lib.world import MISSING, new_app


def say_and_wait(app, target, group, count=1):
    app.say(group, "Signed")
    return target.wait_deliveries(count)[-1]


def test_a_call_carries_id_time_and_signature(app, sink):
    target = sink.target()
    webhook = app.custom(target).webhook
    secret = signing.secret_of(app, webhook)
    assert re.fullmatch("whsec_[A-Za-z0-9+/]{43}=", secret) and len(base64.b64decode(secret[6:])) == 32
    assert webhook["secret"] not in secret
    call = say_and_wait(app, target, app.group())
    assert call.headers["webhook-id"] == call.events[0]["id"]
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 60
    assert re.fullmatch("v1,[A-Za-z0-9+/]{43}=", call.headers["webhook-signature"])
    assert call.headers["x-api-key"] == webhook["secret"], "what the original sends stays as it is"
    assert signing.verified(secret, call)
    # And the library would have seen it otherwise.
    call.raw += b" "
    assert not signing.verified(secret, call)


def test_the_official_javascript_library_takes_it_too(app, sink, node):
    target = sink.target()
    secret = signing.secret_of(app, app.custom(target).webhook)
    call = say_and_wait(app, target, app.group())
    verify = """
        const { Webhook } = require("standardwebhooks");
        const { secret, body, headers } = JSON.parse(process.argv[1]);
        console.log(new Webhook(secret).verify(body, headers).events[0].id);
        try { new Webhook(secret).verify(body + " ", headers); } catch { console.log("refused"); }
    """
    told = json.dumps({"secret": secret, "body": call.raw.decode(), "headers": call.headers})
    done = node("node", "-e", verify, told)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [call.events[0]["id"], "refused"]


def test_a_retry_has_the_same_id_and_a_time_of_its_own(app, sink):
    target = sink.target(500, (500, 1.1), 200)
    secret = signing.secret_of(app, app.custom(target).webhook)
    app.say(app.group(), "Again")
    first, _, third = target.wait_deliveries(3)
    assert first.headers["webhook-id"] == third.headers["webhook-id"]
    assert int(first.headers["webhook-timestamp"]) < int(third.headers["webhook-timestamp"])
    assert all(signing.verified(secret, call) for call in target.deliveries)


def test_two_secrets_sign_while_one_replaces_the_other(app, sink):
    target = sink.target()
    webhook = app.custom(target).webhook
    place, group = signing.path(app, webhook), app.group()
    old = app.api.get(place).ok(200)["signing"]
    assert set(old) == {"secret", "createdAt"}
    new = app.api.post(f"{place}/rotate", {"gracePeriodSeconds": 600}).ok(200)["signing"]
    assert new["secret"] != old["secret"] and new["formerExpiresAt"] > new["createdAt"] >= old["createdAt"]
    assert app.api.get(place).ok(200)["signing"] == new
    both = say_and_wait(app, target, group)
    assert both.headers["webhook-signature"].count("v1,") == 2
    assert signing.verified(new["secret"], both) and signing.verified(old["secret"], both)

    last = app.api.post(f"{place}/rotate", {"gracePeriodSeconds": 1}).ok(200)["signing"]
    until = time.monotonic() + PATIENCE_S
    while "formerExpiresAt" in app.api.get(place).ok(200)["signing"]:
        assert time.monotonic() < until
        time.sleep(0.1)
    # How a webhook is called may be remembered for a second.
    time.sleep(1.1)
    one = say_and_wait(app, target, group, 2)
    assert one.headers["webhook-signature"].count("v1,") == 1
    assert [signing.verified(by["secret"], one) for by in (last, new, old)] == [True, False, False]


def test_a_leaked_secret_is_ended_at_once(app, sink):
    target = sink.target()
    webhook = app.custom(target).webhook
    place, group = signing.path(app, webhook), app.group()
    old = signing.secret_of(app, webhook)
    assert signing.verified(old, say_and_wait(app, target, group))
    new = app.api.post(f"{place}/rotate", {"gracePeriodSeconds": 0}).ok(200)["signing"]
    assert "formerExpiresAt" not in new
    call = say_and_wait(app, target, group, 2)
    assert signing.verified(new["secret"], call) and not signing.verified(old, call)


def test_a_second_rotation_ends_the_oldest(app, sink):
    target = sink.target()
    webhook = app.custom(target).webhook
    place = signing.path(app, webhook)
    first = signing.secret_of(app, webhook)
    # Without a body the grace period is a day.
    second = app.api.post(f"{place}/rotate").ok(200)["signing"]
    third = app.api.post(f"{place}/rotate", {}).ok(200)["signing"]
    call = say_and_wait(app, target, app.group())
    assert [signing.verified(one, call) for one in (first, second["secret"], third["secret"])] == [False, True, True]


def test_bad_rotations_change_nothing(app):
    webhook = app.custom().webhook
    place = signing.path(app, webhook)
    before = app.api.get(place).ok(200)
    for seconds in (-1, 604_801, 1.5, "60", None, []):
        app.api.post(f"{place}/rotate", {"gracePeriodSeconds": seconds}).refused(400, "bad_request")
    assert app.api.get(place).ok(200) == before
    nowhere = place.replace(webhook["id"], MISSING)
    app.api.get(nowhere).refused(404)
    app.api.post(f"{nowhere}/rotate", {}).refused(404)


def test_an_integration_sees_its_own_alone(app, other):
    mine, theirs = app.custom(), app.custom()
    own = signing.path(app, mine.webhook)
    assert mine.api.get(own).ok(200) == app.api.get(own).ok(200)
    mine.api.post(f"{own}/rotate", {}).ok(200)
    for call in (mine.api.get(signing.path(app, theirs.webhook)),
                 mine.api.post(f"{signing.path(app, theirs.webhook)}/rotate", {})):
        assert call.status in (403, 404), call.text
    other.api.get(own).refused(403, "forbidden")
    other.api.get(own.replace(app.id, other.id)).refused(404)


def test_webhooks_from_before_signatures_get_a_secret(launch):
    """A database from before: the columns are empty, as the migration leaves them."""
    server = launch()
    app = new_app(server)
    webhooks = [app.custom().webhook for _ in range(3)]
    kept = signing.secret_of(app, webhooks[0])
    server.stop()
    later = ", ".join(f"'{webhook['id']}'" for webhook in webhooks[1:])
    server.sql(f"update webhook set signing_secret = null, signing_since = null where id in ({later})")
    server.start()
    secrets = [signing.secret_of(app, webhook) for webhook in webhooks]
    assert secrets[0] == kept and len(set(secrets)) == 3
