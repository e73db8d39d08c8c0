//! The threads that serve a queue: started when they are needed, the latest at rest called first, gone when idle for long.

use super::worker::{Shared, Worker};
use crate::job::{Bell, Job};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// After how long at rest a thread ends, and with it its connection. One of them stays.
const IDLE: Duration = Duration::from_secs(60);
/// After how long with one job a thread is not counted on for the next ones.
const STUCK_MS: u64 = 50;

/// What the threads of a crew do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads are quick and do not get into each other's way: each gets a thread at once if it can.
    Read,
    /// Writes share commits, and transactions side by side may collide: one thread takes them all, unless it is long with
    /// one of them.
    Write,
}

pub(super) struct Crew {
    pub(super) role: Role,
    pub(super) shared: Arc<Shared>,
    jobs: flume::Receiver<Box<dyn Job>>,
    most: usize,
    hands: Mutex<Hands>,
    /// How many of its threads have a connection.
    pub(super) connected: AtomicUsize,
    since: Instant,
    /// When a job was last taken, in milliseconds since then.
    taken_at: AtomicU64,
    me: Weak<Self>,
}

#[derive(Default)]
struct Hands {
    all: usize,
    /// Who rests, each with its bell.
    resting: Vec<Arc<Notify>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// A crew of at most so many threads. There are none yet.
    pub(super) fn new(role: Role, most: usize, shared: &Arc<Shared>, jobs: flume::Receiver<Box<dyn Job>>) -> Arc<Self> {
        let shared = Arc::clone(shared);
        Arc::new_cyclic(|me| Self {
            role,
            shared,
            jobs,
            most,
            hands: Mutex::default(),
            connected: AtomicUsize::new(0),
            since: Instant::now(),
            taken_at: AtomicU64::new(0),
            me: me.clone(),
        })
    }

    /// A job that waits.
    pub(super) fn take(&self) -> Option<Box<dyn Job>> {
        self.jobs.try_recv().ok().inspect(|_| self.taken_at.store(self.now_ms(), Relaxed))
    }

    /// Up to so many jobs that wait.
    pub(super) fn take_up_to(&self, count: usize) -> impl Iterator<Item = Box<dyn Job>> {
        self.jobs.try_iter().take(count)
    }

    /// Whether there is nothing to do, and never will be.
    pub(super) fn is_over(&self) -> bool {
        self.jobs.is_disconnected() && self.jobs.is_empty()
    }

    /// Waits until there may be a job. False when it is time to end: then the thread is not counted on any more.
    pub(super) async fn rest(&self, bell: &Arc<Notify>) -> bool {
        self.hands().resting.push(Arc::clone(bell));
        // What came before we were known to rest has not rung for us.
        let waits = !self.jobs.is_empty() || self.jobs.is_disconnected();
        let rung = waits || tokio::time::timeout(IDLE, bell.notified()).await.is_ok();
        let mut hands = self.hands();
        // Who does not rest any more was rung for just now.
        let idle = hands.rise(bell) && !rung && hands.all > 1;
        let stays = !idle && !self.is_over();
        hands.all -= usize::from(!stays);
        stays
    }

    /// A thread ends that did not rest. Jobs that waited for it must not wait for ever.
    pub(super) fn leave(&self) {
        let mut hands = self.hands();
        hands.all -= 1;
        let forsaken = hands.all == 0 && !self.jobs.is_empty();
        drop(hands);
        if forsaken {
            self.call(true);
        }
    }

    fn now_ms(&self) -> u64 {
        self.since.elapsed().as_millis() as u64
    }

    /// Has one more thread look for jobs, if there is or may be one. Unless `another` is wanted, one that is up will do.
    fn call(&self, another: bool) {
        let mut hands = self.hands();
        if hands.all > hands.resting.len() && !another {
            return;
        }
        if let Some(bell) = hands.resting.pop() {
            return bell.notify_one();
        }
        let Some(me) = self.me.upgrade().filter(|_| hands.all < self.most) else { return };
        let name = format!("{:?}-{}", self.role, hands.all).to_lowercase();
        hands.threads.retain(|thread| !thread.is_finished());
        match std::thread::Builder::new().name(name).spawn(move || Worker::new(me).serve()) {
            Ok(thread) => {
                hands.all += 1;
                hands.threads.push(thread);
            }
            Err(error) => tracing::error!(%error, "a thread of the store cannot start"),
        }
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    /// Takes one off the list of those who rest; false if it was not on it.
    fn rise(&mut self, bell: &Arc<Notify>) -> bool {
        let place = self.resting.iter().position(|other| Arc::ptr_eq(other, bell));
        place.map(|place| self.resting.remove(place)).is_some()
    }
}

impl Bell for Crew {
    fn ring(&self) {
        self.call(self.role == Role::Read);
    }

    fn hurry(&self) {
        // While jobs are taken there is more to do than can be done, and another hand would only be in the way.
        let stuck = self.now_ms().saturating_sub(self.taken_at.load(Relaxed)) >= STUCK_MS;
        if stuck && !self.jobs.is_empty() {
            self.call(true);
        }
    }

    fn last(&self) -> Vec<JoinHandle<()>> {
        let mut hands = self.hands();
        hands.resting.drain(..).for_each(|bell| bell.notify_one());
        std::mem::take(&mut hands.threads)
    }
}
