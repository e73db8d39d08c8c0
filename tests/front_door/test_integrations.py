"""Integrations: `custom` complete, every other type accepted, validated, stored and answered with its own fields."""

import re

import pytest
from lib.catalogue import KINDS
from lib.world import MISSING, NOWHERE

HOOK = {"target": NOWHERE, "triggers": ["conversation:message"]}
NOT_FOUND = (404, "integration_not_found", "Integration not found")


def test_custom(app):
    path = f"{app.path}/integrations"
    hook = {"target": "https://example.org/hook", "triggers": ["conversation:message", "user:remove"], "includeFullUser": True}
    made = app.api.post(path, {"type": "custom", "displayName": "Bot", "status": "error", "webhooks": [hook]}).ok(201)
    assert list(made) == ["integration"]
    bot = made["integration"]
    assert re.fullmatch("[0-9a-f]{24}", bot["id"])
    assert (bot["type"], bot["displayName"], bot["status"]) == ("custom", "Bot", "active")
    (webhook,) = bot["webhooks"]
    assert re.fullmatch("[0-9a-f]{24}", webhook["id"])
    assert len(webhook["secret"]) >= 20
    expected = {**hook, "includeFullSource": False, "version": "v2", "id": webhook["id"], "secret": webhook["secret"]}
    assert webhook == expected
    one = f"{path}/{bot['id']}"
    assert app.api.get(one).ok(200)["integration"] == bot
    assert app.api.get(path).ok(200) == {"integrations": [bot], "meta": {"hasMore": False}}

    renamed = app.api.patch(one, {"displayName": "Robot", "webhooks": [HOOK], "type": "web"}).ok(200)["integration"]
    assert renamed == {**bot, "displayName": "Robot"}
    cleared = app.api.patch(one, {"displayName": None}).ok(200)["integration"]
    assert cleared.get("displayName") is None
    assert app.api.delete(one).ok(200) == {}
    for again in (app.api.get(one), app.api.patch(one, {}), app.api.delete(one)):
        again.refused(*NOT_FOUND)
    app.api.get(f"{one}/webhooks").refused(*NOT_FOUND)


@pytest.mark.parametrize("body, title", [
    ({"type": "custom"}, "should have required property 'webhooks'"),
    ({"type": "custom", "webhooks": []}, "webhooks should NOT have fewer than 1 items"),
    ({"type": "custom", "webhooks": [HOOK, HOOK]}, "webhooks should NOT have more than 1 items"),
    ({"type": "custom", "webhooks": {}}, "webhooks should be array"),
    ({"type": "custom", "webhooks": [{"triggers": []}]}, "webhooks[0] should have required property 'target'"),
    ({"type": "custom", "webhooks": [{"target": NOWHERE}]}, "webhooks[0] should have required property 'triggers'"),
    ({"type": "custom", "webhooks": [HOOK], "displayName": "x" * 101},
     "displayName should NOT be longer than 100 characters"),
])
def test_bad_custom(app, body, title):
    assert title in app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request").titles
    assert app.api.get(f"{app.path}/integrations").ok()["integrations"] == []


@pytest.mark.parametrize("body", [{"type": "smoke-signals"}, {"type": "Custom", "webhooks": [HOOK]}, {"type": ""}])
def test_unknown_type(app, body):
    app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request", "Invalid integration type")


def test_missing_type(app):
    app.api.post(f"{app.path}/integrations", {"displayName": "x"}).refused(400, "bad_request")
    app.api.post(f"{app.path}/integrations", {"type": 5}).refused(400, "bad_request")


@pytest.mark.parametrize("kind", KINDS)
def test_other_type(app, kind):
    """Create, get and list show the same: everything settable as sent, nothing hidden, nothing invented by the caller."""
    spec = KINDS[kind]
    path = f"{app.path}/integrations"
    invented = {name: "sent by the caller" for name in spec.read_only}
    body = {"type": kind, "displayName": f"My {kind}", **spec.body, **invented}
    made = app.api.post(path, body).ok(201)["integration"]
    assert (made["type"], made["displayName"]) == (kind, f"My {kind}")
    assert made["status"] in ("active", "inactive", "error")
    for name in spec.hidden:
        assert name not in made, f"{kind}.{name} is write-only"
    for name in spec.read_only:
        assert made.get(name) != "sent by the caller", f"{kind}.{name} is read-only"
    for name, value in spec.shown(spec.body).items():
        assert made.get(name) == value, f"{kind}.{name}"
    assert app.api.get(f"{path}/{made['id']}").ok(200)["integration"] == made
    assert app.api.get(path).ok(200)["integrations"] == [made]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].required])
