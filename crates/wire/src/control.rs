//! Control: which part of the switchboard answers in a conversation. It is passed, or offered and accepted, or released.

use crate::{
    conversations::ConversationTruncated, metadata::Metadata, op::Nothing, operations, path::ConversationPath,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

operations! { "Switchboard Actions"
    /// Gives control of a conversation to a part of the switchboard. An offer that was made is void.
    PassControl = POST "/v2/apps/{appId}/conversations/{conversationId}/passControl" [Account App Integration]
        (ConversationPath, Nothing, PassControlBody) -> 200 Nothing | 400 404;
    /// Offers control of a conversation to a part of the switchboard, which may then accept it. An earlier offer is void.
    OfferControl = POST "/v2/apps/{appId}/conversations/{conversationId}/offerControl" [Account App Integration]
        (ConversationPath, Nothing, OfferControlBody) -> 200 Nothing | 400 404;
    /// Accepts control of a conversation. An integration's key can accept only what that integration was offered.
    AcceptControl = POST "/v2/apps/{appId}/conversations/{conversationId}/acceptControl" [Account App Integration]
        (ConversationPath, Nothing, AcceptControlBody) -> 200 Nothing | 400 403 404;
    /// Gives control of a conversation up: nobody has it, or is offered it, until the user's next activity. An
    /// integration's key can release only what that integration controls.
    ReleaseControl = POST "/v2/apps/{appId}/conversations/{conversationId}/releaseControl" [Account App Integration]
        (ConversationPath, Nothing, ReleaseControlBody) -> 200 Nothing | 400 403 404;
}

/// Stands for the part of the switchboard that comes next.
pub const NEXT: &str = "next";

/// To whom control is passed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "passControlBody")]
pub struct PassControlBody {
    /// A part of the switchboard, by id, name or type of its integration; or `next`.
    pub switchboard_integration: String,
    /// Custom properties for those who are told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// To whom control is offered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "offerControlBody")]
pub struct OfferControlBody {
    /// A part of the switchboard that does not have control, by id, name or type of its integration; or `next`.
    pub switchboard_integration: String,
    /// Custom properties for those who are told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// What goes along when control is accepted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "acceptControlBody")]
pub struct AcceptControlBody {
    /// Custom properties for those who are told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// What goes along when control is released.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "releaseControlBody")]
pub struct ReleaseControlBody {
    /// Custom properties for those who are told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// `switchboard:passControl`, `:offerControl`, `:acceptControl` and `:releaseControl`, and the failures of the first three.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "controlPayload")]
pub struct ControlPayload {
    /// The conversation, with who has, or is offered, control of it now.
    pub conversation: ConversationTruncated,
    /// What is wrong, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ControlError>,
    /// What went along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The latest messages, from old to new: for a part that got control and asks for some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_history: Option<Vec<Value>>,
}

/// Why control did not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "controlError")]
pub struct ControlError {
    /// A word for programs: `switchboard_invalid_target` or `switchboard_invalid_action`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}
