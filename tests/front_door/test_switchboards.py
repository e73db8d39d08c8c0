"""Switchboards and their parts: the resources. What they do to conversations: test_switchboard_control.py."""

import pytest
from lib.world import MISSING
from test_oauth import Partner


@pytest.fixture
def path(app):
    return f"{app.path}/switchboards"


@pytest.fixture
def switchboard(app, path):
    return app.api.post(path).ok(201)["switchboard"]


@pytest.fixture
def parts(path, switchboard):
    """Where the parts of the switchboard are."""
    return f"{path}/{switchboard['id']}/switchboardIntegrations"


def link(app, parts, name, integration=None, **fields):
    """A part that stands for an integration (a new one, when none is given)."""
    body = {"name": name, "integrationId": (integration or app.custom()).id, **fields}
    return app.api.post(parts, body).ok(201)["switchboardIntegration"]


def test_one_for_each_app(app, path):
    assert app.api.get(path).ok(200) == {"switchboards": []}
    made = app.api.post(path).ok(201)["switchboard"]
    assert made == {"id": made["id"], "enabled": False}
    app.api.post(path, {}).refused(400, "bad_request", "Only one switchboard can be created per app")
    assert app.api.get(path).ok(200) == {"switchboards": [made]}
    app.account.post(f"/v2/apps/{MISSING}/switchboards").refused(404, "app_not_found", "App not found")
    app.account.get(f"/v2/apps/{MISSING}/switchboards").refused(404, "app_not_found", "App not found")


def test_enabling_needs_a_default(app, path, switchboard, parts):
    one = f"{path}/{switchboard['id']}"
    app.api.patch(one, {"enabled": True}).refused(
        400, "bad_request", "Enabled switchboard must have an associated default switchboardIntegration")
    assert app.api.patch(one, {"enabled": False}).ok(200)["switchboard"] == switchboard
    bot = link(app, parts, "bot")
    app.api.patch(one, {"defaultSwitchboardIntegrationId": MISSING}).refused(
        404, "switchboard_integration_not_found", "SwitchboardIntegration not found")
    changed = {"id": switchboard["id"], "enabled": True, "defaultSwitchboardIntegrationId": bot["id"]}
    body = {"enabled": True, "defaultSwitchboardIntegrationId": bot["id"]}
    assert app.api.patch(one, body).ok(200)["switchboard"] == changed
    assert app.api.patch(one, {}).ok(200)["switchboard"] == changed
    assert app.api.get(path).ok(200)["switchboards"] == [changed]
    assert app.api.patch(one, {"enabled": False}).ok(200)["switchboard"] == {**changed, "enabled": False}
    app.api.patch(one, {"enabled": "yes"}).refused(400, "bad_request", "enabled should be boolean")


def test_unknown_switchboard(app, other, path, switchboard):
    theirs = other.api.post(f"{other.path}/switchboards").ok(201)["switchboard"]
    gone = (404, "switchboard_not_found", "Switchboard not found")
    for id in (MISSING, theirs["id"], "nonsense"):
        app.api.patch(f"{path}/{id}", {}).refused(*gone)
        app.api.delete(f"{path}/{id}").refused(*gone)
        app.api.get(f"{path}/{id}/switchboardIntegrations").refused(*gone)
        app.api.post(f"{path}/{id}/switchboardIntegrations", {"name": "bot", "integrationId": MISSING}).refused(*gone)


def test_a_part(app, parts):
    bot, desk = app.custom(), app.custom()
    first = link(app, parts, "bot", bot)
    assert first == {
        "id": first["id"], "name": "bot", "integrationId": bot.id, "integrationType": "custom",
        "deliverStandbyEvents": True}
    second = link(
        app, parts, "Human_Desk-2", desk, deliverStandbyEvents=False, nextSwitchboardIntegrationId=first["id"],
        messageHistoryCount=10)
    assert second == {
        "id": second["id"], "name": "Human_Desk-2", "integrationId": desk.id, "integrationType": "custom",
        "deliverStandbyEvents": False, "nextSwitchboardIntegrationId": first["id"], "messageHistoryCount": 10}
    assert app.api.get(parts).ok(200) == {"switchboardIntegrations": [first, second]}


