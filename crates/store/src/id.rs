//! Fresh identifiers that sort by the time they were made.

use crate::clock;
use std::{
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many identifiers fit into one tick of the clock: three bytes of counter.
const COUNTER_END: u32 = 1 << 24;

/// The last tick that an identifier can hold.
const LAST_TICK: u64 = (1 << 48) - 1;

/// Makes the identifiers of one process.
///
/// Four bytes of seconds, two of the fraction of the second, three of a counter, three of the process.
struct Generator {
    /// Seconds and fraction of the last identifier, as one number of 65,536ths of a second.
    tick: u64,
    counter: u32,
    process: [u8; 3],
}

impl Generator {
    fn new(process: [u8; 3]) -> Self {
        Self { tick: 0, counter: 0, process }
    }

    /// The next identifier. When the clock stands still or goes back, the counter carries on from the last tick,
    /// and borrows the next tick once it is full: order matters more than the exact moment.
    fn next(&mut self, now: Duration) -> [u8; 12] {
        let tick = tick(now);
        if tick > self.tick {
            (self.tick, self.counter) = (tick, 0);
        } else if self.counter + 1 < COUNTER_END {
            self.counter += 1;
        } else {
            (self.tick, self.counter) = (self.tick + 1, 0);
        }
        let mut id = [0; 12];
        id[..6].copy_from_slice(&self.tick.to_be_bytes()[2..]);
        id[6..9].copy_from_slice(&self.counter.to_be_bytes()[1..]);
        id[9..].copy_from_slice(&self.process);
        id
    }
}

fn tick(since_epoch: Duration) -> u64 {
    (since_epoch.as_secs() << 16) | ((u64::from(since_epoch.subsec_nanos()) << 16) / 1_000_000_000)
}

fn generator() -> MutexGuard<'static, Generator> {
    static GENERATOR: LazyLock<Mutex<Generator>> = LazyLock::new(|| Mutex::new(Generator::new(random())));
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fresh identifier, greater than every one this process made before.
pub fn fresh() -> [u8; 12] {
    generator().next(clock::since_epoch())
}

/// From now on identifiers are greater than those of this moment, also if the clock says that it is yet to come.
pub(crate) fn carry_on_from(since_epoch: Duration) {
    let mut generator = generator();
    // Past the whole tick: how many identifiers it had is not known.
    generator.tick = generator.tick.max((tick(since_epoch) + 1).min(LAST_TICK));
}

/// The least identifier of a moment, in milliseconds since 1970: those made before it sort before it, the others do not.
pub fn at(ms: i64) -> [u8; 12] {
    let ms = ms.max(0).unsigned_abs();
    // Identifiers end in the year 2106: what is later is later than all of them.
    let tick = (((ms / 1000) << 16) | (((ms % 1000) << 16) / 1000)).min(LAST_TICK);
    let mut id = [0; 12];
    id[..6].copy_from_slice(&tick.to_be_bytes()[2..]);
    id
}

/// Randomness of the operating system.
///
/// # Panics
/// When the operating system has none to give: nothing that needs a secret can go on then.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_lies_between_what_was_made_before_and_after_it(ms in 1u64..4_000_000_000_000) {
            let made = |ms| Generator::new([1, 2, 3]).next(Duration::from_millis(ms));
            let moment = at(i64::try_from(ms).unwrap());
            prop_assert!(made(ms - 1) < moment && moment < made(ms));
        }

        #[test]
        fn ids_increase_whatever_the_clock_does(millis in prop::collection::vec(0u64..4_000_000_000_000, 2..200)) {
            let mut generator = Generator::new([1, 2, 3]);
            let ids: Vec<_> = millis.iter().map(|ms| generator.next(Duration::from_millis(*ms))).collect();
            prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn a_full_counter_borrows_the_next_tick() {
        let mut generator = Generator::new([0; 3]);
        let now = Duration::from_secs(1_000);
        generator.next(now);
        generator.counter = COUNTER_END - 2;
        let (last, over) = (generator.next(now), generator.next(now));
        assert_eq!(last[6..9], [0xff, 0xff, 0xff]);
        assert_eq!(over[..9], [0, 0, 3, 232, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn an_id_begins_with_its_moment() {
        let id = Generator::new([7, 8, 9]).next(Duration::from_millis(0x6500_0000 * 1000 + 500));
        assert_eq!(id, [0x65, 0, 0, 0, 0x80, 0, 0, 0, 0, 7, 8, 9]);
    }

    #[test]
    fn fresh_ids_increase_across_threads() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| fresh()).collect::<Vec<_>>())).collect();
        let mut all = Vec::new();
        for thread in threads {
            let ids = thread.join().expect("the thread ends");
            assert!(ids.is_sorted());
            all.extend(ids);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4000);
    }
}
