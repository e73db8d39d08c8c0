//! SQLite: one writer thread that commits in groups, readers on their callers' threads, checkpoints beside them.

mod checkpoint;
mod connection;
mod open;
mod pool;
mod statements;
mod writer;

pub(crate) use connection::cell;
pub(crate) use open::{path, start};
pub(crate) use pool::Pool;

use crate::Error;
use rusqlite::{ErrorCode, ffi};
use std::path::Path;

/// How large the write-ahead log of a database is.
fn wal_bytes(database: &Path) -> Option<u64> {
    let mut path = database.to_owned().into_os_string();
    path.push("-wal");
    std::fs::metadata(path).ok().map(|file| file.len())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error() else { return Self::Engine(error.to_string()) };
        match (code.code, code.extended_code) {
            (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID) => {
                Self::Duplicate
            }
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Self::Contention,
            (ErrorCode::DiskFull, _) => Self::Full,
            _ => Self::Engine(error.to_string()),
        }
    }
}
