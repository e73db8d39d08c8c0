//! Moves what is in the write-ahead log into the database file, beside the writer and not in its way.
//!
//! A passive checkpoint never waits, but it cannot make the log start over while somebody writes without pause. So when
//! the log has become long, and nearly all of it is moved, the writer lets one thorough checkpoint through between two
//! groups, which finds little to do. Should so much be written at once that the log becomes too long before, the writer
//! does all of it.

use super::{connection::Connection, pool::Pool, wal_bytes};
use crate::stats::Counters;
use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_millis(200);
/// From how many pages on the log is to start over: 64 MiB. That stops the writer for some milliseconds; what a killed
/// server leaves, the next one reads before it answers.
const LONG: i64 = 16384;
/// How large it may become, in bytes; SQLite cuts the file back to the same size.
pub(super) const OVERGROWN: u32 = 128 << 20;
/// How long the writer waits for readers to leave the log, and how long it then leaves them in peace.
const PATIENCE: Duration = Duration::from_millis(100);
const PEACE: Duration = Duration::from_millis(250);

/// The checkpointing thread, as the writer holds it.
pub(super) struct Checkpoints {
    database: PathBuf,
    pool: Arc<Pool>,
    /// Whether the log is long, and little of it is left to be moved.
    wanted: Arc<AtomicBool>,
    /// Until when the writer does not try again, after readers would not leave.
    peace: Cell<Option<Instant>>,
    /// Held during a checkpoint: SQLite would refuse a second one beside it, not have it wait.
    turn: Arc<Mutex<()>>,
    stop: flume::Sender<()>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    pub(super) fn start(
        database: &Path,
        connection: Connection,
        pool: Arc<Pool>,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let readers = Arc::clone(&pool);
        let (stop, stopped) = flume::bounded::<()>(0);
        let (turn, wanted) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let (its_turn, wants) = (Arc::clone(&turn), Arc::clone(&wanted));
        let thread = std::thread::Builder::new().name("store-checkpoint".into()).spawn(move || {
            let mut seen = 0;
            while let Err(flume::RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                readers.rest();
                let commits = counters.commits();
                if commits != seen {
                    let _turn = its_turn.lock().unwrap_or_else(PoisonError::into_inner);
                    pass(&connection, &wants);
                }
                seen = commits;
            }
        })?;
        Ok(Self { database: database.to_owned(), pool, wanted, peace: Cell::new(None), turn, stop, thread })
    }

    /// Called by the writer between two groups.
    pub(super) fn relieve(&self, writer: &Connection) {
        let due = self.wanted.load(SeqCst) || wal_bytes(&self.database).is_some_and(|bytes| bytes > OVERGROWN.into());
        if !due || self.peace.get().is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.wanted.store(false, SeqCst);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.pool.resting(|| thorough(writer, "PRAGMA wal_checkpoint(RESTART)"));
        self.peace.set((!done).then(|| Instant::now() + PEACE));
    }

    /// Stops the thread and empties the log, at the end.
    pub(super) fn finish(self, writer: &Connection) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the checkpointing thread panicked");
        }
        thorough(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

/// Moves what is there. Of a long log a second time what came meanwhile, so that little is left for the writer.
fn pass(connection: &Connection, wanted: &AtomicBool) {
    let long = |done: Option<Checkpoint>| done.is_some_and(|done| done.pages > LONG);
    if long(checkpoint(connection, PASSIVE)) && long(checkpoint(connection, PASSIVE)) {
        wanted.store(true, SeqCst);
    }
}

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Has the writer itself do it, waiting for readers only a little. Returns whether it was done whole.
fn thorough(writer: &Connection, sql: &'static str) -> bool {
    writer.patience(PATIENCE);
    let done = checkpoint(writer, sql);
    writer.patience(Connection::PATIENCE);
    done.is_some_and(|done| done.whole)
}

/// What a checkpoint has come to.
struct Checkpoint {
    /// Whether nobody was in its way.
    whole: bool,
    /// How many pages the log has.
    pages: i64,
}

fn checkpoint(connection: &Connection, sql: &'static str) -> Option<Checkpoint> {
    let outcome = connection
        .sqlite
        .query_row(sql, [], |row| Ok(Checkpoint { whole: row.get::<_, i64>(0)? == 0, pages: row.get(1)? }));
    outcome.inspect_err(|error| tracing::warn!(%error, "a checkpoint failed; the next one comes soon")).ok()
}
