//! What can go wrong: in a transaction, and when a store is opened.

use std::path::PathBuf;

/// Why a statement or a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Other transactions kept getting there first.
    #[error("other transactions kept getting there first")]
    Contention,
    /// A UNIQUE constraint or primary key is already taken.
    #[error("a row with this key exists already")]
    Duplicate,
    /// A value is longer than the engine can look up by. PostgreSQL's indexes hold 2,700 bytes, SQLite's anything.
    #[error("a value to look up by is too long")]
    TooLong,
    /// The disk has no room left.
    #[error("the disk of the database is full")]
    Full,
    /// The database cannot be reached; nothing was done.
    #[error("{0}")]
    Unavailable(String),
    /// Everything else, in the engine's own words: for the log, not for a caller of the API.
    #[error("{0}")]
    Engine(String),
}

impl Error {
    pub(crate) fn closed() -> Self {
        Self::Engine("the store is closed".into())
    }
}

/// Lets the store recognise its own [`Error::Contention`] inside the error of a transaction.
pub trait Contended {
    /// Whether running the transaction again may help.
    fn contended(&self) -> bool;
}

impl Contended for Error {
    fn contended(&self) -> bool {
        *self == Self::Contention
    }
}

/// Why a store could not be opened, in one line that an operator can act on. Never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database URL is not one we understand.
    #[error("the database URL is not valid: {0}")]
    BadUrl(String),
    /// The database file cannot be used.
    #[error("cannot use the database file {}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system or the engine says.
        why: String,
    },
    /// Another server holds the lock of this database.
    #[error("the database {} is in use by another server", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The PostgreSQL server cannot be reached or does not let us in.
    #[error("cannot connect to PostgreSQL: {0}")]
    Unreachable(String),
    /// The database was migrated by a newer release.
    #[error(
        "the database has schema version {found}, and this release knows no version after {known}; use a newer release"
    )]
    Newer {
        /// The newest version applied to the database.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// A migration that was applied differs from the one this program carries.
    #[error("migration {version} ({name}) is not the one that was applied to this database")]
    Changed {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
    },
    /// A migration failed.
    #[error("migration {version} ({name}) failed: {why}")]
    Migration {
        /// Its version.
        version: u32,
        /// Its name.
        name: &'static str,
        /// What the engine says.
        why: String,
    },
    /// Another process has been migrating for too long.
    #[error("another process has been migrating this database for {0} seconds")]
    Migrating(u64),
    /// A statement of the opening itself failed.
    #[error("cannot prepare the database: {0}")]
    Engine(String),
}
