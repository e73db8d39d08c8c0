//! The rows of all API keys: accounts', service accounts', apps' and integrations'.

use crate::{
    auth::{
        Key, KeyKind,
        life::{Life, Limits, OldSecret},
        token::signing_key,
    },
    error::{Error, Result},
    key_policy, key_uses,
    state::State,
    vault::{self, Place, Vault},
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    app_keys::MAX_KEYS,
    id::{AppId, AppKeyId, IntegrationId},
    key_life::{DisabledReason, KeyMode},
    problem::Missing,
    secret,
};
use zeroize::Zeroizing;

/// Whose keys: an app's, or those of one of its integrations. Accounts' belong to no app.
#[derive(Clone, Default)]
pub struct Owner {
    app: String,
    integration: String,
}

impl Owner {
    /// Accounts and service accounts.
    pub fn account() -> Self {
        Self::default()
    }
    /// An app.
    pub fn app(app: AppId) -> Self {
        Self { app: app.to_string(), integration: String::new() }
    }
    /// An integration of an app.
    pub fn integration(app: AppId, integration: IntegrationId) -> Self {
        Self { app: app.to_string(), integration: integration.to_string() }
    }
}

/// What the store keeps of a key, its secret opened.
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
}

impl Kept {
    /// As it is shown after it was made.
    pub fn shown_in(self, mode: KeyMode) -> Self {
        match mode {
            KeyMode::Compat => self,
            KeyMode::Hardened => Self { secret: Zeroizing::new(secret::hint(&self.secret)), ..self },
        }
    }
}

/// Where the secret of a key is sealed.
pub fn place<'a>(app: &'a str, id: &'a str) -> Place<'a> {
    Place { table: "api_key", app, row: id }
}

/// Where the secret that it had before is sealed.
pub fn old_place<'a>(app: &'a str, id: &'a str) -> Place<'a> {
    Place { table: "api_key.old_secret", app, row: id }
}

/// A fresh secret for a key.
pub fn fresh_secret(tx: &Tx<'_>, mode: KeyMode, id: &str) -> Zeroizing<String> {
    match mode {
        KeyMode::Compat => vault::secret(tx),
        KeyMode::Hardened => Zeroizing::new(secret::compose(id, || tx.random())),
    }
}

/// Makes a key, unless the owner has as many as it may.
pub fn create(tx: &mut Tx<'_>, state: State, owner: &Owner, id: String, display_name: &str) -> Result<Kept> {
    let rows = tx.query(
        "SELECT COUNT(*), (SELECT mode FROM key_policy WHERE app_id = $1) FROM api_key
         WHERE app_id = $1 AND integration_id = $2",
        args![&owner.app, &owner.integration],
    )?;
    let row = rows.first().ok_or_else(|| Error::Internal("keys are not counted".into()))?;
    if row.int(0)? >= MAX_KEYS as i64 {
        let noun = if owner.integration.is_empty() { "app" } else { "integration" };
        return Err(Error::invalid(format!("The {noun} has reached the maximum number of keys ({MAX_KEYS})")));
    }
    let mode = key_policy::read(row.opt_text(1)?)?.unwrap_or(state.key_mode);
    insert(tx, &state.vault, mode, owner, None, id, display_name)
}

/// Makes a key without counting.
pub fn insert(
    tx: &mut Tx<'_>,
    vault: &Vault,
    mode: KeyMode,
    owner: &Owner,
    service_account: Option<&str>,
    id: String,
    display_name: &str,
) -> Result<Kept> {
    let secret = fresh_secret(tx, mode, &id);
    let sealed = vault.seal(tx, place(&owner.app, &id), &secret)?;
    tx.append(
        "INSERT INTO api_key (app_id, integration_id, id, service_account_id, display_name, secret, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![&owner.app, &owner.integration, &id, service_account, display_name, &sealed, tx.now()],
    )?;
    Ok(Kept { id, display_name: display_name.to_owned(), secret })
}

/// The key that signs the access tokens of an OAuth client's integration, made when it is first asked for. It stands
/// beside the keys of custom integrations, where no list of keys looks.
pub fn of_oauth(tx: &mut Tx<'_>, vault: &Vault, app: AppId, integration: IntegrationId, client: &str) -> Result<Kept> {
    let owner = Owner::integration(app, integration);
    if let Some(kept) = list(tx, vault, &owner)?.into_iter().next() {
        return Ok(kept);
    }
    let id = AppKeyId::new(tx.id()).to_string();
    let kept = insert(tx, vault, KeyMode::Compat, &owner, None, id, client)?;
    tx.amend(
        "UPDATE api_key SET oauth_client_id = $4 WHERE app_id = $1 AND integration_id = $2 AND id = $3",
        args![&owner.app, &owner.integration, &kept.id, client],
    )?;
    Ok(kept)
}

