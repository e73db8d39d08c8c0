//! OAuth clients: the partners whose programs people may let into their apps. Beyond the public contract, where a
//! partner is registered by hand.

use crate::{id::AppId, op::Nothing, operations, patch::Patch, path::PathParams, problem::Missing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

operations! { "OAuth clients"
    /// Registers a partner. Its secret is in this answer and in no other.
    CreateOAuthClient = POST "/heliograph/v1/oauthClients" [Account]
        (Nothing, Nothing, NewOAuthClient) -> 201 NewOAuthClientReply | 409;
    /// Lists the partners, by id.
    ListOAuthClients = GET "/heliograph/v1/oauthClients" [Account] (Nothing, Nothing, Nothing) -> 200 OAuthClientList;
    /// Fetches a partner.
    GetOAuthClient = GET "/heliograph/v1/oauthClients/{clientId}" [Account]
        (OAuthClientPath, Nothing, Nothing) -> 200 OAuthClientReply | 404;
    /// Updates a partner.
    UpdateOAuthClient = PATCH "/heliograph/v1/oauthClients/{clientId}" [Account]
        (OAuthClientPath, Nothing, OAuthClientUpdate) -> 200 OAuthClientReply | 404;
    /// Deletes a partner, with its integrations in all apps and every token it holds.
    DeleteOAuthClient = DELETE "/heliograph/v1/oauthClients/{clientId}" [Account]
        (OAuthClientPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// `/oauthClients/{clientId}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthClientPath {
    /// The client.
    pub client_id: String,
}

impl PathParams for OAuthClientPath {
    fn read(segments: &[Cow<'_, str>]) -> Result<Self, Missing> {
        let client_id = segments.first().filter(|id| is_client_id(id)).ok_or(Missing::RESOURCE)?;
        Ok(Self { client_id: client_id.to_string() })
    }
    fn write(&self) -> Vec<String> {
        vec![self.client_id.clone()]
    }
    fn app_id(&self) -> Option<AppId> {
        None
    }
}

/// What the id of a partner looks like: it is also the type of its integrations and stands in the header of its tokens.
const CLIENT_ID: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{1,63}$";

/// Whether a text can be the id of a partner.
pub fn is_client_id(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (2..=64).contains(&text.len()) && text.bytes().all(good) && text.as_bytes()[0].is_ascii_alphanumeric()
}

/// What a new partner is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "oauthClientCreateBody")]
pub struct NewOAuthClient {
    /// Its id. Default: one is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = CLIENT_ID))]
    pub id: Option<String>,
    /// Its name, as people who are asked for their consent read it.
    #[schemars(length(min = 1, max = 100))]
    pub display_name: String,
    /// The http or https addresses that a person's browser may be sent back to.
    #[schemars(length(min = 1, max = 10))]
    pub redirect_uris: Vec<String>,
    /// The http or https address that is called when an app is left or takes its consent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub remove_url: Option<String>,
}

/// What may change of a partner.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "oauthClientUpdateBody")]
pub struct OAuthClientUpdate {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub display_name: Option<String>,
    /// The http or https addresses that a person's browser may be sent back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub redirect_uris: Option<Vec<String>>,
    /// The http or https address that is called when an app is left or takes its consent back.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub remove_url: Patch<String>,
}

/// A partner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "oauthClient")]
pub struct OAuthClient {
    /// Its id: `client_id`, and the type of its integrations.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// The addresses that a person's browser may be sent back to.
    pub redirect_uris: Vec<String>,
    /// The address that is called when an app is left or takes its consent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_url: Option<String>,
}

/// One partner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "oauthClientResponse")]
pub struct OAuthClientReply {
    /// The partner.
    pub oauth_client: OAuthClient,
}

/// A partner that was just registered.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "oauthClientCreateResponse")]
pub struct NewOAuthClientReply {
    /// The partner.
    pub oauth_client: OAuthClient,
    /// Its secret, shown this once.
    pub secret: String,
}

impl std::fmt::Debug for NewOAuthClientReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewOAuthClientReply({})", self.oauth_client.id)
    }
}

/// All partners.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "oauthClientListResponse")]
pub struct OAuthClientList {
    /// The partners, by id.
    pub oauth_clients: Vec<OAuthClient>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_and_the_function_agree() {
        let pattern = regex_lite::Regex::new(CLIENT_ID).expect("a pattern");
        for text in
            ["", "a", "ab", "5e4af71a81966cfff3ef6550", "shop-lifter_2.0", "-a", ".ab", "a b", "a/b", "ä1", "a\n"]
        {
            assert_eq!(is_client_id(text), pattern.is_match(text), "{text}");
        }
    }
}
