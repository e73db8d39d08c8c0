//! OAuth: how a partner's program gets into an app, and out again.

use crate::{op::Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "OAuth Endpoints"
    /// Begins the OAuth flow. To be opened in a person's browser, which is sent on to a page where they sign in and
    /// allow or deny what the partner asks for, and from there back to the partner: with a `code`, or with an `error`.
    Authorize = GET "/oauth/authorize" [public] (Nothing, AuthorizeQuery, Nothing) -> 302 Nothing | 404;
    /// Exchanges a code for an access token. The code works once and for two minutes. The body may also come as a form
    /// (`application/x-www-form-urlencoded`).
    GetToken = POST "/oauth/token" [public] (Nothing, Nothing, TokenRequest) -> 200 AccessToken | 401 422 429;
    /// Ends the access that the calling token gives. The partner's integration goes from the app, with its webhooks and
    /// all its tokens, and the partner's `removeUrl` is called.
    RevokeAccess = DELETE "/oauth/authorization" [Integration] (Nothing, Nothing, Nothing) -> 200 Nothing;
}

/// What a partner asks for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct AuthorizeQuery {
    /// The partner's id.
    pub client_id: String,
    /// `code`: nothing else is given.
    pub response_type: String,
    /// Comes back as it is, so that the partner knows its own request again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where the browser is sent in the end: one of the partner's registered addresses. Default: the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The SHA-256 of a secret in base64url (PKCE): whoever exchanges the code must show that secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// `S256`: nothing else is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
}

/// A code, and who shows it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "tokenRequest")]
pub struct TokenRequest {
    /// The code.
    pub code: String,
    /// What is done: an authorization code is exchanged.
    #[schemars(extend("enum" = ["authorization_code"]))]
    pub grant_type: String,
    /// The partner's id.
    pub client_id: String,
    /// The partner's secret.
    pub client_secret: String,
    /// The address the code was sent to. If given, it must be the very one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The secret whose SHA-256 was the `code_challenge`. Needed if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<String>,
}

impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenRequest(by {})", self.client_id)
    }
}

/// An access token.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "accessToken")]
pub struct AccessToken {
    /// The token, to be sent as `Authorization: Bearer …`. It holds until access is revoked.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken")
    }
}
