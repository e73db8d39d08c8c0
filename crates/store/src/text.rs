//! SQL texts: the one text of a statement, and what each engine makes of it.
//!
//! The rules of the one text: parameters are `$1…`, keywords and types are in capitals and names are not, columns are `TEXT` or `BIGINT`,
//! no key cascades (a statement changes the table it names and no other), and a claim may say ` FOR UPDATE SKIP LOCKED`, which SQLite, having one writer, does without.

use crate::Error;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

const SKIP_LOCKED: &str = " FOR UPDATE SKIP LOCKED";

/// Tells texts apart by their address: they are constants of the program, so this is cheaper than comparing them.
pub(crate) type Key = (usize, usize);

pub(crate) fn key(sql: &'static str) -> Key {
    (sql.as_ptr() as usize, sql.len())
}

/// A table by text. Nobody chooses these keys, so their hash need not withstand anybody.
pub(crate) type ByText<T> = HashMap<Key, T, BuildHasherDefault<Addresses>>;

/// Hashes addresses.
#[derive(Default)]
pub(crate) struct Addresses(u64);

impl Hasher for Addresses {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, number: usize) {
        // An odd number without a pattern spreads what differs over the upper bits; the table looks at both ends.
        self.0 = (self.0 ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The text as SQLite takes it.
pub(crate) fn for_sqlite(sql: &str) -> String {
    let renamed = with_parameters(sql, "?");
    if renamed.contains(SKIP_LOCKED) { renamed.replace(SKIP_LOCKED, "") } else { renamed }
}

/// The text of a migration as PostgreSQL takes it: text compares by its bytes, as it does in SQLite.
pub(crate) fn for_postgres_schema(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let (mut nth, mut defines) = (0, false);
    for (code, stretch) in stretches(sql) {
        if !code {
            out.push_str(stretch);
            continue;
        }
        for piece in pieces(stretch) {
            out.push_str(piece);
            if piece == ";" {
                nth = 0;
            } else if is_word(piece) {
                nth += 1;
                match nth {
                    1 => defines = matches!(piece, "CREATE" | "ALTER"),
                    2 => defines &= piece == "TABLE",
                    _ if defines && piece == "TEXT" => out.push_str(" COLLATE \"C\""),
                    _ => {}
                }
            }
        }
    }
    out
}

/// Whether the text, by its first word, changes nothing.
pub(crate) fn only_reads(sql: &str) -> bool {
    let mut words = words(sql);
    match words.next() {
        Some("SELECT" | "VALUES") => true,
        Some("WITH") => !words.any(|word| matches!(word, "INSERT" | "UPDATE" | "DELETE")),
        _ => false,
    }
}

/// What is said of a text that should.
pub(crate) fn not_reading() -> Error {
    Error::Engine("`query` takes a statement that only reads".into())
}

/// Whether the text takes locks, although it reads.
pub(crate) fn takes_locks(sql: &str) -> bool {
    sql.contains(" FOR UPDATE") || sql.contains(" FOR SHARE")
}

/// The table that an INSERT, UPDATE or DELETE changes.
pub(crate) fn table(sql: &'static str) -> Option<&'static str> {
    let mut words = words(sql);
    match (words.next()?, words.next()?) {
        ("INSERT", "INTO") | ("DELETE", "FROM") => words.next(),
        ("UPDATE", table) => Some(table),
        _ => None,
    }
}

/// The rows that a text is about, and no others of their table: those whose columns have the values of the first parameters,
/// a column for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin<'s> {
    pub(crate) table: &'s str,
    columns: [Option<&'s str>; 2],
}

impl<'s> Pin<'s> {
    /// The columns: one of a text that reads, or two.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'s str> {
        self.columns.into_iter().flatten()
    }
}

/// `INSERT INTO t (a, b, …) VALUES ($1, $2, …)`, or `… WHERE a = $1 AND b = $2 …` of a statement without another inside
/// it. Of several tables it is the one whose columns these are. Of a text that reads, the first column is enough if it
/// stands wherever the table does.
pub(crate) fn pinned(sql: &str) -> Option<Pin<'_>> {
    if sql.starts_with("INSERT ") {
        return pinned_insert(sql);
    }
    pinned_by_two(sql).or_else(|| only_reads(sql).then(|| pinned_by_one(sql)).flatten())
}

fn pinned_by_two(sql: &str) -> Option<Pin<'_>> {
    let simple = |word: &&str| matches!(*word, "SELECT" | "UPDATE" | "DELETE" | "WHERE" | "OR" | "UNION" | "WITH");
    if words(sql).filter(simple).count() != 2 {
        return None;
    }
    let (head, condition) = sql.split_once("WHERE ")?;
    let (first, rest) = condition.split_once(" = $1 AND ")?;
    let (second, rest) = rest.split_once(" = $2")?;
    let (alias, columns) = match (first.split_once('.'), second.split_once('.')) {
        (Some((one, first)), Some((other, second))) if one == other => (Some(one), [first, second]),
        (None, None) => (None, [first, second]),
        _ => return None,
    };
    let table = source(head, alias)?;
    let moves_rows = head.split_once(" SET ").is_some_and(|(_, set)| words(set).any(|word| columns.contains(&word)));
    let clear = !moves_rows && columns.iter().all(|name| is_name(name)) && !rest.starts_with(in_word);
    clear.then_some(Pin { table, columns: columns.map(Some) })
}

