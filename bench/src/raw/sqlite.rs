//! rusqlite: one writer, group commit, checkpoints on a thread of their own.

use super::{APP, Ask, Asking, CONVERSATIONS, EVENT, MESSAGE, Rows, SECRET, conversation, id, text};
use crate::{
    Outcome,
    load::{self, Measured, Timing},
    sqlite,
};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS api_key (app_id TEXT NOT NULL, integration_id TEXT NOT NULL, id TEXT NOT NULL,
        display_name TEXT NOT NULL, secret TEXT NOT NULL, created_at BIGINT NOT NULL,
        PRIMARY KEY (app_id, integration_id, id));
    CREATE INDEX IF NOT EXISTS api_key_by_id ON api_key (id);
    CREATE TABLE IF NOT EXISTS conversation (app_id TEXT NOT NULL, id TEXT NOT NULL, metadata TEXT NOT NULL,
        last_updated_at BIGINT NOT NULL, message_count BIGINT NOT NULL, PRIMARY KEY (app_id, id));
    CREATE TABLE IF NOT EXISTS message (app_id TEXT NOT NULL, conversation_id TEXT NOT NULL, id TEXT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (app_id, conversation_id, id));
    CREATE TABLE IF NOT EXISTS delivery (app_id TEXT NOT NULL, id TEXT NOT NULL, webhook_id TEXT NOT NULL,
        event TEXT NOT NULL, due_at BIGINT NOT NULL, PRIMARY KEY (app_id, id));
    CREATE INDEX IF NOT EXISTS delivery_by_webhook ON delivery (webhook_id, due_at);";

/// Measures the loop on the database in this folder, which stays for the next time.
pub async fn measure(folder: &Path, rows: Rows, connections: usize, timing: Timing) -> Outcome<Measured> {
    let path = folder.join("raw.db");
    let connection = sqlite::open(&path)?;
    connection.execute_batch(SCHEMA)?;
    for n in 0..CONVERSATIONS {
        let sql = "INSERT OR IGNORE INTO conversation VALUES (?1, ?2, '{}', 0, 0)";
        connection.prepare_cached(sql)?.execute(params![APP, conversation(n)])?;
    }
    let (writer, jobs) = flume::unbounded();
    let thread = std::thread::spawn(move || match rows {
        Rows::Key => keys(&connection, path, &jobs),
        Rows::Message => messages(&connection, path, &jobs),
    });
    let loops = Asking::all(&writer, connections);
    drop(writer);
    let measured = load::drive(loops, timing, None).await;
    tokio::task::spawn_blocking(|| thread.join()).await?.map_err(|_| "the raw writer panicked")??;
    measured
}

fn keys(connection: &Connection, path: PathBuf, jobs: &flume::Receiver<Ask>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare("INSERT INTO api_key VALUES (?1, ?2, ?3, 'My custom key', ?4, ?5)")?;
    let secret = text(SECRET);
    let apply = |ask: &Ask| insert.execute(params![APP, ask.conversation, id(), secret, 1_700_000_000_000i64]);
    write(connection, path, jobs, apply)
}

fn messages(connection: &Connection, path: PathBuf, jobs: &flume::Receiver<Ask>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare("INSERT INTO message VALUES (?1, ?2, ?3, ?4)")?;
    let mut bump = connection.prepare(
        "UPDATE conversation SET last_updated_at = ?3, message_count = message_count + 1 WHERE app_id = ?1 AND id = ?2",
    )?;
    let mut enqueue = connection.prepare("INSERT INTO delivery VALUES (?1, ?2, ?1, ?3, ?4)")?;
    let (body, event) = (text(MESSAGE), text(EVENT));
    let mut now = 1_700_000_000_000i64;
    let apply = |ask: &Ask| {
        now += 1;
        insert.execute(params![APP, ask.conversation, id(), body])?;
        bump.execute(params![APP, ask.conversation, now])?;
        enqueue.execute(params![APP, id(), event, now])
    };
    write(connection, path, jobs, apply)
}

fn write(
    connection: &Connection,
    path: PathBuf,
    jobs: &flume::Receiver<Ask>,
    mut apply: impl FnMut(&Ask) -> rusqlite::Result<usize>,
) -> rusqlite::Result<()> {
    let apply = |ask: &Ask| apply(ask).map(|rows| rows as i64);
    let answer = |ask: Ask, outcome: rusqlite::Result<i64>| {
        // Whoever asked is gone when the time is over.
        let _ = ask.done.send(outcome.is_ok());
    };
    sqlite::write_in_groups(connection, path, jobs, apply, answer)
}
