//! Which migrations a database still needs. How they are applied is the engine's business.

use crate::OpenError;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// One step of the schema. Its text never changes once it has been released, and runs on both engines.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub version: u32,
    /// What it is about, in a few words.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// The book of migrations, on both engines.
pub(crate) const BOOK: &str = "CREATE TABLE IF NOT EXISTS heliograph_migration (\
     version BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)";
pub(crate) const APPLIED: &str = "SELECT version, sha256 FROM heliograph_migration ORDER BY version";
pub(crate) const ENTER: &str =
    "INSERT INTO heliograph_migration (version, name, sha256, applied_at) VALUES ($1, $2, $3, $4)";

/// A migration as the book has it.
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) sha256: String,
}

/// The migrations still to be applied, in order.
pub(crate) fn remaining(known: &'static [Migration], applied: &[Applied]) -> Result<&'static [Migration], OpenError> {
    if let Some(wrong) = known.windows(2).find(|pair| pair[0].version >= pair[1].version) {
        return Err(OpenError::Engine(format!("migration {} is out of order", wrong[1].version)));
    }
    let newest = known.last().map_or(0, |migration| migration.version);
    if let Some(last) = applied.last().filter(|last| last.version > i64::from(newest)) {
        return Err(OpenError::Newer { found: u32::try_from(last.version).unwrap_or(u32::MAX), known: newest });
    }
    for (i, entry) in applied.iter().enumerate() {
        let same = known.get(i).is_some_and(|migration| {
            i64::from(migration.version) == entry.version && fingerprint(migration.sql) == entry.sha256
        });
        if !same {
            let name = known.get(i).map_or("unknown", |migration| migration.name).to_owned();
            return Err(OpenError::Changed { version: u32::try_from(entry.version).unwrap_or(u32::MAX), name });
        }
    }
    Ok(known.get(applied.len()..).unwrap_or_default())
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn fingerprint(sql: &str) -> String {
    Sha256::digest(sql).iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Migration] = &[
        Migration { version: 1, name: "one", sql: "CREATE TABLE a (id TEXT)" },
        Migration { version: 2, name: "two", sql: "CREATE TABLE b (id TEXT)" },
    ];

    fn entry(version: i64, sql: &str) -> Applied {
        Applied { version, sha256: fingerprint(sql) }
    }

    #[test]
    fn only_what_is_missing_remains() -> Result<(), OpenError> {
        assert_eq!(remaining(KNOWN, &[])?.len(), 2);
        assert_eq!(remaining(KNOWN, &[entry(1, KNOWN[0].sql)])?[0].version, 2);
        assert!(remaining(KNOWN, &[entry(1, KNOWN[0].sql), entry(2, KNOWN[1].sql)])?.is_empty());
        Ok(())
    }

    #[test]
    fn a_newer_database_and_a_changed_text_are_refused() {
        let newer = remaining(KNOWN, &[entry(1, KNOWN[0].sql), entry(2, KNOWN[1].sql), entry(3, "")]);
        assert!(matches!(newer, Err(OpenError::Newer { found: 3, known: 2 })));
        let changed = remaining(KNOWN, &[entry(1, "CREATE TABLE a (id BIGINT)")]);
        assert!(matches!(changed, Err(OpenError::Changed { version: 1, .. })));
        let hole = remaining(KNOWN, &[entry(2, KNOWN[1].sql)]);
        assert!(matches!(hole, Err(OpenError::Changed { version: 2, .. })));
    }
}
