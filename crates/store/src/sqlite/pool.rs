//! Connections for reading, used on the threads of their callers.

use super::{connection::Connection, wal_bytes};
use crate::{Contended, Error, Tx, job::run_caught};
use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many idle connections are kept. More may be open at a time, when more threads read at once.
const KEPT: usize = 16;

pub(crate) struct Pool {
    path: PathBuf,
    /// `None` once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Pool {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Some(Vec::with_capacity(KEPT))) }
    }

    /// Runs `f` in a snapshot.
    pub(crate) fn read<T, E>(&self, f: impl Fn(&Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error> + Contended,
    {
        let connection = self.take()?;
        connection.run("BEGIN")?;
        let result = run_caught(|tx| f(tx), &mut Tx::new(&connection));
        // A connection that cannot end its transaction is dropped, and the transaction with it.
        if connection.run("COMMIT").is_ok() {
            self.put_back(connection);
        }
        result
    }

    pub(crate) fn close(&self) {
        *self.idle() = None;
    }

    pub(crate) fn wal_bytes(&self) -> Option<u64> {
        wal_bytes(&self.path)
    }

    fn take(&self) -> Result<Connection, Error> {
        if let Some(connection) = self.idle().as_mut().ok_or_else(Error::closed)?.pop() {
            return Ok(connection);
        }
        Ok(Connection::open_reader(&self.path)?)
    }

    fn put_back(&self, connection: Connection) {
        if let Some(idle) = self.idle().as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