fn kept(tx: &Tx<'_>, vault: &Vault, owner: &Owner, row: &Row) -> Result<Kept> {
    let id = row.text(0)?;
    let secret = vault.open(tx, place(&owner.app, id), row.text(2)?)?;
    Ok(Kept { id: id.to_owned(), display_name: row.text(1)?.to_owned(), secret })
}

/// All keys of an owner, oldest first.
pub fn list(tx: &Tx<'_>, vault: &Vault, owner: &Owner) -> Result<Vec<Kept>> {
    let rows = tx.query(
        "SELECT id, display_name, secret FROM api_key WHERE app_id = $1 AND integration_id = $2 ORDER BY id",
        args![&owner.app, &owner.integration],
    )?;
    rows.iter().map(|row| kept(tx, vault, owner, row)).collect()
}

/// One key of an owner.
pub fn find(tx: &Tx<'_>, vault: &Vault, owner: &Owner, id: &str) -> Result<Kept> {
    let rows = tx.query(
        "SELECT id, display_name, secret FROM api_key WHERE app_id = $1 AND integration_id = $2 AND id = $3",
        args![&owner.app, &owner.integration, id],
    )?;
    kept(tx, vault, owner, rows.first().ok_or(Missing::RESOURCE)?)
}

/// Deletes a key; from the commit on it is refused.
pub fn delete(tx: &mut Tx<'_>, state: State, owner: &Owner, id: &str) -> Result<()> {
    let gone = tx.execute(
        "DELETE FROM api_key WHERE app_id = $1 AND integration_id = $2 AND id = $3",
        args![&owner.app, &owner.integration, id],
    )?;
    if gone == 0 {
        return Err(Missing::RESOURCE.into());
    }
    key_uses::delete(tx, &owner.app, id)?;
    forget_after_commit(tx, state);
    Ok(())
}

/// Deletes all keys of an integration.
pub fn delete_all(tx: &mut Tx<'_>, owner: &Owner) -> Result<()> {
    tx.execute(
        "DELETE FROM key_use WHERE app_id = $1
         AND key_id IN (SELECT id FROM api_key WHERE app_id = $1 AND integration_id = $2)",
        args![&owner.app, &owner.integration],
    )?;
    tx.execute("DELETE FROM api_key WHERE app_id = $1 AND integration_id = $2", args![&owner.app, &owner.integration])?;
    Ok(())
}

/// Has every key read anew once this transaction is durable.
pub fn forget_after_commit(tx: &mut Tx<'_>, state: State) {
    tx.after_commit(move || state.keys.forget_all());
}

/// The key with this id, ready to check credentials with.
pub fn load(tx: &Tx<'_>, state: State, id: &str, kind: KeyKind) -> Result<Option<Key>> {
    let rows = tx.query(
        "SELECT k.app_id, k.integration_id, k.service_account_id, k.secret, k.oauth_client_id, k.disabled_at,
             k.disabled_reason, k.expires_at, k.old_secret, k.old_until, k.limits, p.mode
         FROM api_key k LEFT JOIN key_policy p ON p.app_id = k.app_id WHERE k.id = $1",
        args![id],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    let app = row.text(0)?;
    let secret = state.vault.open(tx, place(app, id), row.text(3)?)?;
    let oauth_client = row.opt_text(4)?;
    Ok(Some(Key {
        app: app.parse().ok(),
        integration: row.text(1)?.parse().ok(),
        service_account: row.opt_text(2)?.map(str::to_owned),
        oauth_client: oauth_client.map(str::to_owned),
        life: life(tx, state, app, id, row)?,
        ..Key::new(id.to_owned(), oauth_client.map_or(kind, |_| KeyKind::OAuth), secret)
    }))
}

/// What the row of [`load`] says of a key's life.
fn life(tx: &Tx<'_>, state: State, app: &str, id: &str, row: &Row) -> Result<Life> {
    let old = match (row.opt_text(8)?, row.opt_int(9)?) {
        (Some(sealed), Some(until)) => {
            let secret = state.vault.open(tx, old_place(app, id), sealed)?;
            Some(Box::new(OldSecret { mac: signing_key(&secret), secret, until }))
        }
        _ => None,
    };
    let limits = row.opt_text(10)?.map(|json| Limits::of(serde_json::from_str(json)?)).transpose()?;
    let mode = key_policy::read(row.opt_text(11)?)?.unwrap_or(state.key_mode);
    Ok(Life {
        disabled: disabled(row.opt_int(5)?, row.opt_text(6)?)?,
        expires_at: row.opt_int(7)?,
        old,
        limits: limits.map(Box::new),
        tokens_expire: mode == KeyMode::Hardened,
    })
}

/// Why a key is disabled, if it is.
pub fn disabled(at: Option<i64>, reason: Option<&str>) -> Result<Option<DisabledReason>> {
    Ok(at.and(reason).map(|reason| serde_json::from_value(reason.into())).transpose()?)
}
