//! Clears up behind deliveries. The log loses what is older than it is kept for, and what is more than is kept of one
//! webhook; what has been set aside for long is looked at again.

use super::{
    Shared, Webhook, fetch,
    outbox::{self, Waiting},
};
use crate::{error::Result, state::State};
use heliograph_store::{Tx, args, clock};
use heliograph_wire::id::{EventId, WebhookId};
use std::{sync::PoisonError, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often webhooks are looked at of which much was settled.
const OFTEN: Duration = Duration::from_secs(5);
/// After how many such looks all are looked at.
const SELDOM: u32 = 60;
/// How many rows are deleted in one transaction.
const BATCH: i64 = 500;

/// Clears until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    for round in 0.. {
        let all = round % SELDOM == 0;
        if let Err(error) = clear(state, all, &stop).await {
            tracing::warn!(%error, "the log of deliveries could not be cleared; that is tried again");
        }
        if all && let Err(error) = wake(state, &stop).await {
            tracing::warn!(%error, "what was set aside could not be looked at; that is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(OFTEN) => {}
        }
    }
}

async fn clear(state: State, all: bool, stop: &CancellationToken) -> Result<()> {
    let shared = &state.dispatcher.0;
    let webhooks = if all { state.store.read(every_webhook).await? } else { busy(shared) };
    let journal = shared.options.journal;
    let keep_ms = i64::try_from(journal.keep_for.as_millis()).unwrap_or(i64::MAX);
    for webhook in webhooks {
        let oldest = EventId::new(heliograph_store::id_at(clock::now_ms().saturating_sub(keep_ms)));
        let surplus = state.store.read(move |tx| newest_surplus(tx, webhook.id, journal.keep)).await?;
        // Ids sort by time: what is too old and what is too much end at one of them.
        let end = surplus.filter(|id| *id > oldest).unwrap_or(oldest);
        while !stop.is_cancelled() {
            let any = move |tx: &Tx<'_>| Ok::<_, crate::error::Error>(!some(tx, webhook.id, end)?.is_empty());
            let any = state.store.read(any).await?;
            if !any {
                break;
            }
            state.store.write(move |tx| delete_some(tx, webhook, end)).await?;
        }
    }
    Ok(())
}

/// Nothing that was set aside stays there unseen, should it ever not have been woken.
async fn wake(state: State, stop: &CancellationToken) -> Result<()> {
    for Waiting { webhook, .. } in fetch::waiting(state).await? {
        while !stop.is_cancelled() && state.store.read(move |tx| outbox::is_any_long_aside(tx, webhook.id)).await? {
            state.store.write(move |tx| outbox::wake_long_aside(tx, webhook)).await?;
        }
    }
    Ok(())
}

/// The webhooks of which a tenth of what is kept was settled since the last look.
fn busy(shared: &Shared) -> Vec<Webhook> {
    let enough = (shared.options.journal.keep / 10).max(1);
    let mut settled = shared.settled.lock().unwrap_or_else(PoisonError::into_inner);
    settled.extract_if(|_, count| *count >= enough).map(|(webhook, _)| webhook).collect()
}

fn every_webhook(tx: &Tx<'_>) -> Result<Vec<Webhook>> {
    let rows = tx.query("SELECT app_id, id FROM webhook ORDER BY app_id, id", &[])?;
    rows.iter().map(|row| Ok(Webhook { app: row.parse(0)?, id: row.parse(1)? })).collect()
}

/// The latest settled delivery that is one too many.
fn newest_surplus(tx: &Tx<'_>, webhook: WebhookId, keep: usize) -> Result<Option<EventId>> {
    let rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND due_at IS NULL ORDER BY id DESC LIMIT 1 OFFSET $2",
        args![webhook.text().as_str(), i64::try_from(keep).unwrap_or(i64::MAX)],
    )?;
    rows.first().map(|row| Ok(row.parse(0)?)).transpose()
}

fn some(tx: &Tx<'_>, webhook: WebhookId, end: EventId) -> Result<Vec<EventId>> {
    let rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND id <= $2 AND due_at IS NULL ORDER BY id LIMIT $3",
        args![webhook.text().as_str(), end.text().as_str(), BATCH],
    )?;
    rows.iter().map(|row| Ok(row.parse(0)?)).collect()
}

fn delete_some(tx: &mut Tx<'_>, webhook: Webhook, end: EventId) -> Result<()> {
    let (app, name) = (webhook.app.text(), webhook.id.text());
    // In the transaction, so that what is replayed meanwhile stays.
    for id in some(tx, webhook.id, end)? {
        tx.amend(
            "DELETE FROM delivery WHERE webhook_id = $1 AND id = $2 AND app_id = $3",
            args![name.as_str(), id.text().as_str(), app.as_str()],
        )?;
    }
    Ok(())
}
