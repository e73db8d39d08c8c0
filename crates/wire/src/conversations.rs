//! Conversations: where messages are.

use crate::{
    id::{ConversationId, IntegrationId, SwitchboardIntegrationId},
    metadata::Metadata,
    op::Nothing,
    operations,
    page::{Links, Meta, Page},
    participants::ParticipantRef,
    patch::Patch,
    path::{AppPath, ConversationPath},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Conversations"
    /// Creates a conversation.
    CreateConversation = POST "/v2/apps/{appId}/conversations" [Account App Integration]
        (AppPath, Nothing, NewConversation) -> 201 ConversationReply | 400 404;
    /// Lists the conversations of a user, the one with the latest message first.
    ListConversations = GET "/v2/apps/{appId}/conversations" [Account App Integration]
        (AppPath, ConversationsQuery, Nothing) -> 200 ConversationList | 400 404;
    /// Fetches a conversation.
    GetConversation = GET "/v2/apps/{appId}/conversations/{conversationId}" [Account App Integration]
        (ConversationPath, Nothing, Nothing) -> 200 ConversationReply | 404;
    /// Updates a conversation.
    UpdateConversation = PATCH "/v2/apps/{appId}/conversations/{conversationId}" [Account App Integration]
        (ConversationPath, Nothing, ConversationUpdate) -> 200 ConversationReply | 400 404;
    /// Deletes a conversation with its messages. A user's default conversation stays; its messages can be deleted.
    DeleteConversation = DELETE "/v2/apps/{appId}/conversations/{conversationId}" [Account App Integration]
        (ConversationPath, Nothing, Nothing) -> 200 Nothing | 400 404;
}

/// Who talks in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationType")]
pub enum ConversationType {
    /// One user and the business.
    Personal,
    /// Up to ten users, by the SDKs, and the business.
    SdkGroup,
}

impl ConversationType {
    /// The name in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::SdkGroup => "sdkGroup",
        }
    }
}

/// What a new conversation is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationCreateBody")]
pub struct NewConversation {
    /// Who talks in it. It cannot be changed later.
    pub r#type: ConversationType,
    /// The users in it: exactly one if it is personal, up to ten in a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub participants: Option<Vec<ParticipantRef>>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), extend("x-clearable" = true))]
    pub display_name: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), extend("x-clearable" = true))]
    pub description: Option<String>,
    /// Where its picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri", "x-clearable" = true))]
    pub icon_url: Option<String>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// What may change of a conversation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationUpdateBody")]
pub struct ConversationUpdate {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 100))]
    pub display_name: Patch<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 100))]
    pub description: Patch<String>,
    /// Where its picture is.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri"))]
    pub icon_url: Patch<String>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<Metadata>,
}

/// The part of a switchboard that has, or is offered, control of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardIntegrationWebhook")]
pub struct SwitchboardIntegrationSummary {
    /// Its id.
    pub id: SwitchboardIntegrationId,
    /// Its name in the switchboard.
    #[schemars(length(max = 128))]
    pub name: String,
    /// The integration it stands for.
    pub integration_id: IntegrationId,
    /// The type of that integration.
    pub integration_type: String,
}

/// A conversation as webhooks show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationTruncated")]
pub struct ConversationTruncated {
    /// Its id.
    pub id: ConversationId,
    /// Who talks in it.
    pub r#type: ConversationType,
    /// Custom properties; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Who has control of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_switchboard_integration: Option<SwitchboardIntegrationSummary>,
    /// Who is offered control of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_switchboard_integration: Option<SwitchboardIntegrationSummary>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversation")]
pub struct Conversation {
    /// What webhooks show of it.
    #[serde(flatten)]
    pub key: ConversationTruncated,
    /// Whether it is its user's default: the first personal one they had.
    pub is_default: bool,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where its picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// When the business last read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_last_read: Option<Timestamp>,
    /// When its latest message was posted, or it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// One conversation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationResponse")]
pub struct ConversationReply {
    /// The conversation.
    pub conversation: Conversation,
}

/// A page of conversations.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "conversationListResponse")]
pub struct ConversationList {
    /// The conversations.
    pub conversations: Vec<Conversation>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// Whose conversations, and which page of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ConversationsQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Whose: exactly one of the two.
    pub filter: ConversationsFilter,
}

/// The user whose conversations are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "conversationFilter")]
pub struct ConversationsFilter {
    /// By id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// By external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
}
