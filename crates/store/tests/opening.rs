//! Opening a database: its schema, its lock, and what an operator is told when it does not work.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Database, SCHEMA, counter, read};
use heliograph_store::{Engine, Migration, OpenError, Options, Store, args};

on_both_engines![
    migrations_are_applied_once_by_two_openers,
    a_newer_database_is_refused,
    a_changed_migration_is_refused,
    a_failing_migration_leaves_nothing_behind,
    later_migrations_are_added,
    whether_it_is_there_is_asked_without_making_it,
];

const SECOND: &[Migration] =
    &[SCHEMA[0], Migration { version: 2, name: "a column", sql: "ALTER TABLE counter ADD COLUMN label TEXT" }];
const CHANGED: &[Migration] = &[Migration { version: 1, name: "other", sql: "CREATE TABLE other (id TEXT)" }];
const BROKEN: &[Migration] = &[
    SCHEMA[0],
    Migration { version: 2, name: "broken", sql: "CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1);" },
];

async fn migrations_are_applied_once_by_two_openers(database: &Database) {
    let stores: Vec<_> = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..4).map(|_| scope.spawn(|| database.open(SECOND))).collect();
        openers.into_iter().map(|opener| opener.join().unwrap().unwrap()).collect()
    });
    counter(&stores[0], "a", 1).await;
    assert_eq!(read(&stores[3], "a").await, Some(1));
    let book = stores[1].read(|tx| tx.query("SELECT version, name FROM heliograph_migration", args![]));
    assert_eq!(book.await.unwrap().len(), 2);
}

async fn a_newer_database_is_refused(database: &Database) {
    database.open(SECOND).unwrap().close();
    let refused = database.open(SCHEMA).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1 }), "{refused}");
    assert!(refused.to_string().contains("use a newer release"));
}

async fn a_changed_migration_is_refused(database: &Database) {
    database.open(SCHEMA).unwrap().close();
    let refused = database.open(CHANGED).err().unwrap();
    assert!(matches!(refused, OpenError::Changed { version: 1, .. }), "{refused}");
}

async fn a_failing_migration_leaves_nothing_behind(database: &Database) {
    let refused = database.open(BROKEN).err().unwrap();
    assert!(matches!(refused, OpenError::Migration { version: 2, name: "broken", .. }), "{refused}");
    let store = database.open(SCHEMA).unwrap();
    assert!(store.read(|tx| tx.query("SELECT id FROM half", args![])).await.is_err());
}

async fn whether_it_is_there_is_asked_without_making_it(database: &Database) {
    let options = Options { url: database.url.clone(), exclusive: false, connections: 2 };
    for _ in 0..2 {
        assert!(!Store::exists(&options).unwrap());
    }
    database.open(SCHEMA).unwrap().close();
    assert!(Store::exists(&options).unwrap());
    let unknown = Store::exists(&Options { url: "mysql://a".to_owned(), ..options }).err().unwrap();
    assert!(matches!(unknown, OpenError::BadUrl(_)), "{unknown}");
}

async fn later_migrations_are_added(database: &Database) {
    let old = database.open(SCHEMA).unwrap();
    counter(&old, "a", 1).await;
    let new = database.open(SECOND).unwrap();
    let set = new.write(|tx| tx.execute("UPDATE counter SET label = $1", args!["x"]));
    assert_eq!(set.await, Ok(1));
    // A server of the release before goes on beside it.
    assert_eq!(read(&old, "a").await, Some(1));
}

fn options(url: &str, exclusive: bool) -> Options {
    Options { url: url.to_owned(), exclusive, connections: 2 }
}

fn refusal(url: &str) -> String {
    Store::open(&options(url, true), SCHEMA).err().unwrap().to_string()
}

#[test]
fn a_second_server_on_the_same_file_is_refused() {
    let database = Database::sqlite();
    let first = Store::open(&options(&database.url, true), SCHEMA).unwrap();
    assert_eq!(first.engine(), Engine::Sqlite);
    let refused = Store::open(&options(&database.url, true), SCHEMA).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    assert!(Store::open(&options(&database.url, false), SCHEMA).is_ok(), "an administrator may look in");
    first.close();
    assert!(Store::open(&options(&database.url, true), SCHEMA).is_ok());
}

#[cfg(unix)]
#[test]
fn a_new_database_is_private_and_its_log_empty_after_closing() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite();
    let path = database.url.strip_prefix("sqlite:").unwrap();
    let store = Store::open(&options(&database.url, true), SCHEMA).unwrap();
    for file in [path.to_owned(), format!("{path}-wal"), format!("{path}.lock")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(store.stats().wal_bytes.is_some());
    store.close();
    assert_eq!(std::fs::metadata(format!("{path}-wal")).map_or(0, |file| file.len()), 0);
}

#[test]
fn what_cannot_be_opened_is_told_in_one_line() {
    let database = Database::sqlite();
    let path = database.url.strip_prefix("sqlite:").unwrap();
    std::fs::write(path, "this is not a database, and long enough to tell").unwrap();
    for (url, says) in [
        ("mysql://u:hunter2@h/d", "it should begin with sqlite: or postgres://"),
        ("sqlite:", "should be followed by the path of a file"),
        ("sqlite:/no/such/folder/x.db", "No such file or directory"),
        (&database.url, "not a database"),
        ("postgres://u:hunter2@127.0.0.1:1/d", "cannot connect to PostgreSQL"),
    ] {
        let said = refusal(url);
        assert!(said.contains(says), "{said}");
        assert!(!said.contains("hunter2") && !said.contains('\n'), "{said}");
    }
}

/// The server ends every session of the store: the next transactions get new ones, and nothing is answered wrongly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_are_replaced() {
    let Some(database) = Database::postgres() else { return };
    let store = database.store();
    counter(&store, "a", 0).await;
    let mut certain = 0;
    for round in 0..5 {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid()";
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.write(|tx| common::bump(tx, "a")).await })
            })
            .collect();
        common::run_sql(&database.url, kill);
        for task in tasks {
            certain += i64::from(task.await.unwrap().is_ok());
        }
        // After the storm, a quiet kill, which waits until all have ended: idle connections are found broken before a job is
        // lost with them.
        common::run_sql(&database.url, &kill.replace("(pid)", "(pid, 10000)"));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert!(read(&store, "a").await.unwrap() >= certain, "round {round}");
        store.write(|tx| common::bump(tx, "a")).await.unwrap();
        certain += 1;
    }
    let kept = read(&store, "a").await.unwrap();
    assert!((certain..=105).contains(&kept), "{kept} kept, {certain} answered");
}
