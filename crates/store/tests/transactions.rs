//! What a transaction promises, asked of both engines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Database, NEW_COUNTER, Refusal, SCHEMA, bump, counter, read, value};
use heliograph_store::{Error, Store, Tx, args};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

const NEW_THING: &str = "INSERT INTO thing (id, counter_id, note) VALUES ($1, $2, $3)";

on_both_engines![
    a_refused_write_rolls_back_alone,
    a_job_reads_its_own_writes,
    deletes_are_done_before_they_are_read,
    jobs_that_wait_together_see_each_other_in_order,
    appended_rows_arrive_whole,
    amends_and_appends_keep_their_order,
    a_taken_key_is_a_duplicate_for_that_job_alone,
    an_appended_duplicate_fails_its_job_alone,
    increments_are_never_lost,
    increments_of_many_rows_are_never_lost,
    hooks_run_once_and_only_after_a_commit,
    a_panic_rolls_back_alone,
    a_read_cannot_write,
    a_read_is_a_snapshot,
    a_failed_statement_ends_the_transaction,
    claims_do_not_collide,
    every_type_survives,
    rows_may_be_looked_at_one_by_one,
    a_wrong_argument_loses_nothing_but_its_job,
    texts_can_be_checked,
    a_closed_store_refuses,
    text_compares_by_bytes,
    ids_increase_and_the_clock_stands,
    an_answered_caller_has_back_what_it_lent,
    a_time_asked_for_after_a_read_is_not_before_what_was_read,
];

