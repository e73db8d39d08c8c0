//! Pages of lists: from what a caller asks for to the statement's limits, and from its rows to the answer.

use crate::error::{Error, Result};
use heliograph_wire::{
    page::{DEFAULT_SIZE, Links, Meta, Page},
    query,
};
use serde::Serialize;

/// The part of a list that was asked for: after or before a record, or from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The first page.
    Start,
    /// What follows this record.
    After(String),
    /// What precedes this record.
    Before(String),
}

/// Which page is to be read.
#[derive(Clone, Debug)]
pub struct Window {
    /// From where.
    pub from: From,
    /// How many records.
    pub size: u32,
}

impl Window {
    /// What a query asks for. Both directions at once is refused with `title`.
    pub fn of(page: Option<&Page>, title: &'static str) -> Result<Self> {
        let page = page.cloned().unwrap_or_default();
        let from = match (page.after, page.before) {
            (Some(_), Some(_)) => return Err(Error::invalid(title)),
            (Some(id), None) => From::After(id),
            (None, Some(id)) => From::Before(id),
            (None, None) => From::Start,
        };
        Ok(Self { from, size: page.size.unwrap_or(DEFAULT_SIZE) })
    }

    /// One record more than the page holds, to see whether there is one.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// The record that the page follows; '' for the first page, which sorts before every id.
    pub fn after(&self) -> &str {
        match &self.from {
            From::After(id) => id,
            From::Start | From::Before(_) => "",
        }
    }

    /// The record that the page precedes, if that is what was asked for.
    pub fn before(&self) -> Option<&str> {
        match &self.from {
            From::Before(id) => Some(id),
            From::Start | From::After(_) => None,
        }
    }

    /// Makes the page from the rows that were read: in the list's order, or the other way round when what precedes a
    /// record was asked for (the nearest comes first then).
    pub fn sheet<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> String) -> Sheet<T> {
        let has_more = rows.len() > self.size as usize;
        rows.truncate(self.size as usize);
        let backwards = matches!(self.from, From::Before(_));
        if backwards {
            rows.reverse();
        }
        let after = if backwards { !rows.is_empty() } else { has_more };
        let before = if backwards { has_more } else { self.from != From::Start };
        let meta = Meta {
            has_more,
            after_cursor: rows.last().filter(|_| after).map(&id),
            before_cursor: rows.first().filter(|_| before).map(&id),
        };
        Sheet { rows, meta }
    }
}

/// A page.
pub struct Sheet<T> {
    /// Its records, in the list's order.
    pub rows: Vec<T>,
    /// What is beyond it.
    pub meta: Meta,
}

/// The addresses of the neighbouring pages: the one that was called, with another cursor. None on a single page.
pub fn links(meta: &Meta, url: &str, asked: &impl Serialize) -> Result<Option<Links>> {
    if meta.after_cursor.is_none() && meta.before_cursor.is_none() {
        return Ok(None);
    }
    let asked = serde_json::to_value(asked)?;
    let link = |direction: &str, cursor: &Option<String>| {
        let cursor = cursor.as_ref()?;
        let mut query = asked.clone();
        let mut page = serde_json::Map::new();
        page.insert(direction.to_owned(), cursor.as_str().into());
        if let Some(size) = asked["page"].get("size") {
            page.insert("size".to_owned(), size.clone());
        }
        query["page"] = page.into();
        Some(format!("{url}{}", query::write(&query)))
    };
    Ok(Some(Links { prev: link("before", &meta.before_cursor), next: link("after", &meta.after_cursor) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A list of the numbers below `n`, read page by page as a statement would.
    fn read(n: u32, window: &Window) -> Sheet<u32> {
        let at = |id: &str| id.parse::<u32>().unwrap_or(0);
        let limit = window.limit() as usize;
        let rows = match &window.from {
            From::Start => (0..n).take(limit).collect(),
            From::After(id) => (at(id) + 1..n).take(limit).collect(),
            From::Before(id) => (0..at(id).min(n)).rev().take(limit).collect(),
        };
        window.sheet(rows, |row| row.to_string())
    }

    proptest! {
        #[test]
        fn following_the_cursors_shows_all_there_and_back(n in 0u32..40, size in 1u32..12) {
            let (mut seen, mut from) = (Vec::new(), From::Start);
            loop {
                let sheet = read(n, &Window { from: from.clone(), size });
                prop_assert_eq!(sheet.meta.has_more, sheet.meta.after_cursor.is_some());
                prop_assert_eq!(sheet.meta.before_cursor.is_some(), from != From::Start && !sheet.rows.is_empty());
                seen.extend(sheet.rows);
                match sheet.meta.after_cursor { Some(id) => from = From::After(id), None => break }
            }
            prop_assert_eq!(&seen, &(0..n).collect::<Vec<_>>());
            let (mut back, mut from) = (Vec::new(), From::Before(n.to_string()));
            loop {
                let mut sheet = read(n, &Window { from: from.clone(), size });
                prop_assert_eq!(sheet.meta.has_more, sheet.meta.before_cursor.is_some());
                sheet.rows.append(&mut back);
                back = sheet.rows;
                match sheet.meta.before_cursor { Some(id) => from = From::Before(id), None => break }
            }
            prop_assert_eq!(seen, back);
        }
    }

    #[test]
    fn links_keep_what_else_was_asked() {
        let meta = Meta { has_more: true, after_cursor: Some("b".into()), before_cursor: None };
        let asked = serde_json::json!({ "page": { "size": 2 }, "filter": { "types": "custom,web" } });
        let links = links(&meta, "http://h/v2/x", &asked).unwrap().unwrap();
        assert_eq!(links.next.as_deref(), Some("http://h/v2/x?page[after]=b&page[size]=2&filter[types]=custom%2Cweb"));
        assert_eq!(links.prev, None);
    }
}
