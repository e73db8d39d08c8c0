"""Webhooks as a resource: one per custom integration, made inline, changed through their own routes."""

import re

import pytest
from lib.world import MISSING, NOWHERE

HOOK = {"target": NOWHERE, "triggers": ["conversation:message"]}
NO_WEBHOOK = (404, "not_found", "Resource not found")


def test_read_update_delete_create(app):
    integration = app.custom(NOWHERE, ["conversation:message"])
    path = f"{integration.path}/webhooks"
    webhook = app.api.get(path).ok(200)["webhooks"][0]
    assert app.api.get(path).ok(200) == {"webhooks": [webhook]}
    assert webhook == integration.webhook
    assert webhook["includeFullUser"] is False and webhook["includeFullSource"] is False
    one = f"{path}/{webhook['id']}"
    assert app.api.get(one).ok(200) == {"webhook": webhook}

    change = {"target": "https://example.org/new", "triggers": ["user:remove"], "includeFullUser": True, "includeFullSource": True}
    ignored = {"secret": "chosen-by-the-caller", "version": "v1", "id": MISSING}
    changed = app.api.patch(one, {**change, **ignored}).ok(200)["webhook"]
    assert changed == {**webhook, **change}
    assert app.api.patch(one, {"includeFullUser": False}).ok(200)["webhook"] == {**changed, "includeFullUser": False}
    assert app.api.get(integration.path).ok(200)["integration"]["webhooks"][0]["target"] == change["target"]

    assert app.api.delete(one).ok(200) == {}
    assert app.api.get(path).ok(200) == {"webhooks": []}
    for again in (app.api.get(one), app.api.patch(one, {}), app.api.delete(one)):
        again.refused(*NO_WEBHOOK)
    # The array stays in the integration: the official SDKs fail without it.
    assert app.api.get(integration.path).ok(200)["integration"]["webhooks"] == []
    again = app.api.post(path, HOOK).ok(201)["webhook"]
    assert again["id"] != webhook["id"] and again["secret"] != webhook["secret"]
    assert re.fullmatch("[0-9a-f]{24}", again["id"])


def test_only_one_on_a_custom_integration(app):
    integration = app.custom()
    app.api.post(f"{integration.path}/webhooks", HOOK).refused(400, "bad_request")
    assert app.api.get(f"{integration.path}/webhooks").ok()["webhooks"] == [integration.webhook]


def test_ten_in_an_app(app):
    integrations = [app.custom() for _ in range(10)]
    body = {"type": "custom", "displayName": "The eleventh", "webhooks": [HOOK]}
    app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request")
    assert len(app.api.get(f"{app.path}/integrations").ok(200)["integrations"]) == 10, "nothing of it is left"
    app.api.delete(integrations[0].path).ok(200)
    app.api.post(f"{app.path}/integrations", body).ok(201)


def test_not_on_other_types(app):
    web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
    path = f"{app.path}/integrations/{web['id']}/webhooks"
    app.api.post(path, HOOK).refused(403, "forbidden", "Forbidden")


@pytest.mark.parametrize("body", [
    {}, {"target": NOWHERE}, {"triggers": ["conversation:message"]}, {**HOOK, "triggers": "conversation:message"},
    {**HOOK, "triggers": [1]}, {**HOOK, "triggers": ["conversation:unheard-of"]}, {**HOOK, "triggers": ["Conversation:Message"]},
    {**HOOK, "target": 7}, {**HOOK, "target": "not a url"}, {**HOOK, "target": "ftp://example.org/"}, {**HOOK, "target": ""},
    {**HOOK, "includeFullUser": "yes"},
])
def test_bad_bodies(app, body):
    integration = app.custom()
    one = f"{integration.path}/webhooks/{integration.webhook['id']}"
    if set(body) >= set(HOOK):
        app.api.patch(one, body).refused(400, "bad_request")
        inline = {"type": "custom", "webhooks": [body]}
        app.api.post(f"{app.path}/integrations", inline).refused(400, "bad_request")
    assert app.api.get(one).ok()["webhook"] == integration.webhook
    app.api.delete(one).ok(200)
    app.api.post(f"{integration.path}/webhooks", body).refused(400, "bad_request")
    assert app.api.get(f"{integration.path}/webhooks").ok()["webhooks"] == []


def test_every_known_trigger_is_accepted(app):
    triggers = [
        "client:add", "client:remove", "client:update", "conversation:create", "conversation:join", "conversation:leave",
        "conversation:remove", "conversation:message", "conversation:message:delivery:channel",
        "conversation:message:delivery:failure", "conversation:message:delivery:user", "conversation:postback",
        "conversation:read", "conversation:referral", "conversation:typing", "passthrough:messaging",
        "switchboard:acceptControl", "switchboard:acceptControl:failure", "switchboard:offerControl",
        "switchboard:offerControl:failure", "switchboard:passControl", "switchboard:passControl:failure",
        "switchboard:releaseControl", "user:merge", "user:remove", "user:update",
    ]
    assert app.custom(NOWHERE, triggers).webhook["triggers"] == triggers


def test_unknown_ids(app):
    integration = app.custom()
    app.api.get(f"{integration.path}/webhooks/{MISSING}").refused(*NO_WEBHOOK)
    for answer in (app.api.get(f"{app.path}/integrations/{MISSING}/webhooks"),
                   app.api.post(f"{app.path}/integrations/{MISSING}/webhooks", HOOK)):
        answer.refused(404, "integration_not_found", "Integration not found")


def test_a_webhook_belongs_to_its_integration(app):
    mine, beside = app.custom(), app.custom()
    path = f"{beside.path}/webhooks/{mine.webhook['id']}"
    for answer in (app.api.get(path), app.api.patch(path, {"includeFullUser": True}), app.api.delete(path)):
        answer.refused(*NO_WEBHOOK)
    assert app.api.get(f"{mine.path}/webhooks").ok()["webhooks"] == [mine.webhook]
