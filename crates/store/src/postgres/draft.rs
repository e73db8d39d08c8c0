//! A job that runs ahead of its transaction, on the answers that are known.
//!
//! A transaction is a function that may run again, so the jobs of a group need not wait for their answers one after the
//! other: each runs until it asks what is not known yet, what all of them ask is sent together, and they run again. What
//! a job read and would write is kept, and holds unless a job before it changed what it read.

use super::reach::{Changes, values};
use crate::{
    Arg, Error, Row, Tx,
    job::{Job, Verdict},
    text,
    tx::Session,
    value::Value,
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hash::{Hash, Hasher},
};

/// A statement that reads, with its parameters.
#[derive(Clone)]
pub(super) struct Question {
    pub(super) sql: &'static str,
    pub(super) row: Vec<Value>,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        text::key(self.sql) == text::key(other.sql) && self.row == other.row
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        text::key(self.sql).hash(state);
        self.row.hash(state);
    }
}

/// What a transaction has asked so far.
pub(super) type Answers = HashMap<Question, Vec<Row>>;

/// A write whose result nobody reads.
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) row: Vec<Value>,
}

/// How far a job came.
pub(super) enum Draft {
    /// To its end.
    Whole {
        read: Vec<Question>,
        /// Nothing if the job refused.
        writes: Vec<Write>,
    },
    /// To a question whose answer is not known.
    Asks {
        /// That, and what will be asked later.
        questions: Vec<Question>,
        /// The moment of the transaction, if that was asked for. It stays: questions with another moment in them would be
        /// other questions.
        now: Option<i64>,
    },
    /// To something that only the transaction itself can do.
    Stuck,
}

impl Draft {
    /// Runs a job as far as these answers go. It came so far before that it has asked for its moment, or not.
    pub(super) fn of(job: &mut dyn Job, answers: &Answers, now: Option<i64>) -> Self {
        let ahead = Ahead {
            answers,
            read: RefCell::default(),
            asks: RefCell::default(),
            stuck: Cell::new(false),
            writes: RefCell::default(),
            changes: RefCell::default(),
        };
        let mut tx = Tx::at(&ahead, now);
        let verdict = job.run(&mut tx);
        let now = tx.moment();
        let questions = ahead.asks.into_inner();
        if !questions.is_empty() {
            return Self::Asks { questions, now };
        }
        let read = ahead.read.into_inner();
        match verdict {
            _ if ahead.stuck.get() => Self::Stuck,
            Verdict::Commit => Self::Whole { read, writes: ahead.writes.into_inner() },
            Verdict::Rollback => Self::Whole { read, writes: Vec::new() },
            Verdict::Contended => Self::Stuck,
        }
    }
}

/// The transaction as a job sees it that runs ahead.
struct Ahead<'a> {
    answers: &'a Answers,
    read: RefCell<Vec<Question>>,
    asks: RefCell<Vec<Question>>,
    stuck: Cell<bool>,
    writes: RefCell<Vec<Write>>,
    changes: RefCell<Changes>,
}

impl Ahead<'_> {
    fn write(&self, sql: &'static str, args: &[Arg<'_>]) {
        let row = values(args);
        self.changes.borrow_mut().note(sql, &row);
        self.writes.borrow_mut().push(Write { sql, row });
    }

    /// Ends the run. Nobody sees this error.
    fn stop<T>(&self) -> Result<T, Error> {
        self.stuck.set(true);
        Err(Error::Contention)
    }
}

impl Session for Ahead<'_> {
    fn query(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        if !text::only_reads(sql) {
            return Err(text::not_reading());
        }
        let question = Question { sql, row: values(args) };
        if text::takes_locks(sql) || self.changes.borrow().show_in(sql, &question.row) {
            return self.stop();
        }
        let Some(rows) = self.answers.get(&question) else {
            self.asks.borrow_mut().push(question);
            return Err(Error::Contention);
        };
        self.read.borrow_mut().push(question);
        Ok(rows.clone())
    }

    fn expect(&self, sql: &'static str, args: &[Arg<'_>]) {
        let question = Question { sql, row: values(args) };
        let own = self.changes.borrow().show_in(sql, &question.row);
        if !own && !text::takes_locks(sql) && text::only_reads(sql) && !self.answers.contains_key(&question) {
            self.asks.borrow_mut().push(question);
        }
    }

    fn query_mut(&self, _: &'static str, _: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.stop()
    }

    fn execute(&self, _: &'static str, _: &[Arg<'_>]) -> Result<u64, Error> {
        self.stop()
    }

    fn append(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.write(sql, args);
        Ok(())
    }

    fn amend(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.write(sql, args);
        Ok(())
    }

    fn prepare(&self, _: &'static str) -> Result<(), Error> {
        self.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, clock, job::Queue};

    #[tokio::test]
    async fn a_job_that_asks_by_its_moment_asks_once() {
        let (queue, jobs) = Queue::new();
        let run = queue.run("test", |tx: &mut Tx<'_>| {
            tx.query("SELECT id FROM t WHERE a = $1 AND at <= $2", args!["x", tx.now()])?;
            tx.query("SELECT id FROM u WHERE a = $1 AND at <= $2", args!["x", tx.now()])?;
            tx.append("INSERT INTO t (a, at) VALUES ($1, $2)", args!["x", tx.now()])
        });
        let serve = async {
            let mut job = jobs.recv_async().await.expect("a job");
            let (mut answers, mut moment) = (Answers::new(), None);
            for _ in 0..2 {
                let Draft::Asks { questions, now } = Draft::of(&mut *job, &answers, moment) else {
                    panic!("no question")
                };
                assert!(questions.len() == 1 && now.is_some());
                answers.extend(questions.into_iter().map(|question| (question, Vec::new())));
                moment = now;
                while clock::now_ms() <= moment.unwrap_or_default() {
                    tokio::task::yield_now().await;
                }
            }
            let Draft::Whole { read, writes } = Draft::of(&mut *job, &answers, moment) else { panic!("it asks again") };
            assert_eq!((read.len(), writes.len()), (2, 1));
            job.answer(Ok(()));
        };
        assert_eq!(tokio::join!(run, serve).0, Ok(()));
    }
}
