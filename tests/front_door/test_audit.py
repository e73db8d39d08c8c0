"""The audit log: whoever changes something stands in it, and whoever changes the log is found out."""

import json
import re

import pytest
from lib import server as servers
from lib.api import Api
from lib.operations import OPERATIONS
from lib.world import NOWHERE, new_app

# Everyday data, and what changes nothing: the same list as in the server's `audit/subjects.rs`, by hand.
EXEMPT = {
    "PostMessage", "PostActivity", "CreateUser", "UpdateUser", "CreateConversation", "UpdateConversation",
    "JoinConversation", "LeaveConversation", "CreateClient", "RemoveClient", "ReportClient", "ReportChannelEvent",
    "DeliverChannelMessage", "AnnounceDevice", "PassControl", "OfferControl", "AcceptControl", "ReleaseControl",
    "UploadAttachment", "DownloadMessageRef", "PostConversionEvents", "ReplayDelivery", "ReplayDeliveries",
    "TestWebhook",
}


def log(app, query=""):
    return app.account.get(f"/heliograph/v1/apps/{app.id}/audit-events?page[size]=100{query}").ok(200)["auditEvents"]


def server_log(server, query=""):
    return server.account.get(f"/heliograph/v1/audit-events?page[size]=100{query}").ok(200)["auditEvents"]


def audit(server, *words):
    return servers.run("audit", *words, *server.place())


def walk(server, app):
    """Every audited operation, once, as (operation, chain, subject)."""
    api, account = app.api, app.account
    done = []

    def note(operation, subject, chain=app):
        done.append((operation, chain, subject))

    note("CreateAppKey", app.key["id"])
    account.patch(app.path, {"displayName": "Renamed"}).ok(200)
    note("UpdateApp", app.id)
    spare = app.new_key()
    account.delete(f"{app.path}/keys/{spare['id']}").ok(200)
    note("DeleteAppKey", spare["id"])
    account.patch(f"/heliograph/v1/keys/{app.key['id']}", {"expiresAt": "2099-01-01T00:00:00.000Z"}).ok(200)
    note("UpdateKey", app.key["id"])
    leaked = app.new_key()
    account.post(f"/heliograph/v1/keys/{leaked['id']}/rotate", {}).ok(200)
    note("RotateKey", leaked["id"])
    account.patch(f"/heliograph/v1/apps/{app.id}/keyPolicy", {"mode": "compat"}).ok(200)
    note("UpdateKeyPolicy", app.id)
    account.send("PUT", f"/heliograph/v1/apps/{app.id}/notices", json={"target": NOWHERE}).ok()
    note("SetNotices", app.id)
    account.delete(f"/heliograph/v1/apps/{app.id}/notices").ok()
    note("DeleteNotices", app.id)
    custom = app.custom()
    note("CreateIntegration", custom.id)
    api.patch(custom.path, {"displayName": "Renamed"}).ok(200)
    note("UpdateIntegration", custom.id)
    key = custom.new_key()
    note("CreateCustomIntegrationKey", key["id"])
    api.delete(f"{custom.path}/keys/{key['id']}").ok(200)
    note("DeleteCustomIntegrationKey", key["id"])
    hook = f"{custom.path}/webhooks/{custom.webhook['id']}"
    api.patch(hook, {"includeFullUser": True}).ok(200)
    note("UpdateWebhook", custom.webhook["id"])
    signing = f"/heliograph/v1/apps/{app.id}/webhooks/{custom.webhook['id']}"
    api.post(f"{signing}/signing/rotate", {}).ok()
    note("RotateWebhookSigning", custom.webhook["id"])
    account.send("PUT", f"{signing}/proxy", json={"url": "http://127.0.0.1:9"}).ok()
    note("SetWebhookProxy", custom.webhook["id"])
    account.delete(f"{signing}/proxy").ok()
    for verb in ("pause", "resume"):
        api.post(f"{signing}/{verb}", {}).ok()
        note(f"{verb.capitalize()}Webhook", custom.webhook["id"])
    api.patch(signing, {}).ok()
    note("UpdateWebhookHealth", custom.webhook["id"])
    note("DeleteWebhookProxy", custom.webhook["id"])
    api.delete(hook).ok(200)
    note("DeleteWebhook", custom.webhook["id"])
    made = api.post(f"{custom.path}/webhooks", {"target": NOWHERE, "triggers": ["user:remove"]}).ok(201)["webhook"]
    note("CreateWebhook", made["id"])
    board = api.post(f"{app.path}/switchboards").ok(201)["switchboard"]
    note("CreateSwitchboard", board["id"])
    path = f"{app.path}/switchboards/{board['id']}"
    part = api.post(f"{path}/switchboardIntegrations",
                    {"name": "bot", "integrationId": custom.id, "deliverStandbyEvents": False})
    part = part.ok(201)["switchboardIntegration"]
    note("CreateSwitchboardIntegration", part["id"])
    api.patch(f"{path}/switchboardIntegrations/{part['id']}", {"name": "robot"}).ok(200)
    note("UpdateSwitchboardIntegration", part["id"])
    api.delete(f"{path}/switchboardIntegrations/{part['id']}").ok(200)
    note("DeleteSwitchboardIntegration", part["id"])
    api.patch(path, {"enabled": False}).ok(200)
    note("UpdateSwitchboard", board["id"])
    api.delete(path).ok(200)
    note("DeleteSwitchboard", board["id"])
    api.delete(custom.path).ok(200)
    note("DeleteIntegration", custom.id)
    user, second = app.user(externalId="somebody@example.org"), app.user()
    conversation = app.group(second)
    place = app.conversation_path(conversation)
    app.say(conversation, "To be deleted too")
    message = app.say(conversation, "To be deleted")
    api.delete(f"{place}/messages/{message['id']}").ok(200)
    note("DeleteMessage", message["id"])
    api.delete(f"{place}/messages").ok(200)
    note("DeleteAllMessages", conversation["id"])
    api.delete(place).ok(200)
    note("DeleteConversation", conversation["id"])
    api.delete(f"{app.path}/users/{second['id']}/personalinformation").ok(200)
    note("DeleteUserPersonalInformation", second["id"])
    api.delete(f"{app.path}/users/somebody@example.org").ok(200)
    note("DeleteUser", user["id"])
    client = account.post("/heliograph/v1/oauthClients", {"displayName": "P", "redirectUris": ["https://a.example/"]})
    client = client.ok(201)["oauthClient"]["id"]
    note("CreateOAuthClient", client, server)
    account.patch(f"/heliograph/v1/oauthClients/{client}", {"displayName": "Q"}).ok(200)
    note("UpdateOAuthClient", client, server)
    account.delete(f"/heliograph/v1/oauthClients/{client}").ok(200)
    note("DeleteOAuthClient", client, server)
    note("CreateApp", app.id, server)
    doomed = new_app(server)
    account.delete(doomed.path).ok(200)
    note("DeleteApp", doomed.id, server)
    return done


