//! A session with the server, and the transaction that is open in it.
//!
//! Requests are sent together wherever the answer to one is not needed for the next: BEGIN goes with the first
//! statement, gathered writes go with the statement that needs them, and COMMIT goes with the last of them.

use super::{
    codec,
    connect::{Failure, Target},
    pending::{Pending, Write},
};
use crate::{
    Arg, Error, Row,
    text::{self, Key},
    tx::Session,
    value::Value,
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_postgres::{
    Client, Statement,
    types::{ToSql, Type},
};

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
    client: Client,
    task: JoinHandle<()>,
    statements: RefCell<HashMap<Key, Rc<Prepared>>>,
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
}

/// A statement on the server, and its form for many rows if it is an INSERT that has one.
struct Prepared {
    one: Statement,
    many: RefCell<Many>,
}

#[derive(Clone)]
enum Many {
    Unknown,
    None,
    Statement(Statement),
}

/// The answer to one request of a flight.
enum Reply {
    Rows(Vec<tokio_postgres::Row>),
    Count(u64),
}

impl Reply {
    fn rows(&self) -> Result<Vec<Row>, Error> {
        match self {
            Self::Rows(rows) => codec::rows(rows),
            Self::Count(_) => Ok(Vec::new()),
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Rows(rows) => rows.len() as u64,
            Self::Count(count) => *count,
        }
    }
}

type Request<'a> = Pin<Box<dyn Future<Output = Result<Reply, tokio_postgres::Error>> + 'a>>;

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
            client,
            task,
            statements: RefCell::default(),
            mode: Cell::new(Mode::Snapshot),
            begun: Cell::new(false),
            asked: Cell::new(false),
            outgrown: Cell::new(false),
            wrote: Cell::new(false),
            failure: RefCell::default(),
            pending: RefCell::default(),
        })
    }

    /// Prepares for a transaction. Nothing is sent before its first statement.
    pub(super) fn start(&self, mode: Mode) {
        self.mode.set(mode);
        self.begun.set(false);
        self.outgrown.set(false);
        *self.failure.borrow_mut() = None;
        *self.pending.borrow_mut() = Pending::new(mode != Mode::Group);
        self.start_job();
    }

    /// Prepares for the next job of the same transaction.
    pub(super) fn start_job(&self) {
        self.asked.set(false);
        self.wrote.set(false);
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.client.is_closed() && !self.lost()
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
            let mut rollback = Box::pin(self.client.batch_execute("ROLLBACK"));
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
        let Self { runtime, client, task, statements, .. } = self;
        drop((statements, client));
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
        let gathered = writes || self.pending.borrow().shows_in(sql, last.args());
        let writes = if gathered { self.pending.borrow_mut().take() } else { Vec::new() };
        let done = self.runtime.block_on(self.flight(writes, last));
        done.map_err(|(failure, _)| {
            *self.failure.borrow_mut() = Some(failure.clone());
            Error::from(failure)
        })
    }

    /// Sends BEGIN if it is due, then `writes`, then `last`, and waits for all the answers. An error comes with whether
    /// the COMMIT may have been carried out.
    async fn flight(&self, writes: Vec<Write>, last: Last<'_>) -> Result<Reply, (Failure, bool)> {
        let early = |failure| (failure, false);
        let mut requests: Vec<Request<'_>> = Vec::with_capacity(writes.len() + 2);
        for write in &writes {
            self.add_write(write, &mut requests).await.map_err(early)?;
        }
        let commits = matches!(last, Last::Commit);
        match last {
            Last::Commit => requests.push(self.command("COMMIT")),
            Last::Query(sql, args) => {
                let statement = self.prepared(sql).await.map_err(early)?;
                requests.push(Box::pin(async move {
                    let args: Vec<_> = args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect();
                    self.client.query(&statement.one, &args).await.map(Reply::Rows)
                }));
            }
            Last::Execute(sql, args) => {
                let statement = self.prepared(sql).await.map_err(early)?;
                requests.push(self.one(statement.one.clone(), args.to_vec()));
            }
        }
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
            requests.insert(0, self.command(begin));
            self.begun.set(true);
        }
        let end = requests.len();
        let answers = in_order(requests).await;
        let all_sent = answers.len() == end;
        let mut reply = Reply::Count(0);
        for (i, answer) in answers.into_iter().enumerate() {
            reply = answer.map_err(|error| {
                // When the server itself refuses an earlier request, the COMMIT after it only rolls back. When the
                // connection breaks, the COMMIT may have arrived all the same.
                let refused = error.as_db_error().is_some() && i + 1 < end;
                (self.understand(error), commits && all_sent && !refused)
            })?;
        }
        Ok(reply)
    }

    /// Adds the requests for a gathered write.
    async fn add_write<'a>(&'a self, write: &'a Write, requests: &mut Vec<Request<'a>>) -> Result<(), Failure> {
        match write {
            Write::Amend { sql, args } => {
                let statement = self.prepared(sql).await?;
                requests.push(self.one(statement.one.clone(), as_args(args)));
            }
            Write::Append { sql, rows } => {
                let statement = self.prepared(sql).await?;
                let many = if rows.len() > 1 { self.prepared_many(sql, &statement).await? } else { None };
                match many {
                    Some(many) => requests.push(self.many(many, rows)?),
                    None => requests.extend(rows.iter().map(|row| self.one(statement.one.clone(), as_args(row)))),
                }
            }
        }
        Ok(())
    }

    fn command(&self, sql: &'static str) -> Request<'_> {
        Box::pin(async move { self.client.batch_execute(sql).await.map(|()| Reply::Count(0)) })
    }

    fn one<'a>(&'a self, statement: Statement, args: Vec<Arg<'a>>) -> Request<'a> {
        Box::pin(async move {
            let args: Vec<_> = args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect();
            self.client.execute(&statement, &args).await.map(Reply::Count)
        })
    }

    /// All rows in one statement, an array per column.
    fn many<'a>(&'a self, statement: Statement, rows: &'a [Vec<Value>]) -> Result<Request<'a>, Failure> {
        let width = statement.params().len();
        if let Some(row) = rows.iter().find(|row| row.len() != width) {
            let why = format!("a statement of {width} parameters was given {}", row.len());
            return Err(Failure::Refused(Error::Engine(why)));
        }
        let columns: Vec<Vec<Arg<'_>>> = (0..width).map(|i| rows.iter().map(|row| row[i].as_arg()).collect()).collect();
        Ok(Box::pin(async move {
            let args: Vec<_> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
            self.client.execute(&statement, &args).await.map(Reply::Count)
        }))
    }

    async fn prepared(&self, sql: &'static str) -> Result<Rc<Prepared>, Failure> {
        if let Some(prepared) = self.statements.borrow().get(&text::key(sql)) {
            return Ok(Rc::clone(prepared));
        }
        let one = self.client.prepare(sql).await.map_err(|error| self.understand(error))?;
        let prepared = Rc::new(Prepared { one, many: RefCell::new(Many::Unknown) });
        self.statements.borrow_mut().insert(text::key(sql), Rc::clone(&prepared));
        Ok(prepared)
    }

    async fn prepared_many(&self, sql: &str, prepared: &Prepared) -> Result<Option<Statement>, Failure> {
        let known = prepared.many.borrow().clone();
        let many = match known {
            Many::None => return Ok(None),
            Many::Statement(statement) => return Ok(Some(statement)),
            Many::Unknown => match bulk_text(sql, prepared.one.params()) {
                Some(sql) => Some(self.client.prepare(&sql).await.map_err(|error| self.understand(error))?),
                None => None,
            },
        };
        *prepared.many.borrow_mut() = many.clone().map_or(Many::None, Many::Statement);
        Ok(many)
    }

    fn understand(&self, error: tokio_postgres::Error) -> Failure {
        // After a migration by another server a plan may no longer fit; a fresh one does.
        let stale = error.as_db_error().is_some_and(|db| db.message().starts_with("cached plan"));
        if stale {
            self.statements.borrow_mut().clear();
            return Failure::Refused(Error::Contention);
        }
        error.into()
    }
}

