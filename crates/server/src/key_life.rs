//! The life of keys: what is told of it, and what their owners change.

use crate::{
    apps, audit,
    auth::{
        Caller, KeyKind,
        life::{Limits, Secret},
    },
    call::Call,
    error::{Error, Result},
    key_policy, key_uses, keys,
    router::Builder,
    state::State,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    audit::AuditActor,
    contract,
    id::AppId,
    key_life::*,
    op::{Operation, Scope},
    patch::Patch,
    problem::Missing,
    secret,
    time::Timestamp,
};
use std::net::IpAddr;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(list).on(get).on(update).on(rotate);
}

async fn list(call: Call<ListKeys>) -> Result<KeyLifeList> {
    call.read(|tx, call| {
        let KeysQuery { app_id, integration_id } = call.query;
        let app = app_id.or(call.caller.app());
        if integration_id.is_some() && app.is_none() {
            return Err(Error::invalid("integrationId should come with the appId of its app"));
        }
        admit(tx, &call.caller, app, integration_id.is_some())?;
        let (app, integration) = (text(app), integration_id.map(|id| id.to_string()).unwrap_or_default());
        let found = all(tx, &app, &integration)?;
        Ok(KeyLifeList { keys: found.iter().map(|kept| kept.show(tx, call.state)).collect::<Result<_>>()? })
    })
    .await
}

async fn get(call: Call<GetKey>) -> Result<KeyLifeReply> {
    call.read(|tx, call| {
        let kept = permitted(tx, &call.caller, &call.path.key_id)?;
        Ok(KeyLifeReply { key: kept.show(tx, call.state)? })
    })
    .await
}

async fn update(call: Call<UpdateKey>) -> Result<KeyLifeReply> {
    call.write(|tx, call| {
        let mut kept = permitted(tx, &call.caller, &call.path.key_id)?;
        kept.change(&call.body, tx.now())?;
        save(tx, call.state, &kept)?;
        tell(tx, call.caller.key_id(), &kept.life.id, "its life was changed");
        Ok(KeyLifeReply { key: kept.show(tx, call.state)? })
    })
    .await
}

async fn rotate(call: Call<RotateKey>) -> Result<RotatedKey> {
    call.write(|tx, call| {
        let mut kept = permitted(tx, &call.caller, &call.path.key_id)?;
        let grace = call.body.grace_seconds.unwrap_or(GRACE_SECONDS);
        let secret = kept.rotate(tx, call.state, grace)?;
        save(tx, call.state, &kept)?;
        tell(tx, call.caller.key_id(), &kept.life.id, "it was given a new secret");
        Ok(RotatedKey { key: kept.show(tx, call.state)?, secret: secret.to_string() })
    })
    .await
}

// ---- Rules

/// A key as the store keeps it, its secrets sealed.
pub struct Kept {
    life: KeyLife,
    secret: String,
    old_secret: Option<String>,
}

/// Who may see and change the keys of an owner: the same who may by the contract's own operations. An app's keys are its
/// account's business, an integration's also its app's; those of accounts are no service account's.
fn admit(tx: &Tx<'_>, caller: &Caller, app: Option<AppId>, of_integration: bool) -> Result<()> {
    match app {
        Some(app) if caller.scope() == Scope::Account => apps::admit(tx, caller, app),
        Some(app) if of_integration => caller.bound_to(app),
        None if caller.scope() == Scope::Account && caller.service_account().is_none() => Ok(()),
        _ => Err(Error::Forbidden("Forbidden")),
    }
}

/// The key with this id, if the caller may see it. What they may not see by its kind is forbidden; what they may not see
/// because it is another's is not there.
fn permitted(tx: &Tx<'_>, caller: &Caller, id: &str) -> Result<Kept> {
    let by_kind = match KeyKind::of(id).map(KeyKind::scope) {
        Some(Scope::Integration) => true,
        Some(Scope::App) => caller.scope() == Scope::Account,
        _ => caller.scope() == Scope::Account && caller.service_account().is_none(),
    };
    if !by_kind {
        return Err(Error::Forbidden("Forbidden"));
    }
    let kept = find(tx, id)?.ok_or(Missing::RESOURCE)?;
    match admit(tx, caller, kept.life.app_id, kept.life.integration_id.is_some()) {
        Err(Error::Forbidden(_) | Error::Missing(_)) => Err(Missing::RESOURCE.into()),
        other => other.map(|()| kept),
    }
}