# What takes a browser, a file or another service: tested where those are.
ELSEWHERE = {"GetToken", "RevokeAccess", "DeleteAttachment", "SyncUser"}


def test_every_operation_that_writes_is_audited(launch):
    server = launch()
    app = new_app(server)
    done = walk(server, app)
    for operation, chain, subject in done:
        events = (log(app) if chain is app else server_log(server))
        found = [e for e in events if e["operation"] == operation and e.get("subjectId") == subject]
        assert len(found) == 1, f"{operation} {subject}: {[(e['operation'], e.get('subjectId')) for e in events]}"
        actor = found[0]["actor"]
        assert actor["kind"] in ("account", "app") and re.match("act_|app_", actor["id"])
        assert actor["address"] == "127.0.0.1"
    writes = {o.id for o in OPERATIONS if o.method != "GET"}
    missed = writes - EXEMPT - ELSEWHERE - {operation for operation, _, _ in done}
    assert not missed, f"neither exempt nor tested: {missed}"
    assert not [e for e in log(app) if e["operation"] in EXEMPT]
    text = json.dumps(log(app))
    assert "somebody@example.org" not in text, "the log tells nothing of a person"
    assert audit(server, "verify").returncode == 0


def test_before_and_after(app):
    app.account.patch(app.path, {"displayName": "New name"}).ok(200)
    (event,) = log(app, "&filter[operation]=UpdateApp")
    assert event["before"]["displayName"] == app.body["displayName"] and event["after"]["displayName"] == "New name"
    custom = app.custom()
    app.api.delete(custom.path).ok(200)
    (event,) = log(app, "&filter[operation]=DeleteIntegration")
    assert event["before"]["type"] == "custom" and "after" not in event


