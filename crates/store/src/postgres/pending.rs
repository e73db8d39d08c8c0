//! Writes whose results nobody reads, gathered until somebody could tell the difference, and then sent in bulk.

use crate::{
    Arg,
    text::{self, Key},
    value::Value,
};
use std::collections::{HashMap, HashSet};

/// A gathered write.
pub(super) enum Write {
    /// Rows for the same INSERT.
    Append { sql: &'static str, rows: Vec<Vec<Value>> },
    /// An UPDATE or DELETE.
    Amend { sql: &'static str, args: Vec<Value> },
}

/// Which rows of a table are changed.
enum Rows {
    /// Those whose two columns of these names have one of these pairs of values.
    With([&'static str; 2], HashSet<[Value; 2]>),
    /// Any.
    Any,
}

/// The writes that wait, in the order in which they have to take effect.
#[derive(Default)]
pub(super) struct Pending {
    writes: Vec<Write>,
    /// For each INSERT the place in `writes` where its next row may still go.
    open: HashMap<Key, usize>,
    /// What the waiting writes change, table by table. (A DELETE changes its own table alone: no key of ours cascades.)
    changes: HashMap<&'static str, Rows>,
    /// Whether one of them may change any table: its text did not say which.
    sweeping: bool,
    /// Whether rows keep their order even among different INSERTs.
    strict: bool,
}

impl Pending {
    /// With `strict` only neighbouring rows share a statement. Without, rows of the same INSERT come together wherever
    /// that can be done: if the new order breaks a constraint, the jobs are run again strictly.
    pub(super) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    pub(super) fn append(&mut self, sql: &'static str, args: &[Arg<'_>]) {
        let row = args.iter().copied().map(Value::from).collect();
        if let Some(place) = self.open.get(&text::key(sql))
            && let Write::Append { rows, .. } = &mut self.writes[*place]
        {
            rows.push(row);
            return self.note(sql, args);
        }
        if self.strict {
            self.open.clear();
        }
        self.open.insert(text::key(sql), self.writes.len());
        self.writes.push(Write::Append { sql, rows: vec![row] });
        self.note(sql, args);
    }

    pub(super) fn amend(&mut self, sql: &'static str, args: &[Arg<'_>]) {
        // Rows that come later must not slip in before this write, if it could see them.
        let (writes, strict) = (&self.writes, self.strict);
        self.open.retain(|_, place| {
            let Write::Append { sql: insert, .. } = &writes[*place] else { return false };
            !strict && text::table(insert).is_some_and(|table| !text::mentions(sql, table))
        });
        self.writes.push(Write::Amend { sql, args: args.iter().copied().map(Value::from).collect() });
        self.note(sql, args);
    }

    /// Whether a statement could see a difference between these writes being done and waiting. One that is about other
    /// rows cannot: so the reads of many posts to different conversations do not keep their writes from going together.
    pub(super) fn shows_in(&self, sql: &str, args: &[Arg<'_>]) -> bool {
        let touched = |(table, rows): (&&str, &Rows)| {
            text::mentions(sql, table)
                && match (rows, text::pinned(sql), args) {
                    (Rows::With(columns, pairs), Some(asked), [a, b, ..]) if *columns == asked => {
                        pairs.contains(&[Value::from(*a), Value::from(*b)])
                    }
                    _ => true,
                }
        };
        !self.writes.is_empty() && (self.sweeping || self.changes.iter().any(touched))
    }

    /// Takes the writes out, to be sent.
    pub(super) fn take(&mut self) -> Vec<Write> {
        let strict = self.strict;
        std::mem::replace(self, Self::new(strict)).writes
    }

    fn note(&mut self, sql: &'static str, args: &[Arg<'_>]) {
        let Some(table) = text::table(sql) else {
            self.sweeping = true;
            return;
        };
        let pair = text::pinned(sql).zip(args.first_chunk::<2>());
        let rows = self.changes.entry(table).or_insert_with(|| match pair {
            Some((columns, _)) => Rows::With(columns, HashSet::new()),
            None => Rows::Any,
        });
        match (rows, pair) {
            (Rows::With(columns, pairs), Some((named, args))) if *columns == named => {
                pairs.insert(args.map(Value::from));
            }
            (rows, _) => *rows = Rows::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    const A: &str = "INSERT INTO a (id) VALUES ($1)";
    const B: &str = "INSERT INTO b (id) VALUES ($1)";
    const TOUCH_A: &str = "UPDATE a SET n = $1";

    fn shape(pending: &mut Pending) -> Vec<(&'static str, usize)> {
        let shape = |write: &Write| match write {
            Write::Append { sql, rows } => (*sql, rows.len()),
            Write::Amend { sql, .. } => (*sql, 1),
        };
        pending.take().iter().map(shape).collect()
    }

    #[test]
    fn rows_of_the_same_insert_come_together() {
        let mut pending = Pending::new(false);
        for _ in 0..3 {
            pending.append(A, args!["x"]);
            pending.append(B, args!["y"]);
        }
        assert_eq!(shape(&mut pending), [(A, 3), (B, 3)]);
    }

    #[test]
    fn rows_do_not_slip_past_a_write_that_could_see_them() {
        let mut pending = Pending::new(false);
        for _ in 0..2 {
            pending.append(A, args!["x"]);
            pending.append(B, args!["y"]);
            pending.amend(TOUCH_A, args![1]);
        }
        assert_eq!(shape(&mut pending), [(A, 1), (B, 2), (TOUCH_A, 1), (A, 1), (TOUCH_A, 1)]);
    }

    #[test]
    fn strictly_only_neighbours_come_together() {
        let mut pending = Pending::new(true);
        for sql in [A, A, B, A] {
            pending.append(sql, args!["x"]);
        }
        assert_eq!(shape(&mut pending), [(A, 2), (B, 1), (A, 1)]);
    }

    #[test]
    fn only_who_could_see_a_write_makes_it_go() {
        let mut pending = Pending::new(false);
        assert!(!pending.shows_in("SELECT * FROM a", args![]));
        pending.append(A, args!["x"]);
        assert!(pending.shows_in("SELECT * FROM b JOIN a ON 1 = 1", args![]));
        assert!(!pending.shows_in("SELECT a_id FROM b", args![]));
        assert_eq!(pending.take().len(), 1);
        assert!(!pending.shows_in("SELECT * FROM a", args![]));
    }

    #[test]
    fn who_is_about_other_rows_does_not_make_it_go() {
        const INSERT: &str = "INSERT INTO m (app, id, n) VALUES ($1, $2, $3)";
        const UPDATE: &str = "UPDATE m SET n = $3 WHERE app = $1 AND id = $2";
        const SELECT: &str = "SELECT n FROM m WHERE app = $1 AND id = $2";
        let mut pending = Pending::new(false);
        pending.append(INSERT, args!["a", "1", 0]);
        pending.amend(UPDATE, args!["a", "2", 0]);
        assert!(pending.shows_in(SELECT, args!["a", "1"]) && pending.shows_in(SELECT, args!["a", "2"]));
        assert!(!pending.shows_in(SELECT, args!["a", "3"]) && !pending.shows_in(SELECT, args!["b", "1"]));
        assert!(pending.shows_in("SELECT n FROM m WHERE app = $1", args!["b"]), "any row may be among those");
        pending.amend("UPDATE m SET n = $2 WHERE id = $1", args!["9", 0]);
        assert!(pending.shows_in(SELECT, args!["a", "3"]), "any row may have been changed");
    }
}
