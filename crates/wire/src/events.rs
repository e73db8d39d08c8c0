//! Events: what a webhook's call carries.

use crate::{
    channel_events::Referral,
    conversations::ConversationTruncated,
    id::{AppId, EventId, UserId, WebhookId},
    messages::{Author, AuthorSubtype, AuthorType, Source},
    time::Timestamp,
    users::{User, UserTruncated},
    webhooks::Trigger,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the form that calls have.
pub const VERSION: &str = "v2";

/// One call: events for one webhook of one app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "eventWebhooks")]
pub struct Envelope<E> {
    /// The app they happened in.
    pub app: AppRef,
    /// The webhook they are for.
    pub webhook: WebhookRef,
    /// What happened, from old to new.
    pub events: Vec<E>,
}

/// Which app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "appSubSchema")]
pub struct AppRef {
    /// Its id.
    pub id: AppId,
}

/// Which webhook.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookSubSchema")]
pub struct WebhookRef {
    /// Its id.
    pub id: WebhookId,
    /// The form of the call.
    pub version: String,
}

/// Something that happened. Its id stays the same when a call is made again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "event")]
pub struct Event<P = Value> {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub created_at: Timestamp,
    /// What it is.
    pub r#type: Trigger,
    /// The rest, by type.
    pub payload: P,
}

/// A user in a payload: in full if the webhook asks for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum EventUser {
    /// In full.
    Full(Box<User>),
    /// Just which one.
    Truncated(UserTruncated),
}

impl EventUser {
    /// As a webhook wants it.
    pub fn of(user: &User, full: bool) -> Self {
        if full { Self::Full(Box::new(user.clone())) } else { Self::Truncated(user.key.clone()) }
    }
}

/// Who speaks in a message, as webhooks are told: if it is a user, who that is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventAuthor {
    /// The business or a user.
    pub r#type: AuthorType,
    /// What kind of author speaks for the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtypes: Option<Vec<AuthorSubtype>>,
    /// The user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The name that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where the picture that is shown is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EventUser>,
}

impl EventAuthor {
    /// A user who speaks.
    pub fn user(author: &Author, id: UserId, user: EventUser) -> Self {
        Self {
            r#type: author.r#type,
            subtypes: author.subtypes.clone(),
            user_id: Some(id),
            display_name: author.display_name.clone(),
            avatar_url: author.avatar_url.clone(),
            user: Some(user),
        }
    }
}

/// `conversation:message`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationMessagePayload")]
pub struct MessagePayload<M> {
    /// Where it was posted.
    pub conversation: ConversationTruncated,
    /// The message; if a user speaks, `author.user` tells who.
    pub message: M,
}

/// Why a conversation came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum CreationReason {
    /// A channel was to be linked.
    LinkRequest,
    /// A user wrote.
    Message,
    /// None of the others: it was created by this API.
    None,
    /// A notification was sent.
    Notification,
    /// The questions before a conversation were answered.
    PrechatCapture,
    /// A user started it.
    StartConversation,
    /// The business wrote first.
    ProactiveMessaging,
}

/// `conversation:create`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationCreatePayload")]
pub struct ConversationCreatePayload {
    /// The conversation.
    pub conversation: ConversationTruncated,
    /// Why it came to be.
    pub creation_reason: CreationReason,
    /// By what way.
    pub source: Source,
    /// The user in it, if it is personal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EventUser>,
    /// How the user was led to it, if they came by a referral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
}

/// `conversation:join` and `conversation:leave`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationMemberPayload")]
pub struct MemberPayload {
    /// The conversation.
    pub conversation: ConversationTruncated,
    /// Who joined or left.
    pub user: EventUser,
}

/// `conversation:remove`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationRemovePayload")]
pub struct ConversationRemovePayload {
    /// The conversation that was deleted.
    pub conversation: ConversationTruncated,
}

/// `user:remove`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "userRemovePayload")]
pub struct UserRemovePayload {
    /// The user who was deleted.
    pub user: UserTruncated,
}
