//! A database whose log is written by this VFS is the same as one whose log is not.

use proptest::prelude::*;
use rusqlite::{Connection, OpenFlags};
use std::{
    ffi::c_int,
    fs,
    path::{Path, PathBuf},
};

/// What is done to both.
#[derive(Clone, Debug)]
enum Step {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    BackToSavepoint,
    /// Rows of so many bytes under keys that are spread, so that pages all over the tree are touched.
    Put(u8, usize),
    /// The same by a connection of another program, which does not know this VFS.
    PutElsewhere(u8, usize),
    Delete(u8),
    /// Whether it empties the log.
    Checkpoint(bool),
    /// All connections are closed and opened again.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Begin),
        3 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => Just(Step::Savepoint),
        1 => Just(Step::BackToSavepoint),
        9 => (any::<u8>(), 1usize..9000).prop_map(|(key, size)| Step::Put(key, size)),
        2 => (any::<u8>(), 1usize..9000).prop_map(|(key, size)| Step::PutElsewhere(key, size)),
        2 => any::<u8>().prop_map(Step::Delete),
        1 => any::<bool>().prop_map(Step::Checkpoint),
        1 => Just(Step::Reopen),
    ]
}

/// A connection that writes, one that reads, and one of another program.
struct Database {
    writer: Connection,
    reader: Connection,
    elsewhere: Connection,
}

/// So few pages are kept in memory that large transactions go to the log before they are complete.
fn open(path: &Path, ours: bool, synchronous: &str) -> Database {
    let open = |ours: bool| {
        let flags = OpenFlags::default();
        let connection = if ours {
            Connection::open_with_flags_and_vfs(path, flags, heliograph_wal::register().expect("the VFS is taken"))
        } else {
            Connection::open_with_flags(path, flags)
        };
        let connection = connection.expect("the database opens");
        let pragmas = format!(
            "PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = 4; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 65536; \
             CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, v BLOB); CREATE INDEX IF NOT EXISTS i ON t (v, k);"
        );
        connection.execute_batch(&pragmas).expect("the pragmas are taken");
        connection
    };
    Database { writer: open(ours), reader: open(ours), elsewhere: open(false) }
}

fn put(connection: &Connection, key: u8, size: usize) -> rusqlite::Result<()> {
    let (spread, value) = (i64::from(key) * 7_919 % 1_009, vec![key; size]);
    connection.execute("INSERT OR REPLACE INTO t VALUES (?1, ?2)", (spread, value)).map(drop)
}

impl Database {
    fn run(&self, step: &Step) -> Result<(), Option<c_int>> {
        let done = match step {
            Step::Begin => self.writer.execute_batch("BEGIN IMMEDIATE"),
            Step::Commit => self.writer.execute_batch("COMMIT"),
            Step::Rollback => self.writer.execute_batch("ROLLBACK"),
            Step::Savepoint => self.writer.execute_batch("SAVEPOINT s"),
            Step::BackToSavepoint => self.writer.execute_batch("ROLLBACK TO s"),
            Step::Put(key, size) => put(&self.writer, *key, *size),
            Step::PutElsewhere(key, size) => put(&self.elsewhere, *key, *size),
            Step::Delete(key) => self.writer.execute("DELETE FROM t WHERE k % 7 = ?1 % 7", [key]).map(drop),
            Step::Checkpoint(truncate) => {
                let sql = if *truncate { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(RESTART)" };
                self.writer.query_row(sql, [], |_| Ok(()))
            }
            Step::Reopen => Ok(()),
        };
        done.map_err(|error| error.sqlite_error().map(|error| error.extended_code))
    }

    /// What a connection sees.
    fn seen(connection: &Connection) -> (i64, Option<String>) {
        let sql = "SELECT count(*), group_concat(k || ':' || hex(substr(v, 1, 1)) || ':' || length(v)) FROM (SELECT * FROM t ORDER BY k)";
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("the table is read")
    }
}

/// What somebody would find who takes the files as they lie there.
fn left_behind(path: &Path) -> (i64, Option<String>) {
    let folder = path.with_extension("copy");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder is made");
    let copy = folder.join("copy.db");
    fs::copy(path, &copy).expect("the database is copied");
    let log = |path: &Path| format!("{}-wal", path.display());
    if fs::exists(log(path)).expect("the folder is read") {
        fs::copy(log(path), log(&copy)).expect("the log is copied");
    }
    let connection = Connection::open(&copy).expect("the copy opens");
    let whole: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is checked");
    assert_eq!(whole, "ok");
    Database::seen(&connection)
}

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("heliograph-wal-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder is made");
    folder
}

/// A transaction goes to the log in part, is undone, and another program writes to the same place.
#[test]
fn what_was_undone_is_not_written_later() {
    let folder = folder("undone");
    let path = folder.join("ours.db");
    let ours = open(&path, true, "FULL");
    put(&ours.writer, 1, 10).expect("a row is written");
    ours.writer.execute_batch("BEGIN IMMEDIATE").expect("a transaction begins");
    for key in 10..60 {
        put(&ours.writer, key, 3000).expect("a row is written");
    }
    ours.writer.execute_batch("ROLLBACK").expect("it is undone");
    for key in 60..80 {
        put(&ours.elsewhere, key, 3000).expect("a row is written elsewhere");
    }
    put(&ours.writer, 2, 10).expect("a row is written");
    let (count, _) = left_behind(&path);
    assert_eq!((count, Database::seen(&ours.reader)), (22, Database::seen(&ours.writer)));
    drop(ours);
    fs::remove_dir_all(&folder).expect("the folder is removed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_done(steps in prop::collection::vec(step(), 1..60), synced in any::<bool>()) {
        let folder = folder("whatever");
        let (plain_path, our_path) = (folder.join("plain.db"), folder.join("ours.db"));
        // What is committed is in the file also where nobody asked that it be on the disk.
        let synchronous = if synced { "FULL" } else { "OFF" };
        let (mut plain, mut ours) = (open(&plain_path, false, synchronous), open(&our_path, true, synchronous));
        for step in &steps {
            prop_assert_eq!(plain.run(step), ours.run(step), "{:?}", step);
            if matches!(step, Step::Reopen) {
                drop((plain, ours));
                (plain, ours) = (open(&plain_path, false, synchronous), open(&our_path, true, synchronous));
            }
            prop_assert_eq!(Database::seen(&plain.writer), Database::seen(&ours.writer));
            let seen = Database::seen(&ours.reader);
            prop_assert_eq!(&Database::seen(&plain.reader), &seen);
            prop_assert_eq!(left_behind(&our_path), seen);
        }
        drop((plain, ours));
        fs::remove_dir_all(&folder).expect("the folder is removed");
    }
}
