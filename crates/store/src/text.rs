//! SQL texts: the one text of a statement, and what each engine makes of it.
//!
//! The rules of the one text: parameters are `$1…`, keywords and types are in capitals, columns are `TEXT` or `BIGINT`,
//! no key cascades (a statement changes the table it names and no other), and a claim may say ` FOR UPDATE SKIP LOCKED`, which SQLite, having one writer, does without.

use crate::Error;

const SKIP_LOCKED: &str = " FOR UPDATE SKIP LOCKED";

/// Tells texts apart by their address: they are constants of the program, so this is cheaper than comparing them.
pub(crate) type Key = (usize, usize);

pub(crate) fn key(sql: &'static str) -> Key {
    (sql.as_ptr() as usize, sql.len())
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

/// Whether the text names `table`.
pub(crate) fn mentions(sql: &str, table: &str) -> bool {
    words(sql).any(|word| word.eq_ignore_ascii_case(table))
}

/// The two columns whose values the first two parameters are, when the text is about rows with these values and no
/// others: `INSERT INTO t (a, b, …) VALUES ($1, $2, …)`, `… WHERE a = $1 AND b = $2 …` on one table without an alias.
pub(crate) fn pinned(sql: &str) -> Option<[&str; 2]> {
    let (columns, values) = if sql.starts_with("INSERT INTO ") {
        let (_, list) = sql.split_once('(')?;
        let (columns, rest) = list.split_once(')')?;
        (columns, rest.trim_start().strip_prefix("VALUES (")?.strip_prefix("$1, $2")?)
    } else {
        let alone =
            words(sql).filter(|word| matches!(*word, "FROM" | "JOIN" | "UPDATE" | "OR" | "UNION" | "WITH")).count()
                == 1;
        let (_, condition) = sql.split_once("WHERE ").filter(|_| alone)?;
        let (first, rest) = condition.split_once(" = $1 AND ")?;
        let (second, rest) = rest.split_once(" = $2")?;
        return is_name(first).then_some([first, second]).filter(|_| is_name(second) && !rest.starts_with(in_word));
    };
    let mut names = columns.split(',').map(str::trim);
    let pair = [names.next()?, names.next()?];
    pair.iter().all(|name| is_name(name)).then_some(pair).filter(|_| !values.starts_with(in_word))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(in_word)
}

/// Turns `INSERT INTO t (…) VALUES (…)` of one row into one of many: each parameter becomes an array of PostgreSQL
/// `types`. `None` when the text is not of that simple shape, and its rows have to go one by one.
///
/// `DO UPDATE` is left out because one statement may not update a row twice.
pub(crate) fn bulk_insert(sql: &str, types: &[&str]) -> Option<String> {
    if stretches(sql).count() != 1 || !sql.starts_with("INSERT INTO ") || types.is_empty() {
        return None;
    }
    let (head, rest) = sql.split_once(" VALUES")?;
    let rest = rest.trim_start().strip_prefix('(')?;
    let (values, tail) = rest.split_at(closing(rest)?);
    let tail = tail[1..].trim();
    if !(tail.is_empty() || tail.starts_with("ON CONFLICT") && tail.ends_with("DO NOTHING")) {
        return None;
    }
    let numbered = |part: fn(usize, &str) -> String| {
        let parts: Vec<_> = types.iter().enumerate().map(|(i, ty)| part(i + 1, ty)).collect();
        parts.join(", ")
    };
    let arrays = numbered(|n, ty| format!("${n}::{ty}[]"));
    let names = numbered(|n, _| format!("p{n}"));
    let values = with_parameters(values, "p.p");
    Some(format!("{head} SELECT {values} FROM UNNEST({arrays}) AS p({names}) {tail}").trim_end().to_owned())
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
fn words(sql: &str) -> impl Iterator<Item = &str> {
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
        assert!(mentions("SELECT * FROM message m JOIN app ON 1 = 1", "app"));
        assert!(!mentions("SELECT app_id, 'app' FROM apps -- app", "app"));
        assert!(only_reads("SELECT 1") && only_reads("\n WITH a AS (SELECT 1) SELECT * FROM a"));
        assert!(!only_reads("WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a") && !only_reads("DELETE FROM t"));
    }

    #[test]
    fn a_text_may_say_which_rows_it_is_about() {
        assert_eq!(pinned("INSERT INTO t (a, b, c) VALUES ($1, $2, $3)"), Some(["a", "b"]));
        assert_eq!(pinned("UPDATE t SET c = $3 WHERE a = $1 AND b = $2"), Some(["a", "b"]));
        assert_eq!(pinned("SELECT c FROM t WHERE a = $1 AND b = $2 AND c > $3 ORDER BY c"), Some(["a", "b"]));
        for vague in [
            "INSERT INTO t (a, b) VALUES ($2, $1)",
            "INSERT INTO t (a, b) VALUES ($1, $22)",
            "SELECT c FROM t WHERE a = $1 AND b > $2",
            "SELECT c FROM t WHERE a = $1 AND b = $22",
            "SELECT c FROM t WHERE a = $1",
            "SELECT c FROM t WHERE a = $1 AND b = $2 OR c = 1",
            "SELECT c FROM t WHERE a = $1 AND b = $2 AND c IN (SELECT c FROM t)",
            "SELECT t.c FROM t JOIN u ON u.a = t.a WHERE t.a = $1 AND t.b = $2",
        ] {
            assert_eq!(pinned(vague), None, "{vague}");
        }
    }

    #[test]
    fn a_simple_insert_becomes_a_bulk_insert() {
        assert_eq!(
            bulk_insert("INSERT INTO t (a, b, c) VALUES ($1, $2, 0) ON CONFLICT (a) DO NOTHING", &["text", "int8"]),
            Some(
                "INSERT INTO t (a, b, c) SELECT p.p1, p.p2, 0 FROM UNNEST($1::text[], $2::int8[]) AS p(p1, p2) \
                 ON CONFLICT (a) DO NOTHING"
                    .to_owned()
            )
        );
        assert_eq!(
            bulk_insert("INSERT INTO t (a) VALUES (lower($1))", &["text"]),
            Some("INSERT INTO t (a) SELECT lower(p.p1) FROM UNNEST($1::text[]) AS p(p1)".to_owned())
        );
        for odd in [
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $1",
            "INSERT INTO t (a) VALUES ($1), ($2)",
            "INSERT INTO t (a) VALUES ($1) RETURNING a",
            "INSERT INTO t (a, b) VALUES ($1, 'x')",
            "INSERT INTO t (a) SELECT $1",
            "DELETE FROM t WHERE a = $1",
        ] {
            assert_eq!(bulk_insert(odd, &["text"]), None, "{odd}");
        }
    }
}
