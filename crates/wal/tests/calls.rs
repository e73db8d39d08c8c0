//! How often the system is called for a transaction. Alone in its process: that is what is counted.
#![cfg(target_os = "linux")]

use rusqlite::{Connection, OpenFlags};
use std::fs;

/// How many calls of the system this process made that write.
fn writes() -> u64 {
    let io = fs::read_to_string("/proc/self/io").expect("the system tells");
    let line = io.lines().find_map(|line| line.strip_prefix("syscw: ")).expect("it tells of writes");
    line.trim().parse().expect("a number")
}

/// How many it takes to commit changes to two hundred pages.
fn of_a_transaction(vfs: Option<&std::ffi::CStr>, name: &str) -> u64 {
    let path = std::env::temp_dir().join(format!("heliograph-wal-calls-{}-{name}.db", std::process::id()));
    let connection = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(&path, OpenFlags::default(), vfs),
        None => Connection::open(&path),
    };
    let connection = connection.expect("the database opens");
    let schema = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (v BLOB); \
                  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) \
                  INSERT INTO t SELECT zeroblob(4000) FROM n;";
    connection.execute_batch(schema).expect("rows are written");
    let before = writes();
    connection.execute_batch("UPDATE t SET v = randomblob(4000)").expect("rows are changed");
    let count = writes() - before;
    drop(connection);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    count
}

#[test]
fn a_transaction_is_written_in_a_few_calls() {
    let ours = heliograph_wal::register().expect("the VFS is taken");
    assert_eq!(heliograph_wal::register(), Ok(ours), "it is registered once");
    let (plain, ours) = (of_a_transaction(None, "plain"), of_a_transaction(Some(ours), "ours"));
    assert!(plain >= 400, "two for each page: {plain}");
    assert!(ours <= 12, "one for each 31 pages that are held, and two for the end: {ours}");
}
