//! The audit log: who changed what. Beyond the public contract.

use crate::{
    op::Nothing,
    operations,
    page::{Links, Meta, Page},
    path::AppPath,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

operations! { "Audit log"
    /// Lists what was changed in an app, and by whom, oldest first.
    ListAppAuditEvents = GET "/heliograph/v1/apps/{appId}/audit-events" [Account]
        (AppPath, AuditQuery, Nothing) -> 200 AuditEventList | 404;
    /// Lists what was changed of the server as a whole, and by whom, oldest first: apps made and deleted, keys of
    /// accounts, OAuth clients.
    ListAuditEvents = GET "/heliograph/v1/audit-events" [Account] (Nothing, AuditQuery, Nothing) -> 200 AuditEventList;
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct AuditQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Which of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<AuditFilter>,
}

/// Narrows a list of events.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "auditFilter")]
pub struct AuditFilter {
    /// Only what this operation did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only what was done with the key, or as the OAuth client, of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// Only what was done to the resource of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
}

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "auditEvent")]
pub struct AuditEvent {
    /// Its place in the log, counted from 1, in 24 hexadecimal digits.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The operation that made it.
    pub operation: String,
    /// Who made it.
    pub actor: AuditActor,
    /// The id of what was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
    /// What it was like before, without its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is like since, without its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Authenticates this event and all before it.
    pub mac: String,
}

/// Who made a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "auditActor")]
pub struct AuditActor {
    /// The kind of key: `account`, `service account`, `app`, `integration` or `OAuth`. `OAuth client` is a partner that
    /// exchanged a consent, `operator` somebody at the server's own command line or with a link made there, `reporter`
    /// whoever reported a leaked secret, `server` the server itself, which did what it was set to do.
    pub kind: String,
    /// The id of the key or of the OAuth client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The service account that the key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_id: Option<String>,
    /// The address of the network from which it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A page of the log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "auditEventListResponse")]
pub struct AuditEventList {
    /// The events, oldest first.
    pub audit_events: Vec<AuditEvent>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}
