//! What a refusal looks like on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "errorResponse")]
pub struct Problems {
    /// What is wrong. Only a 400 holds more than one.
    pub errors: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "error")]
pub struct Problem {
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub title: String,
}

/// What is answered, with status 404, when a thing is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub title: &'static str,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title)
    }
}

impl std::error::Error for Missing {}

impl Missing {
    const fn new(code: &'static str, title: &'static str) -> Self {
        Self { code, title }
    }
    /// No such app.
    pub const APP: Self = Self::new("app_not_found", "App not found");
    /// No such integration.
    pub const INTEGRATION: Self = Self::new("integration_not_found", "Integration not found");
    /// No such switchboard.
    pub const SWITCHBOARD: Self = Self::new("switchboard_not_found", "Switchboard not found");
    /// No such part of a switchboard.
    pub const SWITCHBOARD_INTEGRATION: Self =
        Self::new("switchboard_integration_not_found", "SwitchboardIntegration not found");
    /// No such user.
    pub const USER: Self = Self::new("user_not_found", "User not found");
    /// No such client.
    pub const CLIENT: Self = Self::new("client_not_found", "Client not found");
    /// No such device.
    pub const DEVICE: Self = Self::new("device_not_found", "Device not found");
    /// No such attachment.
    pub const ATTACHMENT: Self = Self::new("not_found", "Attachment not found");
    /// No such conversation.
    pub const CONVERSATION: Self = Self::new("conversation_not_found", "Conversation not found");
    /// The user is not in the conversation.
    pub const MEMBER: Self = Self::new("not_found", "User is not a member of the conversation");
    /// No such thing, or no such route.
    pub const RESOURCE: Self = Self::new("not_found", "Resource not found");
}
