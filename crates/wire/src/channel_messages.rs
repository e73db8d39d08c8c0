//! What users write on channels. This server speaks to no channel itself: whoever runs one delivers here what its users
//! write, and it becomes a message as if the channel were the server's own.

use crate::{
    channel_events::Referral, channel_starts::OnChannel, clients::Client, content::Content,
    conversations::ConversationTruncated, messages::Message, metadata::Metadata, op::Nothing, operations,
    path::AppPath, time::Timestamp, users::UserTruncated,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Who wrote it, and on which channel.
    #[serde(flatten)]
    pub who: OnChannel,
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
    /// How the user was led here, if they came by a referral: the event that tells of it comes before the message's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    /// The channel's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub original_message_id: Option<String>,
    /// When the channel took it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_message_timestamp: Option<Timestamp>,
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