/// Runs `jobs` at once, so that they share groups, and gives their answers.
async fn together<T: Send + 'static>(
    store: &Store,
    n: u32,
    job: impl Fn(u32, &mut Tx<'_>) -> Result<T, Refusal> + Clone + Send + Sync + 'static,
) -> Vec<Result<T, Refusal>> {
    let tasks: Vec<_> = (0..n)
        .map(|i| {
            let (store, job) = (store.clone(), job.clone());
            tokio::spawn(async move { store.write(move |tx| job(i, tx)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

async fn a_refused_write_rolls_back_alone(database: &Database) {
    let store = database.store();
    let answers = together(&store, 60, |i, tx| {
        tx.execute(NEW_COUNTER, args![&format!("c{i}"), i])?;
        if i % 3 == 0 { Err(Refusal::No) } else { Ok(()) }
    })
    .await;
    assert!(answers.iter().enumerate().all(|(i, answer)| answer.is_err() == (i % 3 == 0)));
    let kept = store.read(|tx| Ok::<_, Refusal>(tx.query("SELECT n FROM counter", args![])?)).await.unwrap();
    assert_eq!(kept.len(), 40);
    assert!(kept.iter().all(|row| row.int(0).unwrap() % 3 != 0));
}

async fn a_job_reads_its_own_writes(database: &Database) {
    let store = database.store();
    let seen = store.write(|tx| {
        tx.append(NEW_COUNTER, args!["a", 1])?;
        let appended = value(tx, "a")?;
        tx.amend("UPDATE counter SET n = n + $1", args![1i64])?;
        let amended = value(tx, "a")?;
        let bumped = tx.query_mut("UPDATE counter SET n = n + 1 WHERE id = $1 RETURNING n", args!["a"])?[0].int(0)?;
        Ok::<_, Refusal>((appended, amended, bumped))
    });
    assert_eq!(seen.await.unwrap(), (Some(1), Some(2), 3));
}

async fn deletes_are_done_before_they_are_read(database: &Database) {
    let store = database.store();
    let left = store.write(|tx| {
        tx.append(NEW_COUNTER, args!["a", 1])?;
        tx.append(NEW_THING, args!["t", "a", None::<&str>])?;
        tx.amend("DELETE FROM thing WHERE counter_id = $1", args!["a"])?;
        tx.amend("DELETE FROM counter WHERE id = $1", args!["a"])?;
        let left = tx.query("SELECT id FROM thing UNION ALL SELECT id FROM counter", args![])?;
        Ok::<_, Refusal>(left.len())
    });
    assert_eq!(left.await.unwrap(), 0);
}

async fn jobs_that_wait_together_see_each_other_in_order(database: &Database) {
    let store = database.store();
    let mut counts: Vec<_> = together(&store, 100, |i, tx| {
        let before = tx.query("SELECT count(*) FROM counter", args![])?[0].int(0)?;
        tx.append(NEW_COUNTER, args![&format!("c{i}"), i])?;
        Ok(before)
    })
    .await
    .into_iter()
    .map(Result::unwrap)
    .collect();
    counts.sort_unstable();
    assert_eq!(counts, (0..100).collect::<Vec<_>>());
}

async fn appended_rows_arrive_whole(database: &Database) {
    let store = database.store();
    let answers = together(&store, 64, |i, tx| {
        let id = format!("c{i:02}");
        tx.append(NEW_COUNTER, args![&id, i])?;
        for thing in 0..3 {
            let note = (thing > 0).then(|| format!("note {thing} of '{i}', {{}} \\ \"ü\" NULL"));
            tx.append(NEW_THING, args![&format!("{id}-{thing}"), &id, &note])?;
        }
        tx.amend("UPDATE counter SET n = n + 1000 WHERE id = $1", args![&id])?;
        Ok(())
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let rows = store.read(|tx| {
        let sql = "SELECT c.n, t.id, t.note FROM thing t JOIN counter c ON c.id = t.counter_id ORDER BY t.id";
        Ok::<_, Refusal>(tx.query(sql, args![])?)
    });
    let rows = rows.await.unwrap();
    assert_eq!(rows.len(), 64 * 3);
    for (k, row) in rows.iter().enumerate() {
        let (i, thing) = (k / 3, k % 3);
        assert_eq!((row.int(0), row.text(1)), (Ok(1000 + i as i64), Ok(format!("c{i:02}-{thing}").as_str())));
        let note = (thing > 0).then(|| format!("note {thing} of '{i}', {{}} \\ \"ü\" NULL"));
        assert_eq!(row.opt_text(2), Ok(note.as_deref()));
    }
}

async fn amends_and_appends_keep_their_order(database: &Database) {
    let store = database.store();
    let answers = together(&store, 40, |i, tx| {
        // Needs the order: the row is replaced twice, and a child refers to the last one.
        tx.append(NEW_COUNTER, args![&format!("c{i}"), 1])?;
        tx.amend("DELETE FROM counter WHERE id = $1", args![&format!("c{i}")])?;
        tx.append(NEW_COUNTER, args![&format!("c{i}"), 2])?;
        tx.append(NEW_THING, args![&format!("t{i}"), &format!("c{i}"), "x"])?;
        Ok(())
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let sql = "SELECT count(*) FROM counter c JOIN thing t ON t.counter_id = c.id WHERE c.n = 2";
    let kept = store.read(move |tx| Ok::<_, Refusal>(tx.query(sql, args![])?[0].int(0)?));
    assert_eq!(kept.await.unwrap(), 40);
}

async fn a_taken_key_is_a_duplicate_for_that_job_alone(database: &Database) {
    let store = database.store();
    let answers = together(&store, 30, |i, tx| {
        tx.execute(NEW_COUNTER, args![&format!("c{}", i / 2), i])?;
        Ok(())
    })
    .await;
    let duplicates = answers.iter().filter(|answer| **answer == Err(Refusal::Store(Error::Duplicate))).count();
    assert_eq!((duplicates, answers.iter().filter(|answer| answer.is_ok()).count()), (15, 15));
}

async fn an_appended_duplicate_fails_its_job_alone(database: &Database) {
    let store = database.store();
    counter(&store, "c7", 0).await;
    let answers = together(&store, 30, |i, tx| Ok(tx.append(NEW_COUNTER, args![&format!("c{i}"), i])?)).await;
    for (i, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, if i == 7 { Err(Refusal::Store(Error::Duplicate)) } else { Ok(()) });
    }
}

async fn increments_are_never_lost(database: &Database) {
    let store = database.store();
    counter(&store, "hot", 0).await;
    let mut seen: Vec<_> =
        together(&store, 64, |_, tx| bump(tx, "hot")).await.into_iter().map(Result::unwrap).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=64).collect::<Vec<_>>());
    assert_eq!(read(&store, "hot").await, Some(64));
}

async fn increments_of_many_rows_are_never_lost(database: &Database) {
    let store = database.store();
    for answer in together(&store, 8, |i, tx| Ok(tx.append(NEW_COUNTER, args![&i.to_string(), 0])?)).await {
        answer.unwrap();
    }
    for answer in together(&store, 400, |i, tx| bump(tx, &(i % 8).to_string())).await {
        answer.unwrap();
    }
    for id in ["0", "1", "2", "3", "4", "5", "6", "7"] {
        assert_eq!(read(&store, id).await, Some(50));
    }
}

async fn hooks_run_once_and_only_after_a_commit(database: &Database) {
    let store = database.store();
    counter(&store, "hot", 0).await;
    let rung = Arc::new(AtomicU32::new(0));
    let bell = Arc::clone(&rung);
    let answers = together(&store, 40, move |i, tx| {
        let bell = Arc::clone(&bell);
        tx.after_commit(move || {
            bell.fetch_add(1, SeqCst);
        });
        bump(tx, "hot")?;
        if i % 4 == 0 { Err(Refusal::No) } else { Ok(()) }
    })
    .await;
    let committed = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((committed, rung.load(SeqCst)), (30, 30));
}

async fn a_panic_rolls_back_alone(database: &Database) {
    let store = database.store();
    let answers = together(&store, 20, |i, tx| {
        tx.execute(NEW_COUNTER, args![&format!("c{i}"), i])?;
        assert!(i != 5, "this panic is part of the test");
        Ok(())
    })
    .await;
    for (i, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is_err(), i == 5);
    }
    assert_eq!((read(&store, "c5").await, read(&store, "c6").await), (None, Some(6)));
    let read = store.read(|_| -> Result<(), Refusal> { panic!("so is this one") }).await;
    assert!(matches!(read, Err(Refusal::Store(Error::Engine(_)))));
}

async fn a_read_cannot_write(database: &Database) {
    let store = database.store();
    counter(&store, "a", 1).await;
    for sql in [
        "DELETE FROM counter",
        "WITH gone AS (DELETE FROM counter RETURNING id) SELECT id FROM gone",
        "UPDATE counter SET n = 2 RETURNING n",
    ] {
        assert!(store.read(move |tx| tx.query(sql, args![])).await.is_err(), "{sql}");
    }
    assert_eq!(read(&store, "a").await, Some(1));
}

async fn a_read_is_a_snapshot(database: &Database) {
    let store = database.store();
    counter(&store, "a", 1).await;
    counter(&store, "b", 1).await;
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..50 {
            writer.write(|tx| bump(tx, "a").and_then(|_| bump(tx, "b"))).await.unwrap();
        }
    });
    for _ in 0..200 {
        let (a, b) = store.read(|tx| Ok::<_, Refusal>((value(tx, "a")?, value(tx, "b")?))).await.unwrap();
        assert_eq!(a, b);
    }
    writing.await.unwrap();
}

async fn a_failed_statement_ends_the_transaction(database: &Database) {
    let store = database.store();
    counter(&store, "a", 1).await;
    let answer = store.write(|tx| {
        tx.execute(NEW_COUNTER, args!["b", 1])?;
        let first = tx.execute(NEW_COUNTER, args!["a", 1]);
        assert_eq!(first, Err(Error::Duplicate));
        assert_eq!(tx.query("SELECT 1", args![]), Err(Error::Duplicate));
        Ok::<_, Refusal>(())
    });
    assert_eq!(answer.await, Err(Refusal::Store(Error::Duplicate)), "swallowing the error does not undo it");
    assert_eq!(read(&store, "b").await, None);
}

const CLAIM: &str = "UPDATE delivery SET lease_until = $2 WHERE id IN (SELECT id FROM delivery \
    WHERE due_at <= $1 AND lease_until <= $1 ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id";

async fn claims_do_not_collide(database: &Database) {
    let store = database.store();
    let sql = "INSERT INTO delivery (id, due_at, lease_until) VALUES ($1, $2, 0)";
    for answer in together(&store, 200, move |i, tx| Ok(tx.append(sql, args![&format!("d{i:03}"), i / 50])?)).await {
        answer.unwrap();
    }
    let answers = together(&store, 20, |_, tx| {
        let rows = tx.query_mut(CLAIM, args![10, 99, 10])?;
        Ok(rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?)
    });
    let mut claimed: Vec<_> = answers.await.into_iter().flat_map(Result::unwrap).collect();
    let all = claimed.len();
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!((all, claimed.len()), (200, 200));
}

async fn every_type_survives(database: &Database) {
    let store = database.store();
    let row = store.write(|tx| {
        tx.execute(NEW_COUNTER, args!["ä€🦀", i64::MIN])?;
        let sql = "SELECT id, n, CAST(NULL AS TEXT), n < 0, CAST($1 AS BIGINT) FROM counter WHERE n < $2";
        Ok::<_, Refusal>(tx.query(sql, args![i64::MAX, 0])?.remove(0))
    });
    let mut row = row.await.unwrap();
    assert_eq!((row.int(1), row.opt_text(2), row.flag(3)), (Ok(i64::MIN), Ok(None), Ok(true)));
    assert_eq!((row.int(4), row.take_text(0)), (Ok(i64::MAX), Ok("ä€🦀".to_owned())));
}

async fn rows_may_be_looked_at_one_by_one(database: &Database) {
    const ALL: &str = "SELECT id, n, NULL FROM counter ORDER BY id";
    let store = database.store();
    for (id, n) in [("a", 1), ("b", 2), ("c", 3)] {
        counter(&store, id, n).await;
    }
    let copied = |tx: &Tx<'_>| {
        tx.each(ALL, args![], |row| Ok::<_, Error>((row.text(0)?.to_owned(), row.int(1)?, row.opt_text(2)?.is_none())))
    };
    assert_eq!(store.read(copied).await.map(|rows| (rows.len(), rows[1].clone())), Ok((3, ("b".to_owned(), 2, true))));
    let stopped = |tx: &Tx<'_>| tx.each(ALL, args![], |row| if row.int(1)? < 2 { Ok(()) } else { Err(Refusal::No) });
    assert_eq!(store.read(stopped).await, Err(Refusal::No));
    let mistaken = |tx: &Tx<'_>| tx.each(ALL, args![], |row| row.int(0));
    assert!(store.read(mistaken).await.is_err());
    let written = |tx: &Tx<'_>| tx.each("DELETE FROM counter", args![], |_| Ok::<_, Error>(()));
    assert!(store.read(written).await.is_err());
    assert_eq!(read(&store, "c").await, Some(3));
}

async fn a_wrong_argument_loses_nothing_but_its_job(database: &Database) {
    let store = database.store();
    let answers = together(&store, 20, |i, tx| {
        tx.append(NEW_COUNTER, args![&format!("c{i}"), i])?;
        if i == 3 {
            tx.append(NEW_COUNTER, args!["one argument only"])?;
        }
        Ok(())
    })
    .await;
    for (i, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is_err(), i == 3);
    }
    assert_eq!((read(&store, "c3").await, read(&store, "c4").await), (None, Some(4)));
}

async fn texts_can_be_checked(database: &Database) {
    let store = database.store();
    let check = |sql: &'static str| {
        let store = store.clone();
        tokio::spawn(async move { store.read(move |tx| tx.prepare(sql)).await })
    };
    assert_eq!(check(CLAIM).await.unwrap(), Ok(()));
    assert!(check("SELECT nothing FROM counter").await.unwrap().is_err());
}

async fn a_closed_store_refuses(database: &Database) {
    let store = database.store();
    let answers = together(&store, 50, |i, tx| Ok(tx.append(NEW_COUNTER, args![&format!("c{i}"), i])?)).await;
    assert!(answers.iter().all(Result::is_ok));
    let stats = store.stats();
    assert_eq!((stats.transactions, stats.queued), (50, 0));
    assert!((1..=50).contains(&stats.commits) && stats.groups.iter().sum::<u64>() == stats.commits);
    store.close();
    store.close();
    assert!(store.write(|tx| bump(tx, "c1")).await.is_err());
    assert!(store.read(|tx| value(tx, "c1")).await.is_err());
    let again = database.open(SCHEMA).unwrap();
    assert_eq!(read(&again, "c49").await, Some(49));
}

async fn text_compares_by_bytes(database: &Database) {
    let store = database.store();
    for id in ["b", "a", "B", "ä", "_", "A1", "a1"] {
        store.write(move |tx| tx.execute(NEW_COUNTER, args![id, 0])).await.unwrap();
    }
    let rows = store.read(|tx| tx.query("SELECT id FROM counter ORDER BY id", args![])).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    assert_eq!(ids, ["A1", "B", "_", "a", "a1", "b", "ä"]);
}

async fn ids_increase_and_the_clock_stands(database: &Database) {
    let store = database.store();
    let (ids, moments, dice) = store
        .write(|tx| {
            let ids: Vec<_> = (0..100).map(|_| tx.id()).collect();
            let before = tx.now();
            std::thread::sleep(std::time::Duration::from_millis(5));
            Ok::<_, Refusal>((ids, (before, tx.now()), (tx.random::<16>(), tx.random::<16>())))
        })
        .await
        .unwrap();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert_eq!(moments.0, moments.1);
    assert_ne!(dice.0, dice.1);
}

async fn an_answered_caller_has_back_what_it_lent(database: &Database) {
    let store = database.store();
    for _ in 0..200 {
        let lent = Arc::new(());
        let held = Arc::clone(&lent);
        store.write(move |_| Ok::<_, Refusal>(Arc::strong_count(&held))).await.unwrap();
        assert!(Arc::into_inner(lent).is_some());
    }
}

async fn a_time_asked_for_after_a_read_is_not_before_what_was_read(database: &Database) {
    let store = database.store();
    counter(&store, "latest", 0).await;
    let answers = together(&store, 200, |_, tx| {
        let before = value(tx, "latest")?.ok_or(Refusal::No)?;
        let now = tx.now();
        tx.execute("UPDATE counter SET n = $2 WHERE id = $1", args!["latest", now])?;
        Ok(before <= now)
    });
    assert!(answers.await.into_iter().flatten().all(|in_order| in_order));
}

/// Snapshots that stay open between reads must not keep the log from starting over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_of_sqlite_stays_bounded_beside_readers() {
    log_stays_bounded(3).await;
}

