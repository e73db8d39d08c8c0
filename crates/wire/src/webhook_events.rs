//! The events of a webhook, for who fetches them in place of being called. Beyond the public contract, which only calls.

use crate::{id::EventId, op::Nothing, operations, path::AppWebhookPath, time::Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

operations! { "Webhook events"
    /// Fetches what a webhook is told, the oldest first, as far as the server's log has it; waits for it if asked to.
    /// Nothing changes for the webhook. Each event comes with the very body and headers of a call that carries it alone,
    /// signed now. The headers hold the webhook's secret.
    ListWebhookEvents = GET "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/events" [App Integration]
        (AppWebhookPath, EventsQuery, Nothing) -> 200 WebhookEventList | 400 404;
}

/// How many events come at once.
pub const MAX_EVENTS: usize = 50;
/// For how many seconds one call waits at most.
pub const MAX_WAIT_SECONDS: u32 = 25;
/// For how many seconds an event may still turn up before others that were there already.
pub const LATE_SECONDS: i64 = 10;

/// From where on, and for how long to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct EventsQuery {
    /// Only events that follow the one with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<EventId>,
    /// Only events from this time on. Not together with `after`. Without either, only what happens during the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// For how many seconds to wait while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = MAX_WAIT_SECONDS))]
    pub wait: Option<u32>,
}

/// An event, and the call that carries it to a webhook.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookEvent")]
pub struct WebhookEvent {
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub trigger: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// The headers of the call, with the webhook's secret and the signatures.
    pub headers: BTreeMap<String, String>,
    /// The body of the call, to the byte.
    pub body: String,
}

/// Some events of a webhook.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookEventListResponse")]
pub struct WebhookEventList {
    /// The events, the oldest first.
    pub events: Vec<WebhookEvent>,
    /// Whether more followed them at once.
    pub has_more: bool,
    /// No event up to this id turns up any more. What follows it may have gaps yet: transactions end in another order
    /// than they begin, so who must miss nothing reads on from here some seconds later and skips the ids it knows.
    pub complete_until: EventId,
}
