//! Actions: what the reader of a message is offered to do.

use crate::metadata::Metadata;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the reader of a message is offered to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schemars(rename = "action")]
pub enum Action {
    /// Pay.
    Buy(Buy),
    /// Open a page.
    Link(Link),
    /// Tell where they are.
    LocationRequest(LocationRequest),
    /// Send a payload back unseen.
    Postback(Postback),
    /// Answer with a prepared text.
    Reply(Reply),
    /// Open a page inside the conversation.
    Webview(Webview),
}

/// What the reader of an item is offered to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schemars(rename = "actionSubset")]
pub enum ItemAction {
    /// Pay.
    Buy(Buy),
    /// Open a page.
    Link(Link),
    /// Send a payload back unseen.
    Postback(Postback),
    /// Open a page inside the conversation.
    Webview(Webview),
}

/// An action of either list, for rules that do not ask which list it is from.
#[derive(Debug)]
pub enum AnyAction<'a> {
    /// Pay.
    Buy(&'a mut Buy),
    /// Open a page.
    Link(&'a mut Link),
    /// Tell where they are.
    LocationRequest(&'a mut LocationRequest),
    /// Send a payload back unseen.
    Postback(&'a mut Postback),
    /// Answer with a prepared text.
    Reply(&'a mut Reply),
    /// Open a page inside the conversation.
    Webview(&'a mut Webview),
}

impl Action {
    /// As one of either list.
    pub fn any(&mut self) -> AnyAction<'_> {
        match self {
            Self::Buy(buy) => AnyAction::Buy(buy),
            Self::Link(link) => AnyAction::Link(link),
            Self::LocationRequest(request) => AnyAction::LocationRequest(request),
            Self::Postback(postback) => AnyAction::Postback(postback),
            Self::Reply(reply) => AnyAction::Reply(reply),
            Self::Webview(webview) => AnyAction::Webview(webview),
        }
    }
}

impl ItemAction {
    /// As one of either list.
    pub fn any(&mut self) -> AnyAction<'_> {
        match self {
            Self::Buy(buy) => AnyAction::Buy(buy),
            Self::Link(link) => AnyAction::Link(link),
            Self::Postback(postback) => AnyAction::Postback(postback),
            Self::Webview(webview) => AnyAction::Webview(webview),
        }
    }
}

impl AnyAction<'_> {
    /// Its custom properties.
    pub fn metadata(&mut self) -> &mut Option<Metadata> {
        match self {
            Self::Buy(buy) => &mut buy.metadata,
            Self::Link(link) => &mut link.metadata,
            Self::LocationRequest(request) => &mut request.metadata,
            Self::Postback(postback) => &mut postback.metadata,
            Self::Reply(reply) => &mut reply.metadata,
            Self::Webview(webview) => &mut webview.metadata,
        }
    }
}

/// Pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "buy")]
pub struct Buy {
    /// What the button says.
    pub text: String,
    /// How much, in the smallest unit of the currency.
    pub amount: i64,
    /// The currency, by its three letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// Open a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "link")]
pub struct Link {
    /// Where the page is.
    pub uri: String,
    /// What the button says.
    pub text: String,
    /// Whether choosing the item itself opens it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
    /// Wishes that one channel alone understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_channel_options: Option<ExtraChannelOptions>,
}

/// Tell where they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "locationRequest")]
pub struct LocationRequest {
    /// What the button says.
    pub text: String,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// Send a payload back unseen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "postback")]
pub struct Postback {
    /// What the button says.
    pub text: String,
    /// What is sent back.
    pub payload: String,
    /// Always empty; clients of the first version expect it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("readOnly" = true))]
    pub uri: Option<String>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// Answer with a prepared text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "reply")]
pub struct Reply {
    /// What the button says, and the answer.
    pub text: String,
    /// What is sent with the answer.
    pub payload: String,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
    /// Where the button's picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

/// Open a page inside the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webview")]
pub struct Webview {
    /// Where the page is.
    pub uri: String,
    /// What the button says.
    pub text: String,
    /// Whether choosing the item itself opens it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
    /// Wishes that one channel alone understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_channel_options: Option<ExtraChannelOptions>,
    /// How much of the screen it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<WebviewSize>,
    /// The page for channels that cannot show one inside.
    pub fallback: String,
    /// Whether it opens as soon as the message arrives. One action of a message at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_on_receive: Option<bool>,
}

/// How much of the screen a page takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum WebviewSize {
    /// Half.
    Compact,
    /// Most.
    Tall,
    /// All.
    Full,
}

/// Wishes that one channel alone understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "extraChannelOptions")]
pub struct ExtraChannelOptions {
    /// For Messenger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messenger: Option<MessengerOptions>,
}

/// What Messenger can do with a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct MessengerOptions {
    /// Whether the page may use Messenger's extensions. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messenger_extensions: Option<bool>,
    /// Hides the button for sharing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webview_share_button: Option<ShareButton>,
}

/// What becomes of the button for sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ShareButton {
    /// It is hidden.
    Hide,
}
