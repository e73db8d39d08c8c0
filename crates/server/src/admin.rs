//! What an operator does on the database itself: credentials of accounts and service accounts, OAuth
//! clients, and links to sign in with.

use crate::{
    apps,
    audit::{self, Change},
    auth::KeyKind,
    error::{Error, Result},
    key_uses,
    keys::{self, Kept, Owner},
    master_key::open_vault,
    migrations,
    oauth::{clients, secrets},
    settings::{Settings, StartError},
    vault::Vault,
};
use heliograph_store::{Row, Store, Tx, args};
use heliograph_wire::{
    id::{AccountKeyId, AppId, ServiceAccountId, ServiceKeyId},
    key_life::KeyMode,
    oauth_clients::{NewOAuthClient, NewOAuthClientReply, OAuthClient},
    problem::Missing,
    time::Timestamp,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a new key is made from.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whether it is a service account's, which sees only apps it is granted.
    pub service: bool,
    /// A name for people.
    pub display_name: String,
    /// The apps a service account is granted.
    pub grants: Vec<String>,
}

/// A new key. Its secret is shown here and nowhere else.
pub struct AdminKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The service account it belongs to.
    pub service_account_id: Option<String>,
}

/// What can be told of a key.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub display_name: String,
    /// The service account it belongs to.
    pub service_account_id: Option<String>,
    /// The apps that service account is granted.
    pub grants: Vec<String>,
    /// When it was made.
    pub created_at: String,
}

/// Makes a key.
pub async fn create_key(settings: &Settings, new: NewKey) -> Result<AdminKey, StartError> {
    let grants = new
        .grants
        .iter()
        .map(|id| id.parse::<AppId>().map_err(|_| StartError::Setting(format!("{id} is not the id of an app"))));
    let grants: Vec<AppId> = grants.collect::<Result<_, _>>()?;
    if !new.service && !grants.is_empty() {
        return Err(StartError::Setting("only a service account is granted apps: an account sees all".to_owned()));
    }
    let (store, vault) = open_or_make(settings).await?;
    let mode = settings.key_mode;
    let made = store.write(move |tx| make(tx, &vault, mode, &new, &grants)).await;
    store.close();
    made.map_err(|error| match error {
        Error::Missing(missing) if missing == Missing::APP => {
            StartError::Setting("a granted app does not exist".to_owned())
        }
        other => other.into(),
    })
}

/// All keys of accounts and service accounts, oldest first.
pub async fn list_keys(settings: &Settings) -> Result<Vec<KeyInfo>, StartError> {
    let (store, _) = open(settings).await?;
    let keys = store.read(list).await;
    store.close();
    Ok(keys?)
}

/// Deletes a key. A running server refuses it within a second.
pub async fn delete_key(settings: &Settings, id: &str) -> Result<(), StartError> {
    let (store, vault) = open(settings).await?;
    let wanted = id.to_owned();
    let gone = store.write(move |tx| remove(tx, &vault, &wanted)).await;
    store.close();
    if gone? { Ok(()) } else { Err(StartError::Setting(format!("there is no key {id}"))) }
}

/// Registers an OAuth client.
pub async fn create_oauth_client(settings: &Settings, new: NewOAuthClient) -> Result<NewOAuthClientReply, StartError> {
    let (store, vault) = open_or_make(settings).await?;
    let make = move |tx: &mut Tx<'_>| -> Result<NewOAuthClientReply> {
        let made = clients::make(tx, &new)?;
        let after = Some(told_of(&made.oauth_client));
        let subject = Some(made.oauth_client.id.clone());
        audit::by_operator(tx, &vault, Change { operation: "CreateOAuthClient", subject, after, ..Change::default() })?;
        Ok(made)
    };
    let made = store.write(make).await;
    store.close();
    Ok(made?)
}

/// All OAuth clients, by id.
pub async fn list_oauth_clients(settings: &Settings) -> Result<Vec<OAuthClient>, StartError> {
    let (store, _) = open(settings).await?;
    let all = store.read(clients::all).await;
    store.close();
    Ok(all?)
}

/// Deletes an OAuth client with its integrations in all apps. A running server refuses its tokens within a second.
pub async fn delete_oauth_client(settings: &Settings, id: &str) -> Result<(), StartError> {
    let (store, vault) = open(settings).await?;
    let wanted = id.to_owned();
    let remove = move |tx: &mut Tx<'_>| -> Result<()> {
        let before = Some(told_of(&clients::known(tx, &wanted)?));
        clients::remove(tx, &wanted)?;
        let subject = Some(wanted.clone());
        audit::by_operator(tx, &vault, Change { operation: "DeleteOAuthClient", subject, before, ..Change::default() })
    };
    let gone = store.write(remove).await;
    store.close();
    gone.map_err(|error| match error {
        Error::Missing(_) => StartError::Setting(format!("there is no OAuth client {id}")),
        other => other.into(),
    })
}

