//! Moves what is in the write-ahead log into the database file, beside the writer and not in its way.
//!
//! A passive checkpoint never waits, but it cannot make the log start over while somebody writes without pause. So past
//! a size it asks the writer to let one thorough checkpoint through between two groups.

use super::{connection::Connection, pool::Pool, wal_bytes};
use crate::stats::Counters;
use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_millis(200);
/// How large the log may become; SQLite cuts the file back to the same size (`journal_size_limit`).
const OVERGROWN: u64 = 64 << 20;
/// How long the writer waits for readers to leave the log, and how long it then leaves them in peace.
const PATIENCE: Duration = Duration::from_millis(100);
const PEACE: Duration = Duration::from_millis(250);

/// The checkpointing thread, as the writer holds it.
pub(super) struct Checkpoints {
    database: PathBuf,
    pool: Arc<Pool>,
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
        let turn = Arc::new(Mutex::new(()));
        let shared = Arc::clone(&turn);
        let thread = std::thread::Builder::new().name("store-checkpoint".into()).spawn(move || {
            let mut seen = 0;
            while let Err(flume::RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                readers.rest();
                let commits = counters.commits();
                if commits != seen {
                    let _turn = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    checkpoint(&connection, "PRAGMA wal_checkpoint(PASSIVE)");
                }
                seen = commits;
            }
        })?;
        Ok(Self { database: database.to_owned(), pool, peace: Cell::new(None), turn, stop, thread })
    }

    /// Called by the writer between two groups.
    pub(super) fn relieve(&self, writer: &Connection) {
        let overgrown = wal_bytes(&self.database).is_some_and(|bytes| bytes > OVERGROWN);
        if !overgrown || self.peace.get().is_some_and(|until| Instant::now() < until) {
            return;
        }
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

/// Has the writer itself do it, waiting for readers only a little. Returns whether it was done whole.
fn thorough(writer: &Connection, sql: &'static str) -> bool {
    writer.patience(PATIENCE);
    let done = checkpoint(writer, sql);
    writer.patience(Connection::PATIENCE);
    done
}

fn checkpoint(connection: &Connection, sql: &'static str) -> bool {
    match connection.sqlite.query_row(sql, [], |row| row.get::<_, i64>(0)) {
        Ok(busy) => busy == 0,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed; the next one comes soon");
            false
        }
    }
}
