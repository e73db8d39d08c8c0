//! Counters of what the store has done: cheap to keep and cheap to read.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// The upper bounds of [`Stats::groups`]. The last bucket has none.
pub const GROUP_BOUNDS: [u64; 6] = [1, 4, 16, 64, 256, u64::MAX];

/// What the store has done since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable commits.
    pub commits: u64,
    /// Writing transactions run: several may share a commit.
    pub transactions: u64,
    /// Reading transactions run.
    pub reads: u64,
    /// Commits by how many transactions shared them; bucket `i` counts up to `GROUP_BOUNDS[i]`.
    pub groups: [u64; GROUP_BOUNDS.len()],
    /// Transactions run again because others got there first or the connection broke.
    pub retries: u64,
    /// Transactions waiting for their turn.
    pub queued: usize,
    /// Size of SQLite's write-ahead log file.
    pub wal_bytes: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    transactions: AtomicU64,
    reads: AtomicU64,
    groups: [AtomicU64; GROUP_BOUNDS.len()],
    retries: AtomicU64,
}

impl Counters {
    pub(crate) fn committed(&self, transactions: usize) {
        let transactions = transactions as u64;
        self.commits.fetch_add(1, AcqRel);
        self.transactions.fetch_add(transactions, Relaxed);
        if let Some(bucket) = GROUP_BOUNDS.iter().position(|bound| transactions <= *bound) {
            self.groups[bucket].fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn read(&self) {
        self.reads.fetch_add(1, Relaxed);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// A commit is counted when it is durable and before anybody hears of it.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Acquire)
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            commits: self.commits(),
            transactions: self.transactions.load(Relaxed),
            reads: self.reads.load(Relaxed),
            groups: std::array::from_fn(|bucket| self.groups[bucket].load(Relaxed)),
            retries: self.retries.load(Relaxed),
            queued: 0,
            wal_bytes: None,
        }
    }
}
