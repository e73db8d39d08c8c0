//! The rows of deliveries.

use super::LEASE;
use crate::error::Result;
use heliograph_store::{Row, Tx, args};
use heliograph_wire::id::{ConversationId, EventId};

/// One call of a webhook that is to be made, in the hands of this node.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The app.
    pub app: String,
    /// The row.
    pub id: String,
    /// The webhook.
    pub webhook: String,
    /// The event, as JSON.
    pub event: String,
    /// How many attempts were made.
    pub attempts: i64,
    /// When this node loses it again.
    pub lease_until: i64,
}

/// When a lease that begins now ends.
pub fn lease_end(now: i64) -> i64 {
    now + LEASE.as_millis() as i64
}

/// Writes a delivery down: in the hands of `node`, or for anybody.
pub fn insert(
    tx: &mut Tx<'_>,
    app: &str,
    webhook: &str,
    conversation: Option<ConversationId>,
    event: String,
    node: Option<&String>,
) -> Result<Option<Delivery>> {
    let id = EventId::new(tx.id()).to_string();
    let due_at = if node.is_some() { lease_end(tx.now()) } else { tx.now() };
    let conversation = conversation.map(|c| c.to_string());
    tx.append(
        "INSERT INTO delivery (app_id, id, webhook_id, conversation_id, event, attempts, due_at, node)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![app, &id, webhook, &conversation, &event, 0, due_at, node],
    )?;
    let (app, webhook) = (app.to_owned(), webhook.to_owned());
    Ok(node.map(|_| Delivery { app, id, webhook, event, attempts: 0, lease_until: due_at }))
}

/// The webhooks that have deliveries waiting, each with the time its earliest is due. Leaps from webhook to webhook: a
/// million rows for one cost no more than one.
pub fn waiting(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    let mut rows = tx.query(
        "WITH RECURSIVE w(id) AS (
           SELECT (SELECT d.webhook_id FROM delivery d ORDER BY d.webhook_id LIMIT 1)
           UNION ALL
           SELECT (SELECT d.webhook_id FROM delivery d WHERE d.webhook_id > w.id ORDER BY d.webhook_id LIMIT 1)
           FROM w WHERE w.id IS NOT NULL)
         SELECT w.id, (SELECT d.due_at FROM delivery d WHERE d.webhook_id = w.id ORDER BY d.due_at LIMIT 1)
         FROM w WHERE w.id IS NOT NULL",
        &[],
    )?;
    rows.iter_mut().map(|row| Ok((row.take_text(0)?, row.opt_int(1)?.unwrap_or(i64::MAX)))).collect()
}

/// Takes up to `limit` due deliveries of a webhook in hand, the earliest first.
pub fn claim(tx: &mut Tx<'_>, webhook: &str, node: &str, limit: i64) -> Result<Vec<Delivery>> {
    let lease_until = lease_end(tx.now());
    let mut rows = tx.query_mut(
        "UPDATE delivery SET due_at = $3, node = $4 WHERE webhook_id = $1 AND (app_id, id) IN
         (SELECT app_id, id FROM delivery WHERE webhook_id = $1 AND due_at <= $2 ORDER BY due_at, id LIMIT $5
          FOR UPDATE SKIP LOCKED)
         RETURNING app_id, id, webhook_id, event, attempts",
        args![webhook, tx.now(), lease_until, node, limit],
    )?;
    let mut claimed = rows.iter_mut().map(|row| delivery(row, lease_until)).collect::<Result<Vec<_>>>()?;
    claimed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(claimed)
}

fn delivery(row: &mut Row, lease_until: i64) -> Result<Delivery> {
    Ok(Delivery {
        app: row.take_text(0)?,
        id: row.take_text(1)?,
        webhook: row.take_text(2)?,
        event: row.take_text(3)?,
        attempts: row.int(4)?,
        lease_until,
    })
}

/// Prolongs a lease that this node still has; false when somebody else has the delivery, or it is gone.
pub fn renew(tx: &mut Tx<'_>, delivery: &Delivery, node: &str) -> Result<bool> {
    let renewed = tx.execute(
        "UPDATE delivery SET due_at = $4 WHERE app_id = $1 AND id = $2 AND node = $3 AND due_at = $5",
        args![&delivery.app, &delivery.id, node, lease_end(tx.now()), delivery.lease_until],
    )?;
    Ok(renewed == 1)
}

/// It arrived, or is given up.
pub fn finish(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<()> {
    tx.amend("DELETE FROM delivery WHERE app_id = $1 AND id = $2", args![&delivery.app, &delivery.id])?;
    Ok(())
}

/// It is tried again, by anybody, after `pause_ms`.
pub fn postpone(tx: &mut Tx<'_>, delivery: &Delivery, pause_ms: i64) -> Result<()> {
    tx.amend(
        "UPDATE delivery SET attempts = $3, due_at = $4, node = NULL WHERE app_id = $1 AND id = $2",
        args![&delivery.app, &delivery.id, delivery.attempts + 1, tx.now() + pause_ms],
    )?;
    Ok(())
}

/// Gives back what this node, or any, has in hand.
pub fn release(tx: &mut Tx<'_>, node: Option<&str>) -> Result<()> {
    match node {
        Some(node) => tx.execute("UPDATE delivery SET due_at = $1, node = NULL WHERE node = $2", args![tx.now(), node]),
        None => tx.execute("UPDATE delivery SET due_at = $1, node = NULL WHERE node IS NOT NULL", args![tx.now()]),
    }?;
    Ok(())
}
