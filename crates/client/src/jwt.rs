//! Tokens: JSON Web Tokens signed with a key's secret, which a server accepts in place of the key itself.

use crate::{clock, error::Error};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use heliograph_wire::op::Scope;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long a token is valid when nothing else is said.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// Signs tokens with one key. It keeps the key's secret in the state of the hash, not as text.
#[derive(Clone)]
pub struct Signer {
    key_id: String,
    scope: Scope,
    mac: Hmac<Sha256>,
    lifetime: Option<Duration>,
}

impl Signer {
    /// A signer for the key with this id and secret. The id's prefix decides the scope of its tokens: `act_` and `svc_`
    /// account, `app_` app, `int_` integration.
    pub fn new(key_id: impl Into<String>, secret: &str) -> Result<Self, Error> {
        let key_id = key_id.into();
        let scope = scope_of(&key_id).ok_or(Error::Setup("a key id begins with act_, svc_, app_ or int_"))?;
        if secret.is_empty() {
            return Err(Error::Setup("the secret of the key is empty"));
        }
        // The characters of the secret are the HMAC key, as printed: the service does not decode them either.
        let mac = Hmac::new_from_slice(secret.as_bytes()).map_err(|_| Error::Setup("the secret cannot sign"))?;
        Ok(Self { key_id, scope, mac, lifetime: Some(LIFETIME) })
    }

    /// How long each token is valid: an hour unless this is called. `None`: until its key is deleted.
    #[must_use]
    pub fn lifetime(self, lifetime: impl Into<Option<Duration>>) -> Self {
        Self { lifetime: lifetime.into(), ..self }
    }

    /// The id of the key, which its tokens carry as `kid`.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The scope its tokens carry.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// A token that is valid from now on.
    pub fn mint(&self) -> String {
        self.mint_at(clock::now())
    }

    /// A token that is valid from `issued` on.
    pub fn mint_at(&self, issued: SystemTime) -> String {
        let iat = issued.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut claims = json!({ "scope": self.scope.name(), "iat": iat });
        if let Some(lifetime) = self.lifetime {
            claims["exp"] = iat.saturating_add(lifetime.as_secs()).into();
        }
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": self.key_id });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.mac.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", encode(signature))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The scope of a key, by the prefix of its id.
pub fn scope_of(key_id: &str) -> Option<Scope> {
    match key_id.split_once('_')? {
        ("act" | "svc", _) => Some(Scope::Account),
        ("app", _) => Some(Scope::App),
        ("int", _) => Some(Scope::Integration),
        _ => None,
    }
}
