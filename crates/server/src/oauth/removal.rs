//! The end of a partner's access: its `removeUrl` is told. That is written down in the transaction that ends the access,
//! and crossed out when it was told, so that no restart loses it.

use crate::{error::Result, state::State};
use bytes::Bytes;
use futures_util::future::join_all;
use heliograph_http::parse_target;
use heliograph_store::{Row, Tx, args};
use heliograph_wire::id::{AppId, EventId, IntegrationId};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// For how long a call is in this server's hands. If it dies, any server makes the call again after that.
const LEASE: Duration = Duration::from_secs(30);
/// The pauses between calls. Who misses them all still finds its token refused.
const GAPS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(300)];
/// How often the store is looked at for what others have left there: the command line, or a server that died.
const EVERY: Duration = Duration::from_secs(15);
/// How many calls are made side by side.
const BATCH: i64 = 20;

// ---- Rules

/// Notes that an integration goes, if it was a partner's that wants to be told. Call it while the rows are there.
pub fn note(tx: &mut Tx<'_>, app: AppId, integration: IntegrationId) -> Result<()> {
    for (integration, r#type, url) in listeners(tx, app, Some(integration))? {
        insert(tx, app, integration, &r#type, &url)?;
    }
    Ok(())
}

/// Notes that an app goes, with all integrations.
pub fn note_app(tx: &mut Tx<'_>, app: AppId) -> Result<()> {
    for (integration, r#type, url) in listeners(tx, app, None)? {
        insert(tx, app, integration, &r#type, &url)?;
    }
    Ok(())
}

/// Has what was noted told at once, when this transaction is durable.
pub fn tell_after_commit(tx: &mut Tx<'_>, state: State) {
    tx.after_commit(move || state.removals.notify_one());
}

/// Tells partners, until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    let rounds = async {
        loop {
            let pause = match tell_some(state).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "partners could not be told that they are out; that is tried again");
                    EVERY
                }
            };
            tokio::select! {
                () = state.removals.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    };
    stop.run_until_cancelled(rounds).await;
}

/// Tells those whose time has come, and says when to look again.
async fn tell_some(state: State) -> Result<Duration> {
    // Most often there is nothing to do, and that takes no write.
    let pause = state.store.read(next).await?;
    if !pause.is_zero() {
        return Ok(pause);
    }
    let due = state.store.write(claim).await?;
    for outcome in join_all(due.into_iter().map(|call| tell(state, call))).await {
        outcome?;
    }
    Ok(Duration::ZERO)
}

/// How long there is nothing to do.
fn next(tx: &Tx<'_>) -> Result<Duration> {
    let pause = earliest(tx)?.map(|due| Duration::from_millis(due.saturating_sub(tx.now()).max(0).unsigned_abs()));
    Ok(pause.unwrap_or(EVERY).min(EVERY))
}

/// One call that is to be made.
struct Removal {
    id: String,
    url: String,
    body: String,
    attempts: i64,
}

async fn tell(state: State, call: Removal) -> Result<()> {
    let Removal { id, url, body, attempts } = call;
    let gap = usize::try_from(attempts).ok().and_then(|made| GAPS.get(made)).copied();
    let again = match (is_settled(state, &url, body).await, gap) {
        (true, _) => None,
        (false, None) => {
            tracing::warn!("a removeUrl is given up");
            None
        }
        (false, gap) => gap,
    };
    let settling = move |tx: &mut Tx<'_>| match again {
        Some(gap) => postpone(tx, &id, gap),
        None => delete(tx, &id),
    };
    state.store.write(settling).await
}

/// Makes the call. As with webhooks: what is not understood will not be understood later either.
async fn is_settled(state: State, url: &str, body: String) -> bool {
    let Ok(target) = parse_target(url) else { return true };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let answer = state.outbound.post(&target, headers, Bytes::from(body), TIMEOUT).await;
    let status = answer.as_ref().ok().map(|a| a.status.as_u16());
    let error = answer.err().map(|failure| failure.to_string());
    tracing::info!(status, error, "a removeUrl was called");
    status.is_some_and(|s| (200..300).contains(&s) || [400, 401, 403, 404, 406].contains(&s))
}

// ---- Rows

/// The integrations of an app (or this one of them) whose partners want to be told: id, type, address.
fn listeners(tx: &Tx<'_>, app: AppId, only: Option<IntegrationId>) -> Result<Vec<(IntegrationId, String, String)>> {
    let rows = tx.query(
        "SELECT i.id, i.type, c.remove_url FROM integration i JOIN oauth_client c ON c.id = i.type
         WHERE i.app_id = $1 AND i.id = COALESCE(CAST($2 AS TEXT), i.id) AND c.remove_url IS NOT NULL",
        args![app.text().as_str(), &only.map(|id| id.to_string())],
    )?;
    rows.iter().map(|row| Ok((row.parse(0)?, row.text(1)?.to_owned(), row.text(2)?.to_owned()))).collect()
}

fn insert(tx: &mut Tx<'_>, app: AppId, integration: IntegrationId, r#type: &str, url: &str) -> Result<()> {
    let body = json!({ "app": { "id": app }, "integration": { "id": integration, "type": r#type } }).to_string();
    let id = EventId::new(tx.id()).to_string();
    tx.execute(
        "INSERT INTO removal (id, url, body, attempts, due_at) VALUES ($1, $2, $3, 0, $4)",
        args![&id, url, &body, tx.now()],
    )?;
    Ok(())
}

fn earliest(tx: &Tx<'_>) -> Result<Option<i64>> {
    let rows = tx.query("SELECT due_at FROM removal ORDER BY due_at LIMIT 1", args![])?;
    Ok(rows.first().map(|row| row.int(0)).transpose()?)
}

/// Takes some whose time has come in hand.
fn claim(tx: &mut Tx<'_>) -> Result<Vec<Removal>> {
    let rows = tx.query_mut(
        "UPDATE removal SET due_at = $2 WHERE id IN
         (SELECT id FROM removal WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id, url, body, attempts",
        args![tx.now(), after(tx, LEASE), BATCH],
    )?;
    let removal = |row: &Row| {
        Ok(Removal {
            id: row.text(0)?.to_owned(),
            url: row.text(1)?.to_owned(),
            body: row.text(2)?.to_owned(),
            attempts: row.int(3)?,
        })
    };
    rows.iter().map(removal).collect()
}

fn postpone(tx: &mut Tx<'_>, id: &str, pause: Duration) -> Result<()> {
    tx.execute("UPDATE removal SET attempts = attempts + 1, due_at = $2 WHERE id = $1", args![id, after(tx, pause)])?;
    Ok(())
}

fn delete(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    tx.execute("DELETE FROM removal WHERE id = $1", args![id])?;
    Ok(())
}

/// The moment that is this far away.
fn after(tx: &Tx<'_>, pause: Duration) -> i64 {
    tx.now().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}
