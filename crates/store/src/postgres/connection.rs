//! A session with the server, and the transaction that is open in it.
//!
//! Requests are sent together wherever the answer to one is not needed for the next: BEGIN goes with the first
//! statement, gathered writes go with the statement that needs them, and COMMIT goes with the last of them.

use super::{
    connect::{Failure, Target},
    draft::{Answers, Draft, Question, Write},
    link::{Link, Reply, Request, in_order},
    pending::{Batch, Pending},
    reach::{Changes, values},
};
use crate::{Arg, Error, Row, job::Job, text, tx::Session};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tokio::{runtime::Runtime, task::JoinHandle};

/// What kind of transaction a job gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One reading statement, which is its own snapshot and needs no transaction around it.
    Single,
    /// Reading, from a snapshot.
    Snapshot,
    /// Writing, as if alone.
    Serial,
    /// Several jobs that write, one after the other, as if alone together.
    Group,
}

/// How an attempt to commit ended, when it did not succeed.
#[derive(Debug)]
pub(super) enum NotCommitted {
    /// Nothing was kept.
    RolledBack(Failure),
    /// The connection broke while the server was committing: nobody knows.
    Unknown(String),
}

pub(super) struct Connection {
    runtime: Rc<Runtime>,
    link: Link,
    task: JoinHandle<()>,
    mode: Cell<Mode>,
    /// Whether BEGIN has been sent.
    begun: Cell<bool>,
    /// Whether a statement was sent.
    asked: Cell<bool>,
    /// Whether the job asked for more than its mode can give.
    outgrown: Cell<bool>,
    /// Whether the running job has written.
    wrote: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    pending: RefCell<Pending>,
    /// What a group has asked and written so far.
    answers: RefCell<Answers>,
    changes: RefCell<Changes>,
}