def test_null_is_nothing_on_creation(app, parts):
    part = link(app, parts, "bot", nextSwitchboardIntegrationId=None, messageHistoryCount=None)
    assert "nextSwitchboardIntegrationId" not in part and "messageHistoryCount" not in part


@pytest.mark.parametrize("fields, title", [
    ({"name": None}, "name should be string"),
    ({"name": ""}, 'name should match pattern "^[A-Za-z0-9_-]+$"'),
    ({"name": "a b"}, 'name should match pattern "^[A-Za-z0-9_-]+$"'),
    ({"name": "x" * 129}, "name should NOT be longer than 128 characters"),
    ({"messageHistoryCount": 0}, "messageHistoryCount should be >= 1"),
    ({"messageHistoryCount": 11}, "messageHistoryCount should be <= 10"),
    ({"messageHistoryCount": 1.5}, None),
    ({"deliverStandbyEvents": None}, "deliverStandbyEvents should be boolean"),
    ({"integrationId": None}, "integrationId should be string"),
    ({"integrationType": "acme"}, "should have only one of integrationId and integrationType"),
])
def test_bad_parts(app, parts, fields, title):
    body = {"name": "bot", "integrationId": app.custom().id, **fields}
    app.api.post(parts, body).refused(400, "bad_request", title)
    assert app.api.get(parts).ok(200)["switchboardIntegrations"] == []


def test_what_a_part_stands_for(app, other, parts):
    web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
    app.api.post(parts, {"integrationId": MISSING}).refused(400, "bad_request", "should have required property 'name'")
    app.api.post(parts, {"name": "bot"}).refused(400, "bad_request")
    gone = (404, "integration_not_found", "Integration not found")
    for id in (MISSING, other.custom().id, "nonsense"):
        app.api.post(parts, {"name": "bot", "integrationId": id}).refused(*gone)
    app.api.post(parts, {"name": "bot", "integrationType": "nobody-came-by-oauth"}).refused(*gone)
    app.api.post(parts, {"name": "bot", "integrationId": web["id"]}).refused(400, "bad_request")
    app.api.post(parts, {"name": "bot", "integrationType": "web"}).refused(400, "bad_request")
    app.custom()
    app.api.post(parts, {"name": "bot", "integrationType": "custom"}).refused(400, "bad_request")


def test_names_and_integrations_are_unique(app, parts):
    integration = app.custom()
    bot = link(app, parts, "bot", integration)
    app.api.post(parts, {"name": "bot", "integrationId": app.custom().id}).refused(400, "bad_request")
    app.api.post(parts, {"name": "again", "integrationId": integration.id}).refused(400, "bad_request")
    desk = link(app, parts, "desk")
    app.api.patch(f"{parts}/{desk['id']}", {"name": "bot"}).refused(400, "bad_request")
    assert app.api.patch(f"{parts}/{bot['id']}", {"name": "bot"}).ok(200)["switchboardIntegration"] == bot


def test_ten_parts(app, parts, sink):
    # An app may have ten webhooks, and so ten custom integrations.
    for number in range(10):
        link(app, parts, f"part-{number}")
    full = {"name": "one-more", "integrationId": MISSING}
    app.api.post(parts, full).refused(
        400, "too_many_switchboard_integrations",
        "Switchboard has reached the max number of switchboard integrations (10)")


