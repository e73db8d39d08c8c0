//! Clients: by what a user is reached. All SDKs of a user are one client; every other channel is one of its own.

use crate::{
    id::{ClientId, IntegrationId},
    messages::MessagePost,
    op::Nothing,
    operations,
    page::{Links, Meta, Page},
    path::{ClientPath, UserPath},
    schema::required_outside,
    time::Timestamp,
    users::BrandQuery,
};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Clients"
    /// Creates a client: links a user to a channel. It is pending until the link is confirmed.
    CreateClient = POST "/v2/apps/{appId}/users/{userIdOrExternalId}/clients" [Account App Integration]
        (UserPath, BrandQuery, NewClient) -> 201 ClientReply | 400 404 409;
    /// Lists the clients of a user, in the order in which they were made, pending ones too.
    ListClients = GET "/v2/apps/{appId}/users/{userIdOrExternalId}/clients" [Account App Integration]
        (UserPath, ClientsQuery, Nothing) -> 200 ClientList | 400 404;
    /// Fetches what a pending client was asked for with, and what its user is to be sent: for whoever runs the channel.
    GetClientLink = GET "/heliograph/v1/apps/{appId}/users/{userIdOrExternalId}/clients/{clientId}/link" [Account App Integration]
        (ClientPath, BrandQuery, Nothing) -> 200 ClientLinkReply | 404;
    /// Removes a client from its user and from all conversations. The client of the SDKs stays.
    RemoveClient = DELETE "/v2/apps/{appId}/users/{userIdOrExternalId}/clients/{clientId}" [Account App Integration]
        (ClientPath, BrandQuery, Nothing) -> 200 Nothing | 400 404;
    /// Reports what a channel has found out about a client: that its link is confirmed or has failed, that the user has
    /// blocked the business. This server has no channels of its own, so whoever runs one tells it here.
    ReportClient = POST "/heliograph/v1/apps/{appId}/users/{userIdOrExternalId}/clients/{clientId}/report" [Account App Integration]
        (ClientPath, BrandQuery, ClientReport) -> 200 ClientReply | 400 404;
}

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

impl Client {
    /// One of which nothing is known yet.
    pub const fn pending(id: ClientId, r#type: ClientType) -> Self {
        Self {
            id,
            r#type,
            status: ClientStatus::Pending,
            integration_id: None,
            external_id: None,
            last_seen: None,
            linked_at: None,
            display_name: None,
            avatar_url: None,
            info: None,
            raw: None,
        }
    }
}

/// One client.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "clientResponse")]
pub struct ClientReply {
    /// The client.
    pub client: Client,
}

/// A page of clients.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "clientListResponse")]
pub struct ClientList {
    /// The clients.
    pub clients: Vec<Client>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// Which page of a user's clients, and which brand's user is meant.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ClientsQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// The brand of the user that has the external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
}

/// What a new client is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "clientCreate")]
pub struct NewClient {
    /// Who the user is on the channel.
    pub match_criteria: MatchCriteria,
    /// How the user is asked.
    pub confirmation: Confirmation,
    /// The conversation that the client takes part in.
    pub target: LinkTarget,
}

/// What a pending client was asked for with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "clientLink")]
pub struct ClientLink {
    /// Who the user is on the channel.
    pub match_criteria: MatchCriteria,
    /// How the user is to be asked. The message is as it is to be sent: HTML for Markdown, text for channels that show
    /// nothing else.
    pub confirmation: Confirmation,
    /// The conversation that the client is to take part in, if it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<LinkTarget>,
}

/// One link.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "clientLinkResponse")]
pub struct ClientLinkReply {
    /// The link.
    pub link: ClientLink,
}

/// Who a user is on a channel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schemars(rename = "matchCriteria", transform = required_outside_of_variants)]
pub enum MatchCriteria {
    /// By mail.
    Mailgun(MailCriteria),
    /// By text message.
    Messagebird(PhoneCriteria),
    /// By text message.
    Twilio(PhoneCriteria),
    /// On WhatsApp.
    Whatsapp(PhoneCriteria),
}

/// See [`required_outside`].
fn required_outside_of_variants(schema: &mut Schema) {
    let variants = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    variants.into_iter().flatten().filter_map(|variant| variant.try_into().ok()).for_each(required_outside);
}

