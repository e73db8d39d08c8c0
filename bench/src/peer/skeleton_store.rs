//! What the skeleton keeps: one writer, and readers on the threads of those who ask.

use crate::{Outcome, sqlite};
use rusqlite::{Connection, params};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use tokio::sync::oneshot;

const SCHEMA: &str = "
    CREATE TABLE conversation (id TEXT PRIMARY KEY, messages INTEGER NOT NULL, changed_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE message (conversation TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (conversation, id)) WITHOUT ROWID;
    CREATE TABLE integration_key (id TEXT PRIMARY KEY, integration TEXT NOT NULL, name TEXT NOT NULL,
        secret TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE delivery (id INTEGER PRIMARY KEY, due_at INTEGER NOT NULL, body TEXT NOT NULL);";

/// One change.
pub enum Change {
    /// A key is made.
    Key { id: String, integration: String, name: String, secret: String },
    /// A message is posted, and a webhook is to be told; the outcome is the delivery's id.
    Message { conversation: String, id: String, at: i64, body: String, call: String },
    /// A webhook was told.
    Delivered { id: i64 },
}

struct Job {
    change: Change,
    reply: Option<oneshot::Sender<rusqlite::Result<i64>>>,
}

/// The database.
pub struct Store {
    writer: flume::Sender<Job>,
    readers: Mutex<Vec<Connection>>,
    path: PathBuf,
}

impl Store {
    /// Makes a database with these conversations.
    pub fn create(folder: &Path, conversations: &[String]) -> Outcome<Self> {
        let path = folder.join("skeleton.db");
        let connection = sqlite::open(&path)?;
        connection.execute_batch(SCHEMA)?;
        for id in conversations {
            connection.prepare_cached("INSERT INTO conversation VALUES (?1, 0, 0)")?.execute([id])?;
        }
        let (writer, jobs) = flume::unbounded();
        let at = path.clone();
        std::thread::spawn(move || {
            if let Err(error) = write(&connection, at, &jobs) {
                eprintln!("skeleton: {error}");
            }
        });
        Ok(Self { writer, readers: Mutex::default(), path })
    }

    /// Makes a change durable.
    pub async fn write(&self, change: Change) -> Outcome<i64> {
        let (reply, outcome) = oneshot::channel();
        self.writer.send(Job { change, reply: Some(reply) }).map_err(|_| "the writer is gone")?;
        Ok(outcome.await??)
    }

    /// The same, for who need not know when.
    pub fn write_later(&self, change: Change) {
        // Without a writer there is nobody left to serve either.
        let _ = self.writer.send(Job { change, reply: None });
    }

    /// The latest messages of a conversation, as a list in JSON.
    pub fn latest(&self, conversation: &str, count: usize) -> rusqlite::Result<Vec<u8>> {
        let reader = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = reader.map_or_else(|| sqlite::open(&self.path), Ok)?;
        let json = latest(&reader, conversation, count);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        json
    }
}

fn latest(reader: &Connection, conversation: &str, count: usize) -> rusqlite::Result<Vec<u8>> {
    let sql = "SELECT body FROM message WHERE conversation = ?1 ORDER BY id DESC LIMIT ?2";
    let mut statement = reader.prepare_cached(sql)?;
    let mut rows = statement.query(params![conversation, count as i64 + 1])?;
    let mut json = Vec::with_capacity(count * 700);
    json.extend_from_slice(br#"{"messages":["#);
    let mut read = 0;
    while let Some(row) = rows.next()? {
        read += 1;
        if read > count {
            break;
        }
        if read > 1 {
            json.push(b',');
        }
        json.extend_from_slice(row.get_ref(0)?.as_bytes()?);
    }
    json.extend_from_slice(format!(r#"],"meta":{{"hasMore":{}}}}}"#, read > count).as_bytes());
    Ok(json)
}

fn write(connection: &Connection, path: PathBuf, jobs: &flume::Receiver<Job>) -> rusqlite::Result<()> {
    let prepare = |sql| connection.prepare(sql);
    let mut add_key = prepare("INSERT INTO integration_key VALUES (?1, ?2, ?3, ?4)")?;
    let mut add_message = prepare("INSERT INTO message VALUES (?1, ?2, ?3)")?;
    let mut bump = prepare("UPDATE conversation SET messages = messages + 1, changed_at = ?2 WHERE id = ?1")?;
    let mut enqueue = prepare("INSERT INTO delivery (due_at, body) VALUES (?1, ?2)")?;
    let mut settle = prepare("DELETE FROM delivery WHERE id = ?1")?;
    let apply = |job: &Job| match &job.change {
        Change::Key { id, integration, name, secret } => add_key.execute([id, integration, name, secret]).map(|_| 0),
        Change::Message { conversation, id, at, body, call } => {
            add_message.execute([conversation, id, body])?;
            if bump.execute(params![conversation, at])? == 0 {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
            enqueue.insert(params![at, call])
        }
        Change::Delivered { id } => settle.execute([id]).map(|_| 0),
    };
    let answer = |job: Job, outcome| {
        if let Some(reply) = job.reply {
            // Whoever asked may be gone.
            let _ = reply.send(outcome);
        }
    };
    sqlite::write_in_groups(connection, path, jobs, apply, answer)
}
