//! Keys of an app: credentials of scope `app`, for Basic authentication and for signing tokens.

use crate::{
    id::AppKeyId,
    op::Nothing,
    operations,
    path::{AppKeyPath, AppPath},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "App Keys"
    /// Creates an API key for an app. The answer holds its secret.
    CreateAppKey = POST "/v2/apps/{appId}/keys" [Account] (AppPath, Nothing, NewKey) -> 201 AppKeyReply | 400 404;
    /// Lists the API keys of an app.
    ListAppKeys = GET "/v2/apps/{appId}/keys" [Account] (AppPath, Nothing, Nothing) -> 200 AppKeyList | 404;
    /// Fetches an API key of an app.
    GetAppKey = GET "/v2/apps/{appId}/keys/{keyId}" [Account] (AppKeyPath, Nothing, Nothing) -> 200 AppKeyReply | 404;
    /// Deletes an API key of an app. It is refused, and every token signed with it, from the next request on.
    DeleteAppKey = DELETE "/v2/apps/{appId}/keys/{keyId}" [Account] (AppKeyPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// How many keys an app may have, and an integration.
pub const MAX_KEYS: usize = 10;

/// What a new key is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "apiKeyCreateBody")]
pub struct NewKey {
    /// A name for people.
    #[schemars(length(min = 1, max = 100))]
    pub display_name: String,
}

/// An API key of an app.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "appKey")]
pub struct AppKey {
    /// Its id: the user name of Basic authentication, the `kid` of a token.
    pub id: AppKeyId,
    /// A name for people.
    pub display_name: String,
    /// Its secret: the password of Basic authentication; its characters are the HMAC key of a token.
    pub secret: String,
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppKey({})", self.id)
    }
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "appKeyResponse")]
pub struct AppKeyReply {
    /// The key.
    pub key: AppKey,
}

/// All keys of an app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "appKeyListResponse")]
pub struct AppKeyList {
    /// The keys, oldest first.
    pub keys: Vec<AppKey>,
}
