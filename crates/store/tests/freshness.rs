//! Reads on SQLite use a snapshot again while it shows everything; what they must see all the same.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Database, NEW_COUNTER, Refusal, bump, value};
use heliograph_store::args;

/// Snapshots stay open between reads; none of them may hide a write that was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_sees_every_write_that_was_answered_before_it() {
    let database = Database::sqlite();
    let store = database.store();
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let id = format!("w{writer}");
            let key = id.clone();
            store.write(move |tx| Ok::<_, Refusal>(tx.append(NEW_COUNTER, args![&key, 0])?)).await.unwrap();
            for n in 1..=300 {
                let key = id.clone();
                store.write(move |tx| bump(tx, &key)).await.unwrap();
                let key = id.clone();
                assert_eq!(store.read(move |tx| value(tx, &key)).await, Ok(Some(n)));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// What another process writes is seen soon, however busy the readers are.
#[tokio::test]
async fn a_read_sees_what_another_store_wrote_a_moment_ago() {
    let database = Database::sqlite();
    let (store, other) = (database.store(), database.store());
    let read = || store.read(|tx| value(tx, "a"));
    assert_eq!(read().await, Ok(None));
    other.write(|tx| Ok::<_, Refusal>(tx.append(NEW_COUNTER, args!["a", 7])?)).await.unwrap();
    let since = std::time::Instant::now();
    while read().await != Ok(Some(7)) {
        assert!(since.elapsed() < std::time::Duration::from_secs(1), "it is never seen");
    }
}
