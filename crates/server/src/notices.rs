//! Notices: what the server itself tells an app's owner. They go by a webhook that belongs to the app and not to an
//! integration, so they are written down, retried and logged like everything that webhooks are told.

use crate::{
    call::Call,
    delivery::{Webhook, outbox::New},
    error::Result,
    router::Builder,
    state::State,
    webhooks,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    id::{AppId, EventId, WebhookId},
    notices::*,
    op::Nothing,
    problem::Missing,
    time::Timestamp,
};
use serde::Serialize;
use serde_json::json;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(get).on(set).on(delete);
}

async fn get(call: Call<GetNotices>) -> Result<NoticesReply> {
    call.read(|tx, call| {
        Ok(NoticesReply { notices: kept(tx, call.state, call.path.app_id)?.ok_or(Missing::RESOURCE)? })
    })
    .await
}

async fn set(call: Call<SetNotices>) -> Result<NoticesReply> {
    call.write(|tx, call| {
        let app = call.path.app_id;
        match kept(tx, call.state, app)? {
            Some(Notices { webhook_id, .. }) => webhooks::retarget(tx, call.state, app, webhook_id, &call.body.target)?,
            None => webhooks::make_for_the_app(tx, call.state, app, &call.body.target)?,
        }
        // What has happened before and is still so is told to whoever listens from now on.
        let state = call.state;
        tx.after_commit(move || state.key_watch.notify_one());
        Ok(NoticesReply { notices: kept(tx, call.state, app)?.ok_or(Missing::RESOURCE)? })
    })
    .await
}

async fn delete(call: Call<DeleteNotices>) -> Result<Nothing> {
    call.write(|tx, call| {
        kept(tx, call.state, call.path.app_id)?.ok_or(Missing::RESOURCE)?;
        webhooks::remove_of_the_app(tx, call.path.app_id)?;
        webhooks::forget_targets_after_commit(tx, call.state);
        Ok(Nothing {})
    })
    .await
}

// ---- Rules

fn kept(tx: &Tx<'_>, state: State, app: AppId) -> Result<Option<Notices>> {
    let webhook = webhooks::of_the_app(tx, &state.vault, app)?;
    Ok(webhook.map(|w| Notices { webhook_id: w.id, target: w.target, secret: w.secret }))
}

/// Tells that a webhook was paused. It is not told to the webhook itself.
pub fn webhook_paused(tx: &mut Tx<'_>, state: State, webhook: Webhook, since: Timestamp) -> Result<()> {
    let payload = WebhookPaused { webhook: PausedWebhook { id: webhook.id }, failing_since: since };
    tell(tx, state, webhook.app, WEBHOOK_PAUSED, Some(webhook.id), &payload)
}

/// Tells that a key ends soon.
pub fn key_expiring(tx: &mut Tx<'_>, state: State, app: AppId, payload: &KeyExpiring) -> Result<()> {
    tell(tx, state, app, KEY_EXPIRING, None, payload)
}

fn tell(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    kind: &str,
    but: Option<WebhookId>,
    payload: &impl Serialize,
) -> Result<()> {
    let Some((webhook, held)) = target(tx, app)?.filter(|(id, _)| Some(*id) != but) else { return Ok(()) };
    let id = EventId::new(tx.id());
    let event = json!({ "id": id, "createdAt": Timestamp(tx.now()), "type": kind, "payload": payload }).to_string();
    let webhook = Webhook { app, id: webhook };
    let new = New { webhook, id, kind, conversation: None, ordered: false, held, event };
    state.dispatcher.enqueue(tx, new)
}

// ---- Rows

/// The webhook that notices go by, and whether it is paused.
fn target(tx: &Tx<'_>, app: AppId) -> Result<Option<(WebhookId, bool)>> {
    let rows = tx.query(
        "SELECT id, paused_at FROM webhook WHERE app_id = $1 AND integration_id = $2",
        args![app.text().as_str(), webhooks::OF_THE_APP],
    )?;
    rows.first().map(|row| Ok((row.parse(0)?, row.opt_int(1)?.is_some()))).transpose()
}
