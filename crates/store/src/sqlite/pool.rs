//! Connections for reading, used on the threads of their callers.
//!
//! A snapshot stays open when its reader is done, for as long as it shows all that was committed: to begin and to end
//! one costs as much as a small read. The commits of this process are counted, so that no read misses one that was
//! answered before it began. Another process that writes (`heliograph admin`) is seen when the snapshot is old.

use super::{connection::Connection, wal_bytes};
use crate::{Contended, Error, Tx, job::run_caught, stats::Counters};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How many idle connections are kept. More may be open at a time, when more threads read at once.
const KEPT: usize = 16;
/// How long a snapshot is used at most: as late as this is seen what another process wrote.
const OLD: Duration = Duration::from_millis(5);

pub(crate) struct Pool {
    path: PathBuf,
    counters: Arc<Counters>,
    /// Whether every snapshot ends with its reader.
    resting: AtomicBool,
    /// `None` once the store is closed.
    idle: Mutex<Option<Vec<Reader>>>,
}

struct Reader {
    connection: Connection,
    snapshot: Option<Snapshot>,
}

/// An open transaction.
struct Snapshot {
    /// How much this process had committed before it began. It may show more.
    commits: u64,
    began: Instant,
}

impl Pool {
    pub(super) fn new(path: PathBuf, counters: Arc<Counters>) -> Self {
        Self { path, counters, resting: AtomicBool::new(false), idle: Mutex::new(Some(Vec::with_capacity(KEPT))) }
    }

    /// Runs `f` in a snapshot.
    pub(crate) fn read<T, E>(&self, f: impl Fn(&Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error> + Contended,
    {
        let mut reader = self.take()?;
        reader.begin(self.counters.commits())?;
        let mut tx = Tx::new(&reader.connection);
        let result = run_caught(|tx| f(tx), &mut tx);
        // A connection on which something failed is dropped, and its transaction with it.
        if tx.failure().is_none() {
            self.put_back(reader);
        }
        result
    }

    /// Ends the snapshots that nobody uses: the log cannot start over under one.
    pub(super) fn rest(&self) {
        if let Some(idle) = self.idle().as_mut() {
            idle.retain_mut(|reader| reader.end().is_ok());
        }
    }

    /// Runs `f` while no snapshot outlives its reader.
    pub(super) fn resting<T>(&self, f: impl FnOnce() -> T) -> T {
        self.resting.store(true, SeqCst);
        // Who does not see that yet gives its connection back before this looks at them.
        self.rest();
        let result = f();
        self.resting.store(false, SeqCst);
        result
    }

    pub(crate) fn close(&self) {
        *self.idle() = None;
    }

    pub(crate) fn wal_bytes(&self) -> Option<u64> {
        wal_bytes(&self.path)
    }

    fn take(&self) -> Result<Reader, Error> {
        if let Some(reader) = self.idle().as_mut().ok_or_else(Error::closed)?.pop() {
            return Ok(reader);
        }
        Ok(Reader { connection: Connection::open_reader(&self.path)?, snapshot: None })
    }

    /// A snapshot that lacks something by now is of no use to the next reader, and would be in the way of checkpoints.
    fn put_back(&self, mut reader: Reader) {
        let lacking = reader.snapshot.as_ref().is_some_and(|open| open.commits != self.counters.commits());
        if lacking && reader.end().is_err() {
            return;
        }
        let mut idle = self.idle();
        if self.resting.load(SeqCst) && reader.end().is_err() {
            return;
        }
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(reader);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Reader>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Sees to a snapshot that shows all of these commits, and what another process wrote a while ago.
    fn begin(&mut self, commits: u64) -> Result<(), Error> {
        let now = Instant::now();
        if self.snapshot.as_ref().is_some_and(|open| open.commits == commits && now - open.began < OLD) {
            return Ok(());
        }
        self.end()?;
        // SQLite takes the snapshot with the first statement: after `commits` was read, whatever that was.
        self.connection.run("BEGIN")?;
        self.snapshot = Some(Snapshot { commits, began: now });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.snapshot.take().is_some() { self.connection.run("COMMIT") } else { Ok(()) }
    }
}
