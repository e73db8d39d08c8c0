//! Opening a database file: its lock, its schema, its threads.

use super::{checkpoint::Checkpoints, connection::Connection, pool::Pool, writer::Writer};
use crate::{
    Migration, OpenError, clock, id,
    job::Job,
    migrate::{self, Applied},
    stats::Counters,
    text,
};
use rusqlite::{Transaction, TransactionBehavior};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, UNIX_EPOCH},
};
use tokio::runtime::Handle;

/// How long to wait for another process that migrates.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(60);

/// The file that what follows `sqlite:` stands for.
pub(crate) fn path(text: &str) -> Result<PathBuf, OpenError> {
    let path = text.strip_prefix("//").unwrap_or(text);
    if path.is_empty() || path == ":memory:" {
        return Err(OpenError::BadUrl("sqlite: should be followed by the path of a file".into()));
    }
    Ok(PathBuf::from(path))
}

pub(crate) fn start(
    path: PathBuf,
    exclusive: bool,
    migrations: &'static [Migration],
    jobs: flume::Receiver<Box<dyn Job>>,
    counters: Arc<Counters>,
) -> Result<(Arc<Pool>, JoinHandle<()>), OpenError> {
    let lock = if exclusive { Some(lock(&path)?) } else { None };
    mind_the_clock(&path, lock.as_ref());
    let unusable = |why: String| OpenError::File { path: path.clone(), why };
    create(&path).map_err(|error| unusable(error.to_string()))?;
    let opened = |connection: rusqlite::Result<Connection>| connection.map_err(|error| unusable(error.to_string()));
    let mut connection = opened(Connection::open_writer(&path))?;
    migrate(&mut connection.sqlite, migrations)?;
    let pool = Arc::new(Pool::new(path.clone(), Arc::clone(&counters)));
    let checkpoints =
        Checkpoints::start(&path, opened(Connection::open(&path))?, Arc::clone(&pool), Arc::clone(&counters))
            .map_err(|error| unusable(error.to_string()))?;
    let runtime = Handle::try_current().ok();
    let writer = Writer { connection, checkpoints, counters, runtime, lock };
    let thread = std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.serve(&jobs))
        .map_err(|error| unusable(error.to_string()))?;
    Ok((pool, thread))
}

/// What is made from now on is to sort after what is there, also if the clock was set back since that was written. The
/// database's files tell when they were last written; that they will say less from now on, the lock's file remembers.
fn mind_the_clock(path: &Path, lock: Option<&File>) {
    let written = |path: &Path| path.metadata().and_then(|file| file.modified()).ok()?.duration_since(UNIX_EPOCH).ok();
    let places = [path.to_owned(), beside(path, "-wal"), beside(path, ".lock")];
    let Some(last) = places.iter().filter_map(|place| written(place)).max() else { return };
    if let Some(behind) = last.checked_sub(clock::since_epoch()).filter(|behind| !behind.is_zero()) {
        tracing::warn!(?behind, "the clock is behind what was written last: what is made now is sorted after that");
        id::carry_on_from(last);
        // A tick of the next start has to come after those of this one.
        if let Some(Err(error)) = lock.map(|lock| lock.set_modified(UNIX_EPOCH + last + Duration::from_secs(1))) {
            tracing::warn!(%error, "the next start will not know of it");
        }
    }
}

/// A file beside the database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.to_owned().into_os_string();
    beside.push(suffix);
    beside.into()
}

/// Takes the lock beside the database. The operating system gives it back, however this process ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let beside = beside(path, ".lock");
    let unusable = |error: std::io::Error| OpenError::File { path: beside.clone(), why: error.to_string() };
    let file = private().create(true).open(&beside).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Makes the file, unless it exists. An existing one is not even opened: closing it again would drop the locks that
/// SQLite may hold on it elsewhere in this process.
fn create(path: &Path) -> std::io::Result<()> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// For our eyes only. SQLite gives the files beside a database the mode of the database.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Applies what is missing, each migration in a transaction of its own that locks others out.
fn migrate(sqlite: &mut rusqlite::Connection, known: &'static [Migration]) -> Result<(), OpenError> {
    sqlite.busy_timeout(MIGRATION_PATIENCE).map_err(engine)?;
    let has_book = "SELECT count(*) FROM sqlite_schema WHERE name = 'heliograph_migration'";
    let has_book: i64 = sqlite.query_row(has_book, [], |row| row.get(0)).map_err(engine)?;
    if has_book > 0 {
        // Looks before it writes: a database we do not understand stays as it is.
        migrate::remaining(known, &applied(sqlite)?)?;
    }
    loop {
        let tx = sqlite.transaction_with_behavior(TransactionBehavior::Immediate).map_err(engine)?;
        tx.execute_batch(migrate::BOOK).map_err(engine)?;
        let Some(next) = migrate::remaining(known, &applied(&tx)?)?.first() else {
            tx.commit().map_err(engine)?;
            break;
        };
        apply(tx, next).map_err(|error| OpenError::Migration {
            version: next.version,
            name: next.name,
            why: error.to_string(),
        })?;
    }
    sqlite.busy_timeout(Connection::PATIENCE).map_err(engine)
}

fn apply(tx: Transaction<'_>, migration: &Migration) -> rusqlite::Result<()> {
    tx.execute_batch(migration.sql)?;
    let entry = (migration.version, migration.name, migrate::fingerprint(migration.sql), clock::now_ms());
    tx.execute(&text::for_sqlite(migrate::ENTER), entry)?;
    tx.commit()
}

fn applied(sqlite: &rusqlite::Connection) -> Result<Vec<Applied>, OpenError> {
    let mut statement = sqlite.prepare(migrate::APPLIED).map_err(engine)?;
    let rows = statement.query_map([], |row| Ok(Applied { version: row.get(0)?, sha256: row.get(1)? }));
    rows.and_then(Iterator::collect).map_err(engine)
}

fn engine(error: rusqlite::Error) -> OpenError {
    OpenError::Engine(error.to_string())
}
