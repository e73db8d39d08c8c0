//! Deliveries: the log of what webhooks were told, and telling it once more.

use crate::{
    call::{Call, page_title},
    delivery::{Webhook, journal, outbox},
    error::{Error, Result},
    pages::{From, Window, links},
    router::Builder,
    state::State,
    webhook_health,
};
use heliograph_store::{Row, Tx, args, id_at};
use heliograph_wire::{
    deliveries::*,
    events::VERSION,
    id::{AppId, EventId, WebhookId},
    op::Operation,
    problem::Missing,
    time::Timestamp,
};
use serde_json::{Value, json};

/// How many deliveries are put into the queue again in one transaction.
const REPLAY_BATCH: i64 = 500;
/// Sorts after every id.
const END: &str = "g";

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(list).on(get).on(replay).on(replay_many);
}

async fn list(call: Call<ListDeliveries>) -> Result<DeliveryList> {
    call.read(page).await
}

async fn get(call: Call<GetDelivery>) -> Result<DeliveryReply> {
    call.read(|tx, call| {
        webhook_health::owned(tx, &call.caller, call.path.app_id, call.path.webhook_id)?;
        find(tx, call.path.app_id, call.path.webhook_id, call.path.delivery_id)
    })
    .await
}

async fn replay(call: Call<ReplayDelivery>) -> Result<DeliveryReply> {
    call.write(|tx, call| {
        let (app, webhook, id) = (call.path.app_id, call.path.webhook_id, call.path.delivery_id);
        webhook_health::owned(tx, &call.caller, app, webhook)?;
        find(tx, app, webhook, id)?;
        put_back(tx, call.state, app, webhook, &[id.to_string()])?;
        find(tx, app, webhook, id)
    })
    .await
}

/// Goes on from where the last transaction ended: a million rows are no one transaction.
async fn replay_many(call: Call<ReplayDeliveries>) -> Result<ReplayReply> {
    let from = match (call.body.since, call.body.since_event_id) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(Error::invalid("either since or sinceEventId should be given"));
        }
        (Some(Timestamp(ms)), None) => EventId::new(id_at(ms)),
        (None, Some(id)) => id,
    };
    let (app, webhook, status, state) = (call.path.app_id, call.path.webhook_id, call.body.status, call.state);
    // Who came later than this was not meant.
    let until = call
        .read(|tx, call| {
            webhook_health::owned(tx, &call.caller, call.path.app_id, call.path.webhook_id)?;
            Ok(EventId::new(id_at(tx.now() + 1)).to_string())
        })
        .await?;
    let (mut from, mut replayed) = (from.to_string(), 0);
    loop {
        let (begin, end) = (from.clone(), until.clone());
        let ids = state
            .store
            .write(move |tx| {
                let ids = some(tx, app, webhook, &begin, &end, status)?;
                put_back(tx, state, app, webhook, &ids)?;
                Ok::<_, Error>(ids)
            })
            .await?;
        replayed += ids.len() as u64;
        match ids.last() {
            Some(last) if ids.len() as i64 == REPLAY_BATCH => from = format!("{last}0"),
            _ => return Ok(ReplayReply { replayed }),
        }
    }
}

// ---- Rules

fn page(tx: &Tx<'_>, call: &Call<ListDeliveries>) -> Result<DeliveryList> {
    webhook_health::owned(tx, &call.caller, call.path.app_id, call.path.webhook_id)?;
    let window = Window::of(call.query.page.as_ref(), page_title(ListDeliveries::ID))?;
    let filter = call.query.filter.clone().unwrap_or_default();
    let rows = all(tx, call.path.app_id, call.path.webhook_id, &filter, &window)?;
    let sheet = window.sheet(rows, |delivery| delivery.id.to_string());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    Ok(DeliveryList { deliveries: sheet.rows, meta: sheet.meta, links })
}

