"""The audit log: whoever changes something stands in it, and whoever changes the log is found out."""

import json
import re
import threading
import time

import pytest
import requests
from lib import server as servers
from lib.api import Api
from lib.clock import PATIENCE_S
from lib.server import Server
from lib.world import NOWHERE, new_app
from test_attachments import png, upload
from test_oauth import Browser, Partner

# Everyday data, and what changes nothing: the same list as in the server's `audit/subjects.rs`, by hand.
EXEMPT = {
    "PostMessage", "PostActivity", "CreateUser", "UpdateUser", "CreateConversation", "UpdateConversation",
    "JoinConversation", "LeaveConversation", "CreateClient", "RemoveClient", "ReportClient", "ReportChannelEvent",
    "StartChannelConversation", "DeliverChannelMessage", "AnnounceDevice", "PassControl", "OfferControl", "AcceptControl", "ReleaseControl",
    "UploadAttachment", "DownloadMessageRef", "PostConversionEvents", "ReplayDelivery", "ReplayDeliveries",
    "TestWebhook", "ExplainToken",
}
ACTORS = {"account": "act_", "app": "app_"}


def log(app, query=""):
    return app.account.get(f"/heliograph/v1/apps/{app.id}/audit-events?page[size]=100{query}").ok(200)["auditEvents"]


def server_log(server, query=""):
    return server.account.get(f"/heliograph/v1/audit-events?page[size]=100{query}").ok(200)["auditEvents"]


def audit(server, *words):
    return servers.run("audit", *words, *server.place())


def walk(server, app):
    """Every audited operation, once, as (operation, chain, subject, who)."""
    api, account = app.api, app.account
    done = []

    def note(operation, subject, chain=app, who=None):
        done.append((operation, chain, subject, who))

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
    first, second = app.user(zendeskId="z1"), app.user(zendeskId="z2")
    api.post(f"{app.path}/users/z1/sync", {"survivingZendeskId": "z2"}).ok(200)
    note("SyncUser", second["id"])
    assert first["id"] != second["id"]
    url = upload(app, png())["mediaUrl"]
    api.post(f"{app.path}/attachments/remove", {"mediaUrl": url}).ok(200)
    note("DeleteAttachment", re.search("/attachments/v2/(?:.*/)?([0-9A-Z]{26})", url).group(1))
    exposed = app.new_key()
    Api(server).post("/heliograph/v1/leaked-keys", {"keys": [{"keyId": exposed["id"], "secret": exposed["secret"]}]}).ok(200)
    note("ReportLeakedKeys", exposed["id"], who="reporter")
    partner = Partner(server)
    caller = partner.let_in(app)
    (let_in,) = [one["id"] for one in api.get(f"{app.path}/integrations").ok(200)["integrations"] if one["type"] == partner.id]
    note("Consent", partner.id)
    note("GetToken", let_in, who="OAuth client")
    caller.delete("/oauth/authorization").ok(200)
    note("RevokeAccess", let_in, who="OAuth")
    link = servers.run("admin", "login-link", "--url", server.url, "--app", app.id, *server.place())
    Browser(server).go("GET", re.search(r"https?://\S+", link.stdout).group(0)).submit()
    note("admin login-link", app.id, server, "operator")
    note("Login", app.id, server, "operator")
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


def test_every_operation_that_writes_is_audited(launch):
    server = launch()
    app = new_app(server)
    done = walk(server, app)
    for operation, chain, subject, who in done:
        events = (log(app) if chain is app else server_log(server))
        found = [e for e in events if e["operation"] == operation and e.get("subjectId") == subject]
        assert len(found) == 1, f"{operation} {subject}: {[(e['operation'], e.get('subjectId')) for e in events]}"
        actor = found[0]["actor"]
        assert actor["kind"] == who if who else actor["id"].startswith(ACTORS[actor["kind"]]), found
        # Whoever sits at the server's own machine comes from no address.
        assert actor.get("address") == (None if operation.startswith("admin") else "127.0.0.1"), found
    # Every one of the contract and of our own, as the server itself publishes them.
    paths = requests.get(f"{server.url}/openapi.json", timeout=60).json()["paths"]
    writes = {row["operationId"] for path in paths.values() for method, row in path.items() if method not in ("get", "parameters")}
    assert len(writes) > 60
    missed = writes - EXEMPT - {operation for operation, *_ in done}
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


