//! A running transaction, as the rules of the product see it.

use crate::{Arg, Cells, Error, Row, clock, id};
use std::cell::{OnceCell, RefCell};

/// What an engine does with statements, inside the transaction it has open.
///
/// The methods take `&self` because a reading transaction is shared; the engines keep their state in cells.
pub(crate) trait Session {
    /// Refuses a statement that does not only read.
    fn query(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error>;
    /// The same, with each row shown where it is, until `f` says that it has seen enough.
    fn each(&self, sql: &'static str, args: &[Arg<'_>], f: Visitor<'_>) -> Result<(), Error> {
        self.query(sql, args)?.iter().take_while(|row| f(&Cells::Kept(row))).for_each(drop);
        Ok(())
    }
    /// Says that `query` will be asked this.
    fn expect(&self, _sql: &'static str, _args: &[Arg<'_>]) {}
    fn query_mut(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error>;
    fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error>;
    fn append(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error>;
    fn amend(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error>;
    fn prepare(&self, sql: &'static str) -> Result<(), Error>;
}

/// Looks at a row, and says whether to go on.
pub(crate) type Visitor<'v> = &'v mut dyn FnMut(&Cells<'_>) -> bool;

/// What waits for the durable commit.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// A running transaction. `&Tx` reads, `&mut Tx` writes.
///
/// The first statement that fails ends it: every later one is refused with the same error, and the transaction rolls
/// back even when the function returns `Ok`. To go on after a conflict, say `ON CONFLICT DO NOTHING` and look at the
/// count.
pub struct Tx<'c> {
    session: &'c dyn Session,
    now: OnceCell<i64>,
    failed: RefCell<Option<Error>>,
    after: Vec<Hook>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(session: &'c dyn Session) -> Self {
        Self::at(session, None)
    }

    /// One that goes on where another was broken off: its moment is what it was there, if it had been asked for.
    pub(crate) fn at(session: &'c dyn Session, now: Option<i64>) -> Self {
        let now = now.map_or_else(OnceCell::new, OnceCell::from);
        Self { session, now, failed: RefCell::new(None), after: Vec::new() }
    }

    /// Rows of a statement that only reads. Sees everything this transaction wrote before.
    pub fn query(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.guard(|session| session.query(sql, args))
    }

    /// Says that [`Tx::query`] will be asked this, whatever is found before. A hint, and nothing else: PostgreSQL then asks
    /// it together with what comes before it.
    pub fn expect(&self, sql: &'static str, args: &[Arg<'_>]) {
        self.session.expect(sql, args);
    }

    /// Shows `f` the rows of a statement that only reads, one after the other, and gathers what it makes of them: for
    /// those who would only copy from them. It ends with the first error.
    pub fn each<T, E: From<Error>>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
        mut f: impl FnMut(&Cells<'_>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let (mut made, mut refused) = (Vec::new(), None);
        let mut visit = |row: &Cells<'_>| match f(row) {
            Ok(value) => {
                made.push(value);
                true
            }
            Err(error) => {
                refused = Some(error);
                false
            }
        };
        self.guard(|session| session.each(sql, args, &mut visit))?;
        refused.map_or(Ok(made), Err)
    }

    /// Rows of a statement that writes: `INSERT … RETURNING`.
    pub fn query_mut(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        self.guard(|session| session.query_mut(sql, args))
    }

    /// Runs a statement that writes, and tells how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
        self.guard(|session| session.execute(sql, args))
    }

    /// An `INSERT … VALUES ($1, …, $n)` whose result nobody reads.
    ///
    /// PostgreSQL gathers such rows and sends them in bulk, at the latest with the COMMIT. A row that turns out to
    /// collide then fails the transaction after its function has returned: where a collision is to be answered, use
    /// [`Tx::execute`].
    pub fn append(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.guard(|session| session.append(sql, args))
    }

    /// Like [`Tx::append`], for an UPDATE or DELETE whose count nobody reads.
    pub fn amend(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<(), Error> {
        self.guard(|session| session.amend(sql, args))
    }

    /// Checks `sql` against the schema without running it.
    pub fn prepare(&self, sql: &'static str) -> Result<(), Error> {
        self.guard(|session| session.prepare(sql))
    }

    /// Has `f` run once, after the transaction is durable and before its caller is answered; never when it rolls back.
    /// It runs on a thread of the store: ring a bell, do no work.
    pub fn after_commit(&mut self, f: impl FnOnce() + Send + 'static) {
        self.after.push(Box::new(f));
    }

    /// The one moment of this transaction, in milliseconds since 1970: that at which it is first asked for. Asked after a
    /// row was read, it is not before what another transaction wrote there.
    pub fn now(&self) -> i64 {
        *self.now.get_or_init(clock::now_ms)
    }

    /// Its moment, if it was asked for.
    pub(crate) fn moment(&self) -> Option<i64> {
        self.now.get().copied()
    }

    /// A fresh identifier that sorts after every one this process made before.
    pub fn id(&self) -> [u8; 12] {
        id::fresh()
    }

    /// Randomness of the operating system.
    ///
    /// # Panics
    /// When the operating system has none to give.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        id::random()
    }

    /// The error of the statement that ended this transaction, if one did.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failed.borrow().clone()
    }

    pub(crate) fn take_hooks(&mut self) -> Vec<Hook> {
        std::mem::take(&mut self.after)
    }

    fn guard<T>(&self, statement: impl FnOnce(&dyn Session) -> Result<T, Error>) -> Result<T, Error> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        statement(self.session).inspect_err(|error| *self.failed.borrow_mut() = Some(error.clone()))
    }
}
