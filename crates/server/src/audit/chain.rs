//! The chains themselves: their rows, and the proof that none was altered or left out.

use super::Change;
use crate::{
    error::{Error, Result},
    pages::Window,
    vault::Vault,
};
use heliograph_store::{Error as StoreError, Row, Tx, args};
use heliograph_wire::{
    audit::{AuditActor, AuditEvent, AuditFilter},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// How many events are read at once.
const STEP: i64 = 500;

/// What of an event no statement asks for.
#[derive(Serialize, Deserialize)]
struct Detail<'c> {
    actor: Cow<'c, AuditActor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Cow<'c, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Cow<'c, Value>>,
}

/// What a chain was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The app, or '' for the server itself.
    pub chain: String,
    /// How many events it had so far.
    pub events: u64,
    /// How many of them, from the first on, were removed by pruning.
    pub pruned: u64,
    /// The code of the last one: whoever wrote it down elsewhere sees from it whether the end was cut off since.
    pub mac: String,
    /// Where it is broken, if it is.
    pub broken: Option<Broken>,
}

/// The first event of a chain that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It was altered, or stood elsewhere.
    #[error("event {0} was altered")]
    Altered(u64),
    /// It is gone.
    #[error("event {0} is missing")]
    Missing(u64),
    /// There are events after the one that is said to be the last, or there should be.
    #[error("the end of the log is not where it should be")]
    End,
}

/// The operation of the event that stands for what was pruned.
pub const PRUNE: &str = "audit prune";

/// What stands for events that were removed because they had had their time. It is the `after` of an event of the same
/// chain, so that nobody without the master key can claim that something was pruned.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruning {
    /// The last event that was removed.
    pub through: String,
    /// Its code: the event after it is authenticated together with it.
    pub mac: String,
    /// How many were removed by this pruning.
    pub events: u64,
    /// All of them were made before this moment.
    pub before: Timestamp,
}

/// Adds an event to a chain. Callers that do so at the same moment meet at the chain's end, and one of them goes again.
pub fn append(tx: &mut Tx<'_>, vault: &Vault, chain: &str, change: &Change) -> Result<()> {
    let (last, before) = head(tx, chain)?.unwrap_or_default();
    let (id, now) = (place(last + 1), tx.now());
    let detail = Detail {
        actor: Cow::Borrowed(&change.actor),
        before: change.before.as_ref().map(Cow::Borrowed),
        after: change.after.as_ref().map(Cow::Borrowed),
    };
    let detail = serde_json::to_string(&detail)?;
    let actor = change.actor.id.as_deref().unwrap_or_default();
    let subject = change.subject.as_deref().unwrap_or_default();
    let mac =
        vault.authenticate(tx, chain, &[&before, &id, &now.to_string(), change.operation, actor, subject, &detail])?;
    let entered = tx.execute(
        "INSERT INTO audit_event (app_id, id, created_at, operation, actor_id, subject_id, detail, mac)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (app_id, id) DO NOTHING",
        args![chain, &id, now, change.operation, actor, subject, &detail, &mac],
    )?;
    if entered == 0 {
        return Err(StoreError::Contention.into());
    }
    tx.execute(
        "INSERT INTO audit_head (app_id, id, mac) VALUES ($1, $2, $3)
         ON CONFLICT (app_id) DO UPDATE SET id = $2, mac = $3",
        args![chain, &id, &mac],
    )?;
    Ok(())
}

/// Walks a chain from its first event that was not pruned, and says whether each is as it was written and in its place.
pub fn verify(tx: &Tx<'_>, vault: &Vault, chain: &str) -> Result<Verdict> {
    let from = beginning(tx, chain)?;
    let pruned = from.count;
    let (reached, broken) = walk(tx, vault, chain, from, u64::MAX)?;
    let end = head(tx, chain)?.map(|(count, mac)| Reached { count, mac }).unwrap_or_default();
    let broken = broken.or_else(|| (end != reached).then_some(Broken::End));
    Ok(Verdict { chain: chain.to_owned(), events: reached.count, pruned, mac: reached.mac, broken })
}

/// How far a walk has come: so many events, and the code of the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// How many events.
    pub count: u64,
    /// The code of the last of them.
    pub mac: String,
}

/// Where a chain begins: at its first event, or after what its last pruning removed. That the pruning is genuine is seen
/// when the walk comes to its event, which is part of the chain.
pub fn beginning(tx: &Tx<'_>, chain: &str) -> Result<Reached> {
    match last_pruning(tx, chain)? {
        Some(Pruning { through, mac, .. }) => Ok(Reached { count: number(&through)?, mac }),
        None => Ok(Reached::default()),
    }
}

/// Goes on from there until after the event of this number, or until the end, and says what is broken on the way.
pub fn walk(tx: &Tx<'_>, vault: &Vault, chain: &str, mut at: Reached, until: u64) -> Result<(Reached, Option<Broken>)> {
    // Nothing lies before a beginning: what was pruned is gone.
    let stray = tx.query(
        "SELECT id FROM audit_event WHERE app_id = $1 AND id <= $2 ORDER BY id LIMIT 1",
        args![chain, &place(at.count)],
    )?;
    if let Some(row) = stray.first() {
        let stray = number(row.text(0)?)?;
        return Ok((at, Some(Broken::Altered(stray))));
    }
    while at.count < until {
        let step = STEP.min(i64::try_from(until - at.count).unwrap_or(STEP));
        let rows = tx.query(
            "SELECT id, created_at, operation, actor_id, subject_id, detail, mac FROM audit_event
             WHERE app_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            args![chain, &place(at.count), step],
        )?;
        if rows.is_empty() {
            break;
        }
        if let Some(broken) = follow(tx, vault, chain, &rows, &mut at)? {
            return Ok((at, Some(broken)));
        }
    }
    Ok((at, None))
}

