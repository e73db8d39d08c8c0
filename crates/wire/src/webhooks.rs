//! Webhooks: where an integration is told of what happens in its app.

use crate::{
    id::WebhookId,
    op::Nothing,
    operations,
    path::{WebhookPath, WebhooksPath},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Webhooks"
    /// Creates a webhook. A custom integration has one from its creation and takes no second.
    CreateWebhook = POST "/v2/apps/{appId}/integrations/{integrationId}/webhooks" [App Integration]
        (WebhooksPath, Nothing, NewWebhook) -> 201 WebhookReply | 400 403 404;
    /// Lists the webhooks of an integration.
    ListWebhooks = GET "/v2/apps/{appId}/integrations/{integrationId}/webhooks" [App Integration]
        (WebhooksPath, Nothing, Nothing) -> 200 WebhookList | 403 404;
    /// Fetches a webhook.
    GetWebhook = GET "/v2/apps/{appId}/integrations/{integrationId}/webhooks/{webhookId}" [App Integration]
        (WebhookPath, Nothing, Nothing) -> 200 WebhookReply | 403 404;
    /// Updates a webhook.
    UpdateWebhook = PATCH "/v2/apps/{appId}/integrations/{integrationId}/webhooks/{webhookId}" [App Integration]
        (WebhookPath, Nothing, WebhookUpdate) -> 200 WebhookReply | 400 403 404;
    /// Deletes a webhook. What was waiting to be delivered to it is dropped.
    DeleteWebhook = DELETE "/v2/apps/{appId}/integrations/{integrationId}/webhooks/{webhookId}" [App Integration]
        (WebhookPath, Nothing, Nothing) -> 200 Nothing | 403 404;
}

/// How many webhooks an app may have.
pub const MAX_PER_APP: usize = 10;

macro_rules! triggers { ($($(#[doc = $doc:literal])+ $name:ident $text:literal)+) => {
    /// What a webhook can be told of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
    #[schemars(inline)]
    pub enum Trigger { $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+ }
    impl Trigger {
        /// All of them.
        pub const ALL: &'static [Self] = &[$(Self::$name),+];
        /// The name in the contract.
        pub const fn name(self) -> &'static str { match self { $(Self::$name => $text,)+ } }
    }
} }

triggers! {
    /// A client was linked or made.
    ClientAdd "client:add"
    /// A client was removed.
    ClientRemove "client:remove"
    /// A client's state changed.
    ClientUpdate "client:update"
    /// A conversation was created.
    ConversationCreate "conversation:create"
    /// A user joined a group conversation.
    ConversationJoin "conversation:join"
    /// A user left a group conversation.
    ConversationLeave "conversation:leave"
    /// A conversation was deleted.
    ConversationRemove "conversation:remove"
    /// A message was posted.
    ConversationMessage "conversation:message"
    /// A message reached a channel.
    MessageDeliveryChannel "conversation:message:delivery:channel"
    /// A message could not be delivered.
    MessageDeliveryFailure "conversation:message:delivery:failure"
    /// A message reached a user.
    MessageDeliveryUser "conversation:message:delivery:user"
    /// A user chose a postback action.
    ConversationPostback "conversation:postback"
    /// A user read a conversation.
    ConversationRead "conversation:read"
    /// A user came to a conversation by a referral.
    ConversationReferral "conversation:referral"
    /// A user started or stopped typing.
    ConversationTyping "conversation:typing"
    /// A channel's message was passed on as it is.
    PassthroughMessaging "passthrough:messaging"
    /// Control was accepted.
    AcceptControl "switchboard:acceptControl"
    /// Control could not be accepted.
    AcceptControlFailure "switchboard:acceptControl:failure"
    /// Control was offered.
    OfferControl "switchboard:offerControl"
    /// Control could not be offered.
    OfferControlFailure "switchboard:offerControl:failure"
    /// Control was passed.
    PassControl "switchboard:passControl"
    /// Control could not be passed.
    PassControlFailure "switchboard:passControl:failure"
    /// Control was released.
    ReleaseControl "switchboard:releaseControl"
    /// Two users became one.
    UserMerge "user:merge"
    /// A user was identified, or their language was.
    UserUpdate "user:update"
    /// A user was deleted.
    UserRemove "user:remove"
}

/// What a new webhook is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookCreateBody", transform = crate::schema::required_outside)]
pub struct NewWebhook {
    /// The http or https address that is called.
    pub target: String,
    /// What it is called for.
    pub triggers: Vec<Trigger>,
    /// Whether payloads show users in full, not just who they are. Default false.
    #[serde(default)]
    pub include_full_user: bool,
    /// Whether payloads show sources with client and device. Default false.
    #[serde(default)]
    pub include_full_source: bool,
}

/// What may change of a webhook.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookBody")]
pub struct WebhookUpdate {
    /// The http or https address that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it is called for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Vec<Trigger>>,
    /// Whether payloads show users in full, not just who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_full_user: Option<bool>,
    /// Whether payloads show sources with client and device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_full_source: Option<bool>,
}

/// A webhook.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
// What the server itself gives is not asked of a client that sends a webhook inside a new integration.
#[schemars(rename = "webhook", extend("required" = ["target", "triggers"]))]
pub struct Webhook {
    /// Its id.
    #[schemars(extend("readOnly" = true))]
    pub id: WebhookId,
    /// The form of its payloads: `v2`.
    #[schemars(extend("readOnly" = true))]
    pub version: String,
    /// The http or https address that is called.
    pub target: String,
    /// What it is called for.
    pub triggers: Vec<Trigger>,
    /// Sent with every call as `X-API-Key`, so that the target knows who calls.
    #[schemars(extend("readOnly" = true))]
    pub secret: String,
    /// Whether payloads show users in full.
    #[serde(default)]
    pub include_full_user: bool,
    /// Whether payloads show sources with client and device.
    #[serde(default)]
    pub include_full_source: bool,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({} to {})", self.id, self.target)
    }
}

/// One webhook.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookResponse")]
pub struct WebhookReply {
    /// The webhook.
    pub webhook: Webhook,
}

/// All webhooks of an integration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookListResponse")]
pub struct WebhookList {
    /// The webhooks, oldest first.
    pub webhooks: Vec<Webhook>,
}
