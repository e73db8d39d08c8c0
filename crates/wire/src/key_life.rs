//! The life of a key: since when, until when, last used by whom, within which limits. Beyond the public contract, whose
//! keys have an id, a name and a secret.
//!
//! Whoever may delete a key by the contract may change its life: an account the keys of accounts and of its apps, an app
//! those of its integrations.

use crate::{
    id::{AppId, IntegrationId, ServiceAccountId},
    op::Nothing,
    operations,
    patch::Patch,
    path::{AppPath, PathParams},
    problem::Missing,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, str::FromStr};

operations! { "Key life"
    /// Lists keys with their lives, oldest first. Without a query those of accounts; with `appId` those of the app; with
    /// `integrationId` too those of the integration.
    ListKeys = GET "/heliograph/v1/keys" [Account App] (Nothing, KeysQuery, Nothing) -> 200 KeyLifeList | 404;
    /// Tells the life of a key. Its secret is only hinted at.
    GetKey = GET "/heliograph/v1/keys/{keyId}" [Account App] (KeyPath, Nothing, Nothing) -> 200 KeyLifeReply | 404;
    /// Disables or enables a key, says when it expires, or limits it. What is left out stays.
    UpdateKey = PATCH "/heliograph/v1/keys/{keyId}" [Account App] (KeyPath, Nothing, KeyUpdate) -> 200 KeyLifeReply | 404;
    /// Gives a key a new secret, which is in this answer alone. The old one goes on to work for a while.
    RotateKey = POST "/heliograph/v1/keys/{keyId}/rotate" [Account App] (KeyPath, Nothing, Rotation) -> 200 RotatedKey | 404;
    /// Tells how an app shows and makes the secrets of its keys.
    GetKeyPolicy = GET "/heliograph/v1/apps/{appId}/keyPolicy" [Account App] (AppPath, Nothing, Nothing) -> 200 KeyPolicyReply | 404;
    /// Says how an app shows and makes the secrets of its keys, other than the server does by default.
    UpdateKeyPolicy = PATCH "/heliograph/v1/apps/{appId}/keyPolicy" [Account] (AppPath, Nothing, KeyPolicyUpdate) -> 200 KeyPolicyReply | 404;
}

/// The longest time for which an old secret goes on to work: 90 days, in seconds.
pub const MAX_GRACE_SECONDS: i64 = 90 * 86_400;
/// For how long it does when nothing is said: a day.
pub const GRACE_SECONDS: i64 = 86_400;
/// How many ranges of addresses a key may be limited to.
pub const MAX_ADDRESSES: usize = 100;

/// `/keys/{keyId}`: a key of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPath {
    /// The key.
    pub key_id: String,
}

impl PathParams for KeyPath {
    fn read(segments: &[Cow<'_, str>]) -> Result<Self, Missing> {
        let key_id = segments.first().filter(|id| is_key_id(id)).ok_or(Missing::RESOURCE)?;
        Ok(Self { key_id: key_id.to_string() })
    }
    fn write(&self) -> Vec<String> {
        vec![self.key_id.clone()]
    }
    fn app_id(&self) -> Option<AppId> {
        None
    }
}

/// Whether a text is the id of some key.
pub fn is_key_id(text: &str) -> bool {
    let digits = ["act_", "svc_", "app_", "int_"].iter().find_map(|prefix| text.strip_prefix(prefix));
    digits.is_some_and(|d| d.len() == 24 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Whose keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct KeysQuery {
    /// The app. Default: the caller's, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<AppId>,
    /// The custom integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
}

/// How secrets are shown and made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "keyMode")]
pub enum KeyMode {
    /// As the public contract has it: secrets are shown whenever a key is fetched or listed.
    #[default]
    Compat,
    /// A secret is shown once, when it is made, and has a form that scanners recognise; later there is a hint. Tokens
    /// have to expire.
    Hardened,
}

impl KeyMode {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Hardened => "hardened",
        }
    }
}

impl fmt::Display for KeyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Compat, Self::Hardened].into_iter().find(|mode| mode.name() == text);
        known.ok_or_else(|| format!("'{text}' is no mode: there are compat and hardened"))
    }
}