def test_update_of_a_part(app, parts):
    bot, desk = link(app, parts, "bot"), link(app, parts, "desk")
    one = f"{parts}/{bot['id']}"
    fields = {"name": "robot", "deliverStandbyEvents": False, "nextSwitchboardIntegrationId": desk["id"],
              "messageHistoryCount": 3}
    changed = app.api.patch(one, fields).ok(200)["switchboardIntegration"]
    assert changed == {**bot, **fields}
    assert app.api.patch(one, {}).ok(200)["switchboardIntegration"] == changed
    assert app.api.get(parts).ok(200)["switchboardIntegrations"] == [changed, desk]
    cleared = app.api.patch(one, {"nextSwitchboardIntegrationId": None, "messageHistoryCount": None})
    assert cleared.ok(200)["switchboardIntegration"] == {**bot, "name": "robot", "deliverStandbyEvents": False}
    integration = app.custom()
    moved = app.api.patch(one, {"integrationId": integration.id}).ok(200)["switchboardIntegration"]
    assert moved["integrationId"] == integration.id
    gone = (404, "switchboard_integration_not_found", "SwitchboardIntegration not found")
    app.api.patch(one, {"nextSwitchboardIntegrationId": MISSING}).refused(*gone)
    app.api.patch(f"{parts}/{MISSING}", {}).refused(*gone)


def test_delete_of_a_part(app, path, switchboard, parts):
    bot, desk, spare = (link(app, parts, name) for name in ("bot", "desk", "spare"))
    app.api.patch(f"{path}/{switchboard['id']}", {"defaultSwitchboardIntegrationId": bot["id"]}).ok(200)
    app.api.patch(f"{parts}/{bot['id']}", {"nextSwitchboardIntegrationId": desk["id"]}).ok(200)
    app.api.delete(f"{parts}/{bot['id']}").refused(400, "bad_request")
    app.api.delete(f"{parts}/{desk['id']}").refused(400, "bad_request")
    assert app.api.delete(f"{parts}/{spare['id']}").ok(200) == {}
    app.api.delete(f"{parts}/{spare['id']}").refused(
        404, "switchboard_integration_not_found", "SwitchboardIntegration not found")
    app.api.patch(f"{path}/{switchboard['id']}", {"defaultSwitchboardIntegrationId": desk["id"]}).ok(200)
    assert app.api.delete(f"{parts}/{bot['id']}").ok(200) == {}
    assert [part["id"] for part in app.api.get(parts).ok(200)["switchboardIntegrations"]] == [desk["id"]]


def test_delete_of_a_switchboard(app, path, switchboard, parts):
    bot = app.custom()
    link(app, parts, "bot", bot)
    assert app.api.delete(f"{path}/{switchboard['id']}").ok(200) == {}
    app.api.get(parts).refused(404, "switchboard_not_found")
    assert app.api.get(path).ok(200) == {"switchboards": []}
    app.api.get(bot.path).ok(200)
    fresh = app.api.post(path).ok(201)["switchboard"]
    assert app.api.get(f"{path}/{fresh['id']}/switchboardIntegrations").ok(200) == {"switchboardIntegrations": []}


def test_an_integration_goes_with_its_part(app, path, switchboard, parts):
    bot, desk = app.custom(), app.custom()
    first, second = link(app, parts, "bot", bot), link(app, parts, "desk", desk)
    app.api.patch(f"{parts}/{first['id']}", {"nextSwitchboardIntegrationId": second["id"]}).ok(200)
    body = {"enabled": True, "defaultSwitchboardIntegrationId": first["id"]}
    app.api.patch(f"{path}/{switchboard['id']}", body).ok(200)
    app.api.delete(desk.path).ok(200)
    assert app.api.get(parts).ok(200)["switchboardIntegrations"] == [first]
    assert app.api.get(path).ok(200)["switchboards"][0]["enabled"] is True
    app.api.delete(bot.path).ok(200)
    assert app.api.get(parts).ok(200)["switchboardIntegrations"] == []
    assert app.api.get(path).ok(200)["switchboards"] == [switchboard], "nothing is left to begin with"


