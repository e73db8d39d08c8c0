//! Activities: that somebody read a conversation, or is typing in it.

use crate::{
    conversations::ConversationTruncated,
    events::EventUser,
    id::UserId,
    messages::{Author, AuthorType, Source},
    op::Nothing,
    operations,
    path::ConversationPath,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Activities"
    /// Tells that a conversation was read or that somebody is typing. A user can only read by this API; the business can
    /// also start and stop typing.
    PostActivity = POST "/v2/apps/{appId}/conversations/{conversationId}/activity" [Account App Integration]
        (ConversationPath, Nothing, NewActivity) -> 200 Nothing | 400 404;
}

/// What somebody does in a conversation besides writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ActivityType {
    /// They have read it.
    #[serde(rename = "conversation:read")]
    Read,
    /// They begin to type.
    #[serde(rename = "typing:start")]
    TypingStart,
    /// They stop typing.
    #[serde(rename = "typing:stop")]
    TypingStop,
}

/// What is to be told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "activityPost", transform = crate::schema::required_outside)]
pub struct NewActivity {
    /// Who does it.
    pub author: Author,
    /// What they do.
    pub r#type: ActivityType,
}

/// Who does something, as webhooks show it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "authorWebhook")]
pub struct ActivityAuthor {
    /// The business or a user.
    pub r#type: AuthorType,
    /// The user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EventUser>,
}

/// An activity, as webhooks show it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "activity")]
pub struct Activity {
    /// What somebody does.
    pub r#type: ActivityType,
    /// Who does it.
    pub author: ActivityAuthor,
    /// By what way it came.
    pub source: Source,
}

/// `conversation:read` and `conversation:typing`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationActivityPayload")]
pub struct ActivityPayload {
    /// Where it happens.
    pub conversation: ConversationTruncated,
    /// What happens.
    pub activity: Activity,
}
