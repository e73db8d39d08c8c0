//! Prepared statements, and what a transaction does with them.

use super::connection::{Connection, cell};
use crate::{
    Arg, Cells, Error, Row, text,
    tx::{Session, Visitor},
    value::Value,
};
use rusqlite::{PrepFlags, Statement};
use std::cell::RefCell;

/// A connection with its prepared statements.
pub(super) trait Statements {
    /// The connection.
    fn connection(&self) -> &Connection;
    /// Runs `f` with a statement, which must only read if that is said.
    fn with<T>(
        &self,
        sql: &'static str,
        only_reads: bool,
        f: impl FnOnce(&mut Statement<'_>) -> Result<T, Error>,
    ) -> Result<T, Error>;
}

/// A reader's: its connection goes from hand to hand, so rusqlite keeps the statements, and looks for them by their text.
impl Statements for Connection {
    fn connection(&self) -> &Connection {
        self
    }

    fn with<T>(
        &self,
        sql: &'static str,
        only_reads: bool,
        f: impl FnOnce(&mut Statement<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        f(&mut *self.told(sql, only_reads, |text| self.sqlite.prepare_cached(text))?)
    }
}

/// The writer's: its connection stays where it is, so statements are kept beside it, and found by where their texts are. A
/// message that is posted and delivered is ten of them.
pub(super) struct Kept<'c> {
    connection: &'c Connection,
    statements: RefCell<text::ByText<Kind<'c>>>,
}

/// A statement, and whether it only reads.
struct Kind<'c> {
    statement: Statement<'c>,
    only_reads: bool,
}

impl<'c> Kept<'c> {
    pub(super) fn on(connection: &'c Connection) -> Self {
        Self { connection, statements: RefCell::default() }
    }

    /// Takes a statement out of the table for as long as it is used: what it shows rows to may use others.
    fn take(&self, sql: &'static str, only_reads: bool) -> Result<Kind<'c>, Error> {
        let kept = self.statements.borrow_mut().remove(&text::key(sql));
        if let Some(kind) = kept.filter(|kind| kind.only_reads || !only_reads) {
            return Ok(kind);
        }
        // Persistent: it keeps off the small memory that SQLite has at hand for what runs.
        let prepare =
            |text: &str| self.connection.sqlite.prepare_with_flags(text, PrepFlags::SQLITE_PREPARE_PERSISTENT);
        let statement = self.connection.told(sql, only_reads, prepare)?;
        Ok(Kind { statement, only_reads })
    }
}

impl Statements for Kept<'_> {
    fn connection(&self) -> &Connection {
        self.connection
    }

    fn with<T>(
        &self,
        sql: &'static str,
        only_reads: bool,
        f: impl FnOnce(&mut Statement<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut kind = self.take(sql, only_reads)?;
        let outcome = f(&mut kind.statement);
        self.statements.borrow_mut().insert(text::key(sql), kind);
        outcome
    }
}

impl<S: Statements> Session for S {
    fn query(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.with(sql, true, |statement| rows(statement, args))
    }

    fn each(&self, sql: &'static str, args: &[Arg<'_>], f: Visitor<'_>) -> Result<(), Error> {
        self.with(sql, true, |statement| {
            let mut rows = statement.query(rusqlite::params_from_iter(args))?;
            while let Some(row) = rows.next()? {
                if !f(&Cells::Sqlite(row)) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn query_mut(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.connection().before_write()?;
        self.with(sql, false, |statement| rows(statement, args))
    }

    fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
        self.connection().before_write()?;
        self.with(sql, false, |statement| Ok(statement.execute(rusqlite::params_from_iter(args))? as u64))
    }

    fn append(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.execute(sql, args).map(drop)
    }

    fn amend(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.execute(sql, args).map(drop)
    }

    fn prepare(&self, sql: &'static str) -> Result<(), Error> {
        self.with(sql, false, |_| Ok(()))
    }
}

fn rows(statement: &mut Statement<'_>, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
    let width = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(args))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(Row((0..width).map(|i| Ok(Value::from(cell(row, i)?))).collect::<Result<_, Error>>()?));
    }
    Ok(out)
}
