//! What only some channels know: data that a message merely refers to, and events of a user's way to a purchase.

use crate::{op::Nothing, operations, path::ConversationPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Conversations"
    /// Fetches the data that a channel's message merely refers to. Only Apple's channel has such messages.
    DownloadMessageRef = POST "/v2/apps/{appId}/conversations/{conversationId}/download" [Account App Integration]
        (ConversationPath, Nothing, MessageRef) -> 200 Downloaded | 400 404;
    /// Hands over events that tell a channel how far its user came. Exactly one channel is named.
    PostConversionEvents = POST "/v2/apps/{appId}/conversations/{conversationId}/conversionEvents" [Account App Integration]
        (ConversationPath, Nothing, NewConversionEvents) -> 200 ConversionEventsReply | 400 404;
}

/// Data of a channel, in its own form.
pub type Downloaded = Map<String, Value>;

/// Which data is to be fetched.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "downloadMessageRefBody", transform = crate::schema::required_outside)]
pub struct MessageRef {
    /// The user who was sent it, or sent it.
    pub user_id: String,
    /// What Apple told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apple: Option<AppleMessageRef>,
}

/// What Apple tells of data that a message refers to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct AppleMessageRef {
    /// The reference, as the webhook for passed-on messages shows it.
    pub interactive_data_ref: InteractiveDataRef,
}

/// Apple's reference to data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct InteractiveDataRef {
    /// Where the data is.
    pub url: String,
    /// Which extension made it.
    pub bid: String,
    /// What it is locked with.
    pub key: String,
    /// The proof that it is unchanged.
    pub signature: String,
    /// Whose it is.
    pub owner: String,
}

/// Events for one channel: exactly one of the three.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversionEventsBody", extend("minProperties" = 1))]
pub struct NewConversionEvents {
    /// For Messenger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messenger: Option<MetaConversionEvent>,
    /// For Instagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instagram: Option<MetaConversionEvent>,
    /// For WhatsApp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whatsapp: Option<MetaConversionEvent>,
}

/// Events for a channel of Meta's.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "metaConversionEvent")]
pub struct MetaConversionEvent {
    /// What the channel is told.
    pub payload: ConversionPayload,
}

/// What a channel is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ConversionPayload {
    /// The events, in the channel's own form.
    pub data: Vec<Map<String, Value>>,
}

/// What became of the events.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversionEvents")]
pub struct ConversionEvents {
    /// The set of data they were put in.
    pub dataset_id: String,
    /// How many were taken in.
    pub events_received: usize,
}

/// The answer to events that were handed over.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversionEventsResponse")]
pub struct ConversionEventsReply {
    /// What became of them.
    pub conversion_events: ConversionEvents,
}
