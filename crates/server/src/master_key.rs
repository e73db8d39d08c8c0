//! The master key's file, and the first words with a database: made with this key, or new.

use crate::{
    error::{Error, Result},
    settings::StartError,
    vault::Vault,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_store::{Store, Tx, args};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};
use zeroize::Zeroizing;

/// Whether the database was there before, or this is its first server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// It was made just now.
    New,
    /// It was there.
    Known,
}

/// Opens the vault of a database. For a new one the key is made if its file is not there; a known one needs its own.
pub async fn open_vault(store: &Store, path: &Path) -> Result<(Vault, Database), StartError> {
    let known = store.read(|tx| -> Result<bool> { Ok(wrapped(tx)?.is_some()) }).await?;
    let key = match read(path)? {
        Some(key) => key,
        None if known => {
            let why = "the file is not there, but the database was made with a master key";
            return Err(StartError::MasterKey { path: path.to_owned(), why });
        }
        None => create(path)?,
    };
    let vault = Arc::new(Vault::new(&key));
    let maker = Arc::clone(&vault);
    // Two nodes may meet a new database at once: one makes it, the other finds it made.
    let database = store
        .write(move |tx| {
            if wrapped(tx)?.is_some() {
                return Ok::<_, Error>(Database::Known);
            }
            maker.create(tx, "")?;
            Ok(Database::New)
        })
        .await?;
    let opener = Arc::clone(&vault);
    let opened = store.read(move |tx| -> Result<bool> { Ok(opener.opens(tx, "")) }).await?;
    if !opened {
        let why = "it is not the one the database was made with";
        return Err(StartError::MasterKey { path: path.to_owned(), why });
    }
    let vault = Arc::into_inner(vault).unwrap_or_else(|| Vault::new(&key));
    Ok((vault, database))
}

fn wrapped(tx: &Tx<'_>) -> Result<Option<()>> {
    Ok(tx.query("SELECT 1 FROM data_key WHERE app_id = $1", args![""])?.first().map(|_| ()))
}

fn read(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, StartError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StartError::File { path: path.to_owned(), error }),
    };
    let mut key = Zeroizing::new([0; 32]);
    match BASE64.decode_slice(text.trim(), key.as_mut()) {
        Ok(32) => Ok(Some(key)),
        _ => Err(StartError::MasterKey { path: path.to_owned(), why: "the file should hold 32 bytes in base64" }),
    }
}

fn create(path: &Path) -> Result<Zeroizing<[u8; 32]>, StartError> {
    let failed = |error| StartError::File { path: path.to_owned(), error };
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut()).map_err(|error| failed(io::Error::other(error)))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let text = Zeroizing::new(BASE64.encode(*key));
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(key)
}
