//! Pages of messages in memory: who asks again and again for a conversation in which nothing happens, as SDKs do, costs
//! a small read.
//!
//! A page is kept with the revision that its conversation had in the snapshot from which the page was read, and counts for
//! whoever finds that revision in their own. So it is never older than the store, whichever server has written.

use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many bytes a generation of pages takes. There are two of them.
const GENERATION_BYTES: usize = 8 << 20;
/// From this size on a page is not kept: few would drive out all others.
const LARGE_BYTES: usize = GENERATION_BYTES / 16;
/// What an entry takes besides its texts, roughly.
const ENTRY_BYTES: usize = 128;

/// A page, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The revision of its conversation.
    pub revision: i64,
    /// The JSON.
    pub json: Bytes,
}

/// The pages in memory, by all that they depend on: the address that was called.
#[derive(Default)]
pub struct PageCache(Mutex<Generations>);

/// What was used lately is young; what is old is forgotten when the young have grown old.
#[derive(Default)]
struct Generations {
    young: HashMap<String, Page>,
    old: HashMap<String, Page>,
    /// What the young take.
    bytes: usize,
}

impl PageCache {
    /// What was answered at this address. It is for the caller to see whether it is still true.
    pub fn get(&self, address: &str) -> Option<Page> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = generations.young.get(address) {
            return Some(page.clone());
        }
        let (address, page) = generations.old.remove_entry(address)?;
        generations.add(address, page.clone());
        Some(page)
    }

    /// Keeps what is answered at this address.
    pub fn keep(&self, address: String, page: Page) {
        if page.json.len() < LARGE_BYTES {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).add(address, page);
        }
    }
}

impl Generations {
    fn add(&mut self, address: String, page: Page) {
        let beside = address.len() + ENTRY_BYTES;
        self.bytes += beside + page.json.len();
        if let Some(before) = self.young.insert(address, page) {
            self.bytes -= beside + before.json.len();
        }
        if self.bytes > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(revision: i64, bytes: usize) -> Page {
        Page { revision, json: vec![b' '; bytes].into() }
    }

    #[test]
    fn a_page_is_replaced_by_a_later_one() {
        let cache = PageCache::default();
        cache.keep("a".into(), page(1, 10));
        cache.keep("a".into(), page(2, 20));
        assert_eq!(cache.get("a"), Some(page(2, 20)));
        assert_eq!(cache.0.lock().unwrap().bytes, 1 + 20 + ENTRY_BYTES);
    }

    #[test]
    fn what_is_used_outlives_what_is_not_within_bounds() {
        let cache = PageCache::default();
        let bytes = LARGE_BYTES - 1;
        cache.keep("used".into(), page(1, bytes));
        cache.keep("unused".into(), page(1, bytes));
        for n in 0..200 {
            cache.keep(format!("other {n}"), page(1, bytes));
            assert!(cache.get("used").is_some(), "after {n} others");
            let generations = cache.0.lock().unwrap();
            let pages = generations.young.values().chain(generations.old.values());
            assert!(pages.map(|page| page.json.len()).sum::<usize>() <= 2 * GENERATION_BYTES + LARGE_BYTES);
        }
        assert_eq!(cache.get("unused"), None);
    }

    #[test]
    fn a_large_page_is_not_kept() {
        let cache = PageCache::default();
        cache.keep("large".into(), page(1, LARGE_BYTES));
        assert_eq!(cache.get("large"), None);
    }
}
