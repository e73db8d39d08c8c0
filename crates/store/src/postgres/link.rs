//! The requests of a session: statements prepared once, said for one or for many, and sent without waiting in between.

use super::{codec, connect::Failure, draft::Question, pending::Batch};
use crate::{
    Arg, Error, Row,
    text::{self, ByText},
    value::Value,
};
use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
};
use tokio_postgres::{
    Client, Statement,
    types::{ToSql, Type},
};

/// A client, and the statements it has prepared.
pub(super) struct Link {
    pub(super) client: Client,
    statements: RefCell<ByText<Rc<Prepared>>>,
}

/// A statement on the server, and its form for many if it has one.
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

/// The answer to a request.
pub(super) enum Reply {
    Rows(Vec<tokio_postgres::Row>),
    Count(u64),
}

impl Reply {
    pub(super) fn rows(&self) -> Result<Vec<Row>, Error> {
        match self {
            Self::Rows(rows) => rows.iter().map(|row| codec::row(row, 0)).collect(),
            Self::Count(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Rows(rows) => rows.len() as u64,
            Self::Count(count) => *count,
        }
    }

    /// The rows of the answers to `count` questions that were asked as one.
    fn shared_out(&self, count: usize) -> Result<Vec<Vec<Row>>, Error> {
        let mut answers = vec![Vec::new(); count];
        let Self::Rows(rows) = self else { return Ok(answers) };
        for row in rows {
            let number = codec::row(row, 0)?.int(0)?;
            let answer = usize::try_from(number - 1).ok().and_then(|at| answers.get_mut(at));
            answer.ok_or_else(|| Error::Engine(format!("a row for question {number}")))?.push(codec::row(row, 1)?);
        }
        Ok(answers)
    }
}

/// A request, sent when it is first polled.
pub(super) type Request<'a> = Pin<Box<dyn Future<Output = Result<Reply, tokio_postgres::Error>> + 'a>>;

/// Questions of the same text, and whether they are asked as one.
pub(super) struct Round {
    questions: Vec<Question>,
    many: Option<Statement>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self { client, statements: RefCell::default() }
    }

    pub(super) fn command(&self, sql: &'static str) -> Request<'_> {
        Box::pin(async move { self.client.batch_execute(sql).await.map(|()| Reply::Count(0)) })
    }

    pub(super) async fn query<'a>(&'a self, sql: &'static str, args: &[Arg<'a>]) -> Result<Request<'a>, Failure> {
        let (prepared, args) = (self.prepared(sql).await?, args.to_vec());
        Ok(Box::pin(async move { self.client.query(&prepared.one, &dynamic(&args)).await.map(Reply::Rows) }))
    }

    pub(super) async fn execute<'a>(&'a self, sql: &'static str, args: &[Arg<'a>]) -> Result<Request<'a>, Failure> {
        let (prepared, args) = (self.prepared(sql).await?, args.to_vec());
        Ok(Box::pin(async move { self.client.execute(&prepared.one, &dynamic(&args)).await.map(Reply::Count) }))
    }

    /// Adds what does the writes of a batch.
    pub(super) async fn write<'a>(&'a self, batch: &'a Batch, requests: &mut Vec<Request<'a>>) -> Result<(), Failure> {
        match self.many(batch.sql, batch.rows.len()).await? {
            Some(many) => {
                let columns = columns(&many, batch.rows.iter())?;
                requests.push(Box::pin(async move {
                    self.client.execute(&many, &dynamic(&columns)).await.map(Reply::Count)
                }));
            }
            None => {
                for row in &batch.rows {
                    requests.push(self.execute(batch.sql, &as_args(row)).await?);
                }
            }
        }
        Ok(())
    }

    /// How questions are asked: those of the same text together.
    pub(super) async fn rounds(&self, questions: Vec<Question>) -> Result<Vec<Round>, Failure> {
        let mut by_text: ByText<Vec<Question>> = ByText::default();
        for question in questions {
            by_text.entry(text::key(question.sql)).or_default().push(question);
        }
        let mut rounds = Vec::with_capacity(by_text.len());
        for questions in by_text.into_values() {
            let many = self.many(questions[0].sql, questions.len()).await?;
            rounds.push(Round { questions, many });
        }
        Ok(rounds)
    }

    /// Adds what asks the questions of a round.
    pub(super) async fn ask<'a>(&'a self, round: &'a Round, requests: &mut Vec<Request<'a>>) -> Result<(), Failure> {
        match &round.many {
            Some(many) => {
                let columns = columns(many, round.questions.iter().map(|question| &question.row))?;
                requests
                    .push(Box::pin(async move { self.client.query(many, &dynamic(&columns)).await.map(Reply::Rows) }));
            }
            None => {
                for question in &round.questions {
                    requests.push(self.query(question.sql, &as_args(&question.row)).await?);
                }
            }
        }
        Ok(())
    }

    /// Has `sql` prepared, and its form for many as well.
    pub(super) async fn check(&self, sql: &'static str) -> Result<(), Failure> {
        self.prepared(sql).await?;
        self.many(sql, usize::MAX).await.map(drop)
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

    /// The form of `sql` for so many, if they are several and it has one.
    async fn many(&self, sql: &'static str, count: usize) -> Result<Option<Statement>, Failure> {
        if count == 1 {
            return Ok(None);
        }
        let prepared = self.prepared(sql).await?;
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

    pub(super) fn understand(&self, error: tokio_postgres::Error) -> Failure {
        // After a migration by another server a plan may no longer fit; a fresh one does.
        let stale = error.as_db_error().is_some_and(|db| db.message().starts_with("cached plan"));
        if stale {
            self.statements.borrow_mut().clear();
            return Failure::Refused(Error::Contention);
        }
        error.into()
    }
}

impl Round {
    /// Shares out the answers: a reply for each request that this round has added.
    pub(super) fn answers(self, replies: &mut impl Iterator<Item = Reply>) -> Result<Vec<(Question, Vec<Row>)>, Error> {
        let count = self.questions.len();
        let answers = match self.many {
            Some(_) => replies.next().map_or_else(|| Ok(vec![Vec::new(); count]), |reply| reply.shared_out(count))?,
            None => replies.take(count).map(|reply| reply.rows()).collect::<Result<_, _>>()?,
        };
        Ok(self.questions.into_iter().zip(answers).collect())
    }
}

fn dynamic<T: ToSql + Sync>(args: &[T]) -> Vec<&(dyn ToSql + Sync)> {
    args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect()
}

fn as_args(values: &[Value]) -> Vec<Arg<'_>> {
    values.iter().map(Value::as_arg).collect()
}

/// An array per parameter.
fn columns<'a>(
    statement: &Statement,
    rows: impl Iterator<Item = &'a Vec<Value>>,
) -> Result<Vec<Vec<Arg<'a>>>, Failure> {
    let width = statement.params().len();
    let mut columns = vec![Vec::new(); width];
    for row in rows {
        if row.len() != width {
            let why = format!("a statement of {width} parameters was given {}", row.len());
            return Err(Failure::Refused(Error::Engine(why)));
        }
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value.as_arg());
        }
    }
    Ok(columns)
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
    text::bulk(sql, &names?)
}

/// Sends all requests in their order, then waits for all answers. A request is sent when its future is first polled, so
/// each is polled once before the first is waited for. Nothing is sent behind one that could not be: a COMMIT must not
/// go without a write before it. The answers end with the error then.
pub(super) async fn in_order(mut requests: Vec<Request<'_>>) -> Vec<Result<Reply, tokio_postgres::Error>> {
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