def test_required_fields(app, kind):
    spec = KINDS[kind]
    for name in spec.required:
        body = {"type": kind, **{other: value for other, value in spec.body.items() if other != name}}
        answer = app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request")
        assert f"should have required property '{name}'" in answer.titles, (kind, name, answer.titles)
    assert app.api.get(f"{app.path}/integrations").ok()["integrations"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_update(app, kind):
    """PATCH changes what its type allows and leaves everything else."""
    spec = KINDS[kind]
    made = app.api.post(f"{app.path}/integrations", {"type": kind, **spec.body}).ok(201)["integration"]
    path = f"{app.path}/integrations/{made['id']}"
    changed = app.api.patch(path, {"displayName": "New name", **spec.update}).ok(200)["integration"]
    assert changed == {**made, "displayName": "New name", **spec.shown(spec.update)}
    assert app.api.patch(path, {"showAIDisclaimer": False}).ok(200)["integration"] == {**changed, "showAIDisclaimer": False}
    app.api.patch(path, {"showAIDisclaimer": True}).ok(200)
    fixed = {name: f"{value}-changed" for name, value in spec.required.items() if name not in spec.update and name in made}
    app.api.patch(path, fixed)
    assert app.api.get(path).ok(200)["integration"] == changed, "fields beyond the update's own stay"


def test_twilio_needs_a_sender(app):
    body = {"type": "twilio", **KINDS["twilio"].required}
    app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request")
    app.api.post(f"{app.path}/integrations", {**body, "messagingServiceSid": "MG1"}).ok(201)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults(app, kind):
    """What is shown of what was not sent: no more than this."""
    spec = KINDS[kind]
    body = {"type": kind, **spec.required, **({"phoneNumberSid": "PN1"} if kind == "twilio" else {})}
    made = app.api.post(f"{app.path}/integrations", body).ok(201)["integration"]
    assert made == {"id": made["id"], "status": "active", "showAIDisclaimer": True, **spec.defaults, **spec.shown(body)}


def test_what_is_asked_before_a_conversation(app):
    """It is kept without what it is not known to have, and checked like the fields of a form."""
    path, one = f"{app.path}/integrations", {"type": "text", "name": "n", "label": "Name"}
    body = {"type": "web", "prechatCapture": {"enabled": True, "colour": "blue", "fields": [{**one, "colour": "red"}]}}
    made = app.api.post(path, body).ok(201)["integration"]
    assert made["prechatCapture"] == {"enabled": True, "fields": [one]}
    for wrong, title in [
        ({"enabled": "yes"}, "prechatCapture.enabled should be boolean"),
        ({"fields": [{"type": "text", "label": "Name"}]}, "prechatCapture.fields[0] should have required property 'name'"),
        ({"fields": [{**one, "type": "date"}]}, "prechatCapture.fields[0].type should be equal to one of the allowed values"),
        ({"fields": [{**one, "placeholder": ""}]}, "prechatCapture.fields[0].placeholder should NOT be shorter than 1 characters"),
    ]:
        app.api.post(path, {"type": "web", "prechatCapture": wrong}).refused(400, "bad_request", title)
        app.api.patch(f"{path}/{made['id']}", {"prechatCapture": wrong}).refused(400, "bad_request", title)


def test_the_disclaimer_is_no_matter_of_custom_ones(app):
    body = {"type": "custom", "webhooks": [HOOK], "showAIDisclaimer": False, "defaultResponderId": MISSING}
    made = app.api.post(f"{app.path}/integrations", body).ok(201)["integration"]
    assert set(made) == {"id", "type", "status", "webhooks"}
    changed = app.api.patch(f"{app.path}/integrations/{made['id']}", {"showAIDisclaimer": True}).ok(200)["integration"]
    assert changed == made


def test_wrong_types_of_values(app):
    for kind, field, value, title in [
        ("web", "fixedIntroPane", "yes", "fixedIntroPane should be boolean"),
        ("telegram", "token", 7, "token should be string"),
        ("twitter", "tier", "basic", "tier should be equal to one of the allowed values"),
        ("web", "originWhitelist", "x", "originWhitelist should be array,null"),
    ]:
        body = {"type": kind, **KINDS[kind].body, field: value}
        assert title in app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request").titles


def test_list_filter(app):
    custom = app.custom()
    ids = {"custom": custom.id}
    for kind in ("web", "telegram"):
        body = {"type": kind, **KINDS[kind].body}
        ids[kind] = app.api.post(f"{app.path}/integrations", body).ok(201)["integration"]["id"]

    def listed(query):
        return [one["id"] for one in app.api.get(f"{app.path}/integrations?{query}").ok(200)["integrations"]]

    assert listed("") == list(ids.values())
    assert listed("filter[types]=custom,web") == [ids["custom"], ids["web"]]
    assert listed("filter%5Btypes%5D=custom%2Cweb") == [ids["custom"], ids["web"]]
    for spelling in ("filter[types][]=custom&filter[types][]=web", "filter[types]=custom&filter[types]=web",
                     "filter%5Btypes%5D%5B%5D=custom,web"):
        assert listed(spelling) == [ids["custom"], ids["web"]], spelling
    assert listed('filter={"types":"telegram"}') == [ids["telegram"]]
    assert listed("filter[types]=viber") == []
    # Types are compared letter by letter, on both stores.
    assert listed("filter[types]=WEB") == listed("filter[types]=w_b,%25") == []


def test_unknown_id(app):
    app.api.get(f"{app.path}/integrations/{MISSING}").refused(*NOT_FOUND)
    app.api.delete(f"{app.path}/integrations/{MISSING}").refused(*NOT_FOUND)


def test_default_responder(app):
    """A responder is a part of the app's switchboard (see test_switchboards.py); without one there is only `null`."""
    path = f"{app.path}/integrations"
    made = app.api.post(path, {"type": "web", "defaultResponderId": None}).ok(201)["integration"]
    assert "defaultResponderId" not in made
    one = f"{path}/{made['id']}"
    app.api.patch(one, {"defaultResponderId": None}).ok(200)
    for answer in (app.api.post(path, {"type": "web", "defaultResponderId": MISSING}),
                   app.api.patch(one, {"defaultResponderId": MISSING})):
        answer.refused(404, "switchboard_integration_not_found", "SwitchboardIntegration not found")
    assert app.api.get(path).ok(200)["integrations"] == [made]


@pytest.mark.parametrize("kind", KINDS)
def test_null_takes_a_field_away(app, kind):
    spec, path = KINDS[kind], f"{app.path}/integrations"
    made = app.api.post(path, {"type": kind, "displayName": "Named", **spec.body}).ok(201)["integration"]
    one = f"{path}/{made['id']}"
    for name in [*spec.update, "showAIDisclaimer"]:
        if name not in spec.clearable:
            app.api.patch(one, {name: None}).refused(400, "bad_request")
    for name in [*spec.clearable, "displayName"]:
        made.pop(name, None)
        assert app.api.patch(one, {name: None}).ok(200)["integration"] == made, name
    assert app.api.get(one).ok(200)["integration"] == made


def test_deleting_takes_keys_and_webhooks_along(app, sink):
    target = sink.target()
    integration = app.custom(target)
    caller, token = integration.api, integration.bearer
    caller.get(f"{app.path}/integrations/me/webhooks").ok(200)
    assert app.api.delete(integration.path).ok(200) == {}
    caller.get(f"{app.path}/integrations/me/webhooks").refused(401, "unauthorized", "Authorization is required")
    token.get(f"{app.path}/integrations/me/webhooks").refused(401, "invalid_auth")
    for path in (integration.path, f"{integration.path}/keys", f"{integration.path}/webhooks"):
        app.api.get(path).refused(*NOT_FOUND)
    app.say(app.group(), "To nobody")
    target.stays_at(0, 0.5)
