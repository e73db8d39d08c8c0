//! Failed attempts to be let in, by address and by key id.
//!
//! A right secret is always let in, however many wrong ones came before it: nobody can lock its owner out. Guessing is
//! hopeless at any speed, because the server makes all secrets itself, of 256 random bits or more. What is bounded here
//! is the noise: who fails too often is told to wait, and is in the log once in a while.
//!
//! The memory is fixed: ids and addresses share so many places, chosen by a hash that nobody outside can foresee. Two that
//! share one are told to wait a little earlier.

use crate::{auth::KeyKind, error::Error, limits::RateLimit};
use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How many places there are, each eight bytes.
const PLACES: usize = 1 << 15;
/// How much of an IPv6 address tells whose it is: a network gets at least that much.
const NETWORK: u128 = u128::MAX << 64;
/// How far apart two lines of the log are at least.
const LOG_GAP: Duration = Duration::from_secs(10);

/// Failed attempts, counted on this server.
pub struct Failures {
    by_address: Tally,
    by_key: Tally,
    since: Instant,
    /// When the log was last told, in nanoseconds since the start.
    told: AtomicU64,
}

impl Failures {
    /// So many are let pass from one address, and so many for one key id.
    pub fn new(by_address: RateLimit, by_key: RateLimit) -> Self {
        let since = Instant::now();
        Self { by_address: Tally::new(by_address), by_key: Tally::new(by_key), since, told: AtomicU64::new(0) }
    }

    /// Counts a failure, and says what it is answered: `refusal`, or to wait.
    pub fn count(&self, address: IpAddr, key_id: Option<&str>, refusal: Error) -> Error {
        let now = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let waits = [self.by_address.count(&network(address), now), key_id.and_then(|id| self.by_key.count(id, now))];
        let Some(wait) = waits.into_iter().flatten().max() else { return refusal };
        let told = self.told.load(Ordering::Relaxed);
        let due = told == 0 || now.saturating_sub(told) >= LOG_GAP.as_nanos() as u64;
        if due && self.told.compare_exchange(told, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(%address, key = key_id.filter(|id| KeyKind::of(id).is_some()), "too many failed attempts to be let in");
        }
        Error::TooMany { retry_after: wait.as_millis().div_ceil(1000).max(1) as u64 }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & NETWORK).into(),
    }
}

/// A leaking bucket for each place: what is kept is when it would be empty, in nanoseconds since the start.
struct Tally {
    places: Box<[AtomicU64]>,
    hasher: RandomState,
    /// How long one failure takes to leak out.
    each: u64,
    /// How much a bucket holds.
    full: u64,
}

impl Tally {
    fn new(limit: RateLimit) -> Self {
        let full = u64::try_from(limit.period().as_nanos()).unwrap_or(u64::MAX);
        let each = (full / u64::from(limit.count())).max(1);
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { places, hasher: RandomState::new(), each, full }
    }

    /// Adds a failure, and answers how long there is no room for another if there was none for this.
    fn count(&self, of: &(impl Hash + ?Sized), now: u64) -> Option<Duration> {
        let place = &self.places[self.hasher.hash_one(of) as usize % PLACES];
        let mut wait = None;
        let pour = |empty_at: u64| {
            let empty_at = empty_at.max(now);
            let poured = empty_at + self.each;
            wait = poured.checked_sub(now + self.full).filter(|over| *over > 0).map(Duration::from_nanos);
            // A full bucket does not overflow: who stops is let off after one failure's time, not after all of theirs.
            Some(if wait.is_some() { empty_at } else { poured })
        };
        // Somebody else's failure between reading and writing only has it poured again.
        let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pour);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(by_address: &str, by_key: &str) -> Failures {
        Failures::new(by_address.parse().unwrap(), by_key.parse().unwrap())
    }

    fn waits(failures: &Failures, address: &str, key: &str) -> bool {
        let told = failures.count(address.parse().unwrap(), Some(key), Error::Unauthorized);
        matches!(told, Error::TooMany { retry_after: 1..=3600 })
    }

    #[test]
    fn who_fails_too_often_is_told_to_wait() {
        let failures = failures("5/h", "1000/h");
        let told: Vec<bool> = (0..8).map(|n| waits(&failures, "192.0.2.1", &n.to_string())).collect();
        assert_eq!(told, [false, false, false, false, false, true, true, true]);
        assert!(!waits(&failures, "192.0.2.2", "another"), "another address has failed once");
        // One customer's network of IPv6 is one.
        let told: Vec<bool> = (1..8).map(|n| waits(&failures, &format!("2001:db8::{n}"), &n.to_string())).collect();
        assert_eq!(told, [false, false, false, false, false, true, true]);
    }

    #[test]
    fn many_addresses_are_one_attempt_at_a_key() {
        let failures = failures("1000/h", "5/h");
        let told: Vec<bool> = (1..8).map(|n| waits(&failures, &format!("192.0.2.{n}"), "act_1")).collect();
        assert_eq!(told, [false, false, false, false, false, true, true]);
        assert!(!waits(&failures, "192.0.2.1", "act_2"));
    }

    #[test]
    fn a_bucket_leaks() {
        let tally = Tally::new("4/s".parse().unwrap());
        let second = 1_000_000_000;
        assert!((0..4).all(|_| tally.count("a", second).is_none()));
        assert_eq!(tally.count("a", second), Some(Duration::from_millis(250)));
        assert!(tally.count("a", second + 260_000_000).is_none() && tally.count("a", second + 260_000_000).is_some());
        assert!((0..4).all(|_| tally.count("a", 10 * second).is_none()));
    }

    #[test]
    fn the_memory_does_not_grow() {
        let failures = failures("1/h", "1/h");
        for n in 0..100_000u32 {
            failures.count(std::net::Ipv4Addr::from(n).into(), Some(&n.to_string()), Error::Unauthorized);
        }
        assert_eq!(failures.by_address.places.len() + failures.by_key.places.len(), 2 * PLACES);
    }
}
