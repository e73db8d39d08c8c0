"""Who may call what: every kind of credential x every operation, by Basic and by Bearer."""

import pytest
from lib import tokens
from lib.api import Api
from lib.operations import ACCOUNT, APP, INTEGRATION, OPERATIONS
from lib.world import MISSING, new_app

FORBIDDEN = (403, "forbidden")
NOT_GRANTED = (404, "app_not_found")
NO_CREDENTIAL = (401, "unauthorized")


def within_scope(scope):
    """The verdict of a credential of this app: the probe's own status, or 403."""
    return lambda operation: None if scope in operation.scopes else FORBIDDEN


def not_granted(operation):
    """A service account without this app: the scope is looked at first, then the app is not there for it."""
    if ACCOUNT not in operation.scopes:
        return FORBIDDEN
    return NOT_GRANTED if "{appId}" in operation.path else None


def other_integration(operation):
    """A second integration of the same app: everything of its scope but the first one's webhooks."""
    if INTEGRATION not in operation.scopes or "/integrations/{integrationId}/webhooks" in operation.path:
        return FORBIDDEN
    return None


# name -> (the key, the verdict it gets for an operation: None means permitted)
CALLERS = {
    "act": (lambda app, other: app.server.first_key, within_scope(ACCOUNT)),
    "svc granted": (lambda app, other: app.server.admin_key("--service", "--grant", app.id), within_scope(ACCOUNT)),
    "svc not granted": (lambda app, other: app.server.admin_key("--service", "--grant", other.id), not_granted),
    "app": (lambda app, other: app.key, within_scope(APP)),
    "app of another app": (lambda app, other: other.key, lambda operation: FORBIDDEN),
    "int": (lambda app, other: app.mine.key, within_scope(INTEGRATION)),
    "int beside it": (lambda app, other: app.custom().key, other_integration),
    "int of another app": (lambda app, other: other.custom().key, lambda operation: FORBIDDEN),
    "nobody": (lambda app, other: None, lambda operation: NO_CREDENTIAL),
}


def rights(app, other, name, scheme):
    """A caller of this name, by Basic or Bearer, and its verdicts."""
    make_key, verdict = CALLERS[name]
    key = make_key(app, other)
    if key is None:
        return Api(app.server), verdict
    if scheme == "bearer":
        return Api(app.server, bearer=tokens.mint(key)), verdict
    return Api(app.server, key), verdict


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
@pytest.mark.parametrize("name", CALLERS)
def test_every_operation(app, other, name, scheme):
    app.mine = app.custom()
    user = app.user()
    ids = {
        "appId": app.id, "integrationId": app.mine.id, "userId": user["id"],
        "conversationId": app.group(user)["id"],
    }
    caller, verdict = rights(app, other, name, scheme)
    wrong = []
    for operation in OPERATIONS:
        expected = verdict(operation) or (operation.probe, None)
        answer = caller.send(operation.method, operation.url(ids), json=operation.body)
        code = answer.body["errors"][0]["code"] if answer.status >= 400 else None
        if answer.status != expected[0] or (expected[1] and code != expected[1]):
            wrong.append(f"{operation.id}: {answer.status} {code}, wanted {expected}")
    assert not wrong, f"{name} by {scheme}:\n" + "\n".join(wrong)


def test_refused_calls_change_nothing(app, other):
    """The matrix proves the answers; this proves that nothing happened behind them."""
    app.mine = app.custom()
    before = app.api.get(f"{app.path}/integrations").ok()
    for name in ("app of another app", "int", "int of another app", "nobody"):
        caller, _ = rights(app, other, name, "basic")
        answer = caller.delete(app.mine.path)
        assert answer.status in (401, 403), (name, answer.status)
    assert app.api.get(f"{app.path}/integrations").ok() == before


def test_missing_app_is_not_found_for_accounts(account, server):
    for caller in (account, Api(server, server.admin_key("--service"))):
        caller.get(f"/v2/apps/{MISSING}").refused(404, "app_not_found", "App not found")
        caller.get(f"/v2/apps/{MISSING}/integrations").refused(404, "app_not_found", "App not found")


def test_service_account_sees_its_apps_alone(server, app):
    key = server.admin_key("--service", "--grant", app.id)
    caller = Api(server, key)
    assert [one["id"] for one in caller.get("/v2/apps").ok(200)["apps"]] == [app.id]
    made = new_app(server, caller)
    assert {one["id"] for one in caller.get("/v2/apps").ok(200)["apps"]} == {app.id, made.id}
    caller.get(made.path).ok(200)


def test_filter_of_another_service_account_is_forbidden(server, app):
    mine, theirs = server.admin_key("--service", "--grant", app.id), server.admin_key("--service")
    caller = Api(server, mine)
    found = caller.get(f"/v2/apps?filter[serviceAccountId]={mine['serviceAccountId']}").ok(200)
    assert [one["id"] for one in found["apps"]] == [app.id]
    caller.get(f"/v2/apps?filter[serviceAccountId]={theirs['serviceAccountId']}").refused(
        403, "forbidden", "The serviceAccountId provided does not match supplied credentials")


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_integrations_me(app, scheme):
    """An integration may call itself `me` on its webhooks."""
    mine, beside = app.custom(), app.custom()
    caller = mine.api if scheme == "basic" else mine.bearer
    listed = caller.get(f"{app.path}/integrations/me/webhooks").ok(200)
    assert [hook["id"] for hook in listed["webhooks"]] == [mine.webhook["id"]]
    path = f"{app.path}/integrations/me/webhooks/{mine.webhook['id']}"
    assert caller.get(path).ok(200)["webhook"]["id"] == mine.webhook["id"]
    assert caller.patch(path, {"includeFullUser": True}).ok(200)["webhook"]["includeFullUser"] is True
    caller.get(f"{app.path}/integrations/me/webhooks/{beside.webhook['id']}").refused(404, "not_found")
    caller.get(f"{beside.path}/webhooks").refused(403, "forbidden", "Forbidden")
    caller.delete(f"{beside.path}/webhooks/{beside.webhook['id']}").refused(403, "forbidden", "Forbidden")
    app.api.get(f"{app.path}/integrations/me/webhooks").refused(404, "integration_not_found", "Integration not found")
