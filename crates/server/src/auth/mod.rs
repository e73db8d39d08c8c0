//! Who calls: a key by Basic authentication, or a token that a key signed.

mod cache;
pub mod life;
pub mod token;

pub use cache::{Key, KeyCache};

use crate::{
    error::{Error, Result},
    head::Head,
    limits::RateLimit,
    state::State,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_store::clock;
use heliograph_wire::{
    id::{AppId, IntegrationId},
    op::Scope,
    problem::Missing,
    secret,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use life::Secret;
use std::{net::IpAddr, sync::Arc};
use zeroize::Zeroizing;

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
pub struct Caller(Arc<Key>, Secret);

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

    /// How often their key may ask, if its owner said so.
    pub fn rate(&self) -> Option<RateLimit> {
        self.0.life.limits.as_ref()?.rate
    }

    /// Whether their key may call this operation. (Whether its scope may, stands in the operation's row.)
    pub fn may_call(&self, operation: &'static str) -> Result<()> {
        self.0.life.allows(operation)
    }

    /// Whether their key is good for whatever its scope is good for.
    pub fn is_unrestricted(&self) -> bool {
        self.0.life.limits.as_ref().is_none_or(|limits| limits.operations.is_none())
    }

    /// When what they showed stops to work, if that is soon.
    pub fn ends_soon(&self) -> Option<HeaderValue> {
        self.0.life.ends_soon(self.1, clock::now_ms())
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

/// What a request shows to be let in, not yet believed.
pub enum Shown<'h> {
    /// The id and the secret of a key; none if they cannot be read.
    Basic(Option<Pair>),
    /// A token.
    Bearer(&'h str),
}

/// The id and the secret of a key, with the colon between them.
pub struct Pair(Zeroizing<String>);

impl Pair {
    fn read(credential: &str) -> Option<Self> {
        let decoded = Zeroizing::new(BASE64.decode(credential).ok()?);
        let text = Zeroizing::new(str::from_utf8(&decoded).ok()?.to_owned());
        text.contains(':').then_some(Self(text))
    }

    /// The two. A secret may hold colons, an id does not.
    pub fn halves(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or_default()
    }
}

/// What a request shows. Two headers are none: a proxy before this server may have looked at the other one.
pub fn shown(headers: &HeaderMap) -> Result<Shown<'_>> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (given.next(), given.next()) else { return Err(Error::Unauthorized) };
    // (`to_str` looks at each byte for itself, which for a token is a third of finding out who calls.)
    let text = str::from_utf8(header.as_bytes()).ok().filter(|text| text.is_ascii());
    let (scheme, credential) = text.and_then(|text| text.split_once(' ')).ok_or(Error::Unauthorized)?;
    let credential = credential.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        Ok(Shown::Basic(Pair::read(credential)))
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Shown::Bearer(credential))
    } else {
        Err(Error::Unauthorized)
    }
}

/// Finds out who calls.
pub async fn authenticate(state: State, head: &Head) -> Result<Caller> {
    let caller = match shown(&head.headers)? {
        Shown::Basic(pair) => basic(state, head, pair).await?,
        Shown::Bearer(token) => bearer(state, head, token).await?,
    };
    state.uses.note(&caller.0, clock::now_ms(), &head.headers, || state.proxies.client(head));
    Ok(caller)
}

/// A stranger learns neither which key ids exist nor which half was wrong.
async fn basic(state: State, head: &Head, pair: Option<Pair>) -> Result<Caller> {
    let stranger = |id: Option<&str>| state.failures.count(state.proxies.client(head), id, Error::Unauthorized);
    let pair = pair.ok_or_else(|| stranger(None))?;
    let (id, secret) = pair.halves();
    let (key, which) = with_secret(state, id, secret).await?.ok_or_else(|| stranger(Some(id)))?;
    key.life.check(|| state.proxies.client(head), clock::now_ms(), Error::UnusableKey)?;
    Ok(Caller(key, which))
}

