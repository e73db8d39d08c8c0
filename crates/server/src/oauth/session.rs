//! Who a person at the pages is: kept in a sealed cookie for ten minutes, and nowhere else.

use super::secrets::hash;
use crate::{
    apps, audit,
    auth::{Caller, signed_in_before},
    error::{Error, Result},
    state::State,
    vault::Place,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use heliograph_store::{Tx, clock};
use heliograph_wire::{audit::AuditActor, id::AppId, op::Scope};
use http::{HeaderMap, HeaderValue, header::COOKIE};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

const COOKIE_NAME: &str = "heliograph_session";
const LIFE_MS: i64 = 10 * 60 * 1000;
const PLACE: Place<'static> = Place { table: "oauth_session", app: "", row: "" };

/// How a person signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SignedIn {
    /// With this key, and this secret of it, of which the hash is kept.
    Key {
        /// The key's id.
        id: String,
        /// What `secrets::hash` made of the secret.
        secret: String,
    },
    /// By a link for one app, or for all.
    Link(Option<AppId>),
}

/// A person who signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    how: SignedIn,
    /// Goes into the page's form and comes back with it: a form of another page cannot know it.
    pub mark: String,
    ends_at: i64,
}

impl Session {
    /// One that begins now.
    pub fn begin(tx: &Tx<'_>, how: SignedIn) -> Self {
        Self { how, mark: BASE64.encode(tx.random::<16>()), ends_at: tx.now() + LIFE_MS }
    }

    fn holds_at(&self, now_ms: i64) -> bool {
        now_ms < self.ends_at
    }

    /// As a `Set-Cookie` header.
    pub fn cookie(&self, tx: &Tx<'_>, state: State) -> Result<HeaderValue> {
        let sealed = state.vault.seal(tx, PLACE, &serde_json::to_string(self)?)?;
        cookie(state, &sealed, LIFE_MS / 1000)
    }

    /// The one a browser shows, if there is one that still holds.
    pub async fn of(state: State, headers: &HeaderMap, address: IpAddr) -> Result<Option<(Self, Person)>> {
        let Some(sealed) = shown(headers) else { return Ok(None) };
        let sealed = sealed.to_owned();
        // A cookie that does not open is somebody else's, or of an older server.
        let opened = state.store.read(move |tx| Ok::<_, Error>(state.vault.open(tx, PLACE, &sealed).ok())).await?;
        let session = opened.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let Some(session) = session.filter(|s| s.holds_at(clock::now_ms())) else { return Ok(None) };
        let person = match &session.how {
            SignedIn::Link(app) => Some(Person::Operator(*app)),
            // What would not let them sign in any more, does not let them go on.
            SignedIn::Key { id, secret } => {
                let caller = signed_in_before(state, id, address, |one| hash(one) == *secret).await?;
                caller.filter(Person::may_sign_in).map(Person::Holder)
            }
        };
        Ok(person.map(|person| (session, person)))
    }
}

/// A `Set-Cookie` header that takes the cookie away.
pub fn farewell(state: State) -> Result<HeaderValue> {
    cookie(state, "", 0)
}

/// Sent along when a partner's page leads here, but not when another page sends a form.
fn cookie(state: State, value: &str, seconds: i64) -> Result<HeaderValue> {
    let secure = if state.public.url.as_ref().is_some_and(|url| url.starts_with("https:")) { "; Secure" } else { "" };
    let text = format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::from_str(&text).map_err(|_| Error::Internal("a cookie is no header".into()))?;
    header.set_sensitive(true);
    Ok(header)
}

fn shown(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).into_iter().filter_map(|h| h.to_str().ok()).flat_map(|h| h.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE_NAME).map(|(_, v)| v)
}

/// A person who may let partners in.
pub enum Person {
    /// Whoever has a key of an account or an app.
    Holder(Caller),
    /// Whoever has a link that the operator made: for one app, or for all.
    Operator(Option<AppId>),
}

/// How many apps are offered by name.
const OFFERED: u32 = 50;

/// The apps a person may choose from.
pub enum Choice {
    /// These.
    Of(Vec<(AppId, String)>),
    /// More than a page should list: its id is asked for.
    Any,
}

impl Person {
    /// Whether a key is one to sign in with: an integration lets nobody in, nor does a key that is for some operations
    /// alone.
    pub fn may_sign_in(caller: &Caller) -> bool {
        caller.scope() != Scope::Integration && caller.is_unrestricted()
    }

    /// The apps they may let partners into.
    pub fn choice(&self, tx: &Tx<'_>) -> Result<Choice> {
        let only = match self {
            Self::Holder(caller) => caller.app(),
            Self::Operator(app) => *app,
        };
        if let Some(app) = only {
            return Ok(Choice::Of(vec![(app, apps::find(tx, app)?.show().display_name)]));
        }
        let account = match self {
            Self::Holder(caller) => caller.service_account(),
            Self::Operator(_) => None,
        };
        let names = apps::names(tx, account, OFFERED)?;
        Ok(if names.len() > OFFERED as usize { Choice::Any } else { Choice::Of(names) })
    }

    /// Who they are to the audit log.
    pub fn actor(&self, address: IpAddr) -> AuditActor {
        match self {
            Self::Holder(caller) => audit::holder(caller, address),
            Self::Operator(_) => AuditActor { address: Some(address.to_string()), ..audit::operator() },
        }
    }

    /// Whether they may let partners into this app.
    pub fn admit(&self, tx: &Tx<'_>, app: AppId) -> Result<()> {
        match self {
            Self::Holder(caller) => {
                caller.bound_to(app)?;
                apps::admit(tx, caller, app)
            }
            Self::Operator(Some(own)) if *own != app => Err(Error::Forbidden("Forbidden")),
            Self::Operator(_) => apps::require(tx, app),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a browser does with a cookie that has had its time.
    #[test]
    fn a_session_ends_by_itself() {
        let session = Session { how: SignedIn::Link(None), mark: String::new(), ends_at: LIFE_MS };
        assert!(session.holds_at(LIFE_MS - 1) && !session.holds_at(LIFE_MS));
    }
}
