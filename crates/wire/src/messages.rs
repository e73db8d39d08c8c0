//! Messages: what is said in a conversation.

use crate::{
    clients::Client,
    content::{Content, TextMessage},
    devices::Device,
    id::{IntegrationId, MessageId, UserId},
    metadata::Metadata,
    op::Nothing,
    operations,
    page::{Links, Meta, PageQuery},
    path::{ConversationPath, MessagePath},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

operations! { "Messages"
    /// Posts a message to a conversation, as the business or as a user.
    PostMessage = POST "/v2/apps/{appId}/conversations/{conversationId}/messages" [Account App Integration]
        (ConversationPath, Nothing, MessagePost) -> 201 MessagePostReply | 400 404 423;
    /// Lists the messages of a conversation: by default the latest page, each page from old to new. A page holds 100.
    ListMessages = GET "/v2/apps/{appId}/conversations/{conversationId}/messages" [Account App Integration]
        (ConversationPath, PageQuery, Nothing) -> 200 MessageList | 400 404;
    /// Deletes all messages of a conversation. The conversation stays.
    DeleteAllMessages = DELETE "/v2/apps/{appId}/conversations/{conversationId}/messages" [Account App Integration]
        (ConversationPath, Nothing, Nothing) -> 200 Nothing | 404;
    /// Deletes a message.
    DeleteMessage = DELETE "/v2/apps/{appId}/conversations/{conversationId}/messages/{messageId}" [Account App Integration]
        (MessagePath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// How many messages a conversation may hold.
pub const MAX_PER_CONVERSATION: i64 = 30_000;

/// Whether the business speaks or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AuthorType {
    /// The business.
    Business,
    /// A user.
    User,
}

/// What kind of author speaks for the business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum AuthorSubtype {
    /// A machine that writes its own words.
    #[serde(rename = "AI")]
    Ai,
    /// The system, telling what happened.
    #[serde(rename = "activity")]
    Activity,
    /// A person.
    #[serde(rename = "agent")]
    Agent,
    /// A machine that follows a script.
    #[serde(rename = "bot")]
    Bot,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "author")]
pub struct Author {
    /// The business or a user.
    pub r#type: AuthorType,
    /// What kind of author speaks for the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 0, max = 1))]
    pub subtypes: Option<Vec<AuthorSubtype>>,
    /// The user who speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The user who speaks, by external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub user_external_id: Option<String>,
    /// The brand of the user that has the external id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 24), extend("writeOnly" = true, "x-clearable" = true))]
    pub brand_id: Option<String>,
    /// The name that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where the picture that is shown is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), extend("format" = "uri"))]
    pub avatar_url: Option<String>,
}

