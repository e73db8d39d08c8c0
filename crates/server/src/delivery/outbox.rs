//! The queue of deliveries: the statements that put events in, take them in hand and settle them.
//!
//! Events of one line (a conversation, for a webhook that wants order) are sent one after the other. That is kept here,
//! not in memory, so that it holds among several servers and after a crash: only the first of a line is ever claimed,
//! with what directly follows it. What is found due behind another is set aside until that one is settled, which wakes
//! it. What waits for its own next attempt is neither taken along nor woken. It is told from what is set aside by its time:
//! that is later than any attempt's can be.
//!
//! A delivery is settled by who has it: each statement that does so names the lease, and does nothing when that is not the
//! row's any more. A server that was away for so long that another took over writes nothing over what that one did.
//!
//! Each statement begins with the webhook, which no two apps share, and those about one delivery go on with its id: so the
//! store sees that two claims, or a post and a claim, have nothing to do with each other, and does many at once.

use super::{LEASE, Webhook, journal::Journal};
use crate::{error::Result, metrics::Queue};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    deliveries::DeliveryStatus,
    id::{ConversationId, EventId, Text, WebhookId},
};
use std::time::Duration;

/// How many due deliveries of a webhook are looked at in one claim: eight times as many as are wanted, within these bounds.
const LEAST_WINDOW: i64 = 16;
const MOST_WINDOW: i64 = 256;
/// What follows the first of its line is claimed with it when there are at most so many lines: else there is enough to do.
const FEW_LINES: usize = 16;
/// What is behind another is due by so much later than the moment at which it was set aside: after the year 2286, which
/// no attempt's time reaches, whatever the pauses and the clocks.
const ASIDE: i64 = 10_000_000_000_000;
/// After how long it is looked at whether it is still behind another. It is woken when that one is settled; this is for
/// the rare case that the two just missed each other.
const LONG_ASIDE_MS: i64 = 60 * 60 * 1000;
/// How many of those are looked at in one transaction.
const ASIDE_BATCH: i64 = 500;

/// By how much the clocks of two servers may differ.
const CLOCKS_MS: i64 = 60 * 1000;

/// An event for a webhook that is to be written down.
pub struct New<'a> {
    /// The webhook.
    pub webhook: Webhook,
    /// The event's id.
    pub id: EventId,
    /// The event's type.
    pub kind: &'a str,
    /// The conversation it happened in.
    pub conversation: Option<ConversationId>,
    /// Whether it keeps its place among the events of its conversation.
    pub ordered: bool,
    /// Whether the webhook is paused: then it is kept for later.
    pub held: bool,
    /// The event, as JSON.
    pub event: String,
}

/// One event that a webhook is to be told, in the hands of this node.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The webhook.
    pub webhook: Webhook,
    /// The event's id.
    pub id: EventId,
    /// The conversation among whose events it keeps its place.
    pub line: Option<ConversationId>,
    /// The event, as JSON.
    pub event: String,
    /// How many attempts were made.
    pub attempts: i64,
    /// When this node loses it again, as the row says.
    pub lease_until: i64,
}

impl Delivery {
    /// What names its row: webhook, event and app.
    fn names(&self) -> (Text, Text, Text) {
        (self.webhook.id.text(), self.id.text(), self.webhook.app.text())
    }

    /// Where it stands in its line: webhook, line and event.
    fn place_in_line(&self) -> Option<(Text, Text, Text)> {
        self.line.map(|line| (self.webhook.id.text(), line.text(), self.id.text()))
    }
}

/// When a lease that begins now ends.
pub fn lease_end(now: i64) -> i64 {
    now + LEASE.as_millis() as i64
}

