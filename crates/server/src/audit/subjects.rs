//! What is audited: every operation that writes, save those named here with a reason; and what is told of its subject.

use crate::error::Result;
use heliograph_store::{Arg, Row, Tx};
use heliograph_wire::attachments::AttachmentId;
use serde_json::{Map, Value};

/// Everyday data: what an app is there for. It would fill the log, and it has times and authors of its own.
pub const EXEMPT: &[(&str, &str)] = &[
    ("PostMessage", "a message has its own time and author"),
    ("PostActivity", "reading and typing"),
    ("CreateUser", "everyday data"),
    ("UpdateUser", "everyday data"),
    ("CreateConversation", "everyday data"),
    ("UpdateConversation", "everyday data"),
    ("JoinConversation", "everyday data"),
    ("LeaveConversation", "everyday data"),
    ("CreateClient", "everyday data"),
    ("RemoveClient", "everyday data"),
    ("ReportClient", "what a channel reports"),
    ("ReportChannelEvent", "what a channel reports"),
    ("StartChannelConversation", "what a channel reports"),
    ("DeliverChannelMessage", "a message has its own time and author"),
    ("AnnounceDevice", "what a channel reports"),
    ("PassControl", "webhooks tell who answers in a conversation"),
    ("OfferControl", "webhooks tell who answers in a conversation"),
    ("AcceptControl", "webhooks tell who answers in a conversation"),
    ("ReleaseControl", "webhooks tell who answers in a conversation"),
    ("UploadAttachment", "everyday data"),
    ("DownloadMessageRef", "changes nothing"),
    ("ExplainToken", "changes nothing"),
    ("ReplayDelivery", "the log of deliveries has it"),
    ("ReplayDeliveries", "the log of deliveries has it"),
    ("TestWebhook", "the log of deliveries has it"),
    ("PostConversionEvents", "changes nothing"),
];

/// Whether what an operation does stands in the log.
pub fn is_audited(operation: &str) -> bool {
    !EXEMPT.iter().any(|(exempt, _)| *exempt == operation)
}

/// Whether an operation makes its subject, which the path then does not name.
pub fn makes(operation: &str) -> bool {
    operation.starts_with("Create")
}

/// How the log looks at what an operation changes: a statement that takes an app and the id by which a caller names the
/// subject, and answers its id and then these fields. No statement reads a secret, not even a sealed one, and none reads
/// what is known of a person.
pub struct Subject {
    sql: &'static str,
    fields: &'static [&'static str],
    names_app: bool,
}

/// The subject of an operation. One without any is told of by the id in its path or its answer.
pub fn of(operation: &str) -> Option<&'static Subject> {
    Some(match operation {
        "CreateApp" | "UpdateApp" | "DeleteApp" => &APP,
        "CreateAppKey" | "DeleteAppKey" | "CreateCustomIntegrationKey" | "DeleteCustomIntegrationKey" => &KEY,
        "UpdateKey" | "RotateKey" => &KEY_LIFE,
        "CreateIntegration" | "UpdateIntegration" | "DeleteIntegration" => &INTEGRATION,
        "CreateWebhook" | "UpdateWebhook" | "DeleteWebhook" => &WEBHOOK,
        "CreateSwitchboard" | "UpdateSwitchboard" | "DeleteSwitchboard" => &SWITCHBOARD,
        "CreateSwitchboardIntegration" | "UpdateSwitchboardIntegration" | "DeleteSwitchboardIntegration" => &PART,
        "CreateOAuthClient" | "UpdateOAuthClient" | "DeleteOAuthClient" => &OAUTH_CLIENT,
        "DeleteUser" | "DeleteUserPersonalInformation" => &USER,
        "UpdateKeyPolicy" => &KEY_POLICY,
        "ReportLeakedKeys" => &KEY_LIFE,
        "RotateWebhookSigning" => &SIGNING,
        "SetWebhookProxy" | "DeleteWebhookProxy" => &PROXY,
        "UpdateWebhookHealth" | "PauseWebhook" | "ResumeWebhook" => &WEBHOOK_HEALTH,
        "SetNotices" | "DeleteNotices" => &NOTICES,
        "RevokeAccess" => &INTEGRATION,
        _ => return None,
    })
}

/// The id of what an operation changes, where neither its path nor its answer has it but its body.
pub fn in_body(operation: &str, body: impl FnOnce() -> Value) -> Option<String> {
    match operation {
        "DeleteAttachment" => Some(AttachmentId::in_url(body()["mediaUrl"].as_str()?)?.to_string()),
        _ => None,
    }
}

const APP: Subject = Subject {
    sql: "SELECT id, display_name, settings, metadata FROM app WHERE id = $1",
    fields: &["displayName", "settings", "metadata"],
    names_app: false,
};
const KEY: Subject = Subject {
    sql: "SELECT id, display_name, integration_id FROM api_key WHERE app_id = $1 AND id = $2",
    fields: &["displayName", "integrationId"],
    names_app: true,
};
const KEY_LIFE: Subject = Subject {
    sql: "SELECT id, display_name, CAST(expires_at AS TEXT), CAST(disabled_at AS TEXT), disabled_reason,
          CAST(rotated_at AS TEXT), CAST(old_until AS TEXT), limits FROM api_key WHERE id = $2 AND app_id = $1",
    fields: &[
        "displayName",
        "expiresAtMs",
        "disabledAtMs",
        "disabledReason",
        "rotatedAtMs",
        "oldSecretUntilMs",
        "limits",
    ],
    names_app: true,
};
const KEY_POLICY: Subject =
    Subject { sql: "SELECT app_id, mode FROM key_policy WHERE app_id = $1", fields: &["mode"], names_app: false };
