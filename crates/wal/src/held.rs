//! What is held back, and what may be.

/// How long the head of a frame is.
const HEAD: usize = 24;
/// Where in it the size of the database stands, if the frame completes a transaction; else nothing but zeroes.
const COMPLETES: std::ops::Range<usize> = 4..8;
/// The smallest page.
const PAGE: usize = 512;
/// How much is held at most: SQLite's own VFS writes less than 128 KiB at once.
const MOST: usize = 0x1_ffff;

/// Bytes that follow each other in the log, and are not written yet.
#[derive(Default)]
pub struct Held {
    bytes: Vec<u8>,
    at: i64,
    /// Whether the frame that is being written leaves its transaction incomplete.
    incomplete: bool,
}

/// How much of a stretch of the log is held.
#[derive(Debug, PartialEq, Eq)]
pub enum Within<'h> {
    /// All of it: this.
    Whole(&'h [u8]),
    /// Some of it.
    Part,
    /// Nothing.
    Nothing,
}

impl Held {
    /// Whether what is about to be written may be held back: heads of frames that complete nothing, and their pages.
    pub fn may_hold(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() == HEAD {
            self.incomplete = bytes[COMPLETES] == [0; 4];
            return self.incomplete;
        }
        self.incomplete && bytes.len() >= PAGE && bytes.len().is_power_of_two()
    }

    /// Whether bytes at this place come right behind what is held, and there is room for them.
    pub fn precedes(&self, bytes: &[u8], at: i64) -> bool {
        self.bytes.is_empty() || self.at + self.bytes.len() as i64 == at && self.bytes.len() + bytes.len() <= MOST
    }

    /// Adds bytes that come right behind.
    pub fn add(&mut self, bytes: &[u8], at: i64) {
        if self.bytes.is_empty() {
            self.at = at;
            self.bytes.reserve(MOST);
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What is held of a stretch of the log.
    pub fn within(&self, at: i64, length: usize) -> Within<'_> {
        let (held_end, end) = (self.at + self.bytes.len() as i64, at + length as i64);
        if self.bytes.is_empty() || end <= self.at || held_end <= at {
            return Within::Nothing;
        }
        let start = usize::try_from(at - self.at).ok();
        let bytes = start.and_then(|start| self.bytes.get(start..start + length));
        bytes.map_or(Within::Part, Within::Whole)
    }

    /// What is held, and where it belongs; nothing if nothing is.
    pub fn all(&self) -> Option<(&[u8], i64)> {
        (!self.bytes.is_empty()).then_some((&self.bytes, self.at))
    }

    /// Holds nothing any more.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(completes: u32) -> [u8; HEAD] {
        let mut head = [7; HEAD];
        head[COMPLETES].copy_from_slice(&completes.to_be_bytes());
        head
    }

    #[test]
    fn what_completes_a_transaction_is_never_held() {
        let mut held = Held::default();
        let page = [0; 4096];
        // Without a head before it nothing is known of a page.
        assert!(!held.may_hold(&page));
        assert!(held.may_hold(&head(0)) && held.may_hold(&page));
        assert!(!held.may_hold(&head(17)) && !held.may_hold(&page));
        // The head of the log, and pieces of pages.
        assert!(held.may_hold(&head(0)) && !held.may_hold(&[0; 32]) && !held.may_hold(&page[HEAD..]));
    }

    #[test]
    fn what_is_held_lies_side_by_side() {
        let mut held = Held::default();
        assert!(held.precedes(&[1], 9) && held.all().is_none());
        held.add(&[1, 2], 100);
        assert!(held.precedes(&[3], 102) && !held.precedes(&[3], 101) && !held.precedes(&[3], 103));
        held.add(&[3], 102);
        assert_eq!(held.all(), Some((&[1, 2, 3][..], 100)));
        assert_eq!((held.within(100, 3), held.within(101, 1)), (Within::Whole(&[1, 2, 3]), Within::Whole(&[2])));
        assert_eq!(
            (held.within(99, 2), held.within(102, 2), held.within(90, 90)),
            (Within::Part, Within::Part, Within::Part)
        );
        assert_eq!((held.within(98, 2), held.within(103, 1)), (Within::Nothing, Within::Nothing));
        assert!(held.precedes(&vec![0; MOST - 3], 103) && !held.precedes(&vec![0; MOST - 2], 103));
        held.clear();
        assert!(held.precedes(&[4], 7) && held.all().is_none());
    }
}
