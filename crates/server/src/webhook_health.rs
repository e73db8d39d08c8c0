//! How webhooks are delivered to and how their targets fare: told, changed, paused, resumed, tried out.

use crate::{
    audit,
    auth::Caller,
    call::Call,
    deliveries,
    delivery::{Webhook, outbox::New},
    error::{Error, Result},
    notices,
    router::Builder,
    state::State,
    webhooks,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    deliveries::{DeliveryReply, DeliveryStatus},
    id::{AppId, EventId, IntegrationId, WebhookId},
    op::Operation,
    path::AppWebhookPath,
    problem::Missing,
    time::Timestamp,
    webhook_health::*,
};
use serde_json::json;

/// How many waiting events are counted at most.
const COUNTED: i64 = 100_000;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(get).on(update).on(pause).on(resume).on(test);
}

async fn get(call: Call<GetWebhookHealth>) -> Result<WebhookHealthReply> {
    call.read(shown).await
}

async fn update(call: Call<UpdateWebhookHealth>) -> Result<WebhookHealthReply> {
    call.write(change).await
}

async fn pause(call: Call<PauseWebhook>) -> Result<WebhookHealthReply> {
    call.write(|tx, call| {
        let (app, webhook) = (call.path.app_id, call.path.webhook_id);
        if owned(tx, &call.caller, app, webhook)?.paused_at.is_none() {
            set_paused(tx, app, webhook, tx.now())?;
            forget_after_commit(tx, call.state, webhook);
        }
        shown(tx, call)
    })
    .await
}

async fn resume(call: Call<ResumeWebhook>) -> Result<WebhookHealthReply> {
    call.write(go_on).await
}

async fn test(call: Call<TestWebhook>) -> Result<DeliveryReply> {
    call.write(try_out).await
}

// ---- Rules

/// The webhook, if the caller may speak of it.
pub fn owned(tx: &Tx<'_>, caller: &Caller, app: AppId, webhook: WebhookId) -> Result<Kept> {
    webhooks::admit(tx, caller, &AppWebhookPath { app_id: app, webhook_id: webhook })?;
    Ok(find(tx, app, webhook)?.ok_or(Missing::RESOURCE)?)
}

fn shown<O: Operation<Path = AppWebhookPath>>(tx: &Tx<'_>, call: &Call<O>) -> Result<WebhookHealthReply> {
    let (app, id) = (call.path.app_id, call.path.webhook_id);
    let kept = owned(tx, &call.caller, app, id)?;
    let options = call.state.dispatcher.options();
    let (pending, oldest) = waiting(tx, id)?;
    let status = match (kept.paused_at, kept.failing_since) {
        (Some(_), _) => WebhookStatus::Paused,
        (None, Some(_)) => WebhookStatus::Failing,
        (None, None) => WebhookStatus::Active,
    };
    let webhook = WebhookHealth {
        id,
        integration_id: kept.integration,
        target: kept.target,
        status,
        ordered: kept.ordered.unwrap_or(options.ordered),
        events_per_call: kept.events_per_call.unwrap_or(options.events_per_call),
        failing_since: kept.failing_since.map(Timestamp),
        paused_at: kept.paused_at.map(Timestamp),
        pending,
        oldest_pending_at: oldest
            .map(|id| deliveries::find(tx, app, kept.id, id))
            .transpose()?
            .map(|d| d.delivery.created_at),
    };
    Ok(WebhookHealthReply { webhook })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateWebhookHealth>) -> Result<WebhookHealthReply> {
    let (app, id) = (call.path.app_id, call.path.webhook_id);
    let mut kept = owned(tx, &call.caller, app, id)?;
    let WebhookHealthUpdate { ordered, events_per_call } = call.body.clone();
    ordered.apply(&mut kept.ordered);
    events_per_call.apply(&mut kept.events_per_call);
    tx.execute(
        "UPDATE webhook SET ordered = $3, events_per_call = $4 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str(), kept.ordered, kept.events_per_call],
    )?;
    forget_after_commit(tx, call.state, id);
    shown(tx, call)
}

fn go_on(tx: &mut Tx<'_>, call: &Call<ResumeWebhook>) -> Result<WebhookHealthReply> {
    let (app, id) = (call.path.app_id, call.path.webhook_id);
    if owned(tx, &call.caller, app, id)?.paused_at.is_none() {
        return shown(tx, call);
    }
    let (a, w) = (app.text(), id.text());
    tx.execute(
        "UPDATE webhook SET paused_at = NULL, failing_since = NULL WHERE app_id = $1 AND id = $2",
        args![a.as_str(), w.as_str()],
    )?;
    let (status, due_at) = match call.body.missed {
        Missed::Deliver => (DeliveryStatus::Pending, Some(tx.now())),
        Missed::Skip => (DeliveryStatus::Skipped, None),
    };
    // What happens from now on waits behind what was missed.
    call.state.dispatcher.store_from_now_on(id);
    tx.execute(
        "UPDATE delivery SET status = $3, due_at = $4, attempts = 0
         WHERE app_id = $1 AND webhook_id = $2 AND status = $5 AND due_at IS NULL",
        args![a.as_str(), w.as_str(), status.name(), due_at, DeliveryStatus::Held.name()],
    )?;
    let state = call.state;
    tx.after_commit(move || {
        state.dispatcher.forget_target(id);
        state.dispatcher.look_at(Webhook { app, id });
    });
    shown(tx, call)
}

