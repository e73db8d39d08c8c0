//! The first credential: an account key that a database is given when it has none, and the file that tells of it.

use crate::{
    admin::account_key,
    audit,
    error::{Error, Result},
    settings::StartError,
    vault::Vault,
};
use heliograph_store::{Store, Tx, args, fresh_id};
use heliograph_wire::{id::EventId, key_life::KeyMode};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Its file in the data folder.
const NAME: &str = "first-key.json";

/// The first credential of a database.
pub struct FirstKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where it was written down.
    pub file: PathBuf,
}

/// Makes the first account key, and writes it down for its owner alone, unless there is one or was one.
pub async fn make(
    store: &Store,
    vault: &Arc<Vault>,
    mode: KeyMode,
    data: &Path,
) -> Result<Option<FirstKey>, StartError> {
    if store.read(had_one).await? {
        return Ok(None);
    }
    let (file, draft) = (data.join(NAME), data.join(format!("{NAME}.{}", EventId::new(fresh_id()))));
    let (vault, place) = (Arc::clone(vault), draft.clone());
    let made = store
        .write(move |tx| {
            // Another server may have been quicker.
            if had_one(tx)? {
                return Ok(None);
            }
            let key = account_key(tx, &vault, mode, None, "First key", &[])?;
            // Before the commit: a key whose secret nobody has helps nobody. If this is run again, so is that.
            let text = json!({ "keyId": key.id, "secret": *key.secret }).to_string();
            let failed = |error| Error::Internal(format!("cannot use {}: {error}", place.display()));
            write(&place, &text).map_err(failed)?;
            Ok(Some(key))
        })
        .await;
    let Ok(Some(key)) = made else {
        // Where it was not made there is nothing to tell of. But if nobody knows whether it was, the file is all there is.
        if matches!(made, Ok(None)) || store.read(had_one).await.is_ok_and(|had_one| !had_one) {
            let _ = fs::remove_file(&draft);
        }
        return made.map(|_| None).map_err(|error| match error {
            Error::Internal(why) => StartError::Setting(why),
            other => other.into(),
        });
    };
    // What cannot be put in its place is told of where it is.
    let file = if fs::rename(&draft, &file).is_ok() { file } else { draft };
    sync_folder(data).map_err(|error| StartError::File { path: data.to_owned(), error })?;
    Ok(Some(FirstKey { id: key.id, secret: key.secret.to_string(), file }))
}

/// What the banner says of a key that an earlier start has made, as long as it and its file are there.
pub async fn note(store: &Store, made: Option<&FirstKey>, data: &Path) -> Result<Option<String>, StartError> {
    let file = data.join(NAME);
    let Some(told) = fs::read(&file).ok().filter(|_| made.is_none()) else { return Ok(None) };
    let told: Value = serde_json::from_slice(&told).unwrap_or_default();
    let id = told["keyId"].as_str().unwrap_or_default().to_owned();
    let works =
        move |tx: &Tx<'_>| Ok::<_, Error>(!tx.query("SELECT 1 FROM api_key WHERE id = $1", args![&id])?.is_empty());
    let words =
        || format!("the first account key stands in {}; delete that file once you keep the key", file.display());
    Ok(store.read(works).await?.then(words))
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    sync_folder(file.parent().unwrap_or(Path::new(".")))
}

/// So that a file's name outlives a power cut, too.
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Whether there is a key of an account, or was one that the operator deleted: who wants none is given none.
fn had_one(tx: &Tx<'_>) -> Result<bool> {
    let there = tx.query(
        "SELECT id FROM api_key WHERE app_id = $1 AND integration_id = $1 AND service_account_id IS NULL LIMIT 1",
        args![""],
    )?;
    if !there.is_empty() {
        return Ok(true);
    }
    // Where the log was pruned, it may have been told of there: no new database has such a log.
    let deleted = tx.query(
        "SELECT id FROM audit_event
         WHERE app_id = $1 AND (operation = $2 AND subject_id LIKE 'act%' OR operation = $3) LIMIT 1",
        args![audit::SERVER, "admin keys delete", audit::PRUNE],
    )?;
    Ok(!deleted.is_empty())
}
