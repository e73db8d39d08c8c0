//! What a read must see. (On SQLite a snapshot is used again while it shows everything.)
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Database, bump, counter, read};
use std::time::{Duration, Instant};

on_both_engines![every_write_that_was_answered_is_seen, what_another_store_wrote_is_seen_soon];

async fn every_write_that_was_answered_is_seen(database: &Database) {
    let store = database.store();
    let writers = ["a", "b", "c", "d"].map(|id| {
        let store = store.clone();
        tokio::spawn(async move {
            counter(&store, id, 0).await;
            for n in 1..=100 {
                store.write(move |tx| bump(tx, id)).await.unwrap();
                assert_eq!(read(&store, id).await, Some(n));
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
}

/// However busy the readers are.
async fn what_another_store_wrote_is_seen_soon(database: &Database) {
    let (store, other) = (database.store(), database.store());
    assert_eq!(read(&store, "a").await, None);
    counter(&other, "a", 7).await;
    let since = Instant::now();
    while read(&store, "a").await.is_none() {
        assert!(since.elapsed() < Duration::from_secs(10), "it is not seen");
    }
}
