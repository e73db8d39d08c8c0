//! How users come to the business on channels, and who they are there.

use crate::{
    channel_events::Referral, clients::Client, conversations::ConversationTruncated, op::Nothing, operations,
    path::AppPath, users::UserTruncated,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Channel events"
    /// Reports that a user came to the business on a channel and has not written yet: they pressed the button by which one
    /// starts, or followed a referral. Who has no conversation gets one, and who is not known yet becomes a user with a
    /// client of the channel.
    StartChannelConversation = POST "/heliograph/v1/apps/{appId}/channelConversations" [Account App Integration]
        (AppPath, Nothing, ChannelStart) -> 201 ChannelStartReply | 400 404;
}

/// Who came, on which channel, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "channelStart")]
pub struct ChannelStart {
    /// Who came, and on which channel.
    #[serde(flatten)]
    pub who: OnChannel,
    /// How they were led here, if they came by a referral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
}

/// A user on a channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct OnChannel {
    /// The integration that stands for the channel. Default: the one whose key calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<String>,
    /// The user. Not needed if the channel's own id of them is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user, by external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
    /// The brand of the user that has the external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 24))]
    pub brand_id: Option<String>,
    /// The user as the channel knows them. Not for the SDKs' integrations, nor for those that are no channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ChannelUser>,
    /// The device that they have in hand. Default: the one of the integration that was heard of last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
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

/// Where a user is who came to the business on a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "channelStartResponse")]
pub struct ChannelStartReply {
    /// The conversation.
    pub conversation: ConversationTruncated,
    /// Who came.
    pub user: UserTruncated,
    /// By which client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
}