def test_default_responder_of_a_channel(app, path, switchboard, parts):
    web = app.api.post(f"{app.path}/integrations", {"type": "web"}).ok(201)["integration"]
    assert "defaultResponder" not in web
    channel = f"{app.path}/integrations/{web['id']}"
    gone = (404, "switchboard_integration_not_found", "SwitchboardIntegration not found")
    app.api.patch(channel, {"defaultResponderId": MISSING}).refused(*gone)
    bot, desk = link(app, parts, "bot"), link(app, parts, "desk", messageHistoryCount=5)
    app.api.patch(f"{path}/{switchboard['id']}", {"defaultSwitchboardIntegrationId": bot["id"]}).ok(200)

    def shown(part, inherited):
        return {**{name: value for name, value in part.items() if name != "id"}, "inherited": inherited}

    assert app.api.get(channel).ok(200)["integration"]["defaultResponder"] == shown(bot, True)
    changed = app.api.patch(channel, {"defaultResponderId": desk["id"]}).ok(200)["integration"]
    assert changed["defaultResponder"] == shown(desk, False) and "defaultResponderId" not in changed
    body = {"type": "web", "defaultResponderId": desk["id"]}
    second = app.api.post(f"{app.path}/integrations", body).ok(201)["integration"]
    assert second["defaultResponder"] == shown(desk, False)
    listed = app.api.get(f"{app.path}/integrations?filter[types]=web").ok(200)["integrations"]
    assert [one["defaultResponder"]["inherited"] for one in listed] == [False, False]
    cleared = app.api.patch(channel, {"defaultResponderId": None}).ok(200)["integration"]
    assert cleared["defaultResponder"] == shown(bot, True)
    app.api.delete(f"{parts}/{desk['id']}").ok(200)
    other = app.api.get(f"{app.path}/integrations/{second['id']}").ok(200)["integration"]
    assert other["defaultResponder"] == shown(bot, True)
    app.api.delete(f"{path}/{switchboard['id']}").ok(200)
    assert "defaultResponder" not in app.api.get(channel).ok(200)["integration"]
    custom = app.api.get(f"{app.path}/integrations/{bot['integrationId']}").ok(200)["integration"]
    assert "defaultResponder" not in custom


def test_a_partner_is_linked_by_its_type(server, app, parts, sink):
    """What came by OAuth has the OAuth client's id for a type; with its token it takes its turns."""
    partner, target = Partner(server), sink.target()
    app.api.post(parts, {"name": "partner", "integrationType": partner.id}).refused(404, "integration_not_found")
    caller = partner.let_in(app)
    hook = {"target": target.url, "triggers": ["switchboard:passControl"]}
    caller.post(f"{app.path}/integrations/me/webhooks", hook).ok(201)
    part = app.api.post(parts, {"name": "partner", "integrationType": partner.id}).ok(201)["switchboardIntegration"]
    assert part["integrationType"] == partner.id
    bot = link(app, parts, "bot", nextSwitchboardIntegrationId=part["id"])
    app.api.patch(f"{parts}/{part['id']}", {"nextSwitchboardIntegrationId": bot["id"]}).ok(200)
    body = {"enabled": True, "defaultSwitchboardIntegrationId": bot["id"]}
    app.api.patch(parts.removesuffix("/switchboardIntegrations"), body).ok(200)
    control = f"{app.conversation_path(app.personal())}/passControl"
    app.api.post(control, {"switchboardIntegration": partner.id}).ok(200)
    told = target.wait_event("switchboard:passControl")["payload"]["conversation"]
    assert told["activeSwitchboardIntegration"]["id"] == part["id"]
    for _ in range(2):
        caller.post(control, {"switchboardIntegration": "next"}).ok(200)
    caller.delete("/oauth/authorization").ok(200)
    assert [one["id"] for one in app.api.get(parts).ok(200)["switchboardIntegrations"]] == [bot["id"]]