def test_before_and_after_of_what_is_our_own(app, server):
    """Switches, modes, secrets that were replaced: what they were and are, but no secret."""
    def last(operation):
        return log(app, f"&filter[operation]={operation}")[-1]

    bot = app.custom()
    hook = f"/heliograph/v1/apps/{app.id}/webhooks/{bot.webhook['id']}"
    app.account.patch(f"/heliograph/v1/apps/{app.id}/keyPolicy", {"mode": "hardened"}).ok(200)
    assert "before" not in last("UpdateKeyPolicy") and last("UpdateKeyPolicy")["after"] == {"mode": "hardened"}
    app.account.patch(f"/heliograph/v1/apps/{app.id}/keyPolicy", {"mode": None}).ok(200)
    assert last("UpdateKeyPolicy")["before"] == {"mode": "hardened"} and "after" not in last("UpdateKeyPolicy")
    app.api.post(f"{hook}/pause", {}).ok()
    assert "pausedAtMs" not in last("PauseWebhook").get("before", {}) and last("PauseWebhook")["after"]["pausedAtMs"]
    app.api.patch(hook, {"ordered": False, "eventsPerCall": 7}).ok()
    assert last("UpdateWebhookHealth")["after"] == {**last("PauseWebhook")["after"], "ordered": "0", "eventsPerCall": "7"}
    app.api.post(f"{hook}/resume", {}).ok()
    assert "pausedAtMs" not in last("ResumeWebhook")["after"]
    app.api.post(f"{hook}/signing/rotate", {}).ok()
    rotated = last("RotateWebhookSigning")
    assert rotated["before"]["signingSinceMs"] <= rotated["after"]["signingSinceMs"] and rotated["after"]["formerSecretUntilMs"]
    app.account.put(f"{hook}/proxy", {"url": "http://127.0.0.1:9"}).ok()
    assert (last("SetWebhookProxy")["before"], last("SetWebhookProxy")["after"]) == ({"proxy": "none"}, {"proxy": "set"})
    app.account.put(f"/heliograph/v1/apps/{app.id}/notices", {"target": NOWHERE}).ok()
    app.account.delete(f"/heliograph/v1/apps/{app.id}/notices").ok()
    assert last("SetNotices")["after"] == last("DeleteNotices")["before"] == {"target": NOWHERE}
    key = app.new_key()
    app.account.post(f"/heliograph/v1/keys/{key['id']}/rotate", {"graceSeconds": 60}).ok(200)
    assert last("RotateKey")["after"].keys() >= {"rotatedAtMs", "oldSecretUntilMs"}
    spare = app.new_key()
    Api(server).post("/heliograph/v1/leaked-keys", {"keys": [{"keyId": spare["id"], "secret": spare["secret"]}]}).ok(200)
    leaked = last("ReportLeakedKeys")
    assert "disabledReason" not in leaked["before"] and leaked["after"]["disabledReason"] == "leaked"


def test_what_the_operator_does(launch):
    server = launch()
    app = new_app(server)
    worker = server.admin_key("--service", "--grant", app.id, "--display-name", "Worker")
    servers.run("admin", "keys", "delete", worker["id"], *server.place())
    made, gone = (server_log(server, f"&filter[operation]=admin keys {verb}")[-1] for verb in ("create", "delete"))
    assert made["subjectId"] == gone["subjectId"] == worker["id"] and made["actor"] == {"kind": "operator"}
    assert made["after"]["displayName"] == gone["before"]["displayName"] == "Worker" and made["after"]["grants"] == [app.id]
    for verb in ("rotate", "prune"):
        assert servers.run("master-key", verb, *server.place()).returncode == 0
        assert server_log(server, f"&filter[operation]=master-key {verb}")[-1]["subjectId"]
    assert audit(server, "verify").returncode == 0


