//! Writes whose results nobody reads, gathered until somebody could tell the difference, and then sent in bulk.

use crate::{
    Arg,
    text::{self, Key},
    value::Value,
};
use std::collections::HashMap;

/// A gathered write.
pub(super) enum Write {
    /// Rows for the same INSERT.
    Append { sql: &'static str, rows: Vec<Vec<Value>> },
    /// An UPDATE or DELETE.
    Amend { sql: &'static str, args: Vec<Value> },
}

/// The writes that wait, in the order in which they have to take effect.
#[derive(Default)]
pub(super) struct Pending {
    writes: Vec<Write>,
    /// For each INSERT the place in `writes` where its next row may still go.
    open: HashMap<Key, usize>,
    /// The tables the waiting writes change.
    tables: Vec<&'static str>,
    /// Whether one of them may change tables it does not name: a DELETE cascades.
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
            return;
        }
        if self.strict {
            self.open.clear();
        }
        self.open.insert(text::key(sql), self.writes.len());
        self.writes.push(Write::Append { sql, rows: vec![row] });
        self.note_table(sql);
    }

    pub(super) fn amend(&mut self, sql: &'static str, args: &[Arg<'_>]) {
        // Rows that come later must not slip in before this write, if it could see them.
        let (writes, strict) = (&self.writes, self.strict);
        self.open.retain(|_, place| {
            let Write::Append { sql: insert, .. } = &writes[*place] else { return false };
            !strict && text::table(insert).is_some_and(|table| !text::mentions(sql, table))
        });
        self.sweeping |= sql.starts_with("DELETE");
        self.writes.push(Write::Amend { sql, args: args.iter().copied().map(Value::from).collect() });
        self.note_table(sql);
    }

    /// Whether `sql` could see a difference between these writes being done and waiting.
    pub(super) fn shows_in(&self, sql: &str) -> bool {
        !self.writes.is_empty() && (self.sweeping || self.tables.iter().any(|table| text::mentions(sql, table)))
    }

    /// Takes the writes out, to be sent.
    pub(super) fn take(&mut self) -> Vec<Write> {
        let strict = self.strict;
        std::mem::replace(self, Self::new(strict)).writes
    }

    fn note_table(&mut self, sql: &'static str) {
        match text::table(sql) {
            Some(table) if !self.tables.contains(&table) => self.tables.push(table),
            Some(_) => {}
            None => self.sweeping = true,
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
        assert!(!pending.shows_in("SELECT * FROM a"));
        pending.append(A, args!["x"]);
        assert!(pending.shows_in("SELECT * FROM b JOIN a ON 1 = 1") && !pending.shows_in("SELECT a_id FROM b"));
        pending.amend("DELETE FROM c", args![]);
        assert!(pending.shows_in("SELECT * FROM b"), "the DELETE may have cascaded to it");
        assert_eq!(pending.take().len(), 2);
        assert!(!pending.shows_in("SELECT * FROM a"));
    }
}
