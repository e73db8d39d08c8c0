//! The order in which threads tell of their commits.
//!
//! What happens after a commit (`Tx::after_commit`) has to happen in the order of the commits: a post that was read by
//! the next one is told of before that. With one thread it does by itself. When others help out, one may be told that
//! its transaction is committed before another is told of an earlier one; so each takes a number before it sends its
//! COMMIT, and tells when all with smaller numbers have told, or have nothing to tell.

use std::{
    collections::BTreeSet,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a thread waits for those before it. Who takes longer has lost its connection during its COMMIT.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands out the numbers.
#[derive(Default)]
pub(super) struct Turns {
    book: Mutex<Book>,
    moved: Condvar,
}

#[derive(Default)]
struct Book {
    next: u64,
    open: BTreeSet<u64>,
}

/// A number. It is given back when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    number: u64,
}

impl Turns {
    /// The next number: to be taken before COMMIT is sent.
    pub(super) fn take(self: &Arc<Self>) -> Turn {
        let mut book = self.book();
        let number = book.next;
        book.next += 1;
        book.open.insert(number);
        Turn { turns: Arc::clone(self), number }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits until all who took their numbers before this one have given them back.
    pub(super) fn come(&self) {
        let others = |book: &mut Book| book.open.first().is_some_and(|first| *first < self.number);
        let waited = self.turns.moved.wait_timeout_while(self.turns.book(), PATIENCE, others);
        if waited.is_ok_and(|(_, time)| time.timed_out()) {
            tracing::warn!("a COMMIT is without an answer for long; what is told of later ones may overtake it");
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.book().open.remove(&self.number);
        self.turns.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_took_the_first_number_tells_first() {
        let turns = Arc::new(Turns::default());
        let (first, failed, second) = (turns.take(), turns.take(), turns.take());
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = |turn: Turn, name| {
            let told = Arc::clone(&told);
            std::thread::spawn(move || {
                turn.come();
                told.lock().unwrap().push(name);
            })
        };
        let later = tell(second, "second");
        drop(failed);
        std::thread::sleep(Duration::from_millis(30));
        assert!(told.lock().unwrap().is_empty());
        tell(first, "first").join().unwrap();
        later.join().unwrap();
        assert_eq!(*told.lock().unwrap(), ["first", "second"]);
    }
}
