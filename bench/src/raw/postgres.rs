//! tokio-postgres: a few connections, each writing what waits with one statement over arrays.

use super::{APP, Ask, Asking, CONVERSATIONS, EVENT, MESSAGE, Rows, SECRET, id, text};
use crate::{
    Outcome,
    load::{self, Measured, Timing},
    scratch::connect,
};
use tokio_postgres::{Client, Statement};

/// As many connections as the server holds.
const CONNECTIONS: usize = 16;
/// How many steps may share a statement.
const BATCH: usize = 256;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS api_key (app_id TEXT NOT NULL, integration_id TEXT NOT NULL, id TEXT NOT NULL,
        display_name TEXT NOT NULL, secret TEXT NOT NULL, created_at BIGINT NOT NULL,
        PRIMARY KEY (app_id, integration_id, id));
    CREATE INDEX IF NOT EXISTS api_key_by_id ON api_key (id);
    CREATE TABLE IF NOT EXISTS conversation (app_id TEXT NOT NULL, id TEXT NOT NULL, metadata TEXT NOT NULL,
        last_updated_at BIGINT NOT NULL, message_count BIGINT NOT NULL, PRIMARY KEY (app_id, id));
    CREATE TABLE IF NOT EXISTS message (app_id TEXT NOT NULL, conversation_id TEXT NOT NULL, id TEXT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (app_id, conversation_id, id));
    CREATE TABLE IF NOT EXISTS delivery (app_id TEXT NOT NULL, id TEXT NOT NULL, webhook_id TEXT NOT NULL,
        event TEXT NOT NULL, due_at BIGINT NOT NULL, PRIMARY KEY (app_id, id));
    CREATE INDEX IF NOT EXISTS delivery_by_webhook ON delivery (webhook_id, due_at);";

const INSERT_KEYS: &str = "INSERT INTO api_key
    SELECT $1, owner, id, 'My custom key', $4, 1700000000000 FROM unnest($2::text[], $3::text[]) AS t (owner, id)";

// The conversations come sorted: two batches that meet in some of them must not wait for each other in a circle.
const INSERT_MESSAGES: &str = "
    WITH new AS (SELECT * FROM unnest($2::text[], $3::text[], $5::text[]) AS t (conversation, id, delivery)),
    messages AS (INSERT INTO message SELECT $1, conversation, id, $4 FROM new),
    bumps AS (UPDATE conversation SET last_updated_at = last_updated_at + 1, message_count = message_count + news.count
        FROM (SELECT conversation, count(*) FROM new GROUP BY conversation ORDER BY conversation) AS news
        WHERE app_id = $1 AND conversation.id = news.conversation)
    INSERT INTO delivery SELECT $1, delivery, $1, $6, 1700000000000 FROM new";

/// Measures the loop on this database, which stays for the next time.
pub async fn measure(url: &str, rows: Rows, connections: usize, timing: Timing) -> Outcome<Measured> {
    prepared(url).await?;
    let (writer, jobs) = flume::unbounded();
    for _ in 0..CONNECTIONS {
        let client = connect(url).await?;
        let statement = client.prepare(if rows == Rows::Key { INSERT_KEYS } else { INSERT_MESSAGES }).await?;
        tokio::spawn(write(client, statement, rows, jobs.clone()));
    }
    drop(jobs);
    let loops = Asking::all(&writer, connections);
    drop(writer);
    load::drive(loops, timing, None).await
}

/// A connection to a database with the tables and the conversations.
pub(super) async fn prepared(url: &str) -> Outcome<Client> {
    let client = connect(url).await?;
    client.batch_execute(SCHEMA).await?;
    let conversations = "INSERT INTO conversation
        SELECT $1, lpad(to_hex(n), 24, '0'), '{}', 0, 0 FROM generate_series(0, $2::bigint - 1) AS n ON CONFLICT DO NOTHING";
    client.execute(conversations, &[&APP, &(CONVERSATIONS as i64)]).await?;
    Ok(client)
}

async fn write(client: Client, statement: Statement, rows: Rows, jobs: flume::Receiver<Ask>) {
    let (body, event, secret) = (text(MESSAGE), text(EVENT), text(SECRET));
    while let Ok(first) = jobs.recv_async().await {
        let mut batch: Vec<Ask> = std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
        batch.sort_by(|a, b| a.conversation.cmp(&b.conversation));
        let owners: Vec<&str> = batch.iter().map(|ask| ask.conversation.as_str()).collect();
        let ids: Vec<String> = batch.iter().map(|_| id()).collect();
        let deliveries: Vec<String> = batch.iter().map(|_| id()).collect();
        let outcome = match rows {
            Rows::Key => client.execute(&statement, &[&APP, &owners, &ids, &secret]).await,
            Rows::Message => client.execute(&statement, &[&APP, &owners, &ids, &body, &deliveries, &event]).await,
        };
        if let Err(error) = &outcome {
            eprintln!("raw loop: {error:?}");
        }
        for ask in batch {
            // Whoever asked is gone when the time is over.
            let _ = ask.done.send(outcome.is_ok());
        }
    }
}
