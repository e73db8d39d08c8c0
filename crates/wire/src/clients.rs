//! Clients and devices: by what a user is reached.

use crate::{
    id::{ClientId, IntegrationId},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The channel a client belongs to. All SDKs of a user share one client of type `sdk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "clientType")]
pub enum ClientType {
    /// Apple Messages for Business.
    Apple,
    /// Google Business Messages.
    Gbm,
    /// Google RCS.
    Googlercs,
    /// Instagram.
    Instagram,
    /// KakaoTalk.
    Kakao,
    /// LINE.
    Line,
    /// Mailgun.
    Mailgun,
    /// MessageBird.
    Messagebird,
    /// Messenger.
    Messenger,
    /// Slack Connect.
    Slackconnect,
    /// The web, Android, iOS and Unity SDKs.
    Sdk,
    /// Telegram.
    Telegram,
    /// Twilio.
    Twilio,
    /// Twitter.
    Twitter,
    /// Viber.
    Viber,
    /// WeChat.
    Wechat,
    /// WhatsApp.
    Whatsapp,
}

/// How far a client's link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ClientStatus {
    /// Messages reach it.
    Active,
    /// The user has blocked the business.
    Blocked,
    /// The user has left.
    Inactive,
    /// Its link is not confirmed yet.
    Pending,
}

/// By what a user is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "client")]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// The channel it belongs to.
    pub r#type: ClientType,
    /// How far its link has come.
    pub status: ClientStatus,
    /// The integration it came by; none for an SDK's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The channel's own id of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it was last heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// When it was linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_at: Option<Timestamp>,
    /// The user's name on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The user's picture on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    pub avatar_url: Option<String>,
    /// What the channel tells of the user, in this API's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// What the channel tells of the user, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Map<String, Value>>,
}

/// What kind of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DeviceType {
    /// Android.
    Android,
    /// iOS.
    Ios,
    /// A browser.
    Web,
}

/// Whether a device can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DeviceStatus {
    /// It can.
    Active,
    /// It cannot.
    Inactive,
}

/// A device on which an SDK runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "device")]
pub struct Device {
    /// Its id.
    pub id: String,
    /// What kind it is.
    pub r#type: DeviceType,
    /// The id the SDK gave it.
    pub guid: String,
    /// The client it belongs to.
    pub client_id: ClientId,
    /// Whether it can be reached.
    pub status: DeviceStatus,
    /// The integration it came by.
    pub integration_id: IntegrationId,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Where notifications are pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_notification_token: Option<String>,
    /// What the SDK tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// The version of the app it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
}
