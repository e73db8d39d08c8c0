//! Clears the log of deliveries: what is older than it is kept for, and what is more than is kept of one webhook.

use super::{Shared, lanes::Target as Webhook};
use crate::{error::Result, state::State};
use heliograph_store::{Tx, args, clock};
use heliograph_wire::id::EventId;
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
        if let Err(error) = clear(&state, round % SELDOM == 0, &stop).await {
            tracing::warn!(%error, "the log of deliveries could not be cleared; that is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(OFTEN) => {}
        }
    }
}

async fn clear(state: &State, all: bool, stop: &CancellationToken) -> Result<()> {
    let shared = &state.dispatcher.0;
    let webhooks = if all { state.store.read(every_webhook).await? } else { busy(shared) };
    let journal = shared.options.journal;
    let keep_ms = i64::try_from(journal.keep_for.as_millis()).unwrap_or(i64::MAX);
    for (app, webhook) in webhooks {
        let oldest = EventId::new(heliograph_store::id_at(clock::now_ms().saturating_sub(keep_ms))).to_string();
        let (w, keep) = (webhook.clone(), journal.keep);
        let surplus = state.store.read(move |tx| newest_surplus(tx, &w, keep)).await?;
        // Ids sort by time: what is too old and what is too much end at one of them.
        let end = surplus.filter(|id| *id > oldest).unwrap_or(oldest);
        while !stop.is_cancelled() {
            let (w, e) = (webhook.clone(), end.clone());
            let any = state.store.read(move |tx| Ok::<_, crate::error::Error>(!some(tx, &w, &e)?.is_empty())).await?;
            if !any {
                break;
            }
            let (a, w, e) = (app.clone(), webhook.clone(), end.clone());
            state.store.write(move |tx| delete_some(tx, &a, &w, &e)).await?;
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
    let mut rows = tx.query("SELECT app_id, id FROM webhook ORDER BY app_id, id", &[])?;
    rows.iter_mut().map(|row| Ok((row.take_text(0)?, row.take_text(1)?))).collect()
}

/// The latest settled delivery that is one too many.
fn newest_surplus(tx: &Tx<'_>, webhook: &str, keep: usize) -> Result<Option<String>> {
    let rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND due_at IS NULL ORDER BY id DESC LIMIT 1 OFFSET $2",
        args![webhook, i64::try_from(keep).unwrap_or(i64::MAX)],
    )?;
    rows.first().map(|row| Ok(row.text(0)?.to_owned())).transpose()
}

fn some(tx: &Tx<'_>, webhook: &str, end: &str) -> Result<Vec<String>> {
    let mut rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND id <= $2 AND due_at IS NULL ORDER BY id LIMIT $3",
        args![webhook, end, BATCH],
    )?;
    rows.iter_mut().map(|row| Ok(row.take_text(0)?)).collect()
}

fn delete_some(tx: &mut Tx<'_>, app: &str, webhook: &str, end: &str) -> Result<()> {
    // In the transaction, so that what is replayed meanwhile stays.
    for id in some(tx, webhook, end)? {
        tx.amend("DELETE FROM delivery WHERE webhook_id = $1 AND id = $2 AND app_id = $3", args![webhook, &id, app])?;
    }
    Ok(())
}