/// Makes the token of a link by which a browser signs in once, for one app or for all.
pub async fn create_login(settings: &Settings, app: Option<&str>) -> Result<String, StartError> {
    let wrong = |id: &str| StartError::Setting(format!("{id} is not the id of an app"));
    let app = app.map(|id| id.parse::<AppId>().map_err(|_| wrong(id))).transpose()?;
    let (store, vault) = open(settings).await?;
    let made = store
        .write(move |tx| {
            app.map_or(Ok(()), |app| apps::require(tx, app))?;
            let link = secrets::issue_login(tx, app)?;
            let subject = app.map(|app| app.to_string());
            audit::by_operator(tx, &vault, Change { operation: "admin login-link", subject, ..Change::default() })?;
            Ok::<_, Error>(link)
        })
        .await;
    store.close();
    Ok(made?)
}

/// The database of a server that may be running beside this, and what opens its secrets. Where there is none, none is
/// made: in a wrong place all would look well.
pub(crate) async fn open(settings: &Settings) -> Result<(Store, Arc<Vault>), StartError> {
    if !Store::exists(&settings.store_options(false))? {
        return Err(StartError::NoDatabase(settings.database_place()));
    }
    open_or_make(settings).await
}

/// The same for what may come before the first server.
async fn open_or_make(settings: &Settings) -> Result<(Store, Arc<Vault>), StartError> {
    crate::serve::create_folder(&settings.data)?;
    let store = Store::open(&settings.store_options(false), migrations::ALL)?;
    let vault = open_vault(&store, settings.master_key_source()).await?;
    Ok((store, Arc::new(vault)))
}

fn make(tx: &mut Tx<'_>, vault: &Vault, mode: KeyMode, new: &NewKey, grants: &[AppId]) -> Result<AdminKey> {
    let account = new.service.then(|| ServiceAccountId::new(tx.id()).to_string());
    if let Some(account) = &account {
        tx.execute("INSERT INTO service_account (id, created_at) VALUES ($1, $2)", args![account, tx.now()])?;
        for app in grants {
            apps::require(tx, *app)?;
            apps::grant(tx, *app, account)?;
        }
    }
    let kept = account_key(tx, vault, mode, account.as_deref(), &new.display_name, grants)?;
    Ok(AdminKey { id: kept.id, secret: kept.secret.to_string(), service_account_id: account })
}

/// Makes a key of an account, or of a service account.
pub(crate) fn account_key(
    tx: &mut Tx<'_>,
    vault: &Vault,
    mode: KeyMode,
    service_account: Option<&str>,
    name: &str,
    grants: &[AppId],
) -> Result<Kept> {
    let id = match service_account {
        Some(_) => ServiceKeyId::new(tx.id()).to_string(),
        None => AccountKeyId::new(tx.id()).to_string(),
    };
    let kept = keys::insert(tx, vault, mode, &Owner::account(), service_account, id, name)?;
    let mut after = json!({ "displayName": name });
    if let Some(account) = service_account {
        after["serviceAccountId"] = account.into();
        after["grants"] = json!(grants);
    }
    let (subject, after) = (Some(kept.id.clone()), Some(after));
    audit::by_operator(tx, vault, Change { operation: "admin keys create", subject, after, ..Change::default() })?;
    Ok(kept)
}

/// Answers whether there was such a key.
fn remove(tx: &mut Tx<'_>, vault: &Vault, id: &str) -> Result<bool> {
    let before = audit::life_of_key(tx, "", id)?;
    key_uses::delete(tx, "", id)?;
    let gone =
        tx.execute("DELETE FROM api_key WHERE app_id = $1 AND integration_id = $1 AND id = $2", args!["", id])?;
    if gone > 0 {
        let subject = Some(id.to_owned());
        audit::by_operator(tx, vault, Change { operation: "admin keys delete", subject, before, ..Change::default() })?;
    }
    Ok(gone > 0)
}

/// What the audit log tells of an OAuth client: what it does when a key of an account makes one.
fn told_of(client: &OAuthClient) -> Value {
    let OAuthClient { display_name, redirect_uris, remove_url, .. } = client;
    let mut told = json!({ "displayName": display_name, "redirectUris": redirect_uris });
    if let Some(url) = remove_url {
        told["removeUrl"] = url.as_str().into();
    }
    told
}

fn list(tx: &Tx<'_>) -> Result<Vec<KeyInfo>> {
    let rows = tx.query(
        "SELECT id, display_name, service_account_id, created_at FROM api_key
         WHERE app_id = $1 AND integration_id = $1 ORDER BY id",
        args![""],
    )?;
    rows.iter().map(|row| info(tx, row)).collect()
}

fn info(tx: &Tx<'_>, row: &Row) -> Result<KeyInfo> {
    let id = row.text(0)?.to_owned();
    let account = row.opt_text(2)?.map(str::to_owned);
    let granted = tx.query(
        "SELECT app_id FROM service_account_app WHERE service_account_id = $1 ORDER BY app_id",
        args![account.as_deref().unwrap_or_default()],
    )?;
    let grants = granted.iter().map(|row| Ok(row.text(0)?.to_owned())).collect::<Result<_>>()?;
    debug_assert!(KeyKind::of(&id).is_some());
    Ok(KeyInfo {
        id,
        display_name: row.text(1)?.to_owned(),
        service_account_id: account,
        grants,
        created_at: Timestamp(row.int(3)?).to_string(),
    })
}