/// Writes a delivery down: in the hands of `node`, or for anybody.
pub fn insert(tx: &mut Tx<'_>, new: New<'_>, node: Option<&String>) -> Result<Option<Delivery>> {
    let line = new.conversation.filter(|_| new.ordered);
    let (status, due_at) = match (new.held, node) {
        (true, _) => (DeliveryStatus::Held, None),
        (false, Some(_)) => (DeliveryStatus::Pending, Some(lease_end(tx.now()))),
        (false, None) => (DeliveryStatus::Pending, Some(tx.now())),
    };
    let node = node.filter(|_| !new.held);
    tx.append(
        "INSERT INTO delivery (webhook_id, id, app_id, type, conversation_id, line, event, status, attempts, log, due_at,
         node) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        args![
            new.webhook.id.text().as_str(),
            new.id.text().as_str(),
            new.webhook.app.text().as_str(),
            new.kind,
            text(new.conversation).as_ref().map(Text::as_str),
            text(line).as_ref().map(Text::as_str),
            &new.event,
            status.name(),
            0,
            "",
            due_at,
            node
        ],
    )?;
    let lease_until = due_at.unwrap_or_default();
    let New { webhook, id, event, .. } = new;
    Ok(node.map(|_| Delivery { webhook, id, line, event, attempts: 0, lease_until }))
}

fn text(conversation: Option<ConversationId>) -> Option<Text> {
    conversation.map(|id| id.text())
}

/// A webhook for which deliveries wait.
pub struct Waiting {
    /// The webhook.
    pub webhook: Webhook,
    /// When the earliest is to be looked at.
    pub due_at: i64,
}

/// Some webhooks for which deliveries wait, in the order of their ids and after `after`. Leaps from webhook to webhook: a
/// million rows for one cost no more than one.
pub fn waiting(tx: &Tx<'_>, after: Option<WebhookId>, limit: usize) -> Result<Vec<Waiting>> {
    let after = after.map(|id| id.text());
    let rows = tx.query(
        "WITH RECURSIVE w(id) AS (
           SELECT (SELECT d.webhook_id FROM delivery d WHERE d.due_at IS NOT NULL AND d.webhook_id > $1
                   ORDER BY d.webhook_id LIMIT 1)
           UNION ALL
           SELECT (SELECT d.webhook_id FROM delivery d WHERE d.due_at IS NOT NULL AND d.webhook_id > w.id
                   ORDER BY d.webhook_id LIMIT 1)
           FROM w WHERE w.id IS NOT NULL)
         SELECT (SELECT d.app_id FROM delivery d WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL LIMIT 1), w.id,
           (SELECT d.due_at FROM delivery d WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL ORDER BY d.due_at LIMIT 1)
         FROM w WHERE w.id IS NOT NULL LIMIT $2",
        args![after.as_ref().map_or("", Text::as_str), i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    let waiting = |row: &Row| {
        let webhook = Webhook { app: row.parse(0)?, id: row.parse(1)? };
        Ok(Waiting { webhook, due_at: row.opt_int(2)?.unwrap_or(i64::MAX) })
    };
    rows.iter().map(waiting).collect()
}

/// How many deliveries of a webhook are taken in hand at most.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Of all.
    pub all: usize,
    /// Of one line: with the first of it what directly follows.
    pub of_a_line: usize,
}

/// What was taken in hand for a webhook.
pub struct Claimed {
    /// The deliveries, those of a line in its order.
    pub deliveries: Vec<Delivery>,
    /// Whether more is due.
    pub more: bool,
    /// Whether nothing is left of it in the store that is not in the hands of this node.
    pub drained: bool,
}

/// A row of the queue that is due.
struct Due {
    delivery: Delivery,
    first: bool,
}

/// Takes due deliveries of a webhook in hand. It reads all it has to before it writes: then the claims for many
/// webhooks, each a transaction of its own, are asked and written together.
pub fn claim(tx: &mut Tx<'_>, webhook: Webhook, node: &str, most: Most) -> Result<Claimed> {
    let limit = most.all;
    let lease_until = lease_end(tx.now());
    let window = (8 * limit as i64).clamp(LEAST_WINDOW, MOST_WINDOW);
    let due = due(tx, webhook, lease_until, window)?;
    let seen = due.len();
    let (mut first, behind): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| due.first);
    let left = first.len().saturating_sub(limit);
    first.truncate(limit);
    let mut deliveries: Vec<Delivery> = first.into_iter().map(|due| due.delivery).collect();
    if deliveries.len() <= FEW_LINES {
        with_what_follows(tx, &mut deliveries, most)?;
    }
    let more = left > 0 || seen as i64 == window;
    let drained = !more && behind.is_empty() && !any_left(tx, webhook, node, &deliveries)?;
    for delivery in &deliveries {
        place(tx, delivery, lease_until, Some(node))?;
    }
    let aside = tx.now() + ASIDE;
    for Due { delivery, .. } in behind.iter().filter(|due| !deliveries.iter().any(|d| d.id == due.delivery.id)) {
        place(tx, delivery, aside, None)?;
    }
    Ok(Claimed { deliveries, more, drained })
}

