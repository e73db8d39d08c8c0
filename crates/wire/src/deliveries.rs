//! Deliveries: what a webhook was told, or is still to be told, and every attempt at it. Beyond the public contract, which
//! sends and forgets.

use crate::{
    id::{ConversationId, EventId},
    op::Nothing,
    operations,
    page::{Links, Meta, Page},
    path::{AppWebhookPath, DeliveryPath},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

operations! { "Webhook deliveries"
    /// Lists what a webhook was told and is still to be told, the latest first, for as long as the server's log keeps it.
    ListDeliveries = GET "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/deliveries" [App Integration]
        (AppWebhookPath, DeliveriesQuery, Nothing) -> 200 DeliveryList | 404;
    /// Fetches a delivery with its event and every attempt that was made.
    GetDelivery = GET "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/deliveries/{deliveryId}" [App Integration]
        (DeliveryPath, Nothing, Nothing) -> 200 DeliveryReply | 404;
    /// Delivers an event once more, whatever became of it. It keeps its id. One that is still to be delivered is tried
    /// at once.
    ReplayDelivery = POST "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/deliveries/{deliveryId}/replay" [App Integration]
        (DeliveryPath, Nothing, Nothing) -> 202 DeliveryReply | 404;
    /// Delivers many events once more: those since a time or since an event, of one status or all. They keep their ids,
    /// and those of one conversation their order.
    ReplayDeliveries = POST "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/replay" [App Integration]
        (AppWebhookPath, Nothing, Replay) -> 202 ReplayReply | 404;
}

/// What has become of an event for a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "deliveryStatus")]
pub enum DeliveryStatus {
    /// It is still to be delivered.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up.
    Failed,
    /// It waits for its webhook, which is paused, to be resumed.
    Held,
    /// It was passed over when its webhook was resumed.
    Skipped,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Delivered, Self::Failed, Self::Held, Self::Skipped];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Skipped => "skipped",
        }
    }
}

/// Which deliveries, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct DeliveriesQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Which deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<DeliveryFilter>,
}

/// Which deliveries: those for which all that is said here is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "deliveryFilter")]
pub struct DeliveryFilter {
    /// What has become of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DeliveryStatus>,
    /// The type of their events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The conversation their events happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Only events from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only events before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// An event for a webhook.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "delivery")]
pub struct Delivery {
    /// Its id, which is that of its event.
    pub id: EventId,
    /// The type of its event.
    pub trigger: String,
    /// The conversation its event happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// What has become of it.
    pub status: DeliveryStatus,
    /// When its event happened.
    pub created_at: Timestamp,
    /// How many attempts were made.
    pub attempt_count: u32,
    /// How the last one ended: the status that was answered, or why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_result: Option<String>,
    /// When the next attempt is due. Absent while one is under way, or an earlier event of the conversation waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "attemptOutcome")]
pub enum AttemptOutcome {
    /// The target took it.
    Delivered,
    /// It is tried again.
    Retry,
    /// It was given up with this attempt.
    Failed,
}

impl AttemptOutcome {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Failed => "failed",
        }
    }
}

// (Whoever writes one down borrows what it says.)
/// An attempt: one call of the target.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "deliveryAttempt")]
pub struct Attempt<'a> {
    /// When the call began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// When the next attempt was to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// What was sent.
    pub request: AttemptRequest<'a>,
    /// The beginning of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Cow<'a, str>>,
}

/// What was sent in an attempt.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "attemptRequest")]
pub struct AttemptRequest<'a> {
    /// The address that was called.
    pub url: Cow<'a, str>,
    /// The headers, without their secrets.
    pub headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The events that went with one call, in their order, when there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ids: Option<Vec<EventId>>,
    /// The body. Of several events, those that the log no longer has are missing from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// Some deliveries.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "deliveryListResponse")]
pub struct DeliveryList {
    /// The deliveries, the latest first.
    pub deliveries: Vec<Delivery>,
    /// What is beyond this page.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// One delivery.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "deliveryResponse")]
pub struct DeliveryReply {
    /// The delivery.
    pub delivery: Delivery,
    /// Its event, as it is sent.
    pub event: Value,
    /// Every attempt that was made, the first one first.
    pub attempts: Vec<Attempt<'static>>,
}

/// Which events are delivered once more.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "deliveryReplayBody")]
pub struct Replay {
    /// Events from this time on. Either this or `sinceEventId` is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// This event and all that followed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_event_id: Option<EventId>,
    /// Only what this has become of. Default: whatever has become of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DeliveryStatus>,
}

/// How many events are delivered once more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "deliveryReplayResponse")]
pub struct ReplayReply {
    /// Their number.
    pub replayed: u64,
}
