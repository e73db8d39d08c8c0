//! Custom properties: a flat object of strings, numbers and booleans, 4096 bytes at most.

use crate::patch::Patch;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How many bytes of JSON the custom properties of one thing may take.
pub const LIMIT_BYTES: usize = 4096;

/// Custom properties of an app, user, conversation, message or action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub Map<String, Value>);

impl Metadata {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether they take more room than is allowed.
    pub fn too_large(&self) -> bool {
        serde_json::to_string(self).is_ok_and(|text| text.len() > LIMIT_BYTES)
    }
    /// Without the properties that are `null`: there is nothing to keep of them.
    pub fn without_nulls(mut self) -> Self {
        self.0.retain(|_, value| !value.is_null());
        self
    }
    /// Puts the given properties over these, key by key; `null` takes a key away, and `null` for the whole all of them.
    pub fn merge(&mut self, patch: Patch<Self>) {
        match patch {
            Patch::Keep => {}
            Patch::Clear => self.0.clear(),
            Patch::Set(given) => {
                self.0.extend(given.0);
                self.0.retain(|_, value| !value.is_null());
            }
        }
    }
}

impl JsonSchema for Metadata {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "metadata".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "Custom properties: a flat object of strings, numbers and booleans, 4096 bytes at most. When something is \
                updated, the properties given are put over those it has; null takes one away.",
            "additionalProperties": { "type": ["string", "number", "boolean"], "x-clearable": true },
        })
    }
}