/// Whether what has this time is behind another, which will wake it.
pub const fn is_aside(due_at: i64) -> bool {
    due_at >= ASIDE
}

/// Says in whose hands a delivery is, and until when it is not to be looked at.
fn place(tx: &mut Tx<'_>, delivery: &Delivery, due_at: i64, node: Option<&str>) -> Result<()> {
    let (webhook, id, app) = delivery.names();
    tx.amend(
        "UPDATE delivery SET due_at = $4, node = $5 WHERE webhook_id = $1 AND id = $2 AND app_id = $3",
        args![webhook.as_str(), id.as_str(), app.as_str(), due_at, node],
    )?;
    Ok(())
}

/// Those behind another come without their events, which nobody needs yet.
fn due(tx: &Tx<'_>, webhook: Webhook, lease_until: i64, window: i64) -> Result<Vec<Due>> {
    let mut rows = tx.query(
        "WITH q AS MATERIALIZED (
           SELECT d.id, d.line, d.event, d.attempts, (SELECT e.id FROM delivery e WHERE e.webhook_id = $1
             AND e.line = d.line AND e.id < d.id AND e.due_at IS NOT NULL ORDER BY e.id DESC LIMIT 1) AS ahead
           FROM delivery d WHERE d.webhook_id = $1 AND d.due_at <= $2 ORDER BY d.due_at, d.id LIMIT $3)
         SELECT id, line, CASE WHEN ahead IS NULL THEN event ELSE '' END, attempts, ahead FROM q",
        args![webhook.id.text().as_str(), tx.now(), window],
    )?;
    let due = |row: &mut Row| {
        let first = row.opt_text(4)?.is_none();
        Ok(Due { delivery: delivery(row, webhook, lease_until)?, first })
    };
    let mut due = rows.iter_mut().map(due).collect::<Result<Vec<_>>>()?;
    due.sort_by_key(|due| due.delivery.id);
    Ok(due)
}

/// Adds what directly follows each of these in its line, as far as there is room.
fn with_what_follows(tx: &Tx<'_>, deliveries: &mut Vec<Delivery>, most: Most) -> Result<()> {
    let each = (most.all / deliveries.len().max(1)).min(most.of_a_line) as i64 - 1;
    if each <= 0 {
        return Ok(());
    }
    for head in deliveries.iter() {
        if let Some((webhook, line, id)) = head.place_in_line() {
            tx.expect(FOLLOWING, args![webhook.as_str(), line.as_str(), id.as_str(), each]);
        }
    }
    for head in 0..deliveries.len() {
        let follow = following(tx, &deliveries[head], each)?;
        deliveries.extend(follow);
    }
    Ok(())
}

const FOLLOWING: &str = "SELECT id, line, event, attempts, node, due_at FROM delivery
    WHERE webhook_id = $1 AND line = $2 AND id > $3 AND due_at IS NOT NULL ORDER BY id LIMIT $4";

/// What directly follows a delivery in its line, is in nobody's hands and does not wait for its next attempt.
fn following(tx: &Tx<'_>, head: &Delivery, limit: i64) -> Result<Vec<Delivery>> {
    let Some((webhook, line, id)) = head.place_in_line() else { return Ok(Vec::new()) };
    let mut rows = tx.query(FOLLOWING, args![webhook.as_str(), line.as_str(), id.as_str(), limit])?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &mut rows {
        let (attempts, due_at) = (row.int(3)?, row.int(5)?);
        let is_postponed = attempts > 0 && due_at > tx.now() && !is_aside(due_at);
        if row.opt_text(4)?.is_some() || is_postponed {
            break;
        }
        found.push(delivery(row, head.webhook, head.lease_until)?);
    }
    Ok(found)
}

