//! What the raw loop and the skeleton share: one writer that commits in groups, and a thread that checkpoints.

use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// How many changes may share a commit.
const GROUP: usize = 512;
/// How often the log is copied into the database.
const EVERY: Duration = Duration::from_millis(200);
/// From how many pages on the writer helps, so that the log can start over.
const OVERGROWN: i64 = 32_000;

/// Opens a database with the durability of the server: an answered write is on the disk.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 0;",
    )?;
    Ok(connection)
}

/// Checkpoints off the writer's thread, for as long as somebody holds this.
pub struct Checkpoints(Arc<AtomicBool>);

impl Checkpoints {
    /// Starts the thread.
    pub fn start(path: &Path) -> Self {
        let wanted = Arc::new(AtomicBool::new(false));
        let (path, held) = (path.to_owned(), Arc::downgrade(&wanted));
        std::thread::spawn(move || -> rusqlite::Result<()> {
            let connection = open(&path)?;
            loop {
                std::thread::sleep(EVERY);
                let Some(wanted) = held.upgrade() else { return Ok(()) };
                if checkpoint(&connection)? > OVERGROWN {
                    checkpoint(&connection)?;
                    wanted.store(true, Relaxed);
                }
            }
        });
        Self(wanted)
    }

    /// Called by the writer between two groups: copies the little that came since, so that the log starts over.
    fn relieve(&self, writer: &Connection) -> rusqlite::Result<()> {
        if self.0.swap(false, Relaxed) {
            checkpoint(writer)?;
        }
        Ok(())
    }
}

/// How many pages the log has.
fn checkpoint(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}

/// Writes until nobody sends any more. Each change has a savepoint of its own, so that one that fails takes no other
/// with it; what waits together is committed together.
pub fn write_in_groups<J>(
    connection: &Connection,
    path: PathBuf,
    jobs: &flume::Receiver<J>,
    mut apply: impl FnMut(&J) -> rusqlite::Result<i64>,
    answer: impl Fn(J, rusqlite::Result<i64>),
) -> rusqlite::Result<()> {
    let checkpoints = Checkpoints::start(&path);
    let prepare = |sql| connection.prepare(sql);
    let (mut begin, mut commit) = (prepare("BEGIN IMMEDIATE")?, prepare("COMMIT")?);
    let (mut save, mut release, mut undo) = (prepare("SAVEPOINT s")?, prepare("RELEASE s")?, prepare("ROLLBACK TO s")?);
    let mut done = Vec::with_capacity(GROUP);
    while let Ok(first) = jobs.recv() {
        begin.execute([])?;
        for job in std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1)) {
            save.execute([])?;
            let outcome = apply(&job);
            if outcome.is_err() {
                undo.execute([])?;
            }
            release.execute([])?;
            done.push((job, outcome));
        }
        commit.execute([])?;
        for (job, outcome) in done.drain(..) {
            answer(job, outcome);
        }
        checkpoints.relieve(connection)?;
    }
    Ok(())
}
