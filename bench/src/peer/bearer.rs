//! Tokens as the peers check them: HS256, one known key, scope and end of life.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// The keys that are known.
pub struct Keys(HashMap<String, Hmac<Sha256>>);

#[derive(Deserialize)]
struct Header<'h> {
    alg: &'h str,
    kid: &'h str,
}

#[derive(Deserialize)]
struct Claims<'c> {
    scope: &'c str,
    exp: u64,
}

impl Keys {
    /// One key.
    pub fn of(id: String, secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).map(|mac| (id, mac)).into_iter().collect())
    }

    /// Whether a request carries a token that is good now.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        headers.get(AUTHORIZATION).and_then(|value| self.verify(value.to_str().ok()?)).is_some()
    }

    fn verify(&self, authorization: &str) -> Option<()> {
        let (signed, signature) = authorization.strip_prefix("Bearer ")?.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let (mut buffer, mut given) = ([0; 512], [0; 64]);
        let length = BASE64.decode_slice(header, &mut buffer).ok()?;
        let header: Header<'_> = serde_json::from_slice(&buffer[..length]).ok()?;
        let mut mac = self.0.get(header.kid).filter(|_| header.alg == "HS256")?.clone();
        mac.update(signed.as_bytes());
        let length = BASE64.decode_slice(signature, &mut given).ok()?;
        mac.verify_slice(&given[..length]).ok()?;
        let length = BASE64.decode_slice(claims, &mut buffer).ok()?;
        let claims: Claims<'_> = serde_json::from_slice(&buffer[..length]).ok()?;
        (claims.scope == "app" && claims.exp > now_ms() / 1000).then_some(())
    }
}

/// The time of day, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a peer has no store to ask for the time")]
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