/// The subject of mails that nobody gives one.
pub const DEFAULT_SUBJECT: &str = "New message from {appName}";

/// A user's address for mail.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "matchCriteriaMailgun")]
pub struct MailCriteria {
    /// The integration, which is of the given type.
    pub integration_id: String,
    /// Whether the client becomes the one that the conversation's messages go to first. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = true))]
    pub primary: Option<bool>,
    /// The address.
    #[schemars(extend("format" = "email"))]
    pub address: String,
    /// The subject of the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = DEFAULT_SUBJECT))]
    pub subject: Option<String>,
}

/// A user's phone number.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "matchCriteriaPhone")]
pub struct PhoneCriteria {
    /// The integration, which is of the given type.
    pub integration_id: String,
    /// Whether the client becomes the one that the conversation's messages go to first. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = true))]
    pub primary: Option<bool>,
    /// The number, with + and the country code; spaces, dashes, dots and parentheses are allowed.
    #[schemars(extend("pattern" = "^\\+[ ().-]*[1-9]([ ().-]*[0-9]){6,14}[ ().-]*$"))]
    pub phone_number: String,
}

impl MatchCriteria {
    /// The channel.
    pub const fn channel(&self) -> ClientType {
        match self {
            Self::Mailgun(_) => ClientType::Mailgun,
            Self::Messagebird(_) => ClientType::Messagebird,
            Self::Twilio(_) => ClientType::Twilio,
            Self::Whatsapp(_) => ClientType::Whatsapp,
        }
    }

    /// The integration that is named.
    pub fn integration_id(&self) -> &str {
        match self {
            Self::Mailgun(mail) => &mail.integration_id,
            Self::Messagebird(phone) | Self::Twilio(phone) | Self::Whatsapp(phone) => &phone.integration_id,
        }
    }

    /// Whether the client becomes the first of its conversation.
    pub fn primary(&self) -> bool {
        let given = match self {
            Self::Mailgun(mail) => mail.primary,
            Self::Messagebird(phone) | Self::Twilio(phone) | Self::Whatsapp(phone) => phone.primary,
        };
        given.unwrap_or(true)
    }

    /// The user's address on the channel, in the one spelling that all others of the same address share.
    pub fn address(&self) -> String {
        match self {
            Self::Mailgun(mail) => mail.address.to_lowercase(),
            Self::Messagebird(phone) | Self::Twilio(phone) | Self::Whatsapp(phone) => {
                phone.phone_number.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect()
            }
        }
    }
}

/// How a user is asked whether they want a link.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "clientConfirmation")]
pub struct Confirmation {
    /// Whether and how they are asked.
    pub r#type: ConfirmationType,
    /// What they are told, by the business: a text or an image, with links at most. It does not become part of the
    /// conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessagePost>,
}

/// Whether and how a user is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ConfirmationType {
    /// They are not.
    Immediate,
    /// They answer the message with anything.
    UserActivity,
    /// They are asked for a yes or a no.
    Prompt,
}

/// The conversation that a new client takes part in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "clientTarget")]
pub struct LinkTarget {
    /// Its id.
    pub conversation_id: String,
}

/// What a channel has found out about a client. What it does not speak of stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "clientReport")]
pub struct ClientReport {
    /// What happened.
    pub outcome: ClientOutcome,
    /// The channel's own id of the user. Default: the address that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub external_id: Option<String>,
    /// The user's name on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub display_name: Option<String>,
    /// The user's picture on the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri"))]
    pub avatar_url: Option<String>,
    /// What the channel tells of the user, in this API's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Map<String, Value>>,
    /// What the channel tells of the user, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Map<String, Value>>,
    /// Why a link came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Map<String, Value>>,
}

/// What happened to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ClientOutcome {
    /// The channel knows the user and has asked; the client stays pending.
    Matched,
    /// The user is linked.
    Confirmed,
    /// The user wants no more messages.
    Blocked,
    /// The user wants messages again.
    Unblocked,
    /// The user is not there any more: they have signed out, or uninstalled the app. No webhook is told.
    Left,
    /// The user is there again. No webhook is told.
    Returned,
    /// The user could not be linked. The client goes.
    LinkFailed,
    /// The user did not want to be linked. The client goes.
    LinkCancelled,
}
