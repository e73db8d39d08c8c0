//! What a credential stands for.

use crate::{apps::App, op::Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "OAuth Endpoints"
    /// Says which app the caller's credential belongs to. A credential of an account belongs to none: the answer is then
    /// an empty object.
    GetTokenInfo = GET "/v2/tokenInfo" [any] (Nothing, Nothing, Nothing) -> 200 TokenInfo;
}

/// What a credential stands for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "tokenInfoResponse")]
pub struct TokenInfo {
    /// The app it belongs to; absent for an account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<App>,
}