/// The key with this id and this secret, whatever else is to be said of it. What is wrong takes as long for an id that is
/// no key's, save that the first of its questions to the store finds nothing.
pub async fn with_secret(state: State, id: &str, secret: &str) -> Result<Option<(Arc<Key>, Secret)>> {
    // A secret of the form that has a checksum is looked at before its key is looked for.
    if secret::claims_form(secret) && secret::key_id(secret) != Some(id) {
        return Ok(None);
    }
    let found = state.find_key(id).await?;
    let known = found.is_some();
    let key = found.unwrap_or_else(|| state.keys.decoy());
    let which = key.which_secret(secret, clock::now_ms());
    Ok(which.filter(|_| known).map(|which| (key, which)))
}

/// Who has this key, by its id and its secret, for a person at a page. That it was used there is noted as at the door.
pub async fn sign_in(
    state: State,
    (headers, address): (&HeaderMap, IpAddr),
    id: &str,
    secret: &str,
) -> Result<Option<Caller>> {
    let Some((key, which)) = with_secret(state, id, secret).await? else {
        return match state.failures.count(address, Some(id), Error::Unauthorized) {
            Error::Unauthorized => Ok(None),
            too_many => Err(too_many),
        };
    };
    let now = clock::now_ms();
    if key.life.check(|| address, now, Error::UnusableKey).is_err() {
        return Ok(None);
    }
    state.uses.note(&key, now, headers, || address);
    Ok(Some(Caller(key, which)))
}

/// Who signed in with this key before, as long as the secret that they showed would still let them in from there.
pub async fn signed_in_before(
    state: State,
    id: &str,
    address: IpAddr,
    showed: impl Fn(&str) -> bool,
) -> Result<Option<Caller>> {
    let Some(key) = state.find_key(id).await? else { return Ok(None) };
    let now = clock::now_ms();
    let which = match key.old_secret(now) {
        _ if showed(&key.secret) => Secret::Current,
        Some(old) if showed(&old.secret) => Secret::Old,
        _ => return Ok(None),
    };
    let good = key.life.check(|| address, now, Error::UnusableKey).is_ok();
    Ok(good.then(|| Caller(key, which)))
}

async fn bearer(state: State, head: &Head, text: &str) -> Result<Caller> {
    let now = clock::now_ms();
    let in_time =
        |claims: &token::Claims| token::check_expiry(claims, now).and_then(|()| token::check_begin(claims, now));
    if let Some((key, in_time)) = state.keys.genuine(text, now, in_time) {
        key.life.check(|| state.proxies.client(head), now, Error::InvalidToken)?;
        in_time?;
        return Ok(Caller(key, Secret::Current));
    }
    let stranger = |id: Option<&str>, error| state.failures.count(state.proxies.client(head), id, error);
    let token = token::parse(text).map_err(|error| stranger(None, error))?;
    let (key, which) = match signer(state, &token, now).await? {
        Signer::Known(key, which) => (key, which),
        no_signer => return Err(stranger(Some(&token.key_id), no_signer.defect(state))),
    };
    key.life.check(|| state.proxies.client(head), now, Error::InvalidToken)?;
    let claims = token.checked_claims(key.kind, key.lifetime_rule(), now)?;
    if let Some(client) = &key.oauth_client {
        token.check_party(&claims, client, key.app)?;
    }
    // A secret that was replaced ends on its own: its tokens are verified each time.
    if which == Secret::Current {
        state.keys.keep_genuine(text, &key, claims);
    }
    Ok(Caller(key, which))
}

/// Who signed a token.
pub enum Signer {
    /// This key, with this of its secrets.
    Known(Arc<Key>, Secret),
    /// Not the key it names.
    Another,
    /// It names no key.
    Nobody,
}

impl Signer {
    /// What is wrong with a token that the key it names did not sign. A stranger learns no more than that, unless this
    /// server is for its own machine alone.
    fn defect(&self, state: State) -> Error {
        match self {
            _ if !state.public.explains => token::not_genuine(),
            Self::Nobody => token::unknown_key(),
            _ => token::unsigned(),
        }
    }
}

/// Finds out who signed a token, in the same time whether there is such a key or not.
pub async fn signer(state: State, token: &token::Token<'_>, now: i64) -> Result<Signer> {
    let found = state.find_key(&token.key_id).await?;
    let known = found.is_some();
    let key = found.unwrap_or_else(|| state.keys.decoy());
    Ok(match key.which_signed(token, now) {
        _ if !known => Signer::Nobody,
        Some(which) => Signer::Known(key, which),
        None => Signer::Another,
    })
}