fn delivery(row: &mut Row, webhook: Webhook, lease_until: i64) -> Result<Delivery> {
    let line = row.opt_text(1)?.map(str::parse).transpose()?;
    Ok(Delivery { webhook, id: row.parse(0)?, line, event: row.take_text(2)?, attempts: row.int(3)?, lease_until })
}

/// Whether a webhook has deliveries in the queue that are neither in the hands of this node nor about to be.
fn any_left(tx: &Tx<'_>, webhook: Webhook, node: &str, taken: &[Delivery]) -> Result<bool> {
    // In the order of the index, so that no planner thinks of finding all of them first.
    let rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND due_at IS NOT NULL AND COALESCE(node, '') <> $2
         ORDER BY due_at, id LIMIT $3",
        args![webhook.id.text().as_str(), node, taken.len() as i64 + 1],
    )?;
    let ids = rows.iter().map(|row| row.parse(0)).collect::<Result<Vec<EventId>, _>>()?;
    Ok(ids.into_iter().any(|id| !taken.iter().any(|delivery| delivery.id == id)))
}

/// Whether a delivery is still under the lease that it was taken in hand with; not when somebody else has it, or it is gone.
pub fn is_held(tx: &Tx<'_>, delivery: &Delivery) -> Result<bool> {
    let (webhook, id, app) = delivery.names();
    let rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
        args![webhook.as_str(), id.as_str(), app.as_str(), delivery.lease_until],
    )?;
    Ok(!rows.is_empty())
}

/// Prolongs a lease.
pub fn renew(tx: &mut Tx<'_>, delivery: &Delivery, lease_until: i64) -> Result<()> {
    let (webhook, id, app) = delivery.names();
    tx.amend(
        "UPDATE delivery SET due_at = $5 WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
        args![webhook.as_str(), id.as_str(), app.as_str(), delivery.lease_until, lease_until],
    )?;
    Ok(())
}

/// It arrived, or is given up: it leaves the queue, and the log has it.
pub fn finish(
    tx: &mut Tx<'_>,
    delivery: &Delivery,
    status: DeliveryStatus,
    journal: &Journal,
    line: &str,
) -> Result<()> {
    let (webhook, id, app) = delivery.names();
    let (webhook, id, app) = (webhook.as_str(), id.as_str(), app.as_str());
    if journal.keeps_nothing() {
        tx.amend(
            "DELETE FROM delivery WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
            args![webhook, id, app, delivery.lease_until],
        )?;
    } else {
        tx.amend(
            "UPDATE delivery SET status = $5, attempts = $6, log = log || $7, due_at = NULL, node = NULL
             WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
            args![webhook, id, app, delivery.lease_until, status.name(), delivery.attempts + 1, line],
        )?;
    }
    Ok(())
}

/// It is tried again, by anybody, from `due_at` on.
pub fn postpone(tx: &mut Tx<'_>, delivery: &Delivery, due_at: i64, line: &str) -> Result<()> {
    let (webhook, id, app) = delivery.names();
    let (webhook, id, app) = (webhook.as_str(), id.as_str(), app.as_str());
    tx.amend(
        "UPDATE delivery SET attempts = $5, log = log || $6, due_at = $7, node = NULL
         WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
        args![webhook, id, app, delivery.lease_until, delivery.attempts + 1, line, due_at],
    )?;
    Ok(())
}

