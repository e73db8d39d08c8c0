//! Notices: what the server itself tells the owner of an app, such as that a webhook was paused. They are delivered as
//! webhooks are, to a target of the app's own. Beyond the public contract.

use crate::{id::WebhookId, op::Nothing, operations, path::AppPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Notices"
    /// Tells where the app's notices go.
    GetNotices = GET "/heliograph/v1/apps/{appId}/notices" [Account App]
        (AppPath, Nothing, Nothing) -> 200 NoticesReply | 404;
    /// Says where the app's notices go. They are sent as webhooks are, and whether they arrive is seen in the deliveries of
    /// the webhook that is answered here.
    SetNotices = PUT "/heliograph/v1/apps/{appId}/notices" [Account App]
        (AppPath, Nothing, NewNotices) -> 200 NoticesReply | 400 404;
    /// Ends the app's notices.
    DeleteNotices = DELETE "/heliograph/v1/apps/{appId}/notices" [Account App]
        (AppPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// The type of the notice that a webhook was paused because nothing arrived there any more.
pub const WEBHOOK_PAUSED: &str = "heliograph:webhook:paused";

/// Where notices are to go.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "noticesBody")]
pub struct NewNotices {
    /// The http or https address that is called.
    pub target: String,
}

/// Where notices go.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "notices")]
pub struct Notices {
    /// The webhook by which they go.
    pub webhook_id: WebhookId,
    /// The address that is called.
    pub target: String,
    /// Sent with every call as `X-API-Key`, so that the target knows who calls.
    pub secret: String,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notices(by {} to {})", self.webhook_id, self.target)
    }
}

/// Where notices go.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "noticesResponse")]
pub struct NoticesReply {
    /// Where they go.
    pub notices: Notices,
}