/// `… FROM t WHERE a = $1 …`, or the same with an alias, wherever `t` is named.
fn pinned_by_one(sql: &str) -> Option<Pin<'_>> {
    let (_, tables) = sql.split_once("FROM ")?;
    let pin = pinned_source(tables)?;
    let named = words(sql).filter(|word| *word == pin.table).count();
    let sources = sql.split("FROM ").skip(1).filter(|source| pinned_source(source) == Some(pin)).count();
    (named == sources && !words(sql).any(|word| word == "OR")).then_some(pin)
}

/// The table and the column of `t WHERE a = $1` or `t x WHERE x.a = $1`, at the start of the text.
fn pinned_source(text: &str) -> Option<Pin<'_>> {
    let (names, condition) = text.split_once(" WHERE ")?;
    let (column, rest) = condition.split_once(" = $1")?;
    let (table, column) = match names.split_once(' ') {
        Some((table, alias)) => (table, column.strip_prefix(alias)?.strip_prefix('.')?),
        None => (names, column),
    };
    let rest = rest.trim_start_matches([' ', '\n']);
    let ends = rest.is_empty() || [")", "AND ", "ORDER ", "LIMIT "].iter().any(|end| rest.starts_with(end));
    (ends && is_name(table) && is_name(column)).then_some(Pin { table, columns: [Some(column), None] })
}

/// A conflict is with any row: the key that is taken may be another than the first.
fn pinned_insert(sql: &str) -> Option<Pin<'_>> {
    let (_, list) = sql.split_once('(')?;
    let (columns, rest) = list.split_once(')')?;
    let values = rest.trim_start().strip_prefix("VALUES (")?.strip_prefix("$1, $2")?;
    let mut names = columns.split(',').map(str::trim);
    let columns = [names.next()?, names.next()?];
    let clear = columns.iter().all(|name| is_name(name)) && !values.starts_with(in_word);
    let conflicts = words(sql).any(|word| word == "CONFLICT" || word == "SELECT");
    (clear && !conflicts).then_some(Pin { table: words(sql).nth(2)?, columns: columns.map(Some) })
}

/// The table that goes by this alias, or the only one, in the text before its WHERE.
fn source<'s>(head: &'s str, alias: Option<&str>) -> Option<&'s str> {
    if head.split_once("FROM ").is_some_and(|(_, tables)| tables.contains([',', '('])) {
        return None;
    }
    let words: Vec<&str> = words(head).collect();
    let starts = |at: &usize| matches!(words[*at], "FROM" | "JOIN" | "UPDATE");
    let sources = (0..words.len()).filter(starts).filter_map(|at| {
        let table = *words.get(at + 1)?;
        let alias = words.get(at + 2).filter(|word| word.contains(char::is_lowercase));
        Some((table, *alias.unwrap_or(&table)))
    });
    let sources: Vec<_> = sources.collect();
    let table = match alias {
        Some(alias) => sources.iter().find(|(_, name)| *name == alias)?.0,
        None if sources.len() == 1 => sources[0].0,
        None => return None,
    };
    (sources.iter().filter(|(other, _)| *other == table).count() == 1).then_some(table)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(in_word)
}

