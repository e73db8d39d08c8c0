//! How a webhook is delivered to, and how its target fares. Beyond the public contract.

use crate::{
    deliveries::DeliveryReply,
    id::{IntegrationId, WebhookId},
    op::Nothing,
    operations,
    patch::Patch,
    path::AppWebhookPath,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Webhook health"
    /// Tells how a webhook is delivered to, what waits for it, and how its target fares.
    GetWebhookHealth = GET "/heliograph/v1/apps/{appId}/webhooks/{webhookId}" [App Integration]
        (AppWebhookPath, Nothing, Nothing) -> 200 WebhookHealthReply | 404;
    /// Changes how a webhook is delivered to. `null` leaves it to the server's settings again.
    UpdateWebhookHealth = PATCH "/heliograph/v1/apps/{appId}/webhooks/{webhookId}" [App Integration]
        (AppWebhookPath, Nothing, WebhookHealthUpdate) -> 200 WebhookHealthReply | 400 404;
    /// Pauses a webhook: what happens is kept for it, as long as the server's log keeps it, and nothing is sent.
    PauseWebhook = POST "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/pause" [App Integration]
        (AppWebhookPath, Nothing, Nothing) -> 200 WebhookHealthReply | 404;
    /// Resumes a paused webhook, with or without what it missed.
    ResumeWebhook = POST "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/resume" [App Integration]
        (AppWebhookPath, Nothing, Resume) -> 200 WebhookHealthReply | 404;
    /// Sends a webhook an event of type `heliograph:test`, whatever its triggers are.
    TestWebhook = POST "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/test" [App Integration]
        (AppWebhookPath, Nothing, Nothing) -> 202 DeliveryReply | 404 409;
}

/// The type of the event that [`TestWebhook`] sends.
pub const TEST: &str = "heliograph:test";

/// Whether a webhook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookStatus")]
pub enum WebhookStatus {
    /// It is called.
    Active,
    /// It is called, and nothing has arrived lately.
    Failing,
    /// It is not called until it is resumed.
    Paused,
}

/// How a webhook is delivered to, and how its target fares.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookHealth")]
pub struct WebhookHealth {
    /// The webhook.
    pub id: WebhookId,
    /// The integration it belongs to. Absent for the one that takes an app's notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The address that is called.
    pub target: String,
    /// Whether it is called.
    pub status: WebhookStatus,
    /// Whether the events of one conversation reach it in the order in which they happened.
    pub ordered: bool,
    /// How many events one call carries at most, when several wait.
    pub events_per_call: u32,
    /// Since when nothing but failures has come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Since when it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<Timestamp>,
    /// How many events are still to be delivered. What is beyond 100,000 is not counted.
    pub pending: u32,
    /// When the oldest of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending_at: Option<Timestamp>,
}

/// One webhook.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookHealthResponse")]
pub struct WebhookHealthReply {
    /// The webhook.
    pub webhook: WebhookHealth,
}

/// What may change of how a webhook is delivered to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookHealthBody")]
pub struct WebhookHealthUpdate {
    /// Whether the events of one conversation reach it in the order in which they happened.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub ordered: Patch<bool>,
    /// How many events one call carries at most, when several wait.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(range(min = 1, max = MAX_EVENTS_PER_CALL))]
    pub events_per_call: Patch<u32>,
}

/// How many events one call may carry.
pub const MAX_EVENTS_PER_CALL: u32 = 100;

/// What becomes of what a paused webhook missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "missedEvents")]
pub enum Missed {
    /// It is delivered.
    #[default]
    Deliver,
    /// It is passed over.
    Skip,
}

/// How a webhook is resumed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookResumeBody")]
pub struct Resume {
    /// What becomes of what it missed. Default: it is delivered.
    #[serde(default)]
    pub missed: Missed,
}
