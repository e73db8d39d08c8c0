"""The operations of the contract, and our own that an app's keys may call: who may call each, and what a harmless, permitted call of it gets.

The scopes are the reference's, written down here by hand on purpose: read from the server they would prove nothing.
"""

import re
from dataclasses import dataclass

from lib.world import MISSING

ACCOUNT, APP, INTEGRATION = "account", "app", "integration"
ALL = {ACCOUNT, APP, INTEGRATION}


@dataclass(frozen=True)
class Operation:
    """One row. `probe` is the status of a permitted call with the ids and the body given here."""

    id: str
    method: str
    path: str
    scopes: frozenset
    probe: int
    body: dict | None = None

    @property
    def template(self):
        """The path with `{}` for every id: what this row and an OpenAPI document have in common."""
        return bare(self.path.split("?")[0].replace("int_{", "{"))

    def url(self, ids):
        """The path for these ids; what they do not name is an id that does not exist."""
        names = {"keyId": f"app_{MISSING}", "webhookId": MISSING, "messageId": MISSING, "missing": MISSING, **ids}
        return self.path.format(**names)


def bare(path):
    """A path template without the names of its ids."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def row(id, method, path, scopes, probe, body=None):
    return Operation(id, method, path, frozenset(scopes), probe, body)


A = "/v2/apps/{appId}"
OURS = "/heliograph/v1/apps/{appId}"
I = A + "/integrations/{integrationId}"
W = "/heliograph/v1/apps/{appId}/webhooks/{webhookId}"
C = A + "/conversations/{conversationId}"
S = A + "/switchboards"
P = S + "/{missing}/switchboardIntegrations/{missing}"
LIFE = "/heliograph/v1/keys"
HOOK = {"target": "http://127.0.0.1:9/", "triggers": ["conversation:message"]}
MESSAGE = {"author": {"type": "business"}, "content": {"type": "text", "text": "Who may say this?"}}

LINK = {"matchCriteria": {"type": "whatsapp", "integrationId": MISSING, "phoneNumber": "+12125552368"},
        "confirmation": {"type": "immediate"}, "target": {"conversationId": MISSING}}

OPERATIONS = [
    row("CreateApp", "POST", "/v2/apps", {ACCOUNT}, 201, {"displayName": "Made by a probe"}),
    row("ListApps", "GET", "/v2/apps", {ACCOUNT}, 200),
    row("GetApp", "GET", A, {ACCOUNT, APP}, 200),
    row("UpdateApp", "PATCH", A, {ACCOUNT, APP}, 200, {"displayName": "Renamed by a probe"}),
    row("CreateAppKey", "POST", A + "/keys", {ACCOUNT}, 201, {"displayName": "Probe"}),
    row("ListAppKeys", "GET", A + "/keys", {ACCOUNT}, 200),
    row("GetAppKey", "GET", A + "/keys/{keyId}", {ACCOUNT}, 404),
    row("DeleteAppKey", "DELETE", A + "/keys/{keyId}", {ACCOUNT}, 404),
    row("CreateIntegration", "POST", A + "/integrations", {ACCOUNT, APP}, 201, {"type": "custom", "webhooks": [HOOK]}),
    row("ListIntegrations", "GET", A + "/integrations", {ACCOUNT, APP}, 200),
    row("GetIntegration", "GET", I, {ACCOUNT, APP}, 200),
    row("UpdateIntegration", "PATCH", I, {ACCOUNT, APP}, 200, {"displayName": "Renamed"}),
    row("DeleteIntegration", "DELETE", A + "/integrations/{missing}", {ACCOUNT, APP}, 404),
    row("CreateCustomIntegrationKey", "POST", I + "/keys", {ACCOUNT, APP}, 201, {"displayName": "Probe"}),
    row("ListCustomIntegrationKeys", "GET", I + "/keys", {ACCOUNT, APP}, 200),
    row("GetCustomIntegrationKey", "GET", I + "/keys/int_{missing}", {ACCOUNT, APP}, 404),
    row("DeleteCustomIntegrationKey", "DELETE", I + "/keys/int_{missing}", {ACCOUNT, APP}, 404),
    # The integration has its one webhook already, so a permitted second is a bad request.
    row("CreateWebhook", "POST", I + "/webhooks", {APP, INTEGRATION}, 400, HOOK),
    row("ListWebhooks", "GET", I + "/webhooks", {APP, INTEGRATION}, 200),
    row("GetWebhook", "GET", I + "/webhooks/{webhookId}", {APP, INTEGRATION}, 404),
    row("UpdateWebhook", "PATCH", I + "/webhooks/{webhookId}", {APP, INTEGRATION}, 404, {"includeFullUser": True}),
    row("DeleteWebhook", "DELETE", I + "/webhooks/{webhookId}", {APP, INTEGRATION}, 404),
    row("GetWebhookSigning", "GET", W + "/signing", {APP, INTEGRATION}, 404),
    row("RotateWebhookSigning", "POST", W + "/signing/rotate", {APP, INTEGRATION}, 404, {}),
    row("ListDeliveries", "GET", W + "/deliveries", {APP, INTEGRATION}, 404),
    row("GetDelivery", "GET", W + "/deliveries/{missing}", {APP, INTEGRATION}, 404),
    row("ReplayDelivery", "POST", W + "/deliveries/{missing}/replay", {APP, INTEGRATION}, 404),
    row("ReplayDeliveries", "POST", W + "/replay", {APP, INTEGRATION}, 404, {"since": "2026-01-01T00:00:00.000Z"}),
    row("ListWebhookEvents", "GET", W + "/events", {APP, INTEGRATION}, 404),
    row("GetWebhookHealth", "GET", W, {APP, INTEGRATION}, 404),
    row("UpdateWebhookHealth", "PATCH", W, {APP, INTEGRATION}, 404, {"ordered": True}),
    row("PauseWebhook", "POST", W + "/pause", {APP, INTEGRATION}, 404),
    row("ResumeWebhook", "POST", W + "/resume", {APP, INTEGRATION}, 404, {"missed": "skip"}),
    row("TestWebhook", "POST", W + "/test", {APP, INTEGRATION}, 404),
    row("GetNotices", "GET", "/heliograph/v1/apps/{appId}/notices", {ACCOUNT, APP}, 404),
    row("SetNotices", "PUT", "/heliograph/v1/apps/{appId}/notices", {ACCOUNT, APP}, 200, {"target": "http://127.0.0.1:9/"}),
    row("DeleteNotices", "DELETE", "/heliograph/v1/apps/{appId}/notices", {ACCOUNT, APP}, 200),
    row("CreateUser", "POST", A + "/users", ALL, 201, {}),
    row("ListUsers", "GET", A + "/users?filter[identities.email]=nobody@example.org", ALL, 200),
    row("GetUser", "GET", A + "/users/{userId}", ALL, 200),
    row("UpdateUser", "PATCH", A + "/users/{userId}", ALL, 200, {"metadata": {"probe": True}}),
    row("DeleteUser", "DELETE", A + "/users/{missing}", ALL, 404),
    row("DeleteUserPersonalInformation", "DELETE", A + "/users/{missing}/personalinformation", ALL, 404),
    row("SyncUser", "POST", A + "/users/{missing}/sync", ALL, 404, {}),
    row("CreateClient", "POST", A + "/users/{missing}/clients", ALL, 404, LINK),
    row("ListClients", "GET", A + "/users/{userId}/clients", ALL, 200),
    row("GetClientLink", "GET", OURS + "/users/{userId}/clients/{missing}/link", ALL, 404),
    row("RemoveClient", "DELETE", A + "/users/{userId}/clients/{missing}", ALL, 404),
    row("ListDevices", "GET", A + "/users/{userId}/devices", ALL, 200),
    row("GetDevice", "GET", A + "/users/{userId}/devices/{missing}", ALL, 404),
    row("AnnounceDevice", "POST", OURS + "/users/{missing}/devices", ALL, 404,
        {"type": "web", "guid": "g", "integrationId": MISSING}),
    row("CreateConversation", "POST", A + "/conversations", ALL, 201, {"type": "sdkGroup"}),
    row("ListConversations", "GET", A + "/conversations?filter[userId]={userId}", ALL, 200),
    row("GetConversation", "GET", C, ALL, 200),
    row("UpdateConversation", "PATCH", C, ALL, 200, {"displayName": "Renamed"}),
    row("DeleteConversation", "DELETE", A + "/conversations/{missing}", ALL, 404),
    row("JoinConversation", "POST", C + "/join", ALL, 404, {"userId": MISSING}),
    row("ListParticipants", "GET", C + "/participants", ALL, 200),
    row("LeaveConversation", "POST", C + "/leave", ALL, 404, {"userId": MISSING}),
    row("PostMessage", "POST", C + "/messages", ALL, 201, MESSAGE),
    row("ListMessages", "GET", C + "/messages", ALL, 200),
    row("ReportChannelEvent", "POST", OURS + "/conversations/{missing}/channelEvents", ALL, 404,
        {"integrationId": MISSING, "event": {"type": "typing:start"}}),
    row("StartChannelConversation", "POST", OURS + "/channelConversations", ALL, 404, {"integrationId": MISSING, "userId": MISSING}),
    row("DeliverChannelMessage", "POST", OURS + "/channelMessages", ALL, 404,
        {"integrationId": MISSING, "userId": MISSING, "content": {"type": "text", "text": "Hello"}}),
    row("PostActivity", "POST", C + "/activity", ALL, 200, {"author": {"type": "business"}, "type": "typing:start"}),
    row("DownloadMessageRef", "POST", C + "/download", ALL, 404, {"userId": MISSING}),
    row("PostConversionEvents", "POST", C + "/conversionEvents", ALL, 400, {"messenger": {"payload": {"data": []}}}),
    row("DeleteMessage", "DELETE", C + "/messages/{messageId}", ALL, 404),
    row("DeleteAllMessages", "DELETE", C + "/messages", ALL, 200),
    # The app has no switchboard: what is permitted fails for that.
    row("PassControl", "POST", C + "/passControl", ALL, 400, {"switchboardIntegration": "next"}),
    row("OfferControl", "POST", C + "/offerControl", ALL, 400, {"switchboardIntegration": "next"}),
    row("AcceptControl", "POST", C + "/acceptControl", ALL, 400, {}),
    row("ReleaseControl", "POST", C + "/releaseControl", ALL, 400, {}),
    row("ListSwitchboards", "GET", S, {ACCOUNT, APP}, 200),
    row("UpdateSwitchboard", "PATCH", S + "/{missing}", {ACCOUNT, APP}, 404, {}),
    row("DeleteSwitchboard", "DELETE", S + "/{missing}", {ACCOUNT, APP}, 404),
    row("CreateSwitchboardIntegration", "POST", S + "/{missing}/switchboardIntegrations", {ACCOUNT, APP}, 404,
        {"name": "probe", "integrationId": MISSING}),
    row("ListSwitchboardIntegrations", "GET", S + "/{missing}/switchboardIntegrations", {ACCOUNT, APP}, 404),
    row("UpdateSwitchboardIntegration", "PATCH", P, {ACCOUNT, APP}, 404, {}),
    row("DeleteSwitchboardIntegration", "DELETE", P, {ACCOUNT, APP}, 404),
    # A form is wanted, and an address on the server itself.
    row("UploadAttachment", "POST", A + "/attachments?access=public", ALL, 415, {}),
    row("DeleteAttachment", "POST", A + "/attachments/remove", ALL, 400, {"mediaUrl": "https://example.org/cat.png"}),
    row("CreateSwitchboard", "POST", S, {ACCOUNT, APP}, 201),
    row("ListAppAuditEvents", "GET", "/heliograph/v1/apps/{appId}/audit-events", {ACCOUNT}, 200),
    row("ListKeys", "GET", LIFE + "?appId={appId}&integrationId={integrationId}", {ACCOUNT, APP}, 200),
    row("GetKeyPolicy", "GET", "/heliograph/v1/apps/{appId}/keyPolicy", {ACCOUNT, APP}, 200),
    row("UpdateKeyPolicy", "PATCH", "/heliograph/v1/apps/{appId}/keyPolicy", {ACCOUNT}, 200, {"mode": None}),
    # Last: what is permitted to delete the app really deletes it.
    row("DeleteApp", "DELETE", A, {ACCOUNT}, 200),
]

# No rows of the matrix: open to any token, to nobody in particular, or to a partner's token alone. Their own tests are
# in test_journey.py, test_oauth.py, test_key_life.py, test_leaked_keys.py and test_token_explain.py. (A key's life has no app
# in its path: another's is not there, where the matrix expects it to be forbidden.)
BESIDE = [
    ("GET", "/v2/tokenInfo", "GetTokenInfo"),
    ("GET", "/oauth/authorize", "Authorize"),
    ("POST", "/oauth/token", "GetToken"),
    ("DELETE", "/oauth/authorization", "RevokeAccess"),
    ("GET", "/heliograph/v1/keys/{}", "GetKey"),
    ("PATCH", "/heliograph/v1/keys/{}", "UpdateKey"),
    ("POST", "/heliograph/v1/keys/{}/rotate", "RotateKey"),
    ("POST", "/heliograph/v1/leaked-keys", "ReportLeakedKeys"),
    ("POST", "/heliograph/v1/token/explain", "ExplainToken"),
    # No service account may: test_audit.py.
    ("GET", "/heliograph/v1/audit-events", "ListAuditEvents"),
]
