//! What this server makes of a token, check by check: the same checks that let a request in.

use crate::{
    auth::{
        self, Caller, Key, Signer, authenticate,
        token::{self, Claims, Token},
    },
    call::Answer,
    error::{Error, Result},
    key_life,
    open::{Visit, json},
    router::Builder,
    state::State,
};
use heliograph_store::clock;
use heliograph_wire::{contract, token_explain::*};
use http::{StatusCode, header::AUTHORIZATION};
use std::net::IpAddr;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on_open(explain);
}

async fn explain(visit: Visit<ExplainToken>) -> Result<Answer> {
    let Visit { state, body, head, .. } = visit;
    let address = state.proxies.client(&head);
    // A credential that is not right makes its holder a stranger. It is counted, as at the door.
    let shown = head.headers.contains_key(AUTHORIZATION);
    let asker = if shown { authenticate(state, &head).await.ok() } else { None };
    let mut report = Report::default();
    report.walk(state, asker, address, &body).await?;
    if report.is_guess {
        let told = state.failures.count(address, None, Error::Unauthorized);
        if matches!(told, Error::TooMany { .. }) {
            return Err(told);
        }
    }
    json(StatusCode::OK, &report.finish())
}

// ---- Rules

/// The checks in their order, with their names.
const CHECKS: [&str; 16] = [
    "form",
    "alg",
    "crit",
    "kid",
    "key",
    "signature",
    "enabled",
    "expiry",
    "exp",
    "nbf",
    "lifetime",
    "scope",
    "party",
    "address",
    "app",
    "operation",
];

/// What was found so far.
#[derive(Default)]
struct Report {
    checks: Vec<Check>,
    /// Whether a stranger asked about a token that its key did not sign.
    is_guess: bool,
}

impl Report {
    fn add(&mut self, check: &str, outcome: Outcome, detail: impl Into<String>) {
        self.checks.push(Check { check: check.to_owned(), outcome, detail: detail.into() });
    }

    fn judge(&mut self, check: &str, verdict: Result<()>, good: impl Into<String>) {
        match verdict {
            Ok(()) => self.add(check, Outcome::Passed, good),
            Err(error) => self.add(check, Outcome::Failed, error.to_string()),
        }
    }

    /// All checks, those that were not come to as skipped.
    fn finish(mut self) -> Explanation {
        let accepted = self.checks.len() == CHECKS.len()
            && self.checks.iter().all(|one| one.outcome == Outcome::Passed || one.outcome == Outcome::Skipped);
        for name in CHECKS {
            if !self.checks.iter().any(|one| one.check == name) {
                self.add(name, Outcome::Skipped, "Not come to");
            }
        }
        Explanation { accepted, checks: self.checks }
    }

    async fn walk(
        &mut self,
        state: State,
        asker: Option<Caller>,
        address: IpAddr,
        asked: &TokenQuestion,
    ) -> Result<()> {
        let Some(token) = self.head(&asked.token) else { return Ok(()) };
        let now = clock::now_ms();
        let signer = auth::signer(state, &token, now).await?;
        let key = match signer {
            Signer::Known(key, which) => {
                self.add("key", Outcome::Passed, format!("{} is known", key.id));
                let with = if which == auth::life::Secret::Old { "the secret that was replaced" } else { "its secret" };
                self.add("signature", Outcome::Passed, format!("Signed with {with}"));
                key
            }
            Signer::Another | Signer::Nobody => {
                let known = matches!(signer, Signer::Another);
                self.not_genuine(may_know(state, asker, &token.key_id).await?, known);
                return Ok(());
            }
        };
        self.life(&key, now);
        match token.claims() {
            Ok(claims) => self.body(&token, &key, &claims, now),
            Err(error) => self.add("exp", Outcome::Failed, error.to_string()),
        }
        self.place(&key, address, asked);
        Ok(())
    }