/// Puts deliveries into the queue again, each at its place among the events of its conversation. One that is in the
/// hands of a node stays there.
fn put_back(tx: &mut Tx<'_>, state: State, app: AppId, webhook: WebhookId, ids: &[String]) -> Result<()> {
    let (a, w) = (app.text(), webhook.text());
    // What happens from now on waits behind these.
    state.dispatcher.store_from_now_on(webhook);
    for id in ids {
        tx.amend(
            "UPDATE delivery SET status = $4, attempts = 0, due_at = $5
             WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND node IS NULL",
            args![w.as_str(), id, a.as_str(), DeliveryStatus::Pending.name(), tx.now()],
        )?;
    }
    tx.after_commit(move || state.dispatcher.look_at(Webhook { app, id: webhook }));
    Ok(())
}

// ---- Rows

fn all(tx: &Tx<'_>, app: AppId, webhook: WebhookId, filter: &DeliveryFilter, window: &Window) -> Result<Vec<Delivery>> {
    let bound = |time: Option<Timestamp>| time.map(|Timestamp(ms)| EventId::new(id_at(ms)).to_string());
    let since = bound(filter.since).unwrap_or_default();
    let until = bound(filter.until).unwrap_or_else(|| END.to_owned());
    let conversation = filter.conversation_id.map(|id| id.to_string()).unwrap_or_default();
    let status = filter.status.map_or("", DeliveryStatus::name);
    let (app, webhook) = (app.to_string(), webhook.to_string());
    let trigger = filter.trigger.as_deref().unwrap_or_default();
    // PostgreSQL takes no U+0000, and no type holds one.
    if trigger.contains('\0') {
        return Ok(Vec::new());
    }
    // The latest first: what precedes a record is later.
    let (from, back) = match &window.from {
        From::Before(id) => (id.as_str(), true),
        From::After(id) => (id.as_str(), false),
        From::Start => (END, false),
    };
    let args = args![&webhook, from, &since, &until, status, trigger, &conversation, window.limit(), &app];
    let (text, args) = match (is_settled(filter.status), back) {
        (true, true) => (SETTLED_BACK, &args[..8]),
        (true, false) => (SETTLED, &args[..8]),
        (false, true) => (ALL_BACK, &args[..]),
        (false, false) => (ALL, &args[..]),
    };
    tx.query(text, args)?.iter().map(|row| Ok(kept(row)?.0)).collect()
}

const ALL: &str = "SELECT id, type, conversation_id, status, log, due_at, event, node FROM delivery
    WHERE app_id = $9 AND webhook_id = $1 AND id < $2 AND id >= $3 AND id < $4 AND ($5 = '' OR status = $5)
    AND ($6 = '' OR type = $6) AND ($7 = '' OR conversation_id = $7) ORDER BY id DESC LIMIT $8";
const ALL_BACK: &str = "SELECT id, type, conversation_id, status, log, due_at, event, node FROM delivery
    WHERE app_id = $9 AND webhook_id = $1 AND id > $2 AND id >= $3 AND id < $4 AND ($5 = '' OR status = $5)
    AND ($6 = '' OR type = $6) AND ($7 = '' OR conversation_id = $7) ORDER BY id LIMIT $8";
// The index of what is settled has no app; the webhook was found to be the app's.
const SETTLED: &str = "SELECT id, type, conversation_id, status, log, due_at, event, node FROM delivery
    WHERE webhook_id = $1 AND due_at IS NULL AND id < $2 AND id >= $3 AND id < $4 AND status = $5
    AND ($6 = '' OR type = $6) AND ($7 = '' OR conversation_id = $7) ORDER BY id DESC LIMIT $8";
const SETTLED_BACK: &str = "SELECT id, type, conversation_id, status, log, due_at, event, node FROM delivery
    WHERE webhook_id = $1 AND due_at IS NULL AND id > $2 AND id >= $3 AND id < $4 AND status = $5
    AND ($6 = '' OR type = $6) AND ($7 = '' OR conversation_id = $7) ORDER BY id LIMIT $8";

/// Whether all of this status are settled: those are found without passing over a queue that may be long.
fn is_settled(status: Option<DeliveryStatus>) -> bool {
    status.is_some_and(|status| status != DeliveryStatus::Pending)
}

