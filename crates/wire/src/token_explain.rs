//! What a server makes of a token, check by check. Beyond the public contract.

use crate::{id::AppId, op::Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

operations! { "Token"
    /// Lists every check that a token goes through, with its outcome. Whoever shows no credential that may know of the
    /// token's key is told of its key only if the token is genuine.
    ExplainToken = POST "/heliograph/v1/token/explain" [public] (Nothing, Nothing, TokenQuestion) -> 200 Explanation | 400 429;
}

/// A token, and what it is to be good for.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "tokenExplainBody")]
pub struct TokenQuestion {
    /// The token.
    #[schemars(length(min = 1, max = 16_384))]
    pub token: String,
    /// The operation it is to call, by its `operationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The app it is to call it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<AppId>,
}

impl fmt::Debug for TokenQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenQuestion").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "tokenCheckOutcome")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// For this the token is refused.
    Failed,
    /// Not looked at, because something before it failed or nothing was asked.
    Skipped,
    /// Not told to whoever asks.
    Untold,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "tokenCheck")]
pub struct Check {
    /// What is checked: `form`, `alg`, `crit`, `kid`, `key`, `signature`, `enabled`, `expiry`, `exp`, `nbf`, `lifetime`,
    /// `scope`, `party`, `address`, `app` or `operation`.
    pub check: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
}

/// What a server makes of a token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "tokenExplainResponse")]
pub struct Explanation {
    /// Whether it would be accepted.
    pub accepted: bool,
    /// The checks, in their order.
    pub checks: Vec<Check>,
}
