//! A transaction waiting to run, and the caller waiting for its answer.

use crate::{Contended, Error, Tx, tx::Hook};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError, RwLock},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

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
    /// Runs what waits for the commit of the last run, which is durable now.
    fn committed(&mut self);
    /// Answers the caller: with the result of the last run when `outcome` is `Ok`, else with the error. What waits for the
    /// commit runs before, unless it has.
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

    fn committed(&mut self) {
        if !matches!(self.ran, Some(Ok(_))) {
            return;
        }
        for hook in std::mem::take(&mut self.hooks) {
            // A hook that panics must not take the store's thread with it; the panic is on standard error already.
            let _ = catch_unwind(AssertUnwindSafe(hook));
        }
    }

    fn answer(mut self: Box<Self>, outcome: Result<(), Error>) {
        if outcome.is_ok() {
            self.committed();
        }
        let Self { f, ran, reply, .. } = *self;
        // What the function holds is its caller's again when the answer is there.
        drop(f);
        let result = match outcome {
            Ok(()) => ran.unwrap_or_else(|| Err(Error::closed().into())),
            Err(error) => Err(error.into()),
        };
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

/// Whoever serves a queue, and wants to be told of jobs instead of waiting for them.
pub(crate) trait Bell: Send + Sync {
    /// A job has come.
    fn ring(&self);
    /// A job has been waiting for long.
    fn hurry(&self);
    /// No more will come. The threads that end now.
    fn last(&self) -> Vec<JoinHandle<()>>;
}

/// Where jobs wait. Closing it lets the threads behind it finish what waits, and then end.
pub(crate) struct Queue {
    sender: RwLock<Option<flume::Sender<Box<dyn Job>>>>,
    bell: Option<Arc<dyn Bell>>,
}

/// How many jobs may wait before their callers do.
const QUEUE: usize = 4096;
/// How long a job waits before it asks for more hands.
const LONG: Duration = Duration::from_millis(100);

impl Queue {
    pub(crate) fn new() -> (Self, flume::Receiver<Box<dyn Job>>) {
        let (sender, receiver) = flume::bounded(QUEUE);
        (Self { sender: RwLock::new(Some(sender)), bell: None }, receiver)
    }

    /// A queue whose server is told of jobs.
    pub(crate) fn served_by<B: Bell + 'static>(server: impl FnOnce(flume::Receiver<Box<dyn Job>>) -> Arc<B>) -> Self {
        let (queue, jobs) = Self::new();
        Self { bell: Some(server(jobs)), ..queue }
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
        let (reply, mut answer) = oneshot::channel();
        let task = Task { f, kind, ran: None, hooks: Vec::new(), reply };
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sender = sender.ok_or_else(Error::closed)?;
        sender.send_async(Box::new(task)).await.map_err(|_| Error::closed())?;
        drop(sender);
        if let Some(bell) = &self.bell {
            bell.ring();
            // In a box: a timer is aligned to a cache line, and every future that holds one would be, too.
            match Box::pin(timeout(LONG, &mut answer)).await {
                Ok(answer) => return answer.map_err(|_| Error::closed())?,
                Err(_) => bell.hurry(),
            }
        }
        answer.await.map_err(|_| Error::closed())?
    }

    /// Has whoever serves it get ready for the first job.
    pub(crate) fn call(&self) {
        self.bell.iter().for_each(|bell| bell.ring());
    }

    /// Refuses later jobs. Those who end once the earlier ones are done, as far as they can be told.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.bell.as_ref().map(|bell| bell.last()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.sender.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, flume::Sender::len)
    }
}
