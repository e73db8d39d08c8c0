//! Messages by the million, as the server would have written them: in the order of their time, all over the conversations.

use crate::{Outcome, child::Server, scratch, sqlite};
use rusqlite::params;
use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// How many are written in one transaction.
const STEP: u64 = 250_000;
/// The second in which the first was posted, long before anything else; a hundred were in each.
const FIRST_SECOND: u64 = 1_500_000_000;

/// Writes the messages of these numbers into an app's conversations. No server may run.
pub async fn messages(server: &Server, app: &str, conversations: &[String], numbers: Range<u64>) -> Outcome<()> {
    let steps = (numbers.start..numbers.end).step_by(STEP as usize);
    let steps: Vec<_> = steps.map(|from| from..numbers.end.min(from + STEP)).collect();
    match &server.database_url {
        None => by_sqlite(&path(server), app, conversations, &steps),
        Some(url) => by_postgres(url, app, conversations, &steps).await,
    }
}

/// How large a database is, in bytes.
pub async fn size(server: &Server) -> Outcome<u64> {
    match &server.database_url {
        None => Ok(fs::metadata(path(server))?.len()),
        Some(url) => {
            let client = scratch::connect(url).await?;
            let row = client.query_one("SELECT pg_database_size(current_database())", &[]).await?;
            Ok(row.get::<_, i64>(0).unsigned_abs())
        }
    }
}

fn path(server: &Server) -> PathBuf {
    server.folder.join("data/heliograph.db")
}

fn by_sqlite(path: &Path, app: &str, conversations: &[String], steps: &[Range<u64>]) -> Outcome<()> {
    let connection = sqlite::open(path)?;
    connection.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -524288; PRAGMA wal_autocheckpoint = 16000;
         CREATE TEMP TABLE place (n INTEGER PRIMARY KEY, id TEXT NOT NULL);",
    )?;
    for (n, id) in conversations.iter().enumerate() {
        connection.execute("INSERT INTO place VALUES (?1, ?2)", params![n as i64, id])?;
    }
    let like: (String, String) =
        connection.query_row("SELECT id, body FROM message LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for step in steps {
        connection.execute(
            "WITH RECURSIVE new(i, id) AS (
               SELECT ?1, printf('%08x%016x', ?3 + ?1 / 100, ?1)
               UNION ALL SELECT i + 1, printf('%08x%016x', ?3 + (i + 1) / 100, i + 1) FROM new WHERE i + 1 < ?2)
             INSERT INTO message (app_id, conversation_id, id, body)
             SELECT ?4, place.id, new.id, replace(?5, ?6, new.id) FROM new JOIN place ON place.n = new.i % ?7",
            params![
                step.start as i64,
                step.end as i64,
                FIRST_SECOND as i64,
                app,
                like.1,
                like.0,
                conversations.len() as i64
            ],
        )?;
    }
    let written: u64 = steps.iter().map(|step| step.end - step.start).sum();
    let each = (written / conversations.len() as u64) as i64;
    connection.execute(
        "UPDATE conversation SET message_count = message_count + ?2, posted = posted + ?2
         WHERE app_id = ?1 AND id IN (SELECT id FROM place)",
        params![app, each],
    )?;
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

async fn by_postgres(url: &str, app: &str, conversations: &[String], steps: &[Range<u64>]) -> Outcome<()> {
    let client = scratch::connect(url).await?;
    client.batch_execute("SET synchronous_commit = off").await?;
    let like = client.query_one("SELECT id, body FROM message LIMIT 1", &[]).await?;
    let (id, body): (String, String) = (like.get(0), like.get(1));
    let insert = client
        .prepare(
            "INSERT INTO message (app_id, conversation_id, id, body)
             SELECT $1, place.id, new.id, replace($2, $3, new.id)
             FROM (SELECT i, lpad(to_hex($4 + i / 100), 8, '0') || lpad(to_hex(i), 16, '0') AS id
                   FROM generate_series($5::bigint, $6::bigint - 1) AS i) AS new
             JOIN unnest($7::text[]) WITH ORDINALITY AS place (id, n) ON place.n = new.i % $8 + 1",
        )
        .await?;
    let (first, count) = (FIRST_SECOND as i64, conversations.len() as i64);
    for step in steps {
        let (from, to) = (step.start as i64, step.end as i64);
        client.execute(&insert, &[&app, &body, &id, &first, &from, &to, &conversations, &count]).await?;
    }
    let written: u64 = steps.iter().map(|step| step.end - step.start).sum();
    let each = (written / conversations.len() as u64) as i64;
    client
        .execute(
            "UPDATE conversation SET message_count = message_count + $3, posted = posted + $3
             WHERE app_id = $1 AND id = ANY($2)",
            &[&app, &conversations, &each],
        )
        .await?;
    // What the database would otherwise do at a time of its own, beside what is measured.
    for command in ["VACUUM ANALYZE message", "VACUUM ANALYZE conversation", "CHECKPOINT"] {
        client.batch_execute(command).await?;
    }
    Ok(())
}