/// The text that does for many what `sql` does for one: each parameter becomes an array of PostgreSQL `types`. `None` when
/// `sql` is not of a shape for which that is easy, and has to be said once for each.
///
/// A SELECT answers with the number of the one a row is for, from 1, before the row. An UPDATE or DELETE is only given a
/// row once: for each of the many it has to be about other rows.
pub(crate) fn bulk(sql: &str, types: &[&str]) -> Option<String> {
    if types.is_empty() {
        return None;
    }
    let numbered = |part: &dyn Fn(usize, &str) -> String| {
        let parts: Vec<_> = types.iter().enumerate().map(|(i, ty)| part(i + 1, ty)).collect();
        parts.join(", ")
    };
    let arrays = numbered(&|n, ty| format!("${n}::{ty}[]"));
    let names = numbered(&|n, _| format!("p{n}"));
    let many = format!("UNNEST({arrays})");
    let text = with_parameters(sql, "given.p");
    match words(sql).next()? {
        "INSERT" => bulk_insert(sql, &many, &names),
        verb @ ("UPDATE" | "DELETE") if pinned(sql).is_some() && !words(sql).any(|word| word == "RETURNING") => {
            let (head, condition) = text.split_once("WHERE ")?;
            let joined = if verb == "UPDATE" { "FROM" } else { "USING" };
            Some(format!("{head}{joined} {many} AS given({names}) WHERE {condition}"))
        }
        // OFFSET keeps the planner from thinking of something better than to look up one after the other. A text can have one.
        "SELECT" | "WITH" if only_reads(sql) && !takes_locks(sql) && !words(sql).any(|word| word == "OFFSET") => {
            Some(format!(
                "SELECT given.n, answer.* FROM {many} WITH ORDINALITY AS given({names}, n), LATERAL ({text} OFFSET 0) AS answer"
            ))
        }
        _ => None,
    }
}

/// `DO UPDATE` is left out because one statement may not update a row twice.
fn bulk_insert(sql: &str, many: &str, names: &str) -> Option<String> {
    if stretches(sql).count() != 1 {
        return None;
    }
    let (head, rest) = sql.split_once(" VALUES")?;
    let rest = rest.trim_start().strip_prefix('(')?;
    let (values, tail) = rest.split_at(closing(rest)?);
    let tail = tail[1..].trim();
    if !(tail.is_empty() || tail.starts_with("ON CONFLICT") && tail.ends_with("DO NOTHING")) {
        return None;
    }
    let values = with_parameters(values, "given.p");
    Some(format!("{head} SELECT {values} FROM {many} AS given({names}) {tail}").trim_end().to_owned())
}

/// Where the parenthesis closes that was opened just before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    text.char_indices().find_map(|(i, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(i)
    })
}

/// The text with the `$` of every parameter replaced.
fn with_parameters(sql: &str, sign: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    for (code, stretch) in stretches(sql) {
        if !code {
            out.push_str(stretch);
            continue;
        }
        let mut chars = stretch.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '$' if chars.peek().is_some_and(char::is_ascii_digit) => out.push_str(sign),
                c => out.push(c),
            }
        }
    }
    out
}

/// The words of the text that are neither quoted nor comments.
pub(crate) fn words(sql: &str) -> impl Iterator<Item = &str> {
    stretches(sql).filter(|(code, _)| *code).flat_map(|(_, stretch)| pieces(stretch)).filter(|piece| is_word(piece))
}

