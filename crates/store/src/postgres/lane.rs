//! Jobs that lost to others stand in one lane and go one at a time, so that at least they do not fight each other.

use crate::job::Job;
use std::sync::{Mutex, MutexGuard, TryLockError};

pub(super) struct Lane {
    sender: flume::Sender<Box<dyn Job>>,
    receiver: flume::Receiver<Box<dyn Job>>,
    turn: Mutex<()>,
}

impl Lane {
    pub(super) fn new() -> Self {
        let (sender, receiver) = flume::unbounded();
        Self { sender, receiver, turn: Mutex::new(()) }
    }

    /// No bound is needed: whoever puts a job here has taken it from a queue that has one.
    pub(super) fn join(&self, job: Box<dyn Job>) {
        // The lane holds its own receiver, so it cannot be disconnected.
        let _ = self.sender.send(job);
    }

    /// Serves the lane with `serve`, unless it is empty or another thread is at it. Whoever is at it looks again after
    /// letting go, so a job that joins meanwhile is never left standing.
    pub(super) fn drain(&self, mut serve: impl FnMut(Box<dyn Job>)) {
        while !self.receiver.is_empty() {
            let Some(_turn) = self.turn() else { return };
            while let Ok(job) = self.receiver.try_recv() {
                serve(job);
            }
        }
    }

    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
