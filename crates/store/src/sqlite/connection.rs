//! A connection to the file, and the transaction that is open on it.

use super::checkpoint::OVERGROWN;
use crate::{Arg, Error, text};
use rusqlite::{
    ErrorCode, OpenFlags, ToSql,
    config::DbConfig,
    ffi::Error as Code,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    cell::{Cell, RefCell},
    path::Path,
    time::{Duration, Instant},
};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// WAL with FULL: a commit is on the disk before anybody hears of it. Checkpoints are the store's own business.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384; \
    PRAGMA wal_autocheckpoint = 0;";

/// The writer keeps fewer pages in memory, 4 MiB: at nearly every commit SQLite walks through all that it keeps.
const WRITER: &str = "PRAGMA cache_size = -4096";

pub(super) struct Connection {
    pub(super) sqlite: rusqlite::Connection,
    texts: RefCell<text::ByText<Text>>,
    /// Whether the running job has written.
    wrote: Cell<bool>,
    /// Whether each job has a savepoint of its own from its first write on, so that it can be undone alone.
    separate: Cell<bool>,
}

/// A statement's text, looked at once.
struct Text {
    sqlite: String,
    only_reads: bool,
}

impl Connection {
    /// How long to wait for another process that writes. The same as in the pragmas.
    pub(super) const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens an existing file.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let vfs = heliograph_wal::register().map_err(|code| rusqlite::Error::SqliteFailure(Code::new(code), None))?;
        let sqlite = rusqlite::Connection::open_with_flags_and_vfs(path, flags, vfs)?;
        // Two who open a new file at once both switch it to WAL, and SQLite refuses one of them without waiting.
        let since = Instant::now();
        while let Err(error) = sqlite.execute_batch(PRAGMAS) {
            if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) || since.elapsed() > Self::PATIENCE {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        sqlite.pragma_update(None, "journal_size_limit", OVERGROWN)?;
        // A statement keeps its plan: otherwise SQLite may plan it anew for every new value of a range.
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        sqlite.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { sqlite, texts: RefCell::default(), wrote: Cell::new(false), separate: Cell::new(false) })
    }

    /// Opens the one that writes.
    pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Self> {
        let connection = Self::open(path)?;
        connection.sqlite.execute_batch(WRITER)?;
        Ok(connection)
    }

    /// Opens one that cannot write.
    pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Self> {
        let connection = Self::open(path)?;
        connection.sqlite.execute_batch("PRAGMA query_only = ON")?;
        Ok(connection)
    }

    pub(super) fn patience(&self, patience: Duration) {
        if let Err(error) = self.sqlite.busy_timeout(patience) {
            tracing::warn!(%error, "setting the busy timeout failed");
        }
    }

    /// Runs a statement of the store's own, without parameters or rows.
    pub(super) fn run(&self, sql: &'static str) -> Result<(), Error> {
        self.sqlite.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Whether no transaction is open: SQLite itself ends one on some errors.
    pub(super) fn idle(&self) -> bool {
        self.sqlite.is_autocommit()
    }

    /// Begins a transaction for several jobs. Only `separate` ones can be undone one by one; that costs each of them.
    pub(super) fn begin(&self, separate: bool) -> Result<(), Error> {
        self.separate.set(separate);
        self.wrote.set(false);
        self.run("BEGIN IMMEDIATE")
    }

    /// Keeps the work of the running job.
    pub(super) fn keep(&self) -> Result<(), Error> {
        if self.wrote.replace(false) && self.separate.get() { self.run("RELEASE job") } else { Ok(()) }
    }

    /// Undoes the work of the running job, and nobody else's. False when that cannot be done.
    pub(super) fn undo(&self) -> Result<bool, Error> {
        if !self.wrote.replace(false) {
            return Ok(true);
        }
        if !self.separate.get() {
            return Ok(false);
        }
        self.run("ROLLBACK TO job")?;
        self.run("RELEASE job")?;
        Ok(true)
    }

    /// Ends the whole transaction, if one is open.
    pub(super) fn rollback(&self) {
        self.wrote.set(false);
        if !self.idle()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!(%error, "rolling back failed");
        }
    }

    /// What SQLite is told for this text, in `f`.
    pub(super) fn told<T>(
        &self,
        sql: &'static str,
        only_reads: bool,
        f: impl FnOnce(&str) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut texts = self.texts.borrow_mut();
        let text = texts
            .entry(text::key(sql))
            .or_insert_with(|| Text { sqlite: text::for_sqlite(sql), only_reads: text::only_reads(sql) });
        if only_reads && !text.only_reads {
            return Err(text::not_reading());
        }
        Ok(f(&text.sqlite)?)
    }

    /// To be called before each statement that writes.
    pub(super) fn before_write(&self) -> Result<(), Error> {
        if !self.wrote.replace(true) && self.separate.get() {
            self.run("SAVEPOINT job")?;
        }
        Ok(())
    }
}

/// What stands in column `i`.
pub(crate) fn cell<'r>(row: &'r rusqlite::Row<'_>, i: usize) -> Result<Arg<'r>, Error> {
    match row.get_ref(i)? {
        ValueRef::Null => Ok(Arg::Null),
        ValueRef::Integer(number) => Ok(Arg::Int(number)),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Arg::Text(text)),
            Err(_) => Err(Error::Engine(format!("column {i} is not UTF-8"))),
        },
        other => Err(Error::Engine(format!("column {i} is {}", other.data_type()))),
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
