//! Who calls: a key by Basic authentication, or a token that a key signed.

mod cache;
pub mod token;

pub use cache::{Key, KeyCache};

use crate::{
    error::{Error, Result},
    state::State,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_store::clock;
use heliograph_wire::{
    id::{AppId, IntegrationId},
    op::Scope,
    problem::Missing,
};
use http::{HeaderMap, header::AUTHORIZATION};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The four kinds of key, told apart by the prefix of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An account's: sees every app of this server.
    Account,
    /// A service account's: sees the apps it was granted.
    Service,
    /// An app's.
    App,
    /// A custom integration's.
    Integration,
    /// The key that signs the access tokens of an OAuth client's integration. Its id looks like an app's; its secret is
    /// shown to nobody.
    OAuth,
}

impl KeyKind {
    /// The kind that an id's prefix tells, if the rest can be an id.
    pub fn of(id: &str) -> Option<Self> {
        let (prefix, digits) = id.split_at_checked(4)?;
        if digits.len() != 24 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        match prefix {
            "act_" => Some(Self::Account),
            "svc_" => Some(Self::Service),
            "app_" => Some(Self::App),
            "int_" => Some(Self::Integration),
            _ => None,
        }
    }

    /// What it may call, as the contract's table of scopes has it.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Account | Self::Service => Scope::Account,
            Self::App => Scope::App,
            Self::Integration | Self::OAuth => Scope::Integration,
        }
    }

    /// Its name in a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Service => "service account",
            Self::App => "app",
            Self::Integration => "integration",
            Self::OAuth => "OAuth",
        }
    }
}

/// Whoever made a request, after their credential was found right.
#[derive(Clone)]
pub struct Caller(Arc<Key>);

impl Caller {
    /// What they may call.
    pub fn scope(&self) -> Scope {
        self.0.kind.scope()
    }
    /// The app they are bound to; none for accounts.
    pub fn app(&self) -> Option<AppId> {
        self.0.app
    }
    /// The integration they are bound to.
    pub fn integration(&self) -> Option<IntegrationId> {
        self.0.integration
    }
    /// The service account they are.
    pub fn service_account(&self) -> Option<&str> {
        self.0.service_account.as_deref()
    }
    /// The OAuth client they are.
    pub fn oauth_client(&self) -> Option<&str> {
        self.0.oauth_client.as_deref()
    }
    /// The kind of their key.
    pub fn kind(&self) -> KeyKind {
        self.0.kind
    }
    /// The id of their key.
    pub fn key_id(&self) -> &str {
        &self.0.id
    }

    /// Whether they may speak of this app at all. (Whether an account's app exists, and a service account was granted
    /// it, the transaction asks: see `apps::admit`.)
    pub fn bound_to(&self, app: AppId) -> Result<()> {
        match self.0.app {
            Some(own) if own != app => Err(Error::Forbidden("Forbidden")),
            _ => Ok(()),
        }
    }

    /// The caller's own integration, for `me`.
    pub fn own_integration(&self) -> Result<IntegrationId> {
        self.integration().ok_or(Error::Missing(Missing::INTEGRATION))
    }
}

/// Finds out who calls.
pub async fn authenticate(state: &State, headers: &HeaderMap) -> Result<Caller> {
    let header = headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok()).ok_or(Error::Unauthorized)?;
    let (scheme, credential) = header.split_once(' ').ok_or(Error::Unauthorized)?;
    let credential = credential.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        basic(state, credential).await
    } else if scheme.eq_ignore_ascii_case("bearer") {
        bearer(state, credential).await
    } else {
        Err(Error::Unauthorized)
    }
}

/// A stranger learns neither which key ids exist nor which half was wrong.
async fn basic(state: &State, credential: &str) -> Result<Caller> {
    let decoded = BASE64.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = zeroize::Zeroizing::new(decoded.ok_or(Error::Unauthorized)?);
    let (id, secret) = decoded.split_once(':').ok_or(Error::Unauthorized)?;
    with_secret(state, id, secret).await?.ok_or(Error::Unauthorized)
}

/// Who has this key: by its id and its secret.
pub async fn with_secret(state: &State, id: &str, secret: &str) -> Result<Option<Caller>> {
    let key = state.find_key(id).await?;
    Ok(key.filter(|key| bool::from(key.secret.as_bytes().ct_eq(secret.as_bytes()))).map(Caller))
}

/// Who has this key, for one that was shown before.
pub async fn with_key(state: &State, id: &str) -> Result<Option<Caller>> {
    Ok(state.find_key(id).await?.map(Caller))
}

async fn bearer(state: &State, text: &str) -> Result<Caller> {
    let token = token::parse(text)?;
    let unknown = || Error::InvalidToken("Invalid JWT header. Unknown key id (kid)".to_owned());
    let key = state.find_key(&token.key_id).await?.ok_or_else(unknown)?;
    let claims = token.verify(key.kind, &key.mac, clock::now_ms())?;
    if let Some(client) = &key.oauth_client {
        token.check_party(&claims, client, key.app)?;
    }
    Ok(Caller(key))
}
