//! Leaked keys: whoever finds a secret where it should not be says so here, and it stops to work. Beyond the public
//! contract.

use crate::{op::Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

operations! { "Leaked keys"
    /// Reports secrets that were found where they should not be. Those that are right stop to work. The answer is the same
    /// whether they were or not.
    ReportLeakedKeys = POST "/heliograph/v1/leaked-keys" [public] (Nothing, Nothing, LeakedKeys) -> 200 Nothing | 400;
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "leakedKeysBody")]
pub struct LeakedKeys {
    /// The secrets.
    #[schemars(length(min = 1, max = 100))]
    pub keys: Vec<LeakedKey>,
}

/// A secret that was found.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "leakedKey")]
pub struct LeakedKey {
    /// The id of its key. A secret of the recognisable form (`hlg_…`) holds it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub key_id: Option<String>,
    /// The secret: that the reporter has it is the proof.
    #[schemars(length(min = 1, max = 1000))]
    pub secret: String,
    /// Where it was found, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub found_at: Option<String>,
}

impl fmt::Debug for LeakedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeakedKey({:?})", self.key_id)
    }
}