/// A delivery with everything that is known of it.
pub fn find(tx: &Tx<'_>, app: AppId, webhook: WebhookId, id: EventId) -> Result<DeliveryReply> {
    let (app, webhook) = (app.to_string(), webhook.to_string());
    let rows = tx.query(
        "SELECT id, type, conversation_id, status, log, due_at, event, node FROM delivery
         WHERE app_id = $1 AND webhook_id = $2 AND id = $3",
        args![&app, &webhook, id.text().as_str()],
    )?;
    let (delivery, event, mut attempts) = kept(rows.first().ok_or(Missing::RESOURCE)?)?;
    for attempt in &mut attempts {
        let events = match &attempt.request.event_ids {
            None => vec![event.clone()],
            Some(ids) => events(tx, &app, &webhook, ids)?,
        };
        attempt.request.body = Some(json!({
            "app": { "id": app }, "webhook": { "id": webhook, "version": VERSION }, "events": events,
        }));
    }
    Ok(DeliveryReply { delivery, event, attempts })
}

fn events(tx: &Tx<'_>, app: &str, webhook: &str, ids: &[EventId]) -> Result<Vec<Value>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let rows = tx.query(
            "SELECT event FROM delivery WHERE app_id = $1 AND webhook_id = $2 AND id = $3",
            args![app, webhook, id.text().as_str()],
        )?;
        for row in &rows {
            found.push(serde_json::from_str(row.text(0)?)?);
        }
    }
    Ok(found)
}

/// The ids of some deliveries from `from` on, the oldest first.
fn some(
    tx: &Tx<'_>,
    app: AppId,
    webhook: WebhookId,
    from: &str,
    until: &str,
    status: Option<DeliveryStatus>,
) -> Result<Vec<String>> {
    let (app, webhook) = (app.text(), webhook.text());
    let (app, webhook, name) = (app.as_str(), webhook.as_str(), status.map_or("", DeliveryStatus::name));
    let mut rows = if is_settled(status) {
        tx.query(
            "SELECT id FROM delivery WHERE webhook_id = $1 AND due_at IS NULL AND id >= $2 AND id < $3 AND status = $4
             ORDER BY id LIMIT $5",
            args![webhook, from, until, name, REPLAY_BATCH],
        )
    } else {
        tx.query(
            "SELECT id FROM delivery WHERE app_id = $1 AND webhook_id = $2 AND id >= $3 AND id < $4
             AND ($5 = '' OR status = $5) AND node IS NULL ORDER BY id LIMIT $6",
            args![app, webhook, from, until, name, REPLAY_BATCH],
        )
    }?;
    rows.iter_mut().map(|row| Ok(row.take_text(0)?)).collect()
}

fn kept(row: &Row) -> Result<(Delivery, Value, Vec<Attempt<'static>>)> {
    let event: Value = serde_json::from_str(row.text(6)?)?;
    let attempts = journal::read(row.text(4)?)?;
    let status = row.text(3)?;
    let status = DeliveryStatus::ALL.into_iter().find(|one| one.name() == status);
    let status = status.ok_or_else(|| Error::Internal("a delivery has a status that nobody knows".to_owned()))?;
    let last = attempts.last();
    let last_result = last.and_then(|last| {
        last.status.map(|status| status.to_string()).or_else(|| last.error.as_deref().map(str::to_owned))
    });
    // While an attempt is under way, what is due is the end of its lease. Of what is behind another nobody knows when.
    let due = if row.opt_text(7)?.is_none() { row.opt_int(5)? } else { None };
    let due = due.filter(|due| !outbox::is_aside(*due));
    let delivery = Delivery {
        id: row.parse(0)?,
        trigger: row.text(1)?.to_owned(),
        conversation_id: row.opt_text(2)?.map(str::parse).transpose().map_err(|_| Missing::RESOURCE)?,
        status,
        created_at: serde_json::from_value(event["createdAt"].clone())?,
        attempt_count: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
        last_result,
        next_attempt_at: due.map(Timestamp),
    };
    Ok((delivery, event, attempts))
}