/// It waits until its webhook is resumed.
pub fn hold(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<()> {
    let (webhook, id, app) = delivery.names();
    let (webhook, id, app) = (webhook.as_str(), id.as_str(), app.as_str());
    tx.amend(
        "UPDATE delivery SET status = $5, due_at = NULL, node = NULL
         WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
        args![webhook, id, app, delivery.lease_until, DeliveryStatus::Held.name()],
    )?;
    Ok(())
}

/// Has what is now the first of a line looked at: what was before it is settled. If it waits for its next attempt it goes on
/// doing so.
pub fn wake(tx: &mut Tx<'_>, webhook: Webhook, line: ConversationId) -> Result<()> {
    let (app, id, line) = (webhook.app.text(), webhook.id.text(), line.text());
    tx.amend(
        "UPDATE delivery SET due_at = $4 WHERE app_id = $1 AND webhook_id = $2 AND node IS NULL
         AND due_at > $4 AND (attempts = 0 OR due_at >= $5)
         AND id = (SELECT MIN(e.id) FROM delivery e
                   WHERE e.webhook_id = $2 AND e.line = $3 AND e.due_at IS NOT NULL)",
        args![app.as_str(), id.as_str(), line.as_str(), tx.now(), ASIDE],
    )?;
    Ok(())
}

/// Whether something of a webhook has been set aside for long.
pub fn is_any_long_aside(tx: &Tx<'_>, webhook: WebhookId) -> Result<bool> {
    let rows = tx.query(
        "SELECT id FROM delivery WHERE webhook_id = $1 AND due_at >= $2 AND due_at <= $3 LIMIT 1",
        args![webhook.text().as_str(), ASIDE, long_aside(tx)],
    )?;
    Ok(!rows.is_empty())
}

/// Has some of that looked at: what is still behind another is set aside again.
pub fn wake_long_aside(tx: &mut Tx<'_>, webhook: Webhook) -> Result<()> {
    tx.execute(
        "UPDATE delivery SET due_at = $3 WHERE app_id = $1 AND webhook_id = $2
         AND id IN (SELECT e.id FROM delivery e WHERE e.webhook_id = $2 AND e.due_at >= $4 AND e.due_at <= $5
                    ORDER BY e.due_at, e.id LIMIT $6)",
        args![webhook.app.text().as_str(), webhook.id.text().as_str(), tx.now(), ASIDE, long_aside(tx), ASIDE_BATCH],
    )?;
    Ok(())
}

/// What was set aside a long time ago has at most this time.
fn long_aside(tx: &Tx<'_>) -> i64 {
    tx.now() + ASIDE - LONG_ASIDE_MS
}

/// Gives back what this node has in hand and did not try.
pub fn give_back(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<()> {
    let (webhook, id, app) = delivery.names();
    tx.amend(
        "UPDATE delivery SET due_at = $5, node = NULL WHERE webhook_id = $1 AND id = $2 AND app_id = $3 AND due_at = $4",
        args![webhook.as_str(), id.as_str(), app.as_str(), delivery.lease_until, tx.now()],
    )?;
    Ok(())
}

/// Gives back all that a node, or any, has in hand. Looks at nothing but leases that have not ended: what is due already is
/// free, whoever had it, and may be very much. Where nobody else is, a lease counts however long it is: the clock may have
/// been set back.
pub fn release(tx: &mut Tx<'_>, node: Option<&str>) -> Result<()> {
    let latest = if node.is_some() { lease_end(tx.now()) + CLOCKS_MS } else { i64::MAX };
    for Waiting { webhook, .. } in waiting(tx, None, usize::MAX)? {
        tx.execute(
            "UPDATE delivery SET due_at = $2, node = NULL
             WHERE webhook_id = $1 AND due_at > $2 AND due_at <= $4 AND node IS NOT NULL AND ($3 = '' OR node = $3)",
            args![webhook.id.text().as_str(), tx.now(), node.unwrap_or_default(), latest],
        )?;
    }
    Ok(())
}

/// How many deliveries are in the queue, and for how long the oldest has been.
pub fn queue(tx: &Tx<'_>) -> Result<Queue> {
    let rows = tx.query("SELECT COUNT(*), MIN(id) FROM delivery WHERE due_at IS NOT NULL", &[])?;
    let Some(row) = rows.first() else { return Ok(Queue::default()) };
    let since = row.opt_text(1)?.and_then(|id| i64::from_str_radix(id.get(..8)?, 16).ok());
    let waited = since.map_or(0, |seconds| tx.now() - seconds * 1000);
    Ok(Queue { length: row.int(0)?.unsigned_abs(), oldest: Duration::from_millis(waited.max(0).unsigned_abs()) })
}
