//! A transaction waiting to run, and the caller waiting for its answer.

use crate::{Contended, Error, Tx, tx::Hook};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{PoisonError, RwLock},
};
use tokio::sync::oneshot;

/// What a transaction wants done with its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Commit,
    Rollback,
    /// Roll back, and run it again.
    Contended,
}

/// A transaction that an engine can run, again if need be, and answer once.
pub(crate) trait Job: Send {
    /// A name shared by the jobs of the same function: a hint for the engine, nothing else.
    fn kind(&self) -> &'static str;
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict;
    /// Answers the caller: with the result of the last run when `outcome` is `Ok`, else with the error.
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

struct Task<F, T, E> {
    f: F,
    kind: &'static str,
    ran: Option<Result<T, E>>,
    hooks: Vec<Hook>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Contended + Send,
{
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict {
        let result = run_caught(&self.f, tx);
        let verdict = match &result {
            Ok(_) => Verdict::Commit,
            Err(error) if error.contended() => Verdict::Contended,
            Err(_) => Verdict::Rollback,
        };
        self.ran = Some(result);
        self.hooks = tx.take_hooks();
        verdict
    }

    fn answer(self: Box<Self>, outcome: Result<(), Error>) {
        let Self { f, ran, hooks, reply, .. } = *self;
        // What the function holds is its caller's again when the answer is there.
        drop(f);
        let result = match outcome {
            Ok(()) => ran.unwrap_or_else(|| Err(Error::closed().into())),
            Err(error) => Err(error.into()),
        };
        if result.is_ok() {
            for hook in hooks {
                // A hook that panics must not take the store's thread with it; the panic is on standard error already.
                let _ = catch_unwind(AssertUnwindSafe(hook));
            }
        }
        // A caller that went away does not need its answer.
        let _ = reply.send(result);
    }
}

/// Runs `f`, turning a panic into an error. A function that swallowed the error of a statement gets it back: its work
/// is rolled back, so it must not report success.
pub(crate) fn run_caught<T, E: From<Error>>(f: impl Fn(&mut Tx<'_>) -> Result<T, E>, tx: &mut Tx<'_>) -> Result<T, E> {
    let result = catch_unwind(AssertUnwindSafe(|| f(tx)))
        .unwrap_or_else(|_| Err(Error::Engine("a transaction panicked".into()).into()));
    match (result, tx.failure()) {
        (Ok(_), Some(error)) => Err(error.into()),
        (result, _) => result,
    }
}

/// Where jobs wait. Closing it lets the threads behind it finish what waits, and then end.
pub(crate) struct Queue(RwLock<Option<flume::Sender<Box<dyn Job>>>>);

/// How many jobs may wait before their callers do.
const QUEUE: usize = 4096;

impl Queue {
    pub(crate) fn new() -> (Self, flume::Receiver<Box<dyn Job>>) {
        let (sender, receiver) = flume::bounded(QUEUE);
        (Self(RwLock::new(Some(sender))), receiver)
    }

    /// Has `f` run as a transaction, and waits for its answer.
    pub(crate) async fn run<T, E>(
        &self,
        kind: &'static str,
        f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Contended + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { f, kind, ran: None, hooks: Vec::new(), reply };
        let sender = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sender = sender.ok_or_else(Error::closed)?;
        sender.send_async(Box::new(task)).await.map_err(|_| Error::closed())?;
        answer.await.map_err(|_| Error::closed())?
    }

    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, flume::Sender::len)
    }
}