/// What a key is limited to. What is absent is without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyLimits")]
pub struct KeyLimits {
    /// The addresses it may be used from: single ones, or ranges such as `10.0.0.0/8` and `2001:db8::/32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_addresses: Option<Vec<String>>,
    /// The operations it may call, by their `operationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_operations: Option<Vec<String>>,
    /// How often it may ask: `50/s`, `1000/m` or `20000/h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<String>,
    /// For how many seconds a token signed with it may be valid, from its `iat` to its `exp`. Both are required then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_token_seconds: Option<i64>,
}

/// What may change of a key's limits: left out stays, `null` is without limit.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyLimitsUpdate")]
pub struct KeyLimitsUpdate {
    /// The addresses it may be used from.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = MAX_ADDRESSES))]
    pub allowed_addresses: Patch<Vec<String>>,
    /// The operations it may call.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(length(min = 1, max = 200))]
    pub allowed_operations: Patch<Vec<String>>,
    /// How often it may ask.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub rate_limit: Patch<String>,
    /// For how many seconds a token signed with it may be valid.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(range(min = 1, max = 315_360_000))]
    pub max_token_seconds: Patch<i64>,
}

/// What may change of a key's life.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyUpdateBody")]
pub struct KeyUpdate {
    /// Whether it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// When it stops to work by itself; `null` is never.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub expires_at: Patch<Timestamp>,
    /// What it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<KeyLimitsUpdate>,
}

/// How a key is rotated.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyRotateBody")]
pub struct Rotation {
    /// For how many seconds the old secret goes on to work. Default: a day. 0: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_GRACE_SECONDS))]
    pub grace_seconds: Option<i64>,
}

/// Why a key was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "keyDisabledReason")]
pub enum DisabledReason {
    /// Somebody who may do so asked for it.
    Asked,
    /// Its secret was reported as leaked.
    Leaked,
}

/// The last use of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyUse")]
pub struct KeyUse {
    /// When, to about a second. Other servers on the same database tell of it within a minute.
    pub at: Timestamp,
    /// From which address.
    pub address: String,
    /// By which program, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// A key and its life.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyLife")]
pub struct KeyLife {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub display_name: String,
    /// The app it belongs to; absent for the keys of accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<AppId>,
    /// The custom integration it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The service account it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_id: Option<ServiceAccountId>,
    /// What may be shown of its secret.
    pub secret_hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it may be used.
    pub enabled: bool,
    /// Since when it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// Why it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    /// When it stops, or stopped, to work by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was last given a new secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Timestamp>,
    /// Until when the secret it had before still works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret_until: Option<Timestamp>,
    /// Its last use; absent if it was never used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<KeyUse>,
    /// What it is limited to.
    pub limits: KeyLimits,
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "keyLifeResponse")]
pub struct KeyLifeReply {
    /// The key.
    pub key: KeyLife,
}

/// Keys of one owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "keyLifeListResponse")]
pub struct KeyLifeList {
    /// The keys, oldest first.
    pub keys: Vec<KeyLife>,
}

/// A key with a new secret.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "keyRotateResponse")]
pub struct RotatedKey {
    /// The key.
    pub key: KeyLife,
    /// Its new secret.
    pub secret: String,
}

impl fmt::Debug for RotatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RotatedKey({})", self.key.id)
    }
}

/// How an app shows and makes secrets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyPolicy")]
pub struct KeyPolicy {
    /// The mode that holds.
    pub mode: KeyMode,
    /// Whether it is the server's, because the app has none of its own.
    pub inherited: bool,
}

/// The policy of an app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "keyPolicyResponse")]
pub struct KeyPolicyReply {
    /// The policy.
    pub key_policy: KeyPolicy,
}

/// What may change of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "keyPolicyUpdateBody")]
pub struct KeyPolicyUpdate {
    /// The mode; `null` is the server's.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub mode: Patch<KeyMode>,
}
