//! The events of a webhook, for who fetches them in place of being called: a developer's machine behind a router.

use crate::{
    call::Call,
    delivery::{self, Webhook, outbox::Delivery},
    error::{Error, Result},
    router::Builder,
    state::State,
    webhook_health,
};
use bytes::Bytes;
use heliograph_store::{Row, Tx, args, clock, id_at};
use heliograph_wire::{
    id::{AppId, EventId, WebhookId},
    problem::Missing,
    time::Timestamp,
    webhook_events::*,
};
use http::HeaderMap;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// How often a waiting call looks. No transaction is open between looks.
const LOOK: Duration = Duration::from_millis(500);

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(list);
}

async fn list(call: Call<ListWebhookEvents>) -> Result<WebhookEventList> {
    let after = start(&call.query)?;
    let until = Instant::now() + Duration::from_secs(call.query.wait.unwrap_or_default().into());
    let (state, call) = (call.state, Arc::new(call));
    loop {
        let now = clock::now_ms();
        let found = look(&call, after).await?;
        let next = (Instant::now() + LOOK).min(until);
        if !found.is_empty() || Instant::now() >= until || state.stopping.is_cancelled() {
            return answer(state, found, now).await;
        }
        tokio::select! {
            () = sleep_until(next) => {}
            () = state.stopping.cancelled() => {}
        }
    }
}

/// Asks the store once. The webhook may have gone meanwhile.
async fn look(call: &Arc<Call<ListWebhookEvents>>, after: EventId) -> Result<Vec<Found>> {
    let asking = Arc::clone(call);
    let ask = move |tx: &Tx<'_>| {
        asking.admit(tx)?;
        let (app, webhook) = (asking.path.app_id, asking.path.webhook_id);
        webhook_health::owned(tx, &asking.caller, app, webhook)?;
        following(tx, app, webhook, after)
    };
    call.state.store.read(ask).await
}

async fn answer(state: State, mut found: Vec<Found>, looked_at: i64) -> Result<WebhookEventList> {
    let has_more = found.len() > MAX_EVENTS;
    found.truncate(MAX_EVENTS);
    let mut events = Vec::with_capacity(found.len());
    for Found { trigger, delivery } in found {
        let (headers, body) = delivery::call_of(state, &delivery).await?.ok_or(Missing::RESOURCE)?;
        events.push(event(trigger, &delivery, &headers, &body)?);
    }
    let complete_until = EventId::new(id_at(looked_at - LATE_SECONDS * 1000));
    Ok(WebhookEventList { events, has_more, complete_until })
}

// ---- Rules

/// The id behind which the events begin.
fn start(query: &EventsQuery) -> Result<EventId> {
    match (query.after, query.since) {
        (Some(_), Some(_)) => Err(Error::invalid("either after or since should be given")),
        (Some(id), None) => Ok(id),
        (None, Some(Timestamp(ms))) => Ok(EventId::new(id_at(ms))),
        (None, None) => Ok(EventId::new(id_at(clock::now_ms()))),
    }
}

fn event(trigger: String, delivery: &Delivery, headers: &HeaderMap, body: &Bytes) -> Result<WebhookEvent> {
    let text = |error: &dyn std::fmt::Display| Error::Internal(format!("a call that is no text: {error}"));
    let shown = headers
        .iter()
        .map(|(name, value)| Ok((name.as_str().to_owned(), value.to_str().map_err(|error| text(&error))?.to_owned())));
    let kept: Value = serde_json::from_str(&delivery.event)?;
    Ok(WebhookEvent {
        id: delivery.id,
        trigger,
        created_at: serde_json::from_value(kept["createdAt"].clone())?,
        headers: shown.collect::<Result<BTreeMap<_, _>>>()?,
        body: std::str::from_utf8(body).map_err(|error| text(&error))?.to_owned(),
    })
}

// ---- Rows

/// An event in the log.
struct Found {
    trigger: String,
    delivery: Delivery,
}

/// What follows an event, and one more than a page holds: that tells whether there is more.
fn following(tx: &Tx<'_>, app: AppId, webhook: WebhookId, after: EventId) -> Result<Vec<Found>> {
    let mut rows = tx.query(
        "SELECT id, type, event FROM delivery WHERE app_id = $1 AND webhook_id = $2 AND id > $3 ORDER BY id LIMIT $4",
        args![app.text().as_str(), webhook.text().as_str(), after.text().as_str(), MAX_EVENTS as i64 + 1],
    )?;
    let found = |row: &mut Row| {
        let (id, trigger, event) = (row.parse(0)?, row.take_text(1)?, row.take_text(2)?);
        let webhook = Webhook { app, id: webhook };
        Ok(Found { trigger, delivery: Delivery { webhook, id, line: None, event, attempts: 0, lease_until: 0 } })
    };
    rows.iter_mut().map(found).collect()
}