/// A writer that never rests must not keep the write-ahead log from starting over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_sqlite_stays_bounded() {
    log_stays_bounded(0).await;
}

/// Three tries: a reader that the machine lets stand still holds the log up, too. One that never starts over does so in none.
async fn log_stays_bounded(readers: usize) {
    let mut grown = Vec::new();
    for _ in 0..3 {
        grown.push(largest_log(readers).await);
        if grown.last().is_some_and(|largest| *largest < 160 << 20) {
            return;
        }
    }
    panic!("480 MiB were written, and the log grew to {grown:?} bytes");
}

/// How large the log of a fresh database gets while 480 MiB are written beside so many readers.
async fn largest_log(readers: usize) -> u64 {
    let database = Database::sqlite();
    let store = database.store();
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers = (0..readers).map(|_| {
        let (store, over) = (store.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(store.read(|tx| value(tx, "0-0")).await.is_ok());
                tokio::task::yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let largest = write_much(&store).await;
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    largest
}

/// Writes 480 MiB, and tells how large the log was at most.
async fn write_much(store: &Store) -> u64 {
    let mut largest = 0;
    for round in 0..120 {
        let note = Arc::new("x".repeat(256 * 1024));
        let answers = together(store, 16, move |i, tx| {
            let id = format!("{round}-{i}");
            tx.append(NEW_COUNTER, args![&id, i])?;
            Ok(tx.append(NEW_THING, args![&id, &id, &*note])?)
        });
        assert!(answers.await.iter().all(Result::is_ok));
        largest = largest.max(store.stats().wal_bytes.unwrap_or_default());
    }
    largest
}
