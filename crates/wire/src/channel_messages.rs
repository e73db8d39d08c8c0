//! What users write on channels. This server speaks to no channel itself: whoever runs one delivers here what its users
//! write, and it becomes a message as if the channel were the server's own.

use crate::{
    clients::Client, content::Content, conversations::ConversationTruncated, messages::Message, metadata::Metadata,
    op::Nothing, operations, path::AppPath, time::Timestamp, users::UserTruncated,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Channel events"
    /// Delivers a message that a user wrote on a channel. It becomes a message of the user in their conversation there.
    /// Who has no conversation gets one, and who is not known yet becomes a user with a client of the channel.
    DeliverChannelMessage = POST "/heliograph/v1/apps/{appId}/channelMessages" [Account App Integration]
        (AppPath, Nothing, ChannelMessage) -> 201 ChannelMessageReply | 400 404 423;
}

/// What a user wrote, on which channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelMessage")]
pub struct ChannelMessage {
    /// The integration that stands for the channel. Default: the one whose key calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<String>,
    /// The user who wrote it. Not needed if the channel's own id of them is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user who wrote it, by external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
    /// The brand of the user that has the external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 24))]
    pub brand_id: Option<String>,
    /// The user as the channel knows them. Not for the SDKs' integrations, nor for those that are no channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ChannelUser>,
    /// The device on which it was written. Default: the one of the integration that was heard of last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Where it was written. Default: of the personal conversations that the client takes part in the one with the latest
    /// message, or else the user's default one, which is made if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// What it says: text, an image, a file, a place, or a form that was filled in.
    pub content: Content,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted_message: Option<Quote>,
    /// The channel's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub original_message_id: Option<String>,
    /// When the channel took it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_message_timestamp: Option<Timestamp>,
}

/// A user as a channel knows them. What it does not speak of stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelUser")]
pub struct ChannelUser {
    /// The channel's own id of them, such as their phone number.
    #[schemars(length(min = 1, max = 1024))]
    pub external_id: String,
    /// Their name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,
    /// Their picture there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri"))]
    pub avatar_url: Option<String>,
    /// What the channel tells of them, in this API's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// What the channel tells of them, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Map<String, Value>>,
}

/// What a message answers: exactly one of the two.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelQuote")]
pub struct Quote {
    /// A message of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// A message by the channel's own id, as it was delivered here; if there is none, the id is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub external_message_id: Option<String>,
}

/// What became of a message that a user wrote on a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "channelMessageResponse")]
pub struct ChannelMessageReply {
    /// The message.
    pub message: Message,
    /// Where it is.
    pub conversation: ConversationTruncated,
    /// Who wrote it.
    pub user: UserTruncated,
    /// By which client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
}
