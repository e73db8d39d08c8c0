//! Tries one target, which the environment names: `HELIOGRAPH_FUZZ_TARGET=token heliograph-fuzz [-max_total_time=SECONDS]
//! FOLDER…`. With libFuzzer (the feature of that name) its options are libFuzzer's own, and the first folder is where it
//! keeps what it finds; without it, the folders are only read. `./test fuzz` does all of this.

#![cfg_attr(feature = "libfuzzer", no_main)]

use heliograph_fuzz::{TARGETS, Target, find};
use std::sync::OnceLock;

static TARGET: OnceLock<Target> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "libFuzzer takes the command line for itself")]
fn wanted() -> Target {
    let name = std::env::var("HELIOGRAPH_FUZZ_TARGET").unwrap_or_default();
    find(&name).unwrap_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("HELIOGRAPH_FUZZ_TARGET should be one of {}", names.join(", "));
        std::process::exit(2)
    })
}

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET.get_or_init(wanted)(data));

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::process::ExitCode {
    use heliograph_fuzz::dice::{Dice, examples};
    use std::{fs, path::Path, process::ExitCode, time::Duration};

    let (mut seconds, mut seeds) = (10, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix("-max_total_time=") {
            Some(time) => seconds = time.parse().unwrap_or(seconds),
            None if argument.starts_with('-') => {}
            None => seeds.extend(examples(Path::new(&argument)).unwrap_or_default()),
        }
    }
    let number = u64::from(std::process::id());
    match Dice::new(number, seeds).throw(*TARGET.get_or_init(wanted), Duration::from_secs(seconds)) {
        Ok(tried) => {
            println!("{tried} tries");
            ExitCode::SUCCESS
        }
        Err(data) => {
            let file = format!("crash-{number}");
            let written = fs::write(&file, &data);
            eprintln!("it could not stand {:?}\n{written:?}: ./{file}", String::from_utf8_lossy(&data));
            ExitCode::FAILURE
        }
    }
}
