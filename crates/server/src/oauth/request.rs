//! What a partner asks for, held against what is known of it.

use super::clients;
use crate::error::Result;
use heliograph_store::Tx;
use heliograph_wire::{
    oauth::AuthorizeQuery,
    oauth_clients::{OAuthClient, is_client_id},
    problem::Missing,
    query,
};
use serde_json::{Map, Value};

const UNKNOWN_CLIENT: Missing = Missing { code: "not_found", title: "The provided client_id is not known" };
const OTHER_ADDRESS: Missing =
    Missing { code: "not_found", title: "The provided redirect_uri does not match the client_id configuration" };
/// How many characters a SHA-256 has in base64url.
const CHALLENGE_CHARACTERS: usize = 43;

/// A partner's request, of which it is at least known where its answer goes.
pub struct Request {
    /// Who asks.
    pub client: OAuthClient,
    /// Where the answer goes.
    pub redirect_uri: String,
    asked: AuthorizeQuery,
}

/// Why a request is refused: a word for programs and a sentence for people.
pub type Defect = (&'static str, &'static str);

impl Request {
    /// Who asks, and where their answer goes. If either is wrong nobody is sent anywhere.
    pub fn read(tx: &Tx<'_>, asked: &AuthorizeQuery) -> Result<Self> {
        if !is_client_id(&asked.client_id) {
            return Err(UNKNOWN_CLIENT.into());
        }
        let client = clients::known(tx, &asked.client_id).map_err(|error| match error {
            crate::error::Error::Missing(_) => UNKNOWN_CLIENT.into(),
            other => other,
        })?;
        let wanted = asked.redirect_uri.as_ref().or(client.redirect_uris.first());
        let known = wanted.filter(|uri| client.redirect_uris.contains(uri));
        let redirect_uri = known.ok_or(OTHER_ADDRESS)?.clone();
        Ok(Self { client, redirect_uri, asked: asked.clone() })
    }

    /// What is wrong with the rest: the partner is told.
    pub fn defect(&self) -> Option<Defect> {
        if self.asked.response_type != "code" {
            return Some(("unsupported_response_type", "response_type should be code"));
        }
        let challenge = self.asked.code_challenge.as_deref();
        match (challenge, self.asked.code_challenge_method.as_deref()) {
            (None, None) => None,
            (Some(challenge), Some("S256")) if is_hash(challenge) => None,
            (None, Some(_)) => Some(("invalid_request", "code_challenge is missing")),
            (Some(_), Some("S256")) => Some(("invalid_request", "code_challenge should be a SHA-256 in base64url")),
            (Some(_), _) => Some(("invalid_request", "code_challenge_method should be S256")),
        }
    }

    /// What whoever exchanges the code must prove.
    pub fn challenge(&self) -> Option<&str> {
        self.asked.code_challenge.as_deref()
    }

    /// Where the browser goes with a code.
    pub fn back_with_code(&self, code: &str) -> String {
        self.back(&[("code", code)])
    }

    /// Where the browser goes with a refusal.
    pub fn back_with_error(&self, (error, description): Defect) -> String {
        self.back(&[("error", error), ("error_description", description)])
    }

    fn back(&self, fields: &[(&str, &str)]) -> String {
        let state = self.asked.state.as_deref().map(|state| ("state", state));
        let fields: Map<String, Value> =
            fields.iter().copied().chain(state).map(|(name, value)| (name.to_owned(), value.into())).collect();
        let written = query::write(&fields.into());
        match self.redirect_uri.contains('?') {
            true => format!("{}&{}", self.redirect_uri, written.trim_start_matches('?')),
            false => format!("{}{written}", self.redirect_uri),
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == CHALLENGE_CHARACTERS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(redirect_uri: &str, query_text: &str) -> Request {
        let asked = serde_json::from_value(query::read(query_text)).expect("a query");
        let client = OAuthClient {
            id: "shoplifter".to_owned(),
            display_name: "Shoplifter".to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            remove_url: None,
        };
        Request { client, redirect_uri: redirect_uri.to_owned(), asked }
    }

    #[test]
    fn the_way_back_keeps_what_the_address_has() {
        let plain = request("https://a.example/cb", "client_id=shoplifter&response_type=code&state=a%20b%26c");
        assert_eq!(plain.back_with_code("1.x"), "https://a.example/cb?code=1.x&state=a%20b%26c");
        let with_query = request("https://a.example/cb?k=v", "client_id=shoplifter&response_type=code");
        assert_eq!(with_query.back_with_code("1.x"), "https://a.example/cb?k=v&code=1.x");
    }

    #[test]
    fn a_challenge_is_a_sha_256_or_refused() {
        let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (rest, accepted) in [
            ("response_type=code".to_owned(), true),
            ("response_type=token".to_owned(), false),
            (format!("response_type=code&code_challenge={good}&code_challenge_method=S256"), true),
            (format!("response_type=code&code_challenge={good}&code_challenge_method=plain"), false),
            (format!("response_type=code&code_challenge={good}"), false),
            ("response_type=code&code_challenge=short&code_challenge_method=S256".to_owned(), false),
            ("response_type=code&code_challenge_method=S256".to_owned(), false),
        ] {
            let defect = request("https://a.example/", &format!("client_id=shoplifter&{rest}")).defect();
            assert_eq!(defect.is_none(), accepted, "{rest}: {defect:?}");
        }
    }
}