    /// What the token says before its signature.
    fn head<'t>(&mut self, text: &'t str) -> Option<Token<'t>> {
        match token::parse(text) {
            Ok(token) => {
                self.add("form", Outcome::Passed, "Three parts in base64url without padding");
                self.add("alg", Outcome::Passed, "HS256");
                self.add("crit", Outcome::Passed, "No critical extensions");
                self.add("kid", Outcome::Passed, format!("It names {}", token.key_id.escape_debug()));
                Some(token)
            }
            Err(error) => {
                let title = error.to_string();
                let at =
                    ["(alg)", "(crit)", "(kid)"].iter().position(|mark| title.contains(mark)).map_or(0, |at| at + 1);
                for name in &CHECKS[..at] {
                    self.add(name, Outcome::Passed, "As it should be");
                }
                self.add(CHECKS[at], Outcome::Failed, title);
                None
            }
        }
    }

    fn not_genuine(&mut self, may_know: bool, known: bool) {
        if may_know && known {
            self.add("key", Outcome::Passed, "It is known");
            self.add("signature", Outcome::Failed, token::unsigned().to_string());
        } else if may_know {
            self.add("key", Outcome::Failed, token::unknown_key().to_string());
        } else {
            self.is_guess = true;
            self.add("key", Outcome::Untold, "Told to whoever may see the key");
            self.add("signature", Outcome::Failed, token::not_genuine().to_string());
        }
    }

    fn life(&mut self, key: &Key, now: i64) {
        let why = key.life.unusable(now);
        let disabled = key.life.disabled.is_some();
        let verdict =
            |failed: bool| if failed { why.clone().map_or(Ok(()), |why| Err(Error::UnusableKey(why))) } else { Ok(()) };
        self.judge("enabled", verdict(disabled), "The key is enabled");
        self.judge("expiry", verdict(!disabled), "The key has not expired");
    }

    fn body(&mut self, token: &Token<'_>, key: &Key, claims: &Claims, now: i64) {
        let claim = |name: &str| if name == "exp" { claims.exp.as_ref() } else { claims.nbf.as_ref() };
        let off = |name: &str| match token::time(claim(name), name) {
            Ok(Some(time)) => format!(" by {:.0} seconds", (time - now as f64 / 1000.0).abs()),
            _ => String::new(),
        };
        let add_off = |verdict: Result<()>, name: &str| {
            verdict.map_err(|error| Error::InvalidToken(format!("{error}{}", off(name))))
        };
        let exp =
            if claims.exp.is_some() { format!("Not over yet,{}", off("exp")) } else { "It does not expire".to_owned() };
        self.judge("exp", add_off(token::check_expiry(claims, now), "exp"), exp);
        let nbf = if claims.nbf.is_some() { format!("Has begun,{}", off("nbf")) } else { "It says none".to_owned() };
        self.judge("nbf", add_off(token::check_begin(claims, now), "nbf"), nbf);
        self.judge("lifetime", token::check_lifetime(claims, key.lifetime_rule(), now), "As its key allows");
        self.judge("scope", token::check_scope(claims, key.kind), key.kind.scope().name());
        match &key.oauth_client {
            Some(client) => self.judge("party", token.check_party(claims, client, key.app), client.as_str()),
            None => self.add("party", Outcome::Skipped, "Only access tokens of OAuth name one"),
        }
    }

    /// From where, in which app and for what.
    fn place(&mut self, key: &Key, address: IpAddr, asked: &TokenQuestion) {
        let from = key.life.check_address(address);
        self.judge("address", from, format!("{address} may use it"));
        match (asked.app_id, key.app) {
            (None, _) => self.add("app", Outcome::Skipped, "No app was asked about"),
            (Some(app), Some(own)) if app != own => self.add("app", Outcome::Failed, "The key is of another app"),
            (Some(_), None) => self.add("app", Outcome::Passed, "An account's key is bound to none"),
            (Some(_), Some(_)) => self.add("app", Outcome::Passed, "The key's own"),
        }
        let Some(name) = &asked.operation else {
            return self.add("operation", Outcome::Skipped, "No operation was asked about");
        };
        let known = contract().into_iter().find(|one| one.id == name);
        match known {
            None => self.add("operation", Outcome::Failed, "There is no such operation"),
            Some(one) if !one.scopes.is_empty() && !one.scopes.contains(&key.kind.scope()) => {
                let scope = key.kind.scope().name();
                self.add("operation", Outcome::Failed, format!("The scope {scope} may not call {}", one.id));
            }
            Some(one) => self.judge("operation", key.life.allows(one.id), format!("It may call {}", one.id)),
        }
    }
}

/// Whether whoever asks may know which keys there are: they may see this one, or the server is for its machine alone.
async fn may_know(state: State, asker: Option<Caller>, key_id: &str) -> Result<bool> {
    if state.public.explains {
        return Ok(true);
    }
    let Some(asker) = asker else { return Ok(false) };
    let id = key_id.to_owned();
    state.store.read(move |tx| key_life::may_see(tx, &asker, &id)).await
}
