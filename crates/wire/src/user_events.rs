//! Events about users and their clients: what `client:…` and `user:…` carry. (`user:remove` is in `events.rs`.)

use crate::{
    clients::Client, conversations::ConversationTruncated, events::EventUser, messages::Source, metadata::Metadata,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why a client was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ClientAddReason {
    /// A channel is being linked.
    ChannelLinking,
    /// The user's SDKs are, or are to be, in use.
    SdkLogin,
    /// An SDK was given a code.
    AuthCode,
}

/// `client:add`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "clientAddPayload")]
pub struct ClientAddPayload {
    /// The conversation that the link is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationTruncated>,
    /// Whose client.
    pub user: EventUser,
    /// The client.
    pub client: Client,
    /// Why.
    pub reason: ClientAddReason,
    /// By what way.
    pub source: Source,
}

/// Why a client was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ClientRemoveReason {
    /// This API was told to.
    Api,
    /// The user did not want the link.
    LinkCancelled,
    /// The link came to nothing.
    LinkFailed,
    /// An SDK was told to.
    Sdk,
    /// It is another user's now.
    Theft,
}

/// `client:remove`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "clientRemovePayload")]
pub struct ClientRemovePayload {
    /// The conversation that the link was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationTruncated>,
    /// Whose client.
    pub user: EventUser,
    /// The client as it was.
    pub client: Client,
    /// Why.
    pub reason: ClientRemoveReason,
    /// What went wrong with a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Map<String, Value>>,
    /// By what way.
    pub source: Source,
}

/// Why a client's state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ClientUpdateReason {
    /// The link is made.
    Confirmed,
    /// The user wants no more messages.
    Blocked,
    /// The user wants messages again.
    Unblocked,
    /// The channel knows the user.
    Matched,
}

/// `client:update`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "clientUpdatePayload")]
pub struct ClientUpdatePayload {
    /// The conversation that the client takes part in first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationTruncated>,
    /// Whose client.
    pub user: EventUser,
    /// The client.
    pub client: Client,
    /// Why.
    pub reason: ClientUpdateReason,
}

/// Two things that became one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Merged<T> {
    /// The one that is both now.
    pub surviving: T,
    /// The one that is no more.
    pub discarded: T,
}

/// Why two users became one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum MergeReason {
    /// This API was told to.
    Api,
    /// A channel was linked.
    ChannelLinking,
    /// A user signed in with an SDK.
    SdkLogin,
}

/// `user:merge`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "userMergePayload")]
pub struct UserMergePayload {
    /// The users.
    pub merged_users: Merged<EventUser>,
    /// Their default conversations, if those became one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_conversations: Option<Merged<ConversationTruncated>>,
    /// Their clients, if two became one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_clients: Option<Merged<Client>>,
    /// The custom properties for which there was no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded_metadata: Option<Metadata>,
    /// Why.
    pub reason: MergeReason,
}

/// Why a user was updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum UserUpdateReason {
    /// It is known now who the user is.
    Authentication,
    /// It is known now what language the user speaks.
    LocaleDetection,
}

/// `user:update`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "userUpdatePayload")]
pub struct UserUpdatePayload {
    /// The user.
    pub user: EventUser,
    /// Why.
    pub reason: UserUpdateReason,
    /// By what way.
    pub source: Source,
}