impl Author {
    /// The business.
    pub fn business() -> Self {
        Self {
            r#type: AuthorType::Business,
            subtypes: None,
            user_id: None,
            user_external_id: None,
            brand_id: None,
            display_name: None,
            avatar_url: None,
        }
    }
    /// A user, by id.
    pub fn user(id: UserId) -> Self {
        Self { r#type: AuthorType::User, user_id: Some(id.to_string()), ..Self::business() }
    }
}

/// What a message is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "messagePost")]
pub struct MessagePost {
    /// Who speaks.
    pub author: Author,
    /// What is said.
    pub content: Content,
    /// Where it goes: by default by the client the user was last heard of on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
    /// What one channel is sent in place of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#override: Option<MessageOverride>,
    /// Whose form the content has, if it is a channel's own: `whatsapp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the message draws on. Only the business gives references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub references: Option<Vec<Reference>>,
}

impl MessagePost {
    /// A message with this content and nothing else.
    pub fn new(author: Author, content: Content) -> Self {
        Self { author, content, destination: None, metadata: None, r#override: None, schema: None, references: None }
    }
    /// A message of plain text.
    pub fn text(author: Author, text: impl Into<String>) -> Self {
        Self::new(author, Content::Text(TextMessage { text: Some(text.into()), ..TextMessage::default() }))
    }
}

/// Where a message goes: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "destination")]
pub struct Destination {
    /// By the user's client of this integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<String>,
    /// By the user's client of this type. `none`: nowhere, it is only kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_type: Option<String>,
}

/// What one channel is sent in place of the content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "messageOverride")]
pub struct MessageOverride {
    /// For Apple Messages for Business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apple: Option<AppleOverridePayload>,
    /// For LINE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<OverridePayload>,
    /// For Messenger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messenger: Option<OverridePayload>,
    /// For WhatsApp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whatsapp: Option<OverridePayload>,
}

/// A channel's own message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "messageOverridePayload")]
pub struct OverridePayload {
    /// The message in the channel's own form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
}

/// Apple's own message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "appleMessageOverridePayload")]
pub struct AppleOverridePayload {
    /// The message in Apple's form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
    /// What the user's device must be able to do for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_capabilities: Option<Vec<AppleCapability>>,
}

/// What an Apple device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum AppleCapability {
    /// Pick from a list.
    List,
    /// Pick a time.
    Time,
    /// Fill in a form.
    Form,
    /// Answer with a quick reply.
    Quick,
    /// Sign in.
    Auth2,
}

/// A message. (Webhooks are told more of its author: [`crate::events::EventAuthor`].)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "message")]
pub struct Message<A = Author> {
    /// Its id.
    pub id: MessageId,
    /// When the server took it in.
    pub received: Timestamp,
    /// Who speaks.
    pub author: A,
    /// What happened, if the system speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityMessage>,
    /// What is said.
    pub content: Content,
    /// By what way it came.
    pub source: Source,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted_message: Option<QuotedMessage>,
    /// Custom properties; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Whether it stands for a message that was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// What it draws on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub references: Option<Vec<Reference>>,
}

impl<A> Message<A> {
    /// The same, with its author told in other terms.
    pub fn by<B>(self, author: B) -> Message<B> {
        let Self { id, received, author: _, activity, content, source, quoted_message, metadata, deleted, references } =
            self;
        Message { id, received, author, activity, content, source, quoted_message, metadata, deleted, references }
    }
}

/// By what way a message came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "source")]
pub struct Source {
    /// The channel; `api:conversations` for what was posted by this API.
    pub r#type: String,
    /// The integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The channel's own id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_message_id: Option<String>,
    /// When the channel took it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_message_timestamp: Option<Timestamp>,
    /// The user's client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// The user's device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
}

impl Source {
    /// The type of everything that this API's callers do.
    pub const API: &'static str = "api:conversations";

    /// That of everything that this API's callers do.
    pub fn api() -> Self {
        Self {
            r#type: Self::API.to_owned(),
            integration_id: None,
            original_message_id: None,
            original_message_timestamp: None,
            client: None,
            device: None,
        }
    }

    /// Without client and device, as it is shown wherever these are not asked for.
    pub fn in_short(&self) -> Self {
        Self { client: None, device: None, ..self.clone() }
    }
}

/// Something that happened, told as a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
#[schemars(rename = "activityMessage")]
pub enum ActivityMessage {
    /// The ticket was closed.
    #[serde(rename = "ticket:closed")]
    TicketClosed(ActivityData),
    /// The ticket goes on by mail.
    #[serde(rename = "ticket:transfer:email")]
    TransferToEmail(ActivityData),
    /// The user ended the conversation.
    #[serde(rename = "conversation:endedByUser")]
    EndedByUser(ActivityData),
}

/// More of what happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ActivityData {
    /// Whatever belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
}

/// The message that another answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schemars(rename = "quotedMessage")]
pub enum QuotedMessage {
    /// The message itself.
    Message {
        /// The message.
        message: Box<Message>,
    },
    /// The channel's own id of it, when the message is not known.
    #[serde(rename_all = "camelCase")]
    ExternalMessageId {
        /// The id.
        external_message_id: String,
    },
}

/// What a message draws on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "reference")]
pub struct Reference {
    /// Where it is.
    #[schemars(length(max = 2048), extend("format" = "uri"))]
    pub uri: String,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub title: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub description: Option<String>,
}

/// The messages that one post made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "messagePostResponse")]
pub struct MessagePostReply {
    /// The messages.
    pub messages: Vec<Message>,
}

/// A page of messages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "messageListResponse")]
pub struct MessageList {
    /// The messages, from old to new.
    pub messages: Vec<Message>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}