def test_a_partner_whose_id_is_like_a_keys(launch):
    """What is done to it stands in the server's log, not in that of the key's app, which goes with the app."""
    server = launch()
    app = new_app(server)
    path = f"/heliograph/v1/oauthClients/{app.key['id']}"
    client = {"id": app.key["id"], "displayName": "P", "redirectUris": ["https://a.example/"]}
    server.account.post("/heliograph/v1/oauthClients", client).ok(201)
    server.account.patch(path, {"displayName": "Q"}).ok(200)
    server.account.delete(path).ok(200)
    done = [event["operation"] for event in server_log(server, "&filter[subjectId]=" + app.key["id"])]
    assert sorted(done) == ["CreateOAuthClient", "DeleteOAuthClient", "UpdateOAuthClient"]


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


def prune(server, before, *words):
    return audit(server, "prune", "--before", before, "--json", *words)


def aged(server, app, keys=4):
    """Some events, each in a millisecond of its own; answers them."""
    for _ in range(keys):
        app.new_key()
        time.sleep(0.005)
    return log(app)


def test_pruning_leaves_a_log_that_can_be_verified(launch):
    server = launch()
    app, beside = new_app(server), new_app(server)
    beside.new_key()
    events = aged(server, app)
    done = prune(server, events[2]["createdAt"], "--app", app.id)
    assert done.returncode == 0 and json.loads(done.stdout)["logs"] == [{"log": app.id, "removed": 2, "state": "whole"}]
    left = log(app)
    assert left[:-1] == events[2:] and left[-1]["operation"] == "audit prune" and left[-1]["actor"] == {"kind": "operator"}
    assert left[-1]["after"] == {
        "through": events[1]["id"], "mac": events[1]["mac"], "events": 2, "before": events[2]["createdAt"]}
    assert len(log(beside)) == 1, "only the log that was named"
    # Nothing is left to do; and the log goes on.
    again = prune(server, events[2]["createdAt"], "--app", app.id)
    assert json.loads(again.stdout)["logs"] == [{"log": app.id, "removed": 0, "state": "whole"}] and log(app) == left
    more = aged(server, app, 3)
    verdict = json.loads(audit(server, "verify", "--app", app.id, "--json").stdout)["logs"]
    assert verdict == [{"log": app.id, "events": 8, "pruned": 2, "state": "whole", "mac": more[-1]["mac"]}]
    # A second pruning takes the event of the first one along.
    assert prune(server, more[-1]["createdAt"]).returncode == 0
    kept = log(app)
    assert [e["operation"] for e in kept] == ["CreateAppKey", "audit prune"] and kept[0] == more[-1]
    verdicts = json.loads(audit(server, "verify", "--json").stdout)["logs"]
    assert {one["state"] for one in verdicts} == {"whole"}
    assert prune(server, "2999-01-01T00:00:00Z").returncode == 1, "what has not happened has not had its time"
    server.restart()
    app = type(app)(server, server.account, app.body)
    app.new_key()
    assert audit(server, "verify").returncode == 0


AFTER_PRUNING = {
    "more removed": "DELETE FROM audit_event WHERE app_id = '{app}' AND id = '{third}'",
    "middle": "DELETE FROM audit_event WHERE app_id = '{app}' AND id = '{fourth}'",
    "the pruning's event": "DELETE FROM audit_event WHERE app_id = '{app}' AND operation = 'audit prune'",
    "all": "DELETE FROM audit_event WHERE app_id = '{app}'",
    "claims more": "DELETE FROM audit_event WHERE app_id = '{app}' AND id = '{third}'; UPDATE audit_event SET detail = "
                   "REPLACE(detail, '{second}', '{third}') WHERE app_id = '{app}' AND operation = 'audit prune'",
    "altered": "UPDATE audit_event SET subject_id = 'x' WHERE app_id = '{app}' AND id = '{fourth}'",
    "put before": "INSERT INTO audit_event (app_id, id, created_at, operation, actor_id, subject_id, detail, mac) SELECT app_id, "
                  "'{second}', created_at, operation, actor_id, subject_id, detail, mac FROM audit_event "
                  "WHERE app_id = '{app}' AND id = '{third}'",
}


