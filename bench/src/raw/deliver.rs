//! The raw loop that delivers, too, on PostgreSQL: messages and deliveries that wait are written by one statement over
//! arrays (`UNNEST`), deliveries are claimed by one, posted to the target over connections that are kept alive, and
//! settled by one. Each of that is as durable as the server's; there are no checks, no order, no retries and no log.

use super::{APP, CONVERSATIONS, EVENT, MESSAGE, conversation, id, postgres, text};
use crate::{
    Outcome,
    http::{self, Connection},
    load::{self, Measured, Step, Timing, Work},
    scratch::connect,
    sink::{self, Sink, Slot},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, oneshot};
use tokio_postgres::Client;

/// How many connections write, and how many claim and settle: as many as the server holds together.
const WRITERS: usize = 8;
const CLAIMERS: usize = 8;
/// How many steps may share a statement.
const BATCH: usize = 256;
/// How many calls a claimer makes side by side.
const CALLS: usize = 8;
/// How often claimers look when nobody rings.
const LOOK: Duration = Duration::from_millis(100);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS outgoing (id TEXT PRIMARY KEY, event TEXT NOT NULL, due_at BIGINT NOT NULL);
    CREATE INDEX IF NOT EXISTS outgoing_due ON outgoing (due_at, id);
    TRUNCATE outgoing";
const INSERT: &str = "
    WITH new AS (SELECT * FROM unnest($2::text[], $3::text[], $5::text[], $6::text[]) AS t (conversation, id, delivery, event)),
    messages AS (INSERT INTO message SELECT $1, conversation, id, $4 FROM new),
    bumps AS (UPDATE conversation SET last_updated_at = last_updated_at + 1, message_count = message_count + news.count
        FROM (SELECT conversation, count(*) FROM new GROUP BY conversation ORDER BY conversation) AS news
        WHERE app_id = $1 AND conversation.id = news.conversation)
    INSERT INTO outgoing SELECT delivery, event, 0 FROM new";
const CLAIM: &str = "
    UPDATE outgoing SET due_at = 1 WHERE id IN (SELECT id FROM outgoing WHERE due_at <= 0 ORDER BY due_at, id LIMIT 256
    FOR UPDATE SKIP LOCKED) RETURNING id, event";
const SETTLE: &str = "DELETE FROM outgoing WHERE id = ANY($1::text[])";

/// A message to be written and delivered.
struct Ask {
    conversation: String,
    slot: usize,
    done: oneshot::Sender<bool>,
}

/// Has one message after the other written, and waits until each has come out at the target.
struct Talking {
    writer: flume::Sender<Ask>,
    number: usize,
    next: u64,
    slot: Slot,
}

impl Work for Talking {
    async fn step(&mut self) -> Outcome<Step> {
        self.slot.borrow_and_update();
        self.next += 1;
        let (done, answer) = oneshot::channel();
        let conversation = conversation(self.next % CONVERSATIONS);
        self.writer.send(Ask { conversation, slot: self.number, done })?;
        if !answer.await? {
            return Err("the raw loop failed".into());
        }
        tokio::time::timeout(load::PATIENCE, self.slot.changed()).await.map_err(|_| "nothing was delivered")??;
        Ok(Step::Done)
    }
}

/// Measures the loop on this database.
pub async fn measure(url: &str, sink: &Sink, connections: usize, timing: Timing) -> Outcome<Measured> {
    let client = postgres::prepared(url).await?;
    client.batch_execute(SCHEMA).await?;
    let (writer, asks) = flume::unbounded::<Ask>();
    let bell = Arc::new(Notify::new());
    for _ in 0..WRITERS {
        tokio::spawn(write(connect(url).await?, asks.clone(), Arc::clone(&bell)));
    }
    drop(asks);
    let mut claimers = Vec::new();
    for _ in 0..CLAIMERS {
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            calls.push(Connection::open(sink.address).await?);
        }
        claimers.push(tokio::spawn(deliver(connect(url).await?, calls, Arc::clone(&bell))));
    }
    let talking =
        |number| Talking { writer: writer.clone(), number, next: number as u64 * 17, slot: sink.slot(number) };
    let loops: Vec<_> = (0..connections).map(talking).collect();
    drop(writer);
    let measured = load::drive(loops, timing, None).await;
    claimers.iter().for_each(tokio::task::JoinHandle::abort);
    measured
}

async fn write(client: Client, asks: flume::Receiver<Ask>, bell: Arc<Notify>) -> Outcome<()> {
    let statement = client.prepare(INSERT).await?;
    let (body, tail) = (text(MESSAGE), text(EVENT));
    while let Ok(first) = asks.recv_async().await {
        let mut batch: Vec<Ask> = std::iter::once(first).chain(asks.try_iter().take(BATCH - 1)).collect();
        batch.sort_by(|a, b| a.conversation.cmp(&b.conversation));
        let owners: Vec<&str> = batch.iter().map(|ask| ask.conversation.as_str()).collect();
        let ids: Vec<String> = batch.iter().map(|_| id()).collect();
        let deliveries: Vec<String> = batch.iter().map(|_| id()).collect();
        let events: Vec<String> = batch.iter().map(|ask| sink::marker(ask.slot) + &tail).collect();
        let outcome = client.execute(&statement, &[&APP, &owners, &ids, &body, &deliveries, &events]).await;
        if let Err(error) = &outcome {
            eprintln!("raw loop: {error:?}");
        }
        for ask in batch {
            // Whoever asked is gone when the time is over.
            let _ = ask.done.send(outcome.is_ok());
        }
        bell.notify_one();
    }
    Ok(())
}

async fn deliver(client: Client, mut calls: Vec<Connection>, bell: Arc<Notify>) -> Outcome<()> {
    let (claim, settle) = (client.prepare(CLAIM).await?, client.prepare(SETTLE).await?);
    loop {
        let rows = client.query(&claim, &[]).await?;
        if rows.is_empty() {
            let _ = tokio::time::timeout(LOOK, bell.notified()).await;
            continue;
        }
        // There may be more than one claims.
        bell.notify_one();
        let requests: Vec<_> =
            rows.iter().map(|row| http::request("POST", "/webhook", "none", Some(row.get::<_, &str>(1)))).collect();
        let mut running = Vec::new();
        for (n, mut call) in calls.drain(..).enumerate() {
            let mine: Vec<_> = requests.iter().skip(n).step_by(CALLS).cloned().collect();
            running.push(tokio::spawn(async move {
                for request in mine {
                    call.insist(&request).await?;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(call)
            }));
        }
        for call in running {
            calls.push(call.await??);
        }
        let ids: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        client.execute(&settle, &[&ids]).await?;
    }
}
