//! What is known of targets, and how much of the node those may take that are not known to be good. Pure.

use heliograph_wire::id::WebhookId;
use std::{collections::HashMap, time::Duration};

/// How many calls one target gets side by side: at first, and at most.
const FIRST_CALLS: usize = 8;
pub const MAX_CALLS_OF_ONE: usize = 64;
/// Who takes longer than this does badly.
pub const SLOW: Duration = Duration::from_secs(2);
/// Of four parts of what a node has, so many may go to targets of which nothing good is known, and to those that do badly.
const UNKNOWN_PARTS: usize = 3;
const BAD_PARTS: usize = 2;
const PARTS: usize = 4;
/// Of how many targets is kept how they did. Past it all is learned anew.
const MAX_KNOWN: usize = 100_000;

/// What is known of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet.
    Unknown,
    /// The last call arrived, and soon.
    Good,
    /// It did not.
    Bad,
}

impl Standing {
    /// Those that are served first come first.
    pub const ALL: [Self; 3] = [Self::Good, Self::Unknown, Self::Bad];

    /// What targets of this standing may take of something.
    pub fn share(self, of: usize) -> usize {
        let parts = match self {
            Self::Good => PARTS,
            Self::Unknown => UNKNOWN_PARTS,
            Self::Bad => BAD_PARTS,
        };
        (of * parts / PARTS).max(1)
    }
}

/// How a target did so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is known of it.
    pub standing: Standing,
    /// How many calls it gets side by side.
    pub limit: usize,
}

impl Default for Record {
    fn default() -> Self {
        Self { standing: Standing::Unknown, limit: FIRST_CALLS }
    }
}

impl Record {
    /// Of one that has been failing.
    pub const FAILING: Self = Self { standing: Standing::Bad, limit: 1 };

    /// Learns from a call that is over.
    pub fn learn(&mut self, arrived: bool, took: Duration) {
        self.limit = if arrived { (self.limit + 1).min(MAX_CALLS_OF_ONE) } else { (self.limit / 2).max(1) };
        self.standing = if arrived && took < SLOW { Standing::Good } else { Standing::Bad };
    }
}

/// The calls under way, by the standing of their targets.
pub struct Calls {
    most: usize,
    counts: [usize; 3],
}

impl Calls {
    /// None, of at most so many.
    pub const fn new(most: usize) -> Self {
        Self { most, counts: [0; 3] }
    }

    /// So many more to targets of this standing.
    pub fn add(&mut self, standing: Standing, count: usize) {
        self.counts[standing as usize] += count;
    }

    /// So many fewer.
    pub fn remove(&mut self, standing: Standing, count: usize) {
        self.counts[standing as usize] -= count;
    }

    /// Whether one more may be made to a target of this standing.
    pub fn has_room(&self, standing: Standing) -> bool {
        let [unknown, good, bad] = self.counts;
        let taken = match standing {
            Standing::Good => unknown + good + bad,
            Standing::Unknown => unknown + bad,
            Standing::Bad if !self.has_room(Standing::Unknown) => return false,
            Standing::Bad => bad,
        };
        taken < standing.share(self.most)
    }

    /// How many a target gets. Those not yet known get fewer when there are many of them: they may all be about to hang.
    pub fn limit(&self, record: Record) -> usize {
        let many = self.counts[Standing::Unknown as usize] >= self.most / PARTS;
        if record.standing == Standing::Unknown && many { 1 } else { record.limit }
    }
}

/// The records of those for whom nothing waits.
#[derive(Default)]
pub struct Records(HashMap<WebhookId, Record>);

impl Records {
    /// Takes out what is known of a webhook's target.
    pub fn take(&mut self, webhook: WebhookId) -> Record {
        self.0.remove(&webhook).unwrap_or_default()
    }

    /// Keeps it.
    pub fn keep(&mut self, webhook: WebhookId, record: Record) {
        if self.0.len() >= MAX_KNOWN {
            self.0.clear();
        }
        self.0.insert(webhook, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_badly_leaves_room_for_the_others() {
        let mut calls = Calls::new(100);
        let mut fill = |standing| {
            let mut count = 0;
            while calls.has_room(standing) {
                calls.add(standing, 1);
                count += 1;
            }
            count
        };
        assert_eq!((fill(Standing::Bad), fill(Standing::Unknown), fill(Standing::Good)), (50, 25, 25));
        calls.remove(Standing::Good, 1);
        assert!(calls.has_room(Standing::Good) && !calls.has_room(Standing::Unknown));
        let record = Record::default();
        assert_eq!((calls.limit(record), calls.limit(Record { standing: Standing::Good, ..record })), (1, FIRST_CALLS));
        // However few there are, everybody gets one.
        let least = Calls::new(1);
        assert!(Standing::ALL.into_iter().all(|standing| least.has_room(standing)));
    }

    #[test]
    fn a_record_follows_its_target() {
        let mut record = Record::default();
        record.learn(true, Duration::from_millis(10));
        assert_eq!(record, Record { standing: Standing::Good, limit: 9 });
        record.learn(true, SLOW);
        assert_eq!(record, Record { standing: Standing::Bad, limit: 10 });
        for _ in 0..9 {
            record.learn(false, Duration::ZERO);
        }
        assert_eq!(record, Record::FAILING);
        let mut records = Records::default();
        let webhook = WebhookId::new([1; 12]);
        records.keep(webhook, record);
        assert_eq!((records.take(webhook), records.take(webhook)), (record, Record::default()));
    }
}