@pytest.mark.parametrize("attack", AFTER_PRUNING)
def test_who_alters_a_pruned_log_is_found_out(launch, attack):
    server = launch()
    app = new_app(server)
    events = aged(server, app)
    assert prune(server, events[2]["createdAt"], "--app", app.id).returncode == 0
    second, third, fourth = (f"{n:024x}" for n in (2, 3, 4))
    for statement in AFTER_PRUNING[attack].split("; "):
        server.sql(statement.format(app=app.id, second=second, third=third, fourth=fourth))
    verdict = audit(server, "verify")
    assert verdict.returncode == 1 and "not whole" in verdict.stderr, verdict.stdout + verdict.stderr


def test_what_was_altered_is_not_pruned_away(launch):
    server = launch()
    app = new_app(server)
    events = aged(server, app)
    server.sql(f"UPDATE audit_event SET subject_id = 'x' WHERE app_id = '{app.id}' AND id = '{events[0]['id']}'")
    done = prune(server, events[3]["createdAt"], "--app", app.id)
    assert done.returncode == 1 and "were not pruned" in done.stderr
    assert json.loads(done.stdout)["logs"][0]["state"] == "event 1 was altered"
    assert server.sql(f"SELECT COUNT(*) FROM audit_event WHERE app_id = '{app.id}'") == "4"


def test_a_server_prunes_by_itself(launch):
    server = launch("--audit-days", "0.00002")
    app = new_app(server)
    events = aged(server, app)
    time.sleep(2)
    server.restart()
    app = type(app)(server, server.account, app.body)
    until = time.monotonic() + PATIENCE_S
    while any(e["id"] == events[-1]["id"] for e in log(app)):
        assert time.monotonic() < until
        time.sleep(0.05)
    (left,) = log(app)
    assert left["operation"] == "audit prune" and left["actor"] == {"kind": "server"} and left["after"]["events"] == 4
    # That is told when all logs are done.
    while "the audit log was pruned" not in server.stderr:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert audit(server, "verify").returncode == 0


def test_two_servers_prune_once(tmp_path):
    """Both find the same events: one removes them, the other finds nothing left to do."""
    one = Server("postgres", tmp_path / "one").start()
    two = Server.beside(one, tmp_path / "two", "--audit-days", "0.00002")
    try:
        app = new_app(one)
        aged(one, app)
        one.flags += ["--audit-days", "0.00002"]
        time.sleep(2)
        starting = threading.Thread(target=one.restart)
        starting.start()
        two.start()
        starting.join()
        app, until = type(app)(one, one.account, app.body), time.monotonic() + PATIENCE_S
        while {e["operation"] for e in log(app)} != {"audit prune"} and time.monotonic() < until:
            time.sleep(0.05)
        # What is pruned twice would be so by now.
        time.sleep(1)
        left = log(app)
        assert {e["operation"] for e in left} == {"audit prune"}
        verdict = json.loads(audit(one, "verify", "--app", app.id, "--json").stdout)["logs"][0]
        assert verdict["state"] == "whole" and verdict["pruned"] + len(left) == verdict["events"] <= 4 + 3, verdict
    finally:
        one.kill9(), two.kill9()


def test_the_deletion_of_an_app_outlives_it(launch):
    server = launch()
    app = new_app(server)
    app.new_key()
    app.account.delete(app.path).ok(200)
    (event,) = server_log(server, f"&filter[subjectId]={app.id}&filter[operation]=DeleteApp")
    assert event["before"]["displayName"] == app.body["displayName"]
    assert server.sql(f"SELECT COUNT(*) FROM audit_event WHERE app_id = '{app.id}'") == "0"
    assert audit(server, "verify").returncode == 0
