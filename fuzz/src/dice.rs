//! A search without libFuzzer, for machines on which that cannot be built: examples, changed at random.

use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use crate::Target;

/// How long what is tried may be.
const LONGEST: usize = 4096;
/// Bytes that parsers make something of.
const TELLING: &[u8] = b"\0\n\r\t \"%&'()*+,-./0123456789:;<=>?@[\\]^_`{|}~\x7f\x80\xc3\xff";

/// The files of a folder.
pub fn examples(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    // Dice of the same number fall in the same way, whatever the folder's order.
    paths.sort();
    paths.iter().filter(|path| path.is_file()).map(fs::read).collect()
}

/// Dice, and what they start from.
pub struct Dice {
    state: u64,
    examples: Vec<Vec<u8>>,
}

impl Dice {
    /// Dice of this number.
    pub fn new(number: u64, mut examples: Vec<Vec<u8>>) -> Self {
        examples.push(Vec::new());
        Self { state: number | 1, examples }
    }

    /// Tries a target for so long; answers how often, or what it could not stand.
    pub fn throw(&mut self, target: Target, time: Duration) -> Result<u64, Vec<u8>> {
        let (since, mut tried) = (Instant::now(), 0);
        while since.elapsed() < time {
            for _ in 0..64 {
                let data = self.something();
                if catch_unwind(AssertUnwindSafe(|| target(&data))).is_err() {
                    return Err(data);
                }
                tried += 1;
            }
        }
        Ok(tried)
    }

    /// A number below this one (xorshift).
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % limit.max(1) as u64) as usize
    }

    fn example(&mut self) -> Vec<u8> {
        let at = self.below(self.examples.len());
        self.examples[at].clone()
    }

    /// An example, changed in a few places.
    fn something(&mut self) -> Vec<u8> {
        let mut data = self.example();
        for _ in 0..=self.below(4) {
            self.change(&mut data);
        }
        data.truncate(LONGEST);
        data
    }

    fn change(&mut self, data: &mut Vec<u8>) {
        let at = self.below(data.len() + 1);
        let end = at + self.below(data.len() - at + 1);
        let byte = if self.below(3) == 0 { self.below(256) as u8 } else { TELLING[self.below(TELLING.len())] };
        match self.below(6) {
            0 => data.insert(at, byte),
            1 => drop(data.drain(at..end)),
            2 if at < data.len() => data[at] = byte,
            3 => {
                let again = data[at..end].to_vec();
                data.splice(at..at, again);
            }
            4 => {
                let mut other = self.example();
                let from = self.below(other.len() + 1);
                data.splice(at..end, other.drain(from..));
            }
            _ => data.truncate(at),
        }
    }
}