/// What a flight ends with.
enum Last<'a> {
    Query(&'static str, &'a [Arg<'a>]),
    Execute(&'static str, &'a [Arg<'a>]),
    Commit,
}

impl<'a> Last<'a> {
    fn args(&self) -> &'a [Arg<'a>] {
        match self {
            Self::Query(_, args) | Self::Execute(_, args) => args,
            Self::Commit => &[],
        }
    }
}

impl Connection {
    pub(super) fn open(runtime: &Rc<Runtime>, target: &Target) -> Result<Self, tokio_postgres::Error> {
        let (client, task) = runtime.block_on(target.connect())?;
        Ok(Self {
            runtime: Rc::clone(runtime),
            link: Link::new(client),
            task,
            mode: Cell::new(Mode::Snapshot),
            begun: Cell::new(false),
            asked: Cell::new(false),
            outgrown: Cell::new(false),
            wrote: Cell::new(false),
            failure: RefCell::default(),
            pending: RefCell::default(),
            answers: RefCell::default(),
            changes: RefCell::default(),
        })
    }

    /// Prepares for a transaction. Nothing is sent before its first statement.
    pub(super) fn start(&self, mode: Mode) {
        self.mode.set(mode);
        self.begun.set(false);
        self.outgrown.set(false);
        *self.failure.borrow_mut() = None;
        *self.pending.borrow_mut() = Pending::new(mode != Mode::Group);
        self.answers.borrow_mut().clear();
        *self.changes.borrow_mut() = Changes::default();
        self.start_job();
    }

    /// Prepares for the next job of the same transaction.
    pub(super) fn start_job(&self) {
        self.asked.set(false);
        self.wrote.set(false);
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.link.client.is_closed() && !self.lost()
    }

    pub(super) fn lost(&self) -> bool {
        matches!(*self.failure.borrow(), Some(Failure::Lost(_)))
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }

    pub(super) fn outgrown(&self) -> bool {
        self.outgrown.get()
    }

    pub(super) fn wrote(&self) -> bool {
        self.wrote.get()
    }

    /// Runs a job ahead, on the answers that are known; with the moment at which it is, if it was run before.
    pub(super) fn draft(&self, job: &mut dyn Job, now: Option<i64>) -> Draft {
        Draft::of(job, &self.answers.borrow(), now)
    }

    /// Asks questions together, and keeps the answers. Nothing of the transaction has been written yet.
    pub(super) fn ask(&self, questions: Vec<Question>) -> Result<(), Error> {
        let answers = self.runtime.block_on(self.answers_to(questions));
        let answers = answers.map_err(|failure| self.fail(failure))?;
        self.answers.borrow_mut().extend(answers);
        Ok(())
    }

    /// Whether the answer to a question may be another than before.
    pub(super) fn has_changed(&self, question: &Question) -> bool {
        self.changes.borrow().show_in(question.sql, &question.row)
    }

    /// Gathers the writes of a job that ran ahead.
    pub(super) fn take_over(&self, writes: Vec<Write>) {
        for Write { sql, row } in writes {
            self.changes.borrow_mut().note(sql, &row);
            self.pending.borrow_mut().add(sql, row);
        }
    }

    /// Sends what is gathered and commits, all in one flight.
    pub(super) fn commit(&self) -> Result<(), NotCommitted> {
        let writes = self.pending.borrow_mut().take();
        if writes.is_empty() && !self.begun.get() {
            return Ok(());
        }
        match self.runtime.block_on(self.flight(writes, Last::Commit)) {
            Ok(_) => {
                self.begun.set(false);
                Ok(())
            }
            Err((failure, at_commit)) => {
                *self.failure.borrow_mut() = Some(failure.clone());
                // The COMMIT may not have been sent at all.
                self.abandon();
                Err(match failure {
                    Failure::Lost(why) if at_commit => NotCommitted::Unknown(why),
                    failure => NotCommitted::RolledBack(failure),
                })
            }
        }
    }

    /// Ends a transaction whose outcome nobody waits for: one that read, or one that is given up.
    pub(super) fn abandon(&self) {
        *self.pending.borrow_mut() = Pending::default();
        if self.begun.replace(false) && self.is_alive() {
            let mut rollback = Box::pin(self.link.client.batch_execute("ROLLBACK"));
            self.runtime.block_on(async {
                // Queued by the first poll, and on its way once the task has had a turn: locks should not stay behind.
                // The answer is passed over, and whatever is sent next comes after it in any case.
                poll_fn(|cx| Poll::Ready(rollback.as_mut().poll(cx).is_ready())).await;
                tokio::task::yield_now().await;
            });
        }
    }

    /// Says goodbye to the server.
    pub(super) fn close(self) {
        let Self { runtime, link, task, .. } = self;
        drop(link);
        runtime.block_on(async {
            // The server finds out by itself if this takes too long.
            let _ = tokio::time::timeout(Duration::from_secs(1), task).await;
        });
    }

    /// Does one statement of the job. Gathered writes go first if it is a write itself, or could see them.
    fn statement(&self, sql: &'static str, writes: bool, last: Last<'_>) -> Result<Reply, Error> {
        if self.mode.get() == Mode::Single && (self.asked.get() || text::takes_locks(sql) || !sql.starts_with("SELECT"))
        {
            self.outgrown.set(true);
            return Err(Error::Contention);
        }
        self.asked.set(true);
        let gathered = writes || self.pending.borrow().shows_in(sql, &values(last.args()));
        let writes = if gathered { self.pending.borrow_mut().take() } else { Vec::new() };
        self.runtime.block_on(self.flight(writes, last)).map_err(|(failure, _)| self.fail(failure))
    }

    fn fail(&self, failure: Failure) -> Error {
        *self.failure.borrow_mut() = Some(failure.clone());
        failure.into()
    }

    /// Notes a write that is about to be done.
    fn note(&self, sql: &'static str, args: &[Arg<'_>]) {
        self.wrote.set(true);
        if self.mode.get() == Mode::Group {
            self.changes.borrow_mut().note(sql, &values(args));
        }
    }

    /// The rows that were the answer before, if they still are.
    fn known(&self, sql: &'static str, args: &[Arg<'_>]) -> Option<Vec<Row>> {
        let answers = self.answers.borrow();
        if answers.is_empty() {
            return None;
        }
        let question = Question { sql, row: values(args) };
        answers.get(&question).filter(|_| !self.has_changed(&question)).cloned()
    }

    async fn answers_to(&self, questions: Vec<Question>) -> Result<Vec<(Question, Vec<Row>)>, Failure> {
        let rounds = self.link.rounds(questions).await?;
        let mut requests = Vec::new();
        for round in &rounds {
            self.link.ask(round, &mut requests).await?;
        }
        let begun = self.begin(&mut requests);
        let replies = in_order(requests).await.into_iter().collect::<Result<Vec<_>, _>>();
        let mut replies = replies.map_err(|error| self.link.understand(error))?.into_iter().skip(begun.into());
        let mut answers = Vec::new();
        for round in rounds {
            answers.extend(round.answers(&mut replies).map_err(Failure::Refused)?);
        }
        Ok(answers)
    }

    /// Sends BEGIN if it is due, then `writes`, then `last`, and waits for all the answers. An error comes with whether
    /// the COMMIT may have been carried out.
    async fn flight(&self, writes: Vec<Batch>, last: Last<'_>) -> Result<Reply, (Failure, bool)> {
        let early = |failure| (failure, false);
        let mut requests = Vec::with_capacity(writes.len() + 2);
        for batch in &writes {
            self.link.write(batch, &mut requests).await.map_err(early)?;
        }
        let commits = matches!(last, Last::Commit);
        requests.push(match last {
            Last::Commit => self.link.command("COMMIT"),
            Last::Query(sql, args) => self.link.query(sql, args).await.map_err(early)?,
            Last::Execute(sql, args) => self.link.execute(sql, args).await.map_err(early)?,
        });
        self.begin(&mut requests);
        let end = requests.len();
        let answers = in_order(requests).await;
        let all_sent = answers.len() == end;
        let mut reply = Reply::Count(0);
        for (i, answer) in answers.into_iter().enumerate() {
            reply = answer.map_err(|error| {
                // When the server itself refuses an earlier request, the COMMIT after it only rolls back. When the
                // connection breaks, the COMMIT may have arrived all the same.
                let refused = error.as_db_error().is_some() && i + 1 < end;
                (self.link.understand(error), commits && all_sent && !refused)
            })?;
        }
        Ok(reply)
    }

    /// Puts BEGIN before the requests if it is due; whether it was.
    fn begin<'a>(&'a self, requests: &mut Vec<Request<'a>>) -> bool {
        let begin = match self.mode.get() {
            _ if self.begun.get() => None,
            Mode::Single => None,
            Mode::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            Mode::Serial => Some("BEGIN ISOLATION LEVEL SERIALIZABLE"),
            // Two groups may well want the same rows in opposite orders. The server takes a second to notice a deadlock;
            // going each alone is much quicker than that.
            Mode::Group => Some("BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL lock_timeout = '100ms'"),
        };
        if let Some(begin) = begin {
            requests.insert(0, self.link.command(begin));
            self.begun.set(true);
        }
        begin.is_some()
    }
}

impl Session for Connection {
    fn query(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        if let Some(rows) = self.known(sql, args) {
            return Ok(rows);
        }
        if !text::only_reads(sql) {
            return Err(text::not_reading());
        }
        self.statement(sql, false, Last::Query(sql, args))?.rows()
    }

    fn query_mut(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.note(sql, args);
        self.statement(sql, true, Last::Query(sql, args))?.rows()
    }

    fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
        self.note(sql, args);
        Ok(self.statement(sql, true, Last::Execute(sql, args))?.count())
    }

    fn append(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.note(sql, args);
        self.pending.borrow_mut().add(sql, values(args));
        Ok(())
    }

    fn amend(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.note(sql, args);
        self.pending.borrow_mut().add(sql, values(args));
        Ok(())
    }

    fn prepare(&self, sql: &'static str) -> Result<(), Error> {
        Ok(self.runtime.block_on(self.link.check(sql))?)
    }
}
