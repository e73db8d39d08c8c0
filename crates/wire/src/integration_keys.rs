//! Keys of a custom integration: credentials of scope `integration`, for calls on its behalf.

use crate::{
    app_keys::NewKey,
    id::IntegrationKeyId,
    op::Nothing,
    operations,
    path::{IntegrationKeyPath, IntegrationPath},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "CustomIntegrationApiKeys"
    /// Creates an API key for a custom integration. The answer holds its id and secret, with which tokens are signed
    /// for calls on behalf of the integration.
    CreateCustomIntegrationKey = POST "/v2/apps/{appId}/integrations/{integrationId}/keys" [Account App]
        (IntegrationPath, Nothing, NewKey) -> 201 IntegrationKeyReply | 400 404;
    /// Lists the API keys of a custom integration.
    ListCustomIntegrationKeys = GET "/v2/apps/{appId}/integrations/{integrationId}/keys" [Account App]
        (IntegrationPath, Nothing, Nothing) -> 200 IntegrationKeyList | 400 404;
    /// Fetches an API key of a custom integration.
    GetCustomIntegrationKey = GET "/v2/apps/{appId}/integrations/{integrationId}/keys/{keyId}" [Account App]
        (IntegrationKeyPath, Nothing, Nothing) -> 200 IntegrationKeyReply | 400 404;
    /// Deletes an API key of a custom integration. It is refused, and every token signed with it, from the next request
    /// on.
    DeleteCustomIntegrationKey = DELETE "/v2/apps/{appId}/integrations/{integrationId}/keys/{keyId}" [Account App]
        (IntegrationKeyPath, Nothing, Nothing) -> 200 Nothing | 400 404;
}

/// An API key of a custom integration.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "apiKey")]
pub struct IntegrationKey {
    /// Its id: the user name of Basic authentication, the `kid` of a token.
    pub id: IntegrationKeyId,
    /// A name for people.
    pub display_name: String,
    /// Its secret: the password of Basic authentication; its characters are the HMAC key of a token.
    pub secret: String,
}

impl std::fmt::Debug for IntegrationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IntegrationKey({})", self.id)
    }
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "integrationApiKeyResponse")]
pub struct IntegrationKeyReply {
    /// The key.
    pub key: IntegrationKey,
}

/// All keys of an integration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "integrationApiKeyListResponse")]
pub struct IntegrationKeyList {
    /// The keys, oldest first.
    pub keys: Vec<IntegrationKey>,
}
