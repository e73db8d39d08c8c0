//! Several jobs in one transaction, one after the other, as if alone together.

use super::{
    connection::{Connection, Mode, NotCommitted},
    draft::{Draft, Question},
    turns::{Turn, Turns},
};
use crate::{
    Error, Tx,
    job::{Job, Verdict},
};
use std::{collections::HashSet, sync::Arc};

/// How often the jobs run ahead. Whoever has more to ask in a row asks alone.
const ROUNDS: usize = 8;

/// Why a group was not committed.
pub(super) enum Apart {
    /// Its jobs do not get along, and each has to go alone: PostgreSQL cannot undo one of them cheaply, and a failure may
    /// belong to another job than the one that saw it.
    Each,
    /// Nobody knows whether it was: the connection broke.
    Unknown(String),
}

/// Runs the jobs and commits them. Their callers are to be told when the turn has come.
pub(super) fn commit(connection: &Connection, jobs: &mut [Box<dyn Job>], turns: &Arc<Turns>) -> Result<Turn, Apart> {
    connection.start(Mode::Group);
    let drafts = run_ahead(connection, jobs);
    let all_fit =
        drafts.is_ok_and(|drafts| jobs.iter_mut().zip(drafts).all(|(job, draft)| fit(connection, job, draft)));
    if !all_fit {
        connection.abandon();
        return Err(Apart::Each);
    }
    let turn = turns.take();
    match connection.commit() {
        Ok(()) => Ok(turn),
        Err(NotCommitted::RolledBack(_)) => Err(Apart::Each),
        Err(NotCommitted::Unknown(why)) => Err(Apart::Unknown(why)),
    }
}

/// Runs the jobs side by side, and asks what they ask together.
fn run_ahead(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<Vec<Draft>, Error> {
    let mut drafts: Vec<_> = jobs.iter_mut().map(|job| connection.draft(&mut **job, None)).collect();
    for _ in 0..ROUNDS {
        let asked: HashSet<_> = drafts.iter().flat_map(questions).cloned().collect();
        if asked.is_empty() {
            break;
        }
        connection.ask(asked.into_iter().collect())?;
        for (job, draft) in jobs.iter_mut().zip(&mut drafts) {
            if let Draft::Asks { now, .. } = draft {
                *draft = connection.draft(&mut **job, *now);
            }
        }
    }
    Ok(drafts)
}

fn questions(draft: &Draft) -> &[Question] {
    if let Draft::Asks { questions, .. } = draft { questions } else { &[] }
}

/// Takes over what a job did ahead, if it holds; else runs it in its turn. False when the group cannot go on.
fn fit(connection: &Connection, job: &mut Box<dyn Job>, draft: Draft) -> bool {
    if let Draft::Whole { read, writes } = draft
        && !read.iter().any(|question| connection.has_changed(question))
    {
        connection.take_over(writes);
        return true;
    }
    connection.start_job();
    let verdict = job.run(&mut Tx::new(connection));
    let harmless = verdict == Verdict::Commit || verdict == Verdict::Rollback && !connection.wrote();
    harmless && connection.failure().is_none()
}