fn is_word(piece: &str) -> bool {
    piece.starts_with(in_word)
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Cuts code into words and the single characters between them.
fn pieces(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = code;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if in_word(first) { rest.find(|c| !in_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Cuts the text into stretches of code (`true`), and of quoted text and comments (`false`).
fn stretches(sql: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let code = rest.find('\'').into_iter().chain(rest.find("--")).min().unwrap_or(rest.len());
        let end = match code {
            0 if rest.starts_with('\'') => rest[1..].find('\'').map_or(rest.len(), |i| i + 2),
            0 => rest.find('\n').unwrap_or(rest.len()),
            code => code,
        };
        let (stretch, after) = rest.split_at(end);
        rest = after;
        Some((code > 0, stretch))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_numbers_its_parameters_and_needs_no_locks() {
        assert_eq!(for_sqlite("SELECT '$1', $2, $13 FROM t -- $4"), "SELECT '$1', ?2, ?13 FROM t -- $4");
        assert_eq!(
            for_sqlite("UPDATE t SET a = $1 WHERE id IN (SELECT id FROM t LIMIT $2 FOR UPDATE SKIP LOCKED)"),
            "UPDATE t SET a = ?1 WHERE id IN (SELECT id FROM t LIMIT ?2)"
        );
    }

    #[test]
    fn text_columns_compare_by_bytes_on_postgres() {
        let given = "-- a TEXT, first\nCREATE TABLE t (text TEXT NOT NULL DEFAULT 'TEXT;', n BIGINT);\n\
                     CREATE INDEX i ON t (text);\nUPDATE t SET text = CAST(n AS TEXT);\nALTER TABLE t ADD COLUMN u TEXT;";
        let wanted = "-- a TEXT, first\nCREATE TABLE t (text TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT;', n BIGINT);\n\
                      CREATE INDEX i ON t (text);\nUPDATE t SET text = CAST(n AS TEXT);\n\
                      ALTER TABLE t ADD COLUMN u TEXT COLLATE \"C\";";
        assert_eq!(for_postgres_schema(given), wanted);
    }

    #[test]
    fn a_text_is_known_by_its_words() {
        assert_eq!(table("INSERT INTO message (id) VALUES ($1)"), Some("message"));
        assert_eq!(table("UPDATE conversation SET n = 1"), Some("conversation"));
        assert_eq!(table("DELETE FROM \"app\" WHERE id = $1"), Some("app"));
        assert_eq!(table("SELECT 1"), None);
        assert!(only_reads("SELECT 1") && only_reads("\n WITH a AS (SELECT 1) SELECT * FROM a"));
        assert!(!only_reads("WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a") && !only_reads("DELETE FROM t"));
    }

    #[test]
    fn a_text_may_say_which_rows_it_is_about() {
        for sharp in [
            "INSERT INTO t (a, b, c) VALUES ($1, $2, $3)",
            "UPDATE t SET c = $3 WHERE a = $1 AND b = $2",
            "DELETE FROM t WHERE a = $1 AND b = $2 AND c = 'x'",
            "SELECT c FROM t WHERE a = $1 AND b = $2 AND c > $3 ORDER BY c",
            "SELECT x.c, u.d FROM t x LEFT JOIN u ON u.a = x.a WHERE x.a = $1 AND x.b = $2",
            "SELECT u.c FROM u JOIN t ON u.a = t.a\n WHERE t.a = $1 AND t.b = $2",
        ] {
            assert_eq!(pinned(sharp), Some(Pin { table: "t", columns: [Some("a"), Some("b")] }), "{sharp}");
        }
        for broad in [
            "SELECT c FROM t WHERE a = $1",
            "SELECT c FROM t WHERE a = $1 AND b > $2 ORDER BY c",
            "SELECT c FROM t WHERE a = $1 AND b = $22",
            "SELECT x.c FROM t x WHERE x.a = $1\n LIMIT $2",
            "SELECT c FROM t WHERE a = $1 AND b = $2 AND c IN (SELECT c FROM t WHERE a = $1)",
            "SELECT c FROM t WHERE a = $1 AND b = $2 AND c IN (SELECT c FROM u)",
            "WITH q AS (SELECT x.c, (SELECT y.c FROM t y WHERE y.a = $1 AND y.c < x.c) AS d FROM t x WHERE x.a = $1) SELECT * FROM q",
        ] {
            assert_eq!(pinned(broad), Some(Pin { table: "t", columns: [Some("a"), None] }), "{broad}");
        }
        for vague in [
            "INSERT INTO t (a, b) VALUES ($2, $1)",
            "INSERT INTO t (a, b) VALUES ($1, $22)",
            "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            "UPDATE t SET b = $3 WHERE a = $1 AND b = $2",
            "UPDATE t SET c = 1 WHERE a = $1",
            "DELETE FROM t WHERE a = $1 AND b > $2",
            "SELECT c FROM t WHERE a = $12",
            "SELECT c FROM t WHERE a = $1 + 1",
            "SELECT c FROM t WHERE b > $2 AND a = $1",
            "SELECT c FROM t WHERE a = $1 AND b = $2 OR c = 1",
            "SELECT c FROM t WHERE a = $1 AND b = $2 AND c IN (SELECT c FROM t)",
            "SELECT c FROM t WHERE a = $1 AND c IN (SELECT c FROM t WHERE b = $1)",
            "SELECT c FROM u WHERE a = $2 AND c IN (SELECT c FROM t WHERE a = $1)",
            "SELECT c FROM t WHERE a = $1 AND c IN (SELECT u.c FROM u JOIN t ON t.b = u.b)",
            "SELECT c FROM t x WHERE a = $1",
            "SELECT t.c FROM t JOIN u ON u.a = t.a WHERE t.a = $1 AND u.b = $2",
            "SELECT x.c FROM t x JOIN t y ON y.a = x.a WHERE x.a = $1 AND x.b = $2",
            "SELECT c FROM t, u WHERE a = $1 AND b = $2",
            "SELECT c FROM t JOIN u ON u.d = t.d WHERE a = $1 AND b = $2",
        ] {
            assert_eq!(pinned(vague), None, "{vague}");
        }
    }

    #[test]
    fn what_is_said_for_one_can_be_said_for_many() {
        for (one, many) in [
            (
                "INSERT INTO t (a, b, c) VALUES ($1, $2, 0) ON CONFLICT (a) DO NOTHING",
                "INSERT INTO t (a, b, c) SELECT given.p1, given.p2, 0 FROM UNNEST($1::text[], $2::int8[]) AS \
                 given(p1, p2) ON CONFLICT (a) DO NOTHING",
            ),
            (
                "INSERT INTO t (a, b) VALUES (lower($1), $2)",
                "INSERT INTO t (a, b) SELECT lower(given.p1), given.p2 FROM UNNEST($1::text[], $2::int8[]) AS given(p1, p2)",
            ),
            (
                "UPDATE t SET c = 'x' WHERE a = $1 AND b = $2",
                "UPDATE t SET c = 'x' FROM UNNEST($1::text[], $2::int8[]) AS given(p1, p2) \
                 WHERE a = given.p1 AND b = given.p2",
            ),
            (
                "DELETE FROM t WHERE a = $1 AND b = $2",
                "DELETE FROM t USING UNNEST($1::text[], $2::int8[]) AS given(p1, p2) WHERE a = given.p1 AND b = given.p2",
            ),
            (
                "SELECT c FROM t WHERE a = $1 LIMIT $2",
                "SELECT given.n, answer.* FROM UNNEST($1::text[], $2::int8[]) WITH ORDINALITY AS given(p1, p2, n), \
                 LATERAL (SELECT c FROM t WHERE a = given.p1 LIMIT given.p2 OFFSET 0) AS answer",
            ),
            (
                "WITH q AS (SELECT c FROM t WHERE a = $1 AND b = $2) SELECT c FROM q",
                "SELECT given.n, answer.* FROM UNNEST($1::text[], $2::int8[]) WITH ORDINALITY AS given(p1, p2, n), \
                 LATERAL (WITH q AS (SELECT c FROM t WHERE a = given.p1 AND b = given.p2) SELECT c FROM q OFFSET 0) AS answer",
            ),
        ] {
            assert_eq!(bulk(one, &["text", "int8"]).as_deref(), Some(many));
        }
        for odd in [
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $1",
            "INSERT INTO t (a) VALUES ($1), ($2)",
            "INSERT INTO t (a) VALUES ($1) RETURNING a",
            "INSERT INTO t (a, b) VALUES ($1, 'x')",
            "INSERT INTO t (a) SELECT $1",
            "DELETE FROM t WHERE a = $1",
            "UPDATE t SET c = 0 WHERE a = $1 AND b = $2 RETURNING c",
            "SELECT a FROM t WHERE a = $1 FOR UPDATE",
            "WITH q AS (DELETE FROM t WHERE a = $1 RETURNING a) SELECT a FROM q",
            "SELECT a FROM t WHERE a = $1 ORDER BY a LIMIT 1 OFFSET $2",
        ] {
            assert_eq!(bulk(odd, &["text"]), None, "{odd}");
        }
    }
}
