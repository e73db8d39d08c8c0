//! The one thread that writes. Jobs that wait together are committed together: one sync of the disk for all of them.

use super::{
    checkpoint::Checkpoints,
    connection::Connection,
    statements::{Kept, Statements},
};
use crate::{
    Error, Tx,
    job::{Job, Verdict},
    stats::Counters,
};
use std::{collections::VecDeque, fs::File, sync::Arc};
use tokio::runtime::Handle;

/// How many waiting jobs may share a commit.
const GROUP: usize = 512;

pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) checkpoints: Checkpoints,
    pub(super) counters: Arc<Counters>,
    /// Where callers wait, if it is in one place.
    pub(super) runtime: Option<Handle>,
    /// Held for as long as this server may write.
    pub(super) lock: Option<File>,
}

impl Writer {
    /// Serves until the queue is closed and empty.
    pub(super) fn serve(self, jobs: &flume::Receiver<Box<dyn Job>>) {
        let statements = Kept::on(&self.connection);
        while let Ok(first) = jobs.recv() {
            // No waiting for company: whoever comes during this commit makes the next group.
            let group: Vec<_> = std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1)).collect();
            serve_group(&statements, &self.counters, self.runtime.as_ref(), group);
            self.checkpoints.relieve(&self.connection);
        }
        drop(statements);
        self.checkpoints.finish(&self.connection);
        drop(self.connection);
        drop(self.lock);
    }
}

/// Runs and answers every job of the group, in one commit unless SQLite ends the transaction on the way.
fn serve_group(statements: &Kept<'_>, counters: &Counters, runtime: Option<&Handle>, group: Vec<Box<dyn Job>>) {
    let connection = statements.connection();
    let mut waiting: VecDeque<_> = group.into();
    // That a job fails after it has written is rare, so nobody pays for it; if one does, the group runs again with
    // savepoints.
    let mut separate = false;
    while !waiting.is_empty() {
        let mut ran = Vec::with_capacity(waiting.len());
        let outcome = match commit_together(statements, &mut waiting, &mut ran, separate) {
            Ok(Ended::Committed) => Ok(()),
            Ok(Ended::Undone) => {
                connection.rollback();
                separate = true;
                ran.into_iter().rev().for_each(|job| waiting.push_front(job));
                continue;
            }
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(()) => {
                counters.committed(ran.len());
                // Here, and not with the answers: what rings for an earlier commit rings earlier.
                ran.iter_mut().for_each(|job| job.committed());
            }
            Err(error) => {
                connection.rollback();
                tracing::error!(%error, jobs = ran.len(), "a group of transactions failed");
            }
        }
        Answers { jobs: ran, outcome }.give(runtime);
    }
}

/// What is left to tell the callers of a group. Each is told, also when this is dropped where nobody runs it any more.
struct Answers {
    jobs: Vec<Box<dyn Job>>,
    outcome: Result<(), Error>,
}

impl Answers {
    /// Wakes the callers where they wait. To wake them from here would cost this thread a call of the system for many of
    /// them, and it is the one that all who write wait for.
    fn give(self, runtime: Option<&Handle>) {
        match runtime {
            Some(runtime) if self.jobs.len() > 1 => drop(runtime.spawn(async move { drop(self) })),
            _ => drop(self),
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for job in self.jobs.drain(..) {
            job.answer(self.outcome.clone());
        }
    }
}

/// How a transaction of several jobs ended.
enum Ended {
    Committed,
    /// One failed after it had written, and cannot be undone alone.
    Undone,
}

/// Moves jobs from `waiting` to `ran` as it runs them. Unless it commits, the work of none of those that ran is kept.
fn commit_together(
    statements: &Kept<'_>,
    waiting: &mut VecDeque<Box<dyn Job>>,
    ran: &mut Vec<Box<dyn Job>>,
    separate: bool,
) -> Result<Ended, Error> {
    let connection = statements.connection();
    if let Err(error) = connection.begin(separate) {
        ran.extend(waiting.drain(..));
        return Err(error);
    }
    while let Some(mut job) = waiting.pop_front() {
        let mut tx = Tx::new(statements);
        let verdict = job.run(&mut tx);
        let failure = tx.failure();
        ran.push(job);
        // A full disk and its like make SQLite roll back everything, so everybody who ran has lost their work.
        if connection.idle() {
            return Err(failure.unwrap_or_else(|| Error::Engine("SQLite ended the transaction".into())));
        }
        match verdict {
            Verdict::Commit => connection.keep()?,
            Verdict::Rollback | Verdict::Contended => {
                if !connection.undo()? {
                    return Ok(Ended::Undone);
                }
            }
        }
    }
    connection.run("COMMIT")?;
    Ok(Ended::Committed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, job::Queue};

    /// Runs the functions as one group on a database that may hold `pages` pages, and gives their answers.
    async fn group(pages: u32, sizes: [usize; 3]) -> (Vec<Result<u64, Error>>, i64) {
        let connection = Connection::in_memory_of(pages);
        let (queue, jobs) = Queue::new();
        let run = |size: usize| {
            queue.run("test", move |tx| tx.execute("INSERT INTO t (a) VALUES ($1)", args![&"x".repeat(size)]))
        };
        let serve = async {
            tokio::task::yield_now().await;
            serve_group(&Kept::on(&connection), &Counters::default(), None, jobs.drain().collect());
        };
        let (a, b, c, ()) = tokio::join!(biased; run(sizes[0]), run(sizes[1]), run(sizes[2]), serve);
        let kept = connection.sqlite.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
        (vec![a, b, c], kept.expect("the rows are counted"))
    }

    #[tokio::test]
    async fn a_full_disk_fails_who_it_concerns_and_the_store_goes_on() {
        let (answers, kept) = group(20, [10, 200_000, 10]).await;
        assert_eq!(answers[1], Err(Error::Full));
        assert_eq!(answers[2], Ok(1), "a job after the full one is served");
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count() as i64, kept);
    }

    #[tokio::test]
    async fn a_group_with_room_is_kept_whole() {
        let (answers, kept) = group(1000, [10, 200_000, 10]).await;
        assert_eq!((answers, kept), (vec![Ok(1), Ok(1), Ok(1)], 3));
    }

    impl Connection {
        fn in_memory_of(pages: u32) -> Self {
            let connection = Self::open(std::path::Path::new(":memory:")).expect("a database in memory opens");
            let schema = format!("PRAGMA max_page_count = {pages}; CREATE TABLE t (a TEXT)");
            connection.sqlite.execute_batch(&schema).expect("the schema is made");
            connection
        }
    }
}