fn follow(tx: &Tx<'_>, vault: &Vault, chain: &str, rows: &[Row], at: &mut Reached) -> Result<Option<Broken>> {
    for row in rows {
        let (id, now) = (row.text(0)?, row.int(1)?.to_string());
        if id != place(at.count + 1) {
            return Ok(Some(Broken::Missing(at.count + 1)));
        }
        let parts = [at.mac.as_str(), id, &now, row.text(2)?, row.text(3)?, row.text(4)?, row.text(5)?];
        if vault.authenticate(tx, chain, &parts)? != row.text(6)? {
            return Ok(Some(Broken::Altered(at.count + 1)));
        }
        at.count += 1;
        row.text(6)?.clone_into(&mut at.mac);
    }
    Ok(None)
}

/// A place in a chain as its id: such ids sort as numbers do, and are cursors of a list like all others.
pub fn place(number: u64) -> String {
    format!("{number:024x}")
}

fn number(place: &str) -> Result<u64> {
    u64::from_str_radix(place, 16).map_err(|_| Error::Internal("a place in the audit log is no number".into()))
}

// ---- Rows

/// The last event of a chain, and its code.
fn head(tx: &Tx<'_>, chain: &str) -> Result<Option<(u64, String)>> {
    let rows = tx.query("SELECT id, mac FROM audit_head WHERE app_id = $1", args![chain])?;
    rows.first().map(|row| Ok((number(row.text(0)?)?, row.text(1)?.to_owned()))).transpose()
}

/// The last pruning of a chain, if it does not begin with its first event.
fn last_pruning(tx: &Tx<'_>, chain: &str) -> Result<Option<Pruning>> {
    let whole = tx.query("SELECT 1 FROM audit_event WHERE app_id = $1 AND id = $2", args![chain, &place(1)])?;
    if !whole.is_empty() {
        return Ok(None);
    }
    let rows = tx.query(
        "SELECT detail FROM audit_event WHERE app_id = $1 AND operation = $2 ORDER BY id DESC LIMIT 1",
        args![chain, PRUNE],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    // One that cannot be read was altered: the walk will say so.
    let told = serde_json::from_str::<Detail<'_>>(row.text(0)?).ok().and_then(|detail| detail.after);
    Ok(told.and_then(|told| serde_json::from_value(told.into_owned()).ok()))
}

/// How many events from the first on were made before a moment, in milliseconds since 1970, counting no more than `most`.
pub fn older(tx: &Tx<'_>, chain: &str, from: u64, moment: i64, most: u64) -> Result<u64> {
    let rows = tx.query(
        "SELECT id FROM audit_event WHERE app_id = $1 AND created_at >= $2 ORDER BY id LIMIT 1",
        args![chain, moment],
    )?;
    let first_kept = match rows.first() {
        Some(row) => number(row.text(0)?)?,
        None => head(tx, chain)?.map_or(from, |(last, _)| last) + 1,
    };
    Ok(first_kept.saturating_sub(from + 1).min(most))
}

/// Takes away what comes before and with the event of this number.
pub fn remove_through(tx: &mut Tx<'_>, chain: &str, through: u64) -> Result<u64> {
    Ok(tx.execute("DELETE FROM audit_event WHERE app_id = $1 AND id <= $2", args![chain, &place(through)])?)
}

/// All chains that there are, or should be.
pub fn chains(tx: &Tx<'_>) -> Result<Vec<String>> {
    let rows = tx.query("SELECT app_id FROM audit_head UNION SELECT app_id FROM audit_event ORDER BY 1", args![])?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Some events of a chain, oldest first.
pub fn page(tx: &Tx<'_>, chain: &str, filter: &AuditFilter, window: &Window) -> Result<Vec<AuditEvent>> {
    let wanted = |text: &Option<String>| text.clone().unwrap_or_default();
    let (operation, actor, subject) = (wanted(&filter.operation), wanted(&filter.actor_id), wanted(&filter.subject_id));
    if [&operation, &actor, &subject].iter().any(|text| text.contains('\0')) {
        return Ok(Vec::new());
    }
    let rows = match window.before() {
        None => tx.query(
            "SELECT id, created_at, operation, subject_id, detail, mac FROM audit_event
             WHERE app_id = $1 AND id > $2 AND ($3 = '' OR operation = $3) AND ($4 = '' OR actor_id = $4)
             AND ($5 = '' OR subject_id = $5) ORDER BY id LIMIT $6",
            args![chain, window.after(), &operation, &actor, &subject, window.limit()],
        ),
        Some(before) => tx.query(
            "SELECT id, created_at, operation, subject_id, detail, mac FROM audit_event
             WHERE app_id = $1 AND id < $2 AND ($3 = '' OR operation = $3) AND ($4 = '' OR actor_id = $4)
             AND ($5 = '' OR subject_id = $5) ORDER BY id DESC LIMIT $6",
            args![chain, before, &operation, &actor, &subject, window.limit()],
        ),
    }?;
    rows.iter().map(event).collect()
}

fn event(row: &Row) -> Result<AuditEvent> {
    let Detail { actor, before, after } = serde_json::from_str(row.text(4)?)?;
    Ok(AuditEvent {
        id: row.text(0)?.to_owned(),
        created_at: Timestamp(row.int(1)?),
        operation: row.text(2)?.to_owned(),
        actor: actor.into_owned(),
        subject_id: Some(row.text(3)?.to_owned()).filter(|id| !id.is_empty()),
        before: before.map(Cow::into_owned),
        after: after.map(Cow::into_owned),
        mac: row.text(5)?.to_owned(),
    })
}
