//! Fuzz targets: for each thing that takes apart what strangers send, a plain function that is given any bytes and panics
//! if what has to hold does not.
//!
//! What has to hold is alike in all of them: nothing panics; what is accepted, written down again and read again, is the
//! same; what is refused is refused in the words of the contract.
//!
//! The folder `corpus` has a few small examples for each. `./test` replays them and goes on from there for some seconds,
//! `./test fuzz SECONDS` for as long as one likes.

pub mod dice;
mod targets;

/// A target: is given any bytes, and panics if something is wrong.
pub type Target = fn(&[u8]);

/// All targets, by name. Each has a folder of examples of the same name.
pub const TARGETS: &[(&str, Target)] = &[
    ("token", targets::credentials::token),
    ("basic", targets::credentials::basic),
    ("secret", targets::credentials::secret),
    ("path", targets::requests::path),
    ("query", targets::requests::query),
    ("body", targets::requests::body),
    ("address", targets::webhooks::address),
    ("signature", targets::webhooks::signature),
    ("curl", targets::given::curl),
    ("postman", targets::given::postman),
];

/// The target of this name.
pub fn find(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn what_has_to_hold_holds_for_every_example() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, target) in TARGETS {
            let examples = dice::examples(&corpus.join(name)).expect("a folder of examples");
            assert!(examples.len() >= 3, "{name} has too few examples");
            assert!(examples.iter().all(|example| example.len() <= 4096), "{name} has large ones");
            examples.iter().for_each(|example| target(example));
            target(b"");
        }
        let folders = fs::read_dir(corpus).expect("the corpus").count();
        assert_eq!(folders, TARGETS.len(), "a folder belongs to no target");
    }

    /// A search that finds nothing would prove nothing: it does find what is only there if one goes on from the examples.
    #[test]
    fn the_dice_find_what_is_wrong() {
        fn wrong(data: &[u8]) {
            assert!(!(data.len() > 8 && data.starts_with(b"GET ") && data.contains(&0xFF)), "found");
        }
        let examples = vec![b"GET /v2/apps".to_vec(), b"POST /v2/apps".to_vec()];
        let found = dice::Dice::new(7, examples).throw(wrong, std::time::Duration::from_secs(30));
        assert!(found.is_err());
    }
}
