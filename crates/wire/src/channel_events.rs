//! What happens on channels. This server speaks to no channel itself: whoever runs one reports here what happens there,
//! and the webhooks are told as if the channel were the server's own.

use crate::{
    channels::InteractiveDataRef,
    conversations::ConversationTruncated,
    events::EventUser,
    id::{IntegrationId, MessageId},
    messages::Source,
    metadata::Metadata,
    op::Nothing,
    operations,
    path::ConversationPath,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Channel events"
    /// Reports what happened in a conversation on a channel: that a message reached it or its user or got lost, that the
    /// user chose a postback action, came by a referral, reads, types, or sent what is to be passed on as it is. The
    /// webhooks with the trigger are told.
    ReportChannelEvent = POST "/heliograph/v1/apps/{appId}/conversations/{conversationId}/channelEvents" [Account App Integration]
        (ConversationPath, Nothing, ChannelReport) -> 200 Nothing | 400 404;
}

/// What happened, on which channel, and to whom.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelReport")]
pub struct ChannelReport {
    /// The integration that stands for the channel. Default: the one whose key calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<String>,
    /// The user it is about. Not needed in a personal conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user it is about, by external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
    /// The brand of the user that has the external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 24))]
    pub brand_id: Option<String>,
    /// What happened.
    pub event: ChannelEvent,
}

/// What happened on a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
#[schemars(rename = "channelEvent")]
pub enum ChannelEvent {
    /// The channel took a message.
    #[serde(rename = "delivery:channel")]
    DeliveredToChannel(Delivered),
    /// A message reached its user.
    #[serde(rename = "delivery:user")]
    DeliveredToUser(Delivered),
    /// A message got lost.
    #[serde(rename = "delivery:failure")]
    NotDelivered(NotDelivered),
    /// The user chose a postback action.
    #[serde(rename = "postback")]
    Postback(ChosenPostback),
    /// The user came by a referral.
    #[serde(rename = "referral")]
    Referral(Referral),
    /// The user has read what there is.
    #[serde(rename = "conversation:read")]
    Read(Nothing),
    /// The user begins to type.
    #[serde(rename = "typing:start")]
    TypingStart(Nothing),
    /// The user stops typing.
    #[serde(rename = "typing:stop")]
    TypingStop(Nothing),
    /// The user sent what is to be passed on as it is.
    #[serde(rename = "passthrough")]
    Passthrough(Passthrough),
}

/// Which message arrived.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelDelivery")]
pub struct Delivered {
    /// The message.
    pub message_id: String,
    /// What the channel made of it. Channels without ids leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub external_messages: Option<Vec<ExternalMessage>>,
    /// Whether nothing more will be reported of this message. Default: true for `delivery:user`, which is the last there
    /// is; false for `delivery:channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_final_event: Option<bool>,
}

/// Which message got lost, and why.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelDeliveryFailure")]
pub struct NotDelivered {
    /// The message.
    pub message_id: String,
    /// Why.
    pub error: DeliveryError,
    /// What the channel made of it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub external_messages: Option<Vec<ExternalMessage>>,
    /// Whether nothing more will be reported of this message. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_final_event: Option<bool>,
}

/// A message as a channel knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "externalMessage")]
pub struct ExternalMessage {
    /// The channel's own id of it.
    #[schemars(length(min = 1, max = 1024))]
    pub id: String,
}

/// Why a message got lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "deliveryError")]
pub struct DeliveryError {
    /// A word for programs. Default `uncategorized_error`.
    #[serde(default = "DeliveryError::uncategorized")]
    #[schemars(length(min = 1, max = 128))]
    pub code: String,
    /// A sentence for people.
    #[schemars(length(min = 1, max = 1024))]
    pub message: String,
}

impl DeliveryError {
    fn uncategorized() -> String {
        "uncategorized_error".to_owned()
    }
}

/// Which postback action was chosen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "chosenPostback")]
pub struct ChosenPostback {
    /// The message that offers it.
    pub message_id: String,
    /// Its payload.
    pub payload: String,
}

/// How a user was led to a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "referral")]
pub struct Referral {
    /// The referral's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub code: Option<String>,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<ReferralDetails>,
}

/// More of how a user was led to a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "referralDetails")]
pub struct ReferralDetails {
    /// Where it came from, such as `ADS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub source: Option<String>,
    /// Its type, such as `OPEN-THREAD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub r#type: Option<String>,
    /// The advertisement, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub ad_id: Option<String>,
}

/// What is to be passed on as it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "channelPassthrough")]
pub struct Passthrough {
    /// The channel's message, in the channel's own words.
    pub payload: Map<String, Value>,
    /// The data that it merely refers to, for whoever fetches it by DownloadMessageRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Referred>,
}

/// Data that a message merely refers to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelDownload")]
pub struct Referred {
    /// Apple's reference, as it stands in the payload.
    pub interactive_data_ref: InteractiveDataRef,
    /// What it leads to, in the channel's own words.
    pub data: Map<String, Value>,
}

/// `conversation:message:delivery:channel`, `…:user` and `…:failure`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationMessageDeliveryPayload")]
pub struct DeliveryPayload {
    /// Whom the message is for.
    pub user: EventUser,
    /// Where it was posted.
    pub conversation: ConversationTruncated,
    /// The message.
    pub message: MessageRef,
    /// The channel.
    pub destination: DeliveryDestination,
    /// What the channel made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_messages: Option<Vec<ExternalMessage>>,
    /// Whether it is the last event of this message on this channel.
    pub is_final_event: bool,
    /// Why it got lost, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<DeliveryError>,
}

/// Which message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct MessageRef {
    /// Its id.
    pub id: MessageId,
}

/// The channel that a message went to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct DeliveryDestination {
    /// Its type.
    pub r#type: String,
    /// The integration that stands for it.
    pub integration_id: IntegrationId,
}

/// `conversation:postback`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationPostbackPayload")]
pub struct PostbackPayload {
    /// What was chosen.
    pub postback: PostbackWebhook,
    /// Where.
    pub conversation: ConversationTruncated,
    /// By whom.
    pub user: EventUser,
    /// By what way.
    pub source: Source,
}

/// A postback action that was chosen, as webhooks show it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "postbackWebhook")]
pub struct PostbackWebhook {
    /// What is sent back.
    pub payload: String,
    /// The action's custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// `conversation:referral`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationReferralPayload")]
pub struct ReferralPayload {
    /// Where the user was led to.
    pub conversation: ConversationTruncated,
    /// Who was led there.
    pub user: EventUser,
    /// By what way.
    pub source: Source,
    /// How.
    pub referral: Referral,
}

/// `passthrough:messaging`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "passthroughPayload")]
pub struct PassthroughPayload {
    /// Where it was sent.
    pub conversation: ConversationTruncated,
    /// By whom.
    pub user: EventUser,
    /// By what way.
    pub source: Source,
    /// The channel's message, in the channel's own words.
    pub payload: Map<String, Value>,
}
