//! For the fuzz targets alone: the door's own parsers of what strangers send, as plain functions. No part of this crate's
//! face.

use crate::{
    auth::{KeyKind, Shown, shown, token},
    call::refusal,
    error::Error,
};
use http::HeaderMap;

/// What somebody who is not let in is answered.
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The JSON.
    pub body: Vec<u8>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let answer = refusal(&error);
        Self { status: answer.status.as_u16(), body: answer.body.to_vec() }
    }
}

/// A token that could be taken apart.
pub struct Token {
    /// The key it names.
    pub key_id: String,
    /// Whether that secret signed it.
    pub is_genuine: bool,
    /// What its claims are refused for at that moment, if they are, for an app's key.
    pub claims: Result<(), Refused>,
}

/// Takes a token apart.
pub fn token(text: &str, secret: &str, now_ms: i64) -> Result<Token, Refused> {
    let token = token::parse(text)?;
    let is_genuine = token.is_signed_with(&token::signing_key(secret));
    let claims = token.checked_claims(KeyKind::App, token::LifetimeRule::default(), now_ms);
    Ok(Token { key_id: token.key_id.to_string(), is_genuine, claims: claims.map(drop).map_err(Refused::from) })
}

/// Reads the id and the secret that a request shows by Basic authentication; none if it shows something else.
pub fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
    match shown(headers)? {
        Shown::Basic(Some(pair)) => {
            let (id, secret) = pair.halves();
            Ok(Some((id.to_owned(), secret.to_owned())))
        }
        Shown::Basic(None) => Err(Error::Unauthorized.into()),
        Shown::Bearer(_) => Ok(None),
    }
}