fn try_out(tx: &mut Tx<'_>, call: &Call<TestWebhook>) -> Result<DeliveryReply> {
    let (app, id) = (call.path.app_id, call.path.webhook_id);
    if owned(tx, &call.caller, app, id)?.paused_at.is_some() {
        return Err(Error::Conflict("The webhook is paused"));
    }
    let webhook = Webhook { app, id };
    let id = EventId::new(tx.id());
    let event = json!({ "id": id, "createdAt": Timestamp(tx.now()), "type": TEST, "payload": {} }).to_string();
    let new = New { webhook, id, kind: TEST, conversation: None, ordered: false, held: false, event };
    call.state.dispatcher.enqueue(tx, new)?;
    deliveries::find(tx, app, webhook.id, id)
}

/// What is to be noted of a webhook after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something arrived again.
    Recovered,
    /// Nothing has arrived since.
    Failing {
        /// When the first failure was, in milliseconds since 1970.
        since: i64,
    },
    /// Nothing has arrived for so long that it is paused.
    Paused {
        /// When.
        at: i64,
        /// When the first failure was.
        since: i64,
    },
}

/// Notes it, if the webhook still has the target that was called: of another it says nothing. Of a pause the app's
/// owner is told.
pub fn note(tx: &mut Tx<'_>, state: State, webhook: Webhook, target: &str, change: Change) -> Result<()> {
    let (app, id) = (webhook.app.text(), webhook.id.text());
    let (app, id) = (app.as_str(), id.as_str());
    match change {
        Change::Recovered => tx.amend(
            "UPDATE webhook SET failing_since = NULL WHERE app_id = $1 AND id = $2 AND target = $3",
            args![app, id, target],
        )?,
        Change::Failing { since } => tx.amend(
            "UPDATE webhook SET failing_since = $3
             WHERE app_id = $1 AND id = $2 AND failing_since IS NULL AND target = $4",
            args![app, id, since, target],
        )?,
        // What is noted of it since may say otherwise.
        Change::Paused { at, since } => {
            let paused = tx.execute(
                "UPDATE webhook SET paused_at = $3 WHERE app_id = $1 AND id = $2 AND paused_at IS NULL AND failing_since = $4",
                args![app, id, at, since],
            )?;
            if paused > 0 {
                notices::webhook_paused(tx, state, webhook, Timestamp(since))?;
                let (actor, subject) = (audit::the_server(), Some(id.to_owned()));
                let after = Some(json!({ "pausedAtMs": at.to_string() }));
                let change = audit::Change { operation: PauseWebhook::ID, actor, subject, before: None, after };
                audit::record(tx, &state.vault, app, &change)?;
                tx.after_commit(move || {
                    tracing::warn!(webhook = %webhook.id, "a webhook is paused: nothing has arrived there for too long");
                    state.metrics.webhook_paused();
                });
            }
        }
    }
    forget_after_commit(tx, state, webhook.id);
    Ok(())
}

fn forget_after_commit(tx: &mut Tx<'_>, state: State, webhook: WebhookId) {
    tx.after_commit(move || state.dispatcher.forget_target(webhook));
}

// ---- Rows

/// A webhook, as far as its delivery is concerned.
pub struct Kept {
    id: WebhookId,
    integration: Option<IntegrationId>,
    target: String,
    ordered: Option<bool>,
    events_per_call: Option<u32>,
    failing_since: Option<i64>,
    paused_at: Option<i64>,
}

fn find(tx: &Tx<'_>, app: AppId, id: WebhookId) -> Result<Option<Kept>> {
    let rows = tx.query(
        "SELECT integration_id, target, ordered, events_per_call, failing_since, paused_at FROM webhook
         WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    let integration = row.text(0)?;
    Ok(Some(Kept {
        id,
        integration: if integration == webhooks::OF_THE_APP { None } else { Some(row.parse(0)?) },
        target: row.text(1)?.to_owned(),
        ordered: row.opt_int(2)?.map(|flag| flag != 0),
        events_per_call: row.opt_int(3)?.and_then(|count| count.try_into().ok()),
        failing_since: row.opt_int(4)?,
        paused_at: row.opt_int(5)?,
    }))
}

fn set_paused(tx: &mut Tx<'_>, app: AppId, webhook: WebhookId, at: i64) -> Result<()> {
    tx.execute(
        "UPDATE webhook SET paused_at = $3 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), webhook.text().as_str(), at],
    )?;
    Ok(())
}

/// The webhooks at which nothing has arrived since some failure.
pub fn failing(tx: &Tx<'_>) -> Result<Vec<WebhookId>> {
    let rows = tx.query("SELECT id FROM webhook WHERE failing_since IS NOT NULL AND paused_at IS NULL", &[])?;
    rows.iter().map(|row| Ok(row.parse(0)?)).collect()
}

/// Whether a webhook is paused.
pub fn is_paused(tx: &Tx<'_>, app: AppId, webhook: WebhookId) -> Result<bool> {
    let rows = tx.query(
        "SELECT paused_at FROM webhook WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), webhook.text().as_str()],
    )?;
    Ok(rows.first().is_some_and(|row| row.opt_int(0).is_ok_and(|at| at.is_some())))
}

/// How many deliveries wait for a webhook, and the oldest of them.
fn waiting(tx: &Tx<'_>, webhook: WebhookId) -> Result<(u32, Option<EventId>)> {
    let rows = tx.query(
        "SELECT COUNT(*), MIN(d.id) FROM
         (SELECT id FROM delivery WHERE webhook_id = $1 AND due_at IS NOT NULL LIMIT $2) d",
        args![webhook.text().as_str(), COUNTED],
    )?;
    let Some(row) = rows.first() else { return Ok((0, None)) };
    let count = u32::try_from(row.int(0)?).unwrap_or(u32::MAX);
    Ok((count, row.opt_text(1)?.and_then(|id| id.parse().ok())))
}