def test_refused_and_repeated_requests_leave_no_trace(app):
    seen = len(log(app))
    app.account.post(f"{app.path}/keys", {"displayName": ""}).refused(400)
    app.account.delete(f"{app.path}/keys/app_{'0' * 24}").refused(404)
    for _ in range(3):
        app.account.post(f"{app.path}/keys", {"displayName": "Once"}, headers={"Idempotency-Key": "audit"}).ok(201)
    assert len(log(app)) == seen + 1


def test_pages_and_filters(app):
    keys = [app.new_key() for _ in range(5)]
    everything = log(app)
    paged, after = [], ""
    while True:
        page = app.account.get(f"/heliograph/v1/apps/{app.id}/audit-events?page[size]=2{after}").ok(200)
        paged += page["auditEvents"]
        if not page["meta"]["hasMore"]:
            break
        after = f"&page[after]={page['meta']['afterCursor']}"
    assert paged == everything and len(everything) == 5
    (one,) = log(app, f"&filter[subjectId]={keys[2]['id']}")
    assert one["subjectId"] == keys[2]["id"]
    assert log(app, f"&filter[actorId]={app.account.key['id']}") == everything
    assert log(app, "&filter[actorId]=nobody") == []


def test_who_may_read_it(server, app):
    path = f"/heliograph/v1/apps/{app.id}/audit-events"
    for caller in (app.api, app.custom().api):
        caller.get(path).refused(403)
        caller.get("/heliograph/v1/audit-events").refused(403)
    service = Api(server, server.admin_key("--service", "--grant", app.id))
    service.get(path).ok(200)
    service.get("/heliograph/v1/audit-events").refused(403)
    Api(server, server.admin_key("--service")).get(path).refused(404)


def test_the_command_line(launch):
    server = launch()
    app = new_app(server)
    app.new_key()
    lines = [json.loads(line) for line in audit(server, "export", "--app", app.id).stdout.splitlines()]
    assert lines == log(app)
    operator = [e for e in server_log(server) if e["actor"]["kind"] == "operator"]
    assert operator[0]["operation"] == "admin keys create" and operator[0]["subjectId"] == server.first_key["id"]
    listed = json.loads(audit(server, "list", "--operation", "CreateApp", "--json").stdout)["auditEvents"]
    assert [e["subjectId"] for e in listed] == [app.id]
    verdict = audit(server, "verify", "--json")
    assert verdict.returncode == 0
    assert {one["log"]: one["state"] for one in json.loads(verdict.stdout)["logs"]} == {"server": "whole", app.id: "whole"}


ATTACKS = {
    "altered": "UPDATE audit_event SET operation = 'GetApp' WHERE app_id = '{app}' AND id = '{second}'",
    "actor": "UPDATE audit_event SET actor_id = 'act_somebodyelse' WHERE app_id = '{app}' AND id = '{second}'",
    "time": "UPDATE audit_event SET created_at = created_at + 1 WHERE app_id = '{app}' AND id = '{second}'",
    "removed": "DELETE FROM audit_event WHERE app_id = '{app}' AND id = '{second}'",
    "first": "DELETE FROM audit_event WHERE app_id = '{app}' AND id = '{first}'",
    "last": "DELETE FROM audit_event WHERE app_id = '{app}' AND id = '{third}'",
    "all": "DELETE FROM audit_event WHERE app_id = '{app}'",
    "end": "DELETE FROM audit_head WHERE app_id = '{app}'",
    "moved": "UPDATE audit_event SET app_id = '' , id = '00000000000000000000ffff' WHERE app_id = '{app}' AND id = '{third}'",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_alters_the_log_is_found_out(launch, attack):
    server = launch()
    app = new_app(server)
    for _ in range(3):
        app.new_key()
    assert audit(server, "verify").returncode == 0
    first, second, third = (f"{n:024x}" for n in (1, 2, 3))
    server.sql(ATTACKS[attack].format(app=app.id, first=first, second=second, third=third))
    verdict = audit(server, "verify")
    assert verdict.returncode == 1 and "not whole" in verdict.stderr, verdict.stdout + verdict.stderr


def test_the_deletion_of_an_app_outlives_it(launch):
    server = launch()
    app = new_app(server)
    app.new_key()
    app.account.delete(app.path).ok(200)
    (event,) = server_log(server, f"&filter[subjectId]={app.id}&filter[operation]=DeleteApp")
    assert event["before"]["displayName"] == app.body["displayName"]
    assert server.sql(f"SELECT COUNT(*) FROM audit_event WHERE app_id = '{app.id}'") == "0"
    assert audit(server, "verify").returncode == 0
