//! Participants: which users are in a conversation, and what they have read of it.

use crate::{
    clients::ClientType,
    id::{ClientId, ParticipantId, UserId},
    op::Nothing,
    operations,
    page::{Links, Meta, PageQuery},
    path::ConversationPath,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Participants"
    /// Adds a user to a group conversation. One who is in it already stays in it.
    JoinConversation = POST "/v2/apps/{appId}/conversations/{conversationId}/join" [Account App Integration]
        (ConversationPath, Nothing, ParticipantRef) -> 201 ParticipantReply | 400 404;
    /// Lists the participants of a conversation, in the order in which they joined.
    ListParticipants = GET "/v2/apps/{appId}/conversations/{conversationId}/participants" [Account App Integration]
        (ConversationPath, PageQuery, Nothing) -> 200 ParticipantList | 400 404;
    /// Takes a user out of a group conversation.
    LeaveConversation = POST "/v2/apps/{appId}/conversations/{conversationId}/leave" [Account App Integration]
        (ConversationPath, Nothing, LeaveBody) -> 200 Nothing | 400 404;
}

/// How many users a group conversation may hold.
pub const MAX_PARTICIPANTS: usize = 10;

/// A user who is to take part, by id or by external id: exactly one of the two.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "participantSubSchema", extend("minProperties" = 1))]
pub struct ParticipantRef {
    /// The user, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user, by external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
    /// Whether the user's SDKs show the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "subscribeSDKClient")]
    pub subscribe_sdk_client: Option<bool>,
}

/// The participant who leaves: exactly one of the three.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "participantLeaveBody", extend("minProperties" = 1))]
pub struct LeaveBody {
    /// The user, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user, by external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
    /// The participant, by its own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_id: Option<String>,
}

/// By which client a participant is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "clientAssociation")]
pub struct ClientAssociation {
    /// The channel of the client.
    pub r#type: ClientType,
    /// The client.
    pub client_id: ClientId,
}

/// A user in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "participant")]
pub struct Participant {
    /// The participant's own id.
    pub id: ParticipantId,
    /// The user.
    pub user_id: UserId,
    /// How many messages the user has not read.
    pub unread_count: i64,
    /// By which clients the user takes part, the latest first.
    pub client_associations: Vec<ClientAssociation>,
    /// The user's external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_external_id: Option<String>,
    /// When the user last read the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read: Option<Timestamp>,
}

/// One participant.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "participantResponse")]
pub struct ParticipantReply {
    /// The participant.
    pub participant: Participant,
}

/// A page of participants.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "participantListResponse")]
pub struct ParticipantList {
    /// The participants.
    pub participants: Vec<Participant>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}
