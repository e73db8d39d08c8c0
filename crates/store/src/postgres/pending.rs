//! Writes whose results nobody reads, gathered until somebody could tell the difference, and then sent in bulk.

use super::reach::{Facts, Reach};
use crate::{text, value::Value};

/// Gathered writes of one text, that can be done by one statement.
pub(super) struct Batch {
    pub(super) sql: &'static str,
    pub(super) rows: Vec<Vec<Value>>,
    reach: Reach,
}

/// The writes that wait, in the order in which they have to take effect.
#[derive(Default)]
pub(super) struct Pending {
    batches: Vec<Batch>,
    /// Whether rows keep their order even where only a constraint could tell.
    strict: bool,
}

impl Pending {
    /// With `strict` only neighbours share a statement. Without, writes of the same text come together wherever that can
    /// be done: if the new order breaks a constraint, the jobs are run again strictly.
    pub(super) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    pub(super) fn add(&mut self, sql: &'static str, row: Vec<Value>) {
        if let Some(place) = self.place(sql, &row) {
            self.batches[place].reach.add(&row);
            self.batches[place].rows.push(row);
            return;
        }
        let mut reach = Reach::new(sql);
        reach.add(&row);
        self.batches.push(Batch { sql, rows: vec![row], reach });
    }

    /// The batch that a write may join: it must not slip in before one that could see it, or that it could see. An INSERT
    /// sees nothing of another one.
    fn place(&self, sql: &'static str, row: &[Value]) -> Option<usize> {
        let facts = Facts::of(sql);
        for (place, batch) in self.batches.iter().enumerate().rev() {
            if text::key(batch.sql) == text::key(sql) {
                let fits = facts.is_insert() || facts.is_pinned() && !batch.reach.meets(&facts, row);
                return fits.then_some(place);
            }
            let both_insert = facts.is_insert() && Facts::of(batch.sql).is_insert();
            if self.strict || !both_insert && batch.reach.meets(&facts, row) {
                return None;
            }
        }
        None
    }

    /// Whether a statement could see a difference between these writes being done and waiting. One that is about other
    /// rows cannot: so the reads of many posts to different conversations do not keep their writes from going together.
    pub(super) fn shows_in(&self, sql: &'static str, row: &[Value]) -> bool {
        let facts = Facts::of(sql);
        self.batches.iter().any(|batch| batch.reach.meets(&facts, row))
    }

    /// Takes the writes out, to be sent.
    pub(super) fn take(&mut self) -> Vec<Batch> {
        let mut batches = std::mem::take(&mut self.batches);
        for batch in batches.iter_mut().filter(|batch| !Facts::of(batch.sql).is_insert()) {
            // Two servers that change the same rows should not wait for each other in a circle.
            batch.rows.sort_unstable();
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reach::values, *};
    use crate::args;

    const A: &str = "INSERT INTO a (id) VALUES ($1)";
    const B: &str = "INSERT INTO b (id) VALUES ($1)";
    const TOUCH_A: &str = "UPDATE a SET n = $1";
    const INSERT: &str = "INSERT INTO m (app, id, n) VALUES ($1, $2, $3)";
    const UPDATE: &str = "UPDATE m SET n = $3 WHERE app = $1 AND id = $2";
    const DELETE: &str = "DELETE FROM m WHERE app = $1 AND id = $2";
    const SELECT: &str = "SELECT n FROM m WHERE app = $1 AND id = $2";

    fn shape(pending: &mut Pending) -> Vec<(&'static str, usize)> {
        pending.take().iter().map(|batch| (batch.sql, batch.rows.len())).collect()
    }

    #[test]
    fn rows_of_the_same_insert_come_together() {
        let mut pending = Pending::new(false);
        for _ in 0..3 {
            pending.add(A, values(args!["x"]));
            pending.add(B, values(args!["y"]));
        }
        assert_eq!(shape(&mut pending), [(A, 3), (B, 3)]);
    }

    #[test]
    fn rows_do_not_slip_past_a_write_that_could_see_them() {
        let mut pending = Pending::new(false);
        for _ in 0..2 {
            pending.add(A, values(args!["x"]));
            pending.add(B, values(args!["y"]));
            pending.add(TOUCH_A, values(args![1]));
        }
        assert_eq!(shape(&mut pending), [(A, 1), (B, 2), (TOUCH_A, 1), (A, 1), (TOUCH_A, 1)]);
    }

    #[test]
    fn writes_to_different_rows_come_together() {
        let mut pending = Pending::new(false);
        for [new, changed, gone] in [["1", "8", "6"], ["2", "9", "7"]] {
            pending.add(INSERT, values(args!["a", new, 0]));
            pending.add(UPDATE, values(args!["a", changed, 1]));
            pending.add(DELETE, values(args!["a", gone]));
        }
        assert_eq!(shape(&mut pending), [(INSERT, 2), (UPDATE, 2), (DELETE, 2)]);
    }

    #[test]
    fn writes_to_the_same_row_keep_their_order() {
        let mut pending = Pending::new(false);
        for sql in [UPDATE, UPDATE, DELETE, INSERT, DELETE, UPDATE] {
            pending.add(sql, values(args!["a", "1", 0]));
        }
        assert_eq!(shape(&mut pending), [(UPDATE, 1), (UPDATE, 1), (DELETE, 1), (INSERT, 1), (DELETE, 1), (UPDATE, 1)]);
    }

    #[test]
    fn strictly_only_neighbours_come_together() {
        let mut pending = Pending::new(true);
        for sql in [A, A, B, A] {
            pending.add(sql, values(args!["x"]));
        }
        assert_eq!(shape(&mut pending), [(A, 2), (B, 1), (A, 1)]);
    }

    #[test]
    fn only_who_could_see_a_write_makes_it_go() {
        let mut pending = Pending::new(false);
        assert!(!pending.shows_in("SELECT * FROM a", &[]));
        pending.add(A, values(args!["x"]));
        assert!(pending.shows_in("SELECT * FROM b JOIN a ON 1 = 1", &[]));
        assert!(!pending.shows_in("SELECT a_id FROM b", &[]));
        assert_eq!(pending.take().len(), 1);
        assert!(!pending.shows_in("SELECT * FROM a", &[]));
    }

    #[test]
    fn who_is_about_other_rows_does_not_make_it_go() {
        let mut pending = Pending::new(false);
        let shows = |pending: &Pending, app, id| pending.shows_in(SELECT, &values(args![app, id]));
        pending.add(INSERT, values(args!["a", "1", 0]));
        pending.add(UPDATE, values(args!["a", "2", 0]));
        assert!(shows(&pending, "a", "1") && shows(&pending, "a", "2"));
        assert!(!shows(&pending, "a", "3") && !shows(&pending, "b", "1"));
        assert!(pending.shows_in("SELECT n FROM m WHERE n = $1", &values(args!["b"])), "it may be among those");
        let shows_of = |pending: &Pending, app| pending.shows_in("SELECT n FROM m WHERE app = $1", &values(args![app]));
        assert!(shows_of(&pending, "a") && !shows_of(&pending, "b"), "of those of a whole app as well");
        let shows_by_id = |pending: &Pending, id| pending.shows_in("SELECT n FROM m WHERE id = $1", &values(args![id]));
        assert!(shows_by_id(&pending, "2") && !shows_by_id(&pending, "3"));
        pending.add("UPDATE m SET n = $2 WHERE id = $1", values(args!["9", 0]));
        assert!(shows(&pending, "a", "3"), "any row may have been changed");
    }
}