/// Whether the caller may see the key with this id: they could get it. Of one that is not there, whoever sees all keys
/// of its kind may know.
pub fn may_see(tx: &Tx<'_>, caller: &Caller, id: &str) -> Result<bool> {
    if !GetKey::SCOPES.contains(&caller.scope()) || caller.may_call(GetKey::ID).is_err() {
        return Ok(false);
    }
    match permitted(tx, caller, id) {
        Ok(_) => Ok(true),
        Err(Error::Missing(_)) => Ok(caller.scope() == Scope::Account && caller.service_account().is_none()),
        Err(Error::Forbidden(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Kept {
    /// As the world sees it.
    fn show(&self, tx: &Tx<'_>, state: State) -> Result<KeyLife> {
        let (app, id) = (text(self.life.app_id), &self.life.id);
        let written = key_uses::find(tx, &app, id)?;
        let last_used = written.into_iter().chain(state.uses.recent(id)).max_by_key(|one| one.at);
        let opened = state.vault.open(tx, keys::place(&app, id), &self.secret)?;
        let in_grace = self.life.old_secret_until.filter(|until| until.0 > tx.now());
        Ok(KeyLife { secret_hint: secret::hint(&opened), last_used, old_secret_until: in_grace, ..self.life.clone() })
    }

    /// Which of its secrets this is, if it is one that can be ended.
    fn which_to_end(&self, tx: &Tx<'_>, state: State, shown: &str) -> Result<Option<Secret>> {
        let (app, id) = (text(self.life.app_id), &self.life.id);
        let is = |place, sealed| -> Result<bool> {
            Ok(state.vault.open(tx, place, sealed)?.as_bytes().ct_eq(shown.as_bytes()).into())
        };
        if is(keys::place(&app, id), &self.secret)? {
            return Ok(self.life.enabled.then_some(Secret::Current));
        }
        let old = self.old_secret.as_ref().map(|old| is(keys::old_place(&app, id), old)).transpose()?;
        Ok((old == Some(true)).then_some(Secret::Old))
    }

    fn change(&mut self, asked: &KeyUpdate, now: i64) -> Result<()> {
        match asked.enabled {
            Some(true) => (self.life.enabled, self.life.disabled_at, self.life.disabled_reason) = (true, None, None),
            Some(false) if self.life.enabled => self.disable(now, DisabledReason::Asked),
            _ => {}
        }
        if let Patch::Set(end) = asked.expires_at
            && end.0 <= now
        {
            return Err(Error::invalid("expiresAt should be in the future: to end a key now, disable it"));
        }
        asked.expires_at.clone().apply(&mut self.life.expires_at);
        let Some(limits) = asked.limits.clone() else { return Ok(()) };
        let own = &mut self.life.limits;
        limits.allowed_addresses.apply(&mut own.allowed_addresses);
        limits.allowed_operations.apply(&mut own.allowed_operations);
        limits.rate_limit.apply(&mut own.rate_limit);
        limits.max_token_seconds.apply(&mut own.max_token_seconds);
        check(&self.life.id, own)
    }

    fn disable(&mut self, now: i64, reason: DisabledReason) {
        self.life.enabled = false;
        self.life.disabled_at = Some(Timestamp(now));
        self.life.disabled_reason = Some(reason);
    }

    /// A second rotation ends the grace of the first: two secrets work at most.
    fn rotate(&mut self, tx: &Tx<'_>, state: State, grace_seconds: i64) -> Result<Zeroizing<String>> {
        if !self.life.enabled || self.life.expires_at.is_some_and(|end| end.0 <= tx.now()) {
            return Err(Error::invalid("A key that is disabled or expired cannot be rotated"));
        }
        let (app, id) = (text(self.life.app_id), self.life.id.clone());
        let old = state.vault.open(tx, keys::place(&app, &id), &self.secret)?;
        let secret = keys::fresh_secret(tx, key_policy::mode(tx, state, &app)?, &id);
        self.secret = state.vault.seal(tx, keys::place(&app, &id), &secret)?;
        self.life.rotated_at = Some(Timestamp(tx.now()));
        let until = Some(Timestamp(tx.now() + grace_seconds * 1000)).filter(|_| grace_seconds > 0);
        self.life.old_secret_until = until;
        self.old_secret = until.map(|_| state.vault.seal(tx, keys::old_place(&app, &id), &old)).transpose()?;
        Ok(secret)
    }
}

/// Whether this is a secret of the key that a report would end.
pub fn works(tx: &Tx<'_>, state: State, id: &str, secret: &str) -> Result<bool> {
    find(tx, id)?.map_or(Ok(false), |kept| Ok(kept.which_to_end(tx, state, secret)?.is_some()))
}

/// Ends a secret that leaked, and answers whether there was anything to end. With its current secret a key is disabled;
/// the one before that ends alone. Which of them it is, is asked here: what is in memory may be older than a rotation.
pub fn end_leaked(tx: &mut Tx<'_>, state: State, id: &str, secret: &str, reporter: IpAddr) -> Result<bool> {
    let Some(mut kept) = find(tx, id)? else { return Ok(false) };
    let app = text(kept.life.app_id);
    let before = audit::life_of_key(tx, &app, id)?;
    match kept.which_to_end(tx, state, secret)? {
        Some(Secret::Current) => kept.disable(tx.now(), DisabledReason::Leaked),
        Some(Secret::Old) => (kept.old_secret, kept.life.old_secret_until) = (None, None),
        None => return Ok(false),
    }
    save(tx, state, &kept)?;
    // Whoever reports a secret shows no credential.
    let (kind, address) = ("reporter".to_owned(), Some(reporter.to_string()));
    let actor = AuditActor { kind, address, ..AuditActor::default() };
    let (subject, after) = (Some(id.to_owned()), audit::life_of_key(tx, &app, id)?);
    let change = audit::Change { operation: "ReportLeakedKeys", actor, subject, before, after };
    audit::record(tx, &state.vault, &app, &change)?;
    Ok(true)
}

/// Limits that hold something: each address a range, each operation one that the key's scope may call.
fn check(id: &str, limits: &KeyLimits) -> Result<()> {
    for operation in limits.allowed_operations.iter().flatten() {
        let scope = KeyKind::of(id).map(KeyKind::scope);
        let known = contract().into_iter().find(|one| one.id == operation);
        let known = known.ok_or_else(|| Error::invalid("allowedOperations should name operations of this API"))?;
        if !scope.is_some_and(|scope| known.scopes.contains(&scope)) {
            return Err(Error::invalid(format!("allowedOperations: the scope of this key may not call {}", known.id)));
        }
    }
    if limits.allowed_addresses.iter().flatten().any(|text| crate::client_address::range(text).is_none()) {
        return Err(Error::invalid("allowedAddresses should hold addresses, or ranges such as 10.0.0.0/8"));
    }
    if let Some(Err(defect)) = limits.rate_limit.as_ref().map(|rate| rate.parse::<crate::RateLimit>()) {
        return Err(Error::invalid(format!("rateLimit: {defect}")));
    }
    Limits::of(limits.clone()).map(drop)
}

fn text(app: Option<AppId>) -> String {
    app.map(|app| app.to_string()).unwrap_or_default()
}

/// Says in the log who did what with a key.
fn tell(tx: &mut Tx<'_>, by: &str, key: &str, what: &'static str) {
    let (by, key) = (by.to_owned(), key.to_owned());
    tx.after_commit(move || tracing::info!(key, by, "a key: {what}"));
}

// ---- Rows

/// The key with this id. Those of OAuth are nobody's to see.
fn find(tx: &Tx<'_>, id: &str) -> Result<Option<Kept>> {
    let rows = tx.query(
        "SELECT id, display_name, app_id, integration_id, service_account_id, created_at, expires_at, disabled_at,
             disabled_reason, rotated_at, old_until, limits, secret, old_secret
         FROM api_key WHERE id = $1 AND oauth_client_id IS NULL",
        args![id],
    )?;
    rows.first().map(kept).transpose()
}

fn all(tx: &Tx<'_>, app: &str, integration: &str) -> Result<Vec<Kept>> {
    let rows = tx.query(
        "SELECT id, display_name, app_id, integration_id, service_account_id, created_at, expires_at, disabled_at,
             disabled_reason, rotated_at, old_until, limits, secret, old_secret
         FROM api_key WHERE app_id = $1 AND integration_id = $2 AND oauth_client_id IS NULL ORDER BY id",
        args![app, integration],
    )?;
    rows.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<Kept> {
    let time = |at: usize| Ok::<_, Error>(row.opt_int(at)?.map(Timestamp));
    let limits = row.opt_text(11)?.map(serde_json::from_str).transpose()?;
    let life = KeyLife {
        id: row.text(0)?.to_owned(),
        display_name: row.text(1)?.to_owned(),
        app_id: row.text(2)?.parse().ok(),
        integration_id: row.text(3)?.parse().ok(),
        service_account_id: row.opt_text(4)?.and_then(|id| id.parse().ok()),
        secret_hint: String::new(),
        created_at: Timestamp(row.int(5)?),
        enabled: row.opt_int(7)?.is_none(),
        disabled_at: time(7)?,
        disabled_reason: keys::disabled(row.opt_int(7)?, row.opt_text(8)?)?,
        expires_at: time(6)?,
        rotated_at: time(9)?,
        old_secret_until: time(10)?,
        last_used: None,
        limits: limits.unwrap_or_default(),
    };
    Ok(Kept { life, secret: row.text(12)?.to_owned(), old_secret: row.opt_text(13)?.map(str::to_owned) })
}

/// Everything that can change; from the commit on it holds.
fn save(tx: &mut Tx<'_>, state: State, kept: &Kept) -> Result<()> {
    let life = &kept.life;
    let ms = |time: &Option<Timestamp>| time.map(|time| time.0);
    let limits = (life.limits != KeyLimits::default()).then(|| serde_json::to_string(&life.limits)).transpose()?;
    let reason = life.disabled_reason.map(|reason| match reason {
        DisabledReason::Asked => "asked",
        DisabledReason::Leaked => "leaked",
    });
    tx.execute(
        "UPDATE api_key SET secret = $2, old_secret = $3, old_until = $4, rotated_at = $5, expires_at = $6,
             disabled_at = $7, disabled_reason = $8, limits = $9
         WHERE id = $1",
        args![
            &life.id,
            &kept.secret,
            &kept.old_secret,
            ms(&life.old_secret_until),
            ms(&life.rotated_at),
            ms(&life.expires_at),
            ms(&life.disabled_at),
            reason,
            &limits,
        ],
    )?;
    keys::forget_after_commit(tx, state);
    tx.after_commit(move || state.key_watch.notify_one());
    Ok(())
}
