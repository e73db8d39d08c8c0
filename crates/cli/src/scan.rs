//! `heliograph keys scan`: finds secrets of the recognisable form in files, without asking any server.

use crate::output::{self, Outcome};
use clap::Args;
use heliograph_wire::secret;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// How much of a file is looked at at once.
const PIECE: usize = 1 << 20;

/// Where to look.
#[derive(Args)]
pub struct Scan {
    /// Files and folders. Links are not followed.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

/// Looks through files. Ends with an error if there is anything to be found, so that a commit hook or a build can stop.
pub fn run(scan: &Scan, as_json: bool) -> Outcome {
    let mut found = Vec::new();
    for path in &scan.paths {
        walk(path, &mut found)?;
    }
    output::list(
        as_json,
        &json!({ "found": found }),
        "found",
        &[("FILE", "/file"), ("LINE", "/line"), ("KEY ID", "/keyId")],
    )?;
    match found.len() {
        0 => Ok(()),
        1 => Err("1 secret found: rotate or report it, wherever else it is".into()),
        many => Err(format!("{many} secrets found: rotate or report them, wherever else they are").into()),
    }
}

/// What cannot be read is told and passed over: one forbidden file does not hide the others. What was named itself has to
/// be there.
fn walk(path: &Path, found: &mut Vec<Value>) -> Result<(), String> {
    let unreadable = |error| format!("{}: {error}", path.display());
    let kind = path.symlink_metadata().map_err(unreadable)?;
    if kind.is_dir() {
        let entries = path.read_dir().map_err(unreadable)?;
        let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        entries.sort();
        for entry in entries {
            walk(&entry, found).unwrap_or_else(|error| output::complain(&error));
        }
    } else if kind.is_file() {
        let shown = path.display().to_string();
        let here = File::open(path).and_then(look).map_err(unreadable)?;
        found.extend(here.into_iter().map(|(line, key)| json!({ "file": shown, "line": line, "keyId": key })));
    }
    Ok(())
}

/// Piece by piece, each beginning with the end of the one before: a secret may lie across.
fn look(mut file: impl Read) -> io::Result<Vec<(usize, String)>> {
    let (mut found, mut window, mut line) = (Vec::new(), Vec::new(), 1);
    let newlines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    loop {
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut window)?;
        // What begins in the last few bytes is found in the next piece, unless this is the end.
        let done = if read == 0 { window.len() } else { window.len().saturating_sub(secret::LENGTH - 1) };
        let here = secret::find_all(&window).into_iter().filter(|(at, _)| *at < done);
        found.extend(here.map(|(at, key)| (line + newlines(&window[..at]), key.to_owned())));
        line += newlines(&window[..done]);
        window.drain(..done);
        if read == 0 {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_lies() {
        let key = "int_0123456789abcdef01234567";
        let secret = secret::compose(key, || [77; 64]);
        for before in [0, 10, PIECE - 1, PIECE - secret::LENGTH, PIECE - 40, PIECE, 2 * PIECE - 3] {
            let text = format!("{}\n{secret}\n{}", "x".repeat(before), "y".repeat(200));
            assert_eq!(look(text.as_bytes()).ok(), Some(vec![(2, key.to_owned())]), "{before}");
        }
        assert_eq!(look(secret.as_bytes()).ok(), Some(vec![(1, key.to_owned())]));
        let none = look(&secret.as_bytes()[1..]).ok();
        assert_eq!(none, Some(Vec::new()));
    }
}