impl Session for Connection {
    fn query(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        if !text::only_reads(sql) {
            return Err(text::not_reading());
        }
        self.statement(sql, false, Last::Query(sql, args))?.rows()
    }

    fn query_mut(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.wrote.set(true);
        self.statement(sql, true, Last::Query(sql, args))?.rows()
    }

    fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
        self.wrote.set(true);
        Ok(self.statement(sql, true, Last::Execute(sql, args))?.count())
    }

    fn append(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.wrote.set(true);
        self.pending.borrow_mut().append(sql, args);
        Ok(())
    }

    fn amend(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.wrote.set(true);
        self.pending.borrow_mut().amend(sql, args);
        Ok(())
    }

    fn prepare(&self, sql: &'static str) -> Result<(), Error> {
        Ok(self.runtime.block_on(self.prepared(sql)).map(drop)?)
    }
}

fn as_args(values: &[Value]) -> Vec<Arg<'_>> {
    values.iter().map(Value::as_arg).collect()
}

fn bulk_text(sql: &str, types: &[Type]) -> Option<String> {
    let names: Option<Vec<_>> = types
        .iter()
        .map(|ty| match *ty {
            Type::TEXT => Some("text"),
            Type::INT8 => Some("int8"),
            _ => None,
        })
        .collect();
    text::bulk_insert(sql, &names?)
}

/// Sends all requests in their order, then waits for all answers. A request is sent when its future is first polled, so
/// each is polled once before the first is waited for. Nothing is sent behind one that could not be: a COMMIT must not
/// go without a write before it. The answers end with the error then.
async fn in_order(mut requests: Vec<Request<'_>>) -> Vec<Result<Reply, tokio_postgres::Error>> {
    let mut sent: Vec<Option<_>> = Vec::with_capacity(requests.len());
    poll_fn(|cx| {
        for request in &mut requests {
            match request.as_mut().poll(cx) {
                Poll::Pending => sent.push(None),
                Poll::Ready(answer) => {
                    let failed = answer.is_err();
                    sent.push(Some(answer));
                    if failed {
                        break;
                    }
                }
            }
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(sent.len());
    for (answer, request) in sent.into_iter().zip(requests) {
        answers.push(match answer {
            Some(answer) => answer,
            None => request.await,
        });
    }
    answers
}
