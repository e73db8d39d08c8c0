//! What a text is about, and whether a statement could tell whether a write was done.

use crate::{
    Arg,
    text::{self, ByText, Pin},
    value::Value,
};
use std::{cell::RefCell, collections::HashSet, rc::Rc};

/// What can be told of a text by itself.
pub(super) struct Facts {
    /// The table it changes, if it changes one.
    table: Option<&'static str>,
    /// The rows it is about, if it says so.
    pin: Option<Pin<'static>>,
    words: HashSet<&'static str>,
}

impl Facts {
    /// Those of `sql`. Texts are few and do not change, so each is looked at once on each thread.
    pub(super) fn of(sql: &'static str) -> Rc<Self> {
        thread_local!(static KNOWN: RefCell<ByText<Rc<Facts>>> = RefCell::default());
        let look = || Self { table: text::table(sql), pin: text::pinned(sql), words: text::words(sql).collect() };
        KNOWN.with_borrow_mut(|known| Rc::clone(known.entry(text::key(sql)).or_insert_with(|| Rc::new(look()))))
    }

    /// Whether a write is about the rows of which its first two parameters speak.
    pub(super) fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    pub(super) fn is_insert(&self) -> bool {
        self.words.contains("INSERT")
    }
}

/// The rows that writes of one text change.
pub(super) struct Reach {
    facts: Rc<Facts>,
    /// Their first two parameters, where those tell which rows they are.
    pairs: HashSet<[Value; 2]>,
}

impl Reach {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { facts: Facts::of(sql), pairs: HashSet::new() }
    }

    /// Adds what a write with these parameters changes; false when it is about rows of another one.
    pub(super) fn add(&mut self, row: &[Value]) -> bool {
        // A DELETE changes its own table alone: no key of ours cascades.
        match row.first_chunk::<2>() {
            Some(pair) if self.facts.is_pinned() => self.pairs.insert(pair.clone()),
            _ => true,
        }
    }

    /// Whether a statement with these parameters could tell if these writes are done, or could change what they do.
    pub(super) fn meets(&self, facts: &Facts, row: &[Value]) -> bool {
        let names = |facts: &Facts, table: Option<&str>| table.is_none_or(|table| facts.words.contains(table));
        let writes = facts.table.is_some();
        let near = names(facts, self.facts.table) || writes && names(&self.facts, facts.table);
        near && match (self.facts.pin, facts.pin, row.first_chunk()) {
            (Some(mine), Some(other), Some(pair)) if mine == other => self.pairs.contains(pair),
            (Some(mine), Some(other), _) if mine.table == other.table => {
                self.pairs.iter().any(|pair| !are_apart((mine, pair), (other, row)))
            }
            _ => true,
        }
    }
}

/// Whether two texts are about different rows of their table: a column that both name has two values.
fn are_apart((one, ones): (Pin<'_>, &[Value]), (other, others): (Pin<'_>, &[Value])) -> bool {
    one.columns()
        .zip(ones)
        .any(|(column, value)| other.columns().zip(others).any(|(same, another)| column == same && value != another))
}

/// Everything that a transaction has changed so far.
#[derive(Default)]
pub(super) struct Changes(ByText<Reach>);

impl Changes {
    pub(super) fn note(&mut self, sql: &'static str, row: &[Value]) {
        self.0.entry(text::key(sql)).or_insert_with(|| Reach::new(sql)).add(row);
    }

    /// Whether they show in the answer to a question.
    pub(super) fn show_in(&self, sql: &'static str, row: &[Value]) -> bool {
        let facts = Facts::of(sql);
        self.0.values().any(|reach| reach.meets(&facts, row))
    }
}

pub(super) fn values(args: &[Arg<'_>]) -> Vec<Value> {
    args.iter().copied().map(Value::from).collect()
}
