//! A fresh database per test, on either engine.

use heliograph_store::{Contended, Error, Migration, OpenError, Options, Store, Tx, args};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

pub const SCHEMA: &[Migration] = &[Migration {
    version: 1,
    name: "things to write to",
    sql: "CREATE TABLE counter (id TEXT PRIMARY KEY, n BIGINT NOT NULL);
          CREATE TABLE thing (id TEXT PRIMARY KEY, counter_id TEXT NOT NULL REFERENCES counter (id), note TEXT);
          CREATE TABLE delivery (id TEXT PRIMARY KEY, due_at BIGINT NOT NULL, lease_until BIGINT NOT NULL);",
}];

/// An error of the rules, as the product has one.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    No,
    Store(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Contended for Refusal {
    fn contended(&self) -> bool {
        *self == Self::Store(Error::Contention)
    }
}

/// A database that goes away with the test.
pub struct Database {
    pub url: String,
    cleanup: Cleanup,
}

enum Cleanup {
    Folder(PathBuf),
    Database { admin: String, name: String },
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(unique());
        std::fs::create_dir_all(&folder).unwrap();
        Self { url: format!("sqlite:{}", folder.join("test.db").display()), cleanup: Cleanup::Folder(folder) }
    }

    /// `None` only when skipping was asked for: a PostgreSQL that is missing by accident fails the test.
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    pub fn postgres() -> Option<Self> {
        if std::env::var("HELIOGRAPH_TEST_SKIP_POSTGRES").is_ok_and(|value| value == "1") {
            return None;
        }
        let admin = std::env::var("HELIOGRAPH_TEST_POSTGRES")
            .expect("HELIOGRAPH_TEST_POSTGRES names a server, or HELIOGRAPH_TEST_SKIP_POSTGRES=1 skips these tests");
        let name = unique();
        run_sql(&admin, &format!("CREATE DATABASE {name}"));
        let (server, _) = admin.rsplit_once('/').expect("the URL ends in a database");
        Some(Self { url: format!("{server}/{name}"), cleanup: Cleanup::Database { admin: admin.clone(), name } })
    }

    pub fn open(&self, migrations: &'static [Migration]) -> Result<Store, OpenError> {
        Store::open(&Options { url: self.url.clone(), exclusive: false, connections: 8 }, migrations)
    }

    pub fn store(&self) -> Store {
        self.open(SCHEMA).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.cleanup {
            Cleanup::Folder(folder) => drop(std::fs::remove_dir_all(folder)),
            Cleanup::Database { admin, name } => {
                run_sql(admin, &format!("DROP DATABASE {name} WITH (FORCE)"));
            }
        }
    }
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let moment = heliograph_store::clock::now_ms();
    format!("store_{}_{moment}_{}", std::process::id(), COUNT.fetch_add(1, Relaxed))
}

pub fn run_sql(url: &str, sql: &str) {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&sql).await.unwrap();
        });
    })
    .join()
    .unwrap();
}

pub const NEW_COUNTER: &str = "INSERT INTO counter (id, n) VALUES ($1, $2)";

pub fn value(tx: &Tx<'_>, id: &str) -> Result<Option<i64>, Refusal> {
    let rows = tx.query("SELECT n FROM counter WHERE id = $1", args![id])?;
    Ok(rows.first().map(|row| row.int(0)).transpose()?)
}

pub fn bump(tx: &mut Tx<'_>, id: &str) -> Result<i64, Refusal> {
    let n = value(tx, id)?.ok_or(Refusal::No)? + 1;
    tx.execute("UPDATE counter SET n = $2 WHERE id = $1", args![id, n])?;
    Ok(n)
}

pub async fn counter(store: &Store, id: &'static str, n: i64) {
    store.write(move |tx| Ok::<_, Refusal>(tx.append(NEW_COUNTER, args![id, n])?)).await.unwrap();
}

pub async fn read(store: &Store, id: &'static str) -> Option<i64> {
    store.read(move |tx| value(tx, id)).await.unwrap()
}

/// Makes each function a test on either engine.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] $(#[$attribute])* async fn $name() {
                super::$name(&$crate::common::Database::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] $(#[$attribute])* async fn $name() {
                if let Some(database) = $crate::common::Database::postgres() {
                    super::$name(&database).await;
                }
            })*
        }
    };
}
