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
use tokio_postgres::Client;

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
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await.map_err(engine)?;
        if row.get(0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(OpenError::Migrating(PATIENCE.as_secs()))
}

async fn migrate(client: &mut Client, known: &'static [Migration]) -> Result<(), OpenError> {
    let has_book = client.query_one("SELECT to_regclass('heliograph_migration') IS NOT NULL", &[]).await;
    let applied = if has_book.map_err(engine)?.get(0) { applied(client).await? } else { Vec::new() };
    let remaining = migrate::remaining(known, &applied)?;
    client.batch_execute(&text::for_postgres_schema(migrate::BOOK)).await.map_err(engine)?;
    for migration in remaining {
        apply(client, migration).await.map_err(|error| OpenError::Migration {
            version: migration.version,
            name: migration.name,
            why: words(&error),
        })?;
    }
    Ok(())
}

async fn apply(client: &mut Client, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    let tx = client.transaction().await?;
    tx.batch_execute(&text::for_postgres_schema(migration.sql)).await?;
    let (version, sha256) = (i64::from(migration.version), migrate::fingerprint(migration.sql));
    tx.execute(migrate::ENTER, &[&version, &migration.name, &sha256, &clock::now_ms()]).await?;
    tx.commit().await
}

async fn applied(client: &Client) -> Result<Vec<Applied>, OpenError> {
    let rows = client.query(migrate::APPLIED, &[]).await.map_err(engine)?;
    Ok(rows.iter().map(|row| Applied { version: row.get(0), sha256: row.get(1) }).collect())
}

fn engine(error: tokio_postgres::Error) -> OpenError {
    OpenError::Engine(words(&error))
}