const INTEGRATION: Subject = Subject {
    sql: "SELECT id, type, status, display_name, fields FROM integration WHERE app_id = $1 AND id = $2",
    fields: &["type", "status", "displayName", "fields"],
    names_app: true,
};
const WEBHOOK: Subject = Subject {
    sql:
        "SELECT id, integration_id, target, triggers, CAST(include_full_user AS TEXT), CAST(include_full_source AS TEXT)
          FROM webhook WHERE app_id = $1 AND id = $2",
    fields: &["integrationId", "target", "triggers", "includeFullUser", "includeFullSource"],
    names_app: true,
};
const WEBHOOK_HEALTH: Subject = Subject {
    sql: "SELECT id, CAST(ordered AS TEXT), CAST(events_per_call AS TEXT), CAST(paused_at AS TEXT)
          FROM webhook WHERE app_id = $1 AND id = $2",
    fields: &["ordered", "eventsPerCall", "pausedAtMs"],
    names_app: true,
};
const SIGNING: Subject = Subject {
    sql: "SELECT id, CAST(signing_since AS TEXT), CAST(former_signing_until AS TEXT)
          FROM webhook WHERE app_id = $1 AND id = $2",
    fields: &["signingSinceMs", "formerSecretUntilMs"],
    names_app: true,
};
/// Its address is sealed together with its credential.
const PROXY: Subject = Subject {
    sql: "SELECT id, CASE WHEN proxy IS NULL THEN 'none' ELSE 'set' END FROM webhook WHERE app_id = $1 AND id = $2",
    fields: &["proxy"],
    names_app: true,
};
/// The webhook that belongs to no integration.
const NOTICES: Subject = Subject {
    sql: "SELECT app_id, target FROM webhook WHERE app_id = $1 AND integration_id = ''",
    fields: &["target"],
    names_app: false,
};
const SWITCHBOARD: Subject = Subject {
    sql: "SELECT id, CAST(enabled AS TEXT), default_id FROM switchboard WHERE app_id = $1 AND id = $2",
    fields: &["enabled", "defaultSwitchboardIntegrationId"],
    names_app: true,
};
const PART: Subject = Subject {
    sql: "SELECT id, name, integration_id, integration_type, CAST(deliver_standby_events AS TEXT), next_id,
          CAST(message_history_count AS TEXT) FROM switchboard_integration WHERE app_id = $1 AND id = $2",
    fields: &["name", "integrationId", "integrationType", "deliverStandbyEvents", "nextId", "messageHistoryCount"],
    names_app: true,
};
const OAUTH_CLIENT: Subject = Subject {
    sql: "SELECT id, display_name, redirect_uris, remove_url FROM oauth_client WHERE id = $1",
    fields: &["displayName", "redirectUris", "removeUrl"],
    names_app: false,
};
/// Named by an external id, too, of which there may be one for each brand.
const USER: Subject = Subject {
    sql: "SELECT id FROM app_user WHERE app_id = $1 AND (id = $2 OR external_id = $2) ORDER BY id",
    fields: &[],
    names_app: true,
};

/// A subject as the log tells of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Its fields, if it has any that the log tells.
    pub fields: Option<Value>,
}

impl Subject {
    /// Whatever this id names at this moment.
    pub fn look(&self, tx: &Tx<'_>, app: &str, id: &str) -> Result<Vec<Told>> {
        // A text with U+0000 would be refused by the store itself; it names nothing.
        if id.contains('\0') {
            return Ok(Vec::new());
        }
        let both = [Arg::Text(app), Arg::Text(id)];
        let args = if self.names_app { &both[..] } else { &both[1..] };
        tx.query(self.sql, args)?.iter().map(|row| self.told(row)).collect()
    }

    fn told(&self, row: &Row) -> Result<Told> {
        let mut fields = Map::new();
        for (at, name) in self.fields.iter().enumerate() {
            if let Some(text) = row.opt_text(at + 1)? {
                // Columns hold JSON, or texts that are none.
                let value = serde_json::from_str::<Value>(text).ok().filter(|v| v.is_object() || v.is_array());
                fields.insert((*name).to_owned(), value.unwrap_or_else(|| text.into()));
            }
        }
        Ok(Told { id: row.text(0)?.to_owned(), fields: (!fields.is_empty()).then_some(Value::Object(fields)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliograph_wire::contract;

    #[test]
    fn the_lists_name_operations_that_write() {
        let writes: Vec<_> =
            contract().iter().filter(|row| row.method != http::Method::GET).map(|row| row.id).collect();
        assert!(writes.len() > 30);
        for (exempt, reason) in EXEMPT {
            assert!(writes.contains(exempt) && !reason.is_empty(), "{exempt}");
            assert!(of(exempt).is_none(), "{exempt} is not audited, but has a subject");
        }
        // What is neither exempt nor has a subject is audited by its id alone: these, and no others by oversight.
        let bare: Vec<_> = writes.into_iter().filter(|id| is_audited(id) && of(id).is_none()).collect();
        let known = [
            "DeleteConversation",
            "DeleteAllMessages",
            "DeleteMessage",
            "DeleteAttachment",
            "SyncUser",
            // What is made is told by the id of its integration.
            "GetToken",
        ];
        for id in &bare {
            assert!(known.contains(id), "{id}: give it a subject, or a reason why it is not audited");
        }
        assert_eq!(bare.len(), known.len());
    }
}
