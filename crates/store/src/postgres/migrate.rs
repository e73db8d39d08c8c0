//! Migrations on PostgreSQL, under a lock that only one of several servers holds at a time.

use super::connect::{Target, words};
use crate::{
    Migration, OpenError, clock,
    migrate::{self, Applied},
    text,
};
use std::{
    thread,
    time::{Duration, Instant},
};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow, Statement, Transaction, error::SqlState};

/// The number of our lock in the database: `heliogra` in ASCII.
const LOCK: i64 = 0x6865_6c69_6f67_7261;
const PATIENCE: Duration = Duration::from_secs(60);

/// Brings the schema up to date. Runs on a thread of its own, so that it may be called from within a runtime.
pub(super) fn run(target: &Target, known: &'static [Migration]) -> Result<(), OpenError> {
    let migrated = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| OpenError::Engine(error.to_string()))?.block_on(connect_and_migrate(target, known))
        });
        thread.join()
    });
    migrated.unwrap_or_else(|_| Err(OpenError::Engine("the migration panicked".into())))
}

async fn connect_and_migrate(target: &Target, known: &'static [Migration]) -> Result<(), OpenError> {
    let (mut client, task) = target.connect().await.map_err(|error| OpenError::Unreachable(words(&error)))?;
    lock(&client).await?;
    let migrated = migrate(&mut client, known).await;
    // The lock goes with the session.
    drop(client);
    let _ = tokio::time::timeout(Duration::from_secs(1), task).await;
    migrated
}

async fn lock(client: &Client) -> Result<(), OpenError> {
    let ask = format!("SELECT pg_try_advisory_lock({LOCK})");
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if rows(client.simple_query(&ask).await)?.iter().any(|row| row.get(0) == Some("t")) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(OpenError::Migrating(PATIENCE.as_secs()))
}

/// Applies what is missing, all in one transaction: to wait for the disk once, and to leave no schema of another release.
async fn migrate(client: &mut Client, known: &'static [Migration]) -> Result<(), OpenError> {
    let remaining = migrate::remaining(known, &applied(client).await?)?;
    if remaining.is_empty() {
        return Ok(());
    }
    let tx = client.transaction().await.map_err(engine)?;
    tx.batch_execute(&text::for_postgres_schema(migrate::BOOK)).await.map_err(engine)?;
    let enter = tx.prepare(migrate::ENTER).await.map_err(engine)?;
    for migration in remaining {
        apply(&tx, &enter, migration).await.map_err(|error| OpenError::Migration {
            version: migration.version,
            name: migration.name,
            why: words(&error),
        })?;
    }
    tx.commit().await.map_err(engine)
}

async fn apply(tx: &Transaction<'_>, enter: &Statement, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    tx.batch_execute(&text::for_postgres_schema(migration.sql)).await?;
    let (version, sha256) = (i64::from(migration.version), migrate::fingerprint(migration.sql));
    tx.execute(enter, &[&version, &migration.name, &sha256, &clock::now_ms()]).await.map(drop)
}

/// What the book has; nothing if there is none.
async fn applied(client: &Client) -> Result<Vec<Applied>, OpenError> {
    let book = match client.simple_query(migrate::APPLIED).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(Vec::new()),
        book => rows(book)?,
    };
    let strange = || OpenError::Engine("the book of migrations is not as it was written".into());
    let applied = book.iter().map(|row| {
        let version = row.get(0).and_then(|version| version.parse().ok());
        Some(Applied { version: version?, sha256: row.get(1)?.to_owned() })
    });
    applied.collect::<Option<_>>().ok_or_else(strange)
}

/// The rows of a query that was sent as text: one journey, where a prepared one takes two.
fn rows(answer: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>) -> Result<Vec<SimpleQueryRow>, OpenError> {
    let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
    Ok(answer.map_err(engine)?.into_iter().filter_map(row).collect())
}

fn engine(error: tokio_postgres::Error) -> OpenError {
    OpenError::Engine(words(&error))
}
