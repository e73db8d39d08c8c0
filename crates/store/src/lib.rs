//! The store: SQL transactions as functions, the same on SQLite and on PostgreSQL.
//!
//! A transaction is a function. `&Tx` reads a snapshot, `&mut Tx` writes in a serial world, and the function may run
//! again when somebody else got there first, so it must have no effect besides its statements. There is one text per
//! statement for both engines; `text.rs` has its rules. The store knows tables and rows, and none of the nouns in them.

pub mod clock;
mod error;
mod id;
mod job;
mod migrate;
mod postgres;
mod sqlite;
mod stats;
mod text;
mod tx;
mod value;

pub use error::{Contended, Error, OpenError};
pub use id::{at as id_at, fresh as fresh_id};
pub use migrate::Migration;
pub use stats::{GROUP_BOUNDS, Stats};
pub use tx::Tx;
pub use value::{Arg, Cells, Row};

use job::Queue;
use stats::Counters;
use std::{
    any::type_name_of_val,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

/// Which engine keeps the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file of our own.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// How to open a store. Not `Debug`: the URL may hold a password.
#[derive(Clone)]
pub struct Options {
    /// `sqlite:PATH`, `postgres://…` or `postgresql://…`.
    pub url: String,
    /// Whether to be the only server on this database. For SQLite: several servers may share a PostgreSQL database.
    pub exclusive: bool,
    /// How many connections to hold to PostgreSQL at most; two at least. They are opened when they are needed.
    pub connections: usize,
}

impl Options {
    fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme))
    }

    fn unknown() -> OpenError {
        OpenError::BadUrl("it should begin with sqlite: or postgres://".into())
    }
}

/// A database, open. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Engine,
    writes: Queue,
    reads: Reads,
    threads: Mutex<Vec<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

/// How reading transactions reach their engine.
enum Reads {
    /// SQLite: on the caller's own thread, which is quicker than any hand-over.
    Here(Arc<sqlite::Pool>),
    /// PostgreSQL: on the thread of a connection.
    There(Queue),
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the threads of the store. Blocks.
    pub fn open(options: &Options, migrations: &'static [Migration]) -> Result<Self, OpenError> {
        let counters = Arc::new(Counters::default());
        let (engine, writes, reads, threads) = if let Some(path) = options.url.strip_prefix("sqlite:") {
            let path = sqlite::path(path)?;
            let (writes, jobs) = Queue::new();
            let (pool, thread) = sqlite::start(path, options.exclusive, migrations, jobs, Arc::clone(&counters))?;
            (Engine::Sqlite, writes, Reads::Here(pool), vec![thread])
        } else if options.is_postgres() {
            let (writes, reads) = postgres::start(options, migrations, &counters)?;
            (Engine::Postgres, writes, Reads::There(reads), Vec::new())
        } else {
            return Err(Options::unknown());
        };
        Ok(Self(Arc::new(Inner { engine, writes, reads, threads: Mutex::new(threads), counters })))
    }

    /// Whether there is such a database: `open` would make one where there is none. Makes nothing. Blocks.
    pub fn exists(options: &Options) -> Result<bool, OpenError> {
        match options.url.strip_prefix("sqlite:") {
            Some(path) => Ok(sqlite::path(path)?.exists()),
            None if options.is_postgres() => postgres::exists(options),
            None => Err(Options::unknown()),
        }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// Runs `f` in a read-only snapshot. It may run again, so it must have no effect of its own.
    pub async fn read<T, E>(&self, f: impl Fn(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Contended + Send + 'static,
    {
        self.0.counters.read();
        match &self.0.reads {
            Reads::Here(pool) => pool.read(f),
            Reads::There(queue) => queue.run(type_name_of_val(&f), move |tx| f(tx)).await,
        }
    }

    /// Runs `f` in a serializable transaction, and answers once it is durable. It may run again, so it must have no
    /// effect of its own besides [`Tx::after_commit`].
    pub async fn write<T, E>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Contended + Send + 'static,
    {
        self.0.writes.run(type_name_of_val(&f), f).await
    }

    /// Finishes the transactions that wait and closes the database. Blocks. Later transactions are refused.
    pub fn close(&self) {
        let mut threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.extend(self.0.writes.close());
        match &self.0.reads {
            Reads::Here(pool) => pool.close(),
            Reads::There(queue) => threads.extend(queue.close()),
        }
        for thread in threads {
            // A thread cannot wait for itself: `close` may be called from a hook of a transaction.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }

    /// What the store has done since it was opened.
    pub fn stats(&self) -> Stats {
        let (reading, wal_bytes) = match &self.0.reads {
            Reads::Here(pool) => (0, pool.wal_bytes()),
            Reads::There(queue) => (queue.len(), None),
        };
        Stats { queued: self.0.writes.len() + reading, wal_bytes, ..self.0.counters.stats() }
    }
}
