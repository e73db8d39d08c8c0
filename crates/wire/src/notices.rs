//! Notices: what the server itself tells the owner of an app, such as that a webhook was paused. They are delivered as
//! webhooks are, to a target of the app's own. Beyond the public contract.

use crate::{
    id::{IntegrationId, WebhookId},
    op::Nothing,
    operations,
    path::AppPath,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Notices"
    /// Tells where the app's notices go.
    GetNotices = GET "/heliograph/v1/apps/{appId}/notices" [Account App]
        (AppPath, Nothing, Nothing) -> 200 NoticesReply | 404;
    /// Says where the app's notices go. They are sent as webhooks are, and whether they arrive is seen in the deliveries of
    /// the webhook that is answered here.
    SetNotices = PUT "/heliograph/v1/apps/{appId}/notices" [Account App]
        (AppPath, Nothing, NewNotices) -> 200 NoticesReply | 400 404;
    /// Ends the app's notices.
    DeleteNotices = DELETE "/heliograph/v1/apps/{appId}/notices" [Account App]
        (AppPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// The type of the notice that a webhook was paused because nothing arrived there any more.
pub const WEBHOOK_PAUSED: &str = "heliograph:webhook:paused";

/// What the notice that a webhook was paused carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookPaused")]
pub struct WebhookPaused {
    /// The webhook.
    pub webhook: PausedWebhook,
    /// Since when nothing has arrived there.
    pub failing_since: Timestamp,
}

/// A webhook, as a notice tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookPausedWebhook")]
pub struct PausedWebhook {
    /// Its id.
    pub id: WebhookId,
}

/// The type of the notice that a key ends soon.
pub const KEY_EXPIRING: &str = "heliograph:key:expiring";
/// Within how many days of a key's end its app's owner is told: once for each, as long as the end is not moved.
pub const KEY_EXPIRING_DAYS: [i64; 3] = [14, 7, 1];

/// What the notice that a key ends soon carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyExpiring")]
pub struct KeyExpiring {
    /// The key.
    pub key: KeyRef,
    /// Its end is within so many days: 14, 7 or 1.
    pub within_days: i64,
}

/// A key, as a notice tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyExpiringKey")]
pub struct KeyRef {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// The custom integration it belongs to, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// When it stops to work.
    pub expires_at: Timestamp,
}

/// Where notices are to go.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "noticesBody")]
pub struct NewNotices {
    /// The http or https address that is called.
    pub target: String,
}

/// Where notices go.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "notices")]
pub struct Notices {
    /// The webhook by which they go.
    pub webhook_id: WebhookId,
    /// The address that is called.
    pub target: String,
    /// Sent with every call as `X-API-Key`, so that the target knows who calls.
    pub secret: String,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notices(by {} to {})", self.webhook_id, self.target)
    }
}

/// Where notices go.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "noticesResponse")]
pub struct NoticesReply {
    /// Where they go.
    pub notices: Notices,
}
