//! What a client shows to be let in: the value of the `Authorization` header.

use crate::{error::Error, jwt::Signer};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use std::fmt;

/// A key id with its secret, a token, or what makes tokens.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// The same for every call.
    Fixed { scheme: &'static str, header: HeaderValue },
    /// A fresh token for every call, so that none is used beyond its time.
    Signed(Signer),
}

impl Credentials {
    pub(crate) fn basic(key_id: &str, secret: &str) -> Result<Self, Error> {
        if key_id.is_empty() || key_id.contains(':') {
            return Err(Error::Setup("a key id is not empty and holds no colon"));
        }
        Self::fixed("Basic", &STANDARD.encode(format!("{key_id}:{secret}")))
    }

    pub(crate) fn token(token: &str) -> Result<Self, Error> {
        let token = token.trim();
        if token.is_empty() {
            return Err(Error::Setup("the token is empty"));
        }
        Self::fixed("Bearer", token)
    }

    fn fixed(scheme: &'static str, value: &str) -> Result<Self, Error> {
        Ok(Self::Fixed { scheme, header: header(scheme, value)? })
    }

    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        match self {
            Self::Fixed { header, .. } => Ok(header.clone()),
            Self::Signed(signer) => header("Bearer", &signer.mint()),
        }
    }
}

fn header(scheme: &str, value: &str) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(&format!("{scheme} {value}"))
        .map_err(|_| Error::Setup("the credential holds characters that cannot be sent"))?;
    // Keeps it out of whatever prints the headers of a request.
    header.set_sensitive(true);
    Ok(header)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { scheme, .. } => f.write_str(scheme),
            Self::Signed(signer) => signer.fmt(f),
        }
    }
}
