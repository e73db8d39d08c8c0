//! With what the calls of a webhook are signed. Beyond the public contract, which has nothing but `X-API-Key`: there a
//! key travels with every call, here a signature does, and the secret stays at home.

use crate::{op::Nothing, operations, path::AppWebhookPath, time::Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Webhook signing"
    /// Shows the secret that a webhook's calls are signed with.
    GetWebhookSigning = GET "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/signing" [App Integration]
        (AppWebhookPath, Nothing, Nothing) -> 200 SigningReply | 403 404;
    /// Makes a new secret for the signatures of a webhook's calls. Until the old one ends, calls carry two signatures, one
    /// of each.
    RotateWebhookSigning = POST "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/signing/rotate" [App Integration]
        (AppWebhookPath, Nothing, SigningRotation) -> 200 SigningReply | 400 403 404;
}

/// What a signing secret begins with. What follows is the key itself, in base64.
pub const SECRET_PREFIX: &str = "whsec_";

/// How long the old secret still signs, if nothing else is asked: a day.
const GRACE_S: u32 = 24 * 60 * 60;

/// How a secret is replaced.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "webhookSigningRotateBody")]
pub struct SigningRotation {
    /// For how many seconds calls are signed with the old secret as well, at most a week. Zero ends it at once. What was
    /// replaced before it ends in any case. Default: 86400, a day.
    #[schemars(range(max = 604_800))]
    pub grace_period_seconds: u32,
}

impl Default for SigningRotation {
    fn default() -> Self {
        Self { grace_period_seconds: GRACE_S }
    }
}

/// With what a webhook's calls are signed.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookSigning")]
pub struct Signing {
    /// The secret: `whsec_` and a key in base64.
    pub secret: String,
    /// Since when it signs.
    pub created_at: Timestamp,
    /// Until when the one before it signs as well; absent when it no longer does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signing(since {})", self.created_at)
    }
}

/// With what a webhook's calls are signed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookSigningResponse")]
pub struct SigningReply {
    /// The secret and its times.
    pub signing: Signing,
}
