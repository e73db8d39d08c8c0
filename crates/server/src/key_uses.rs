//! When each key was last used, from where and by what: gathered in memory, written in bulk once a minute and at the end.
//! No request waits for it.

use crate::{
    auth::Key,
    error::{Error, Result},
    state::State,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{key_life::KeyUse, time::Timestamp};
use http::{HeaderMap, header::USER_AGENT};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often what was gathered is written.
const FLUSH_EVERY: Duration = Duration::from_secs(60);
/// For how long after a use further ones of the same key are not gathered.
const PRECISION_MS: i64 = 1000;
/// How many rows one transaction writes.
const BATCH: usize = 500;
/// How much of a program's name is kept.
const MAX_AGENT: usize = 200;

/// The last use of a key.
#[derive(Clone)]
struct Use {
    app: String,
    at: i64,
    address: IpAddr,
    agent: Option<String>,
}

/// What was gathered since it was last written.
#[derive(Default)]
pub struct KeyUses(Mutex<HashMap<String, Use>>);

impl KeyUses {
    /// Notes a use, unless one was noted a moment ago: most requests end at one comparison.
    pub fn note(&self, key: &Key, now: i64, headers: &HeaderMap, address: impl FnOnce() -> IpAddr) {
        let noted = key.noted_at.load(Ordering::Relaxed);
        if now - noted < PRECISION_MS || key.noted_at.swap(now, Ordering::Relaxed) != noted {
            return;
        }
        let agent = headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let agent = agent.map(|agent| agent.chars().take(MAX_AGENT).collect());
        let app = key.app.map(|app| app.to_string()).unwrap_or_default();
        self.gather([(key.id.clone(), Use { app, at: now, address: address(), agent })]);
    }

    /// The last use of a key that is not written yet.
    pub fn recent(&self, key_id: &str) -> Option<KeyUse> {
        let gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Use { at, address, agent, .. } = gathered.get(key_id)?.clone();
        Some(KeyUse { at: Timestamp(at), address: address.to_string(), user_agent: agent })
    }

    fn gather(&self, uses: impl IntoIterator<Item = (String, Use)>) {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, one) in uses {
            match gathered.get(&id) {
                Some(later) if later.at >= one.at => {}
                _ => drop(gathered.insert(id, one)),
            }
        }
    }

    fn take(&self) -> Vec<(String, Use)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// Writes now and then, until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(FLUSH_EVERY)).await.is_some() {
        flush(state).await;
    }
}

/// Writes what was gathered. What could not be written is gathered again.
pub async fn flush(state: State) {
    let mut uses = state.uses.take();
    uses.sort_by(|(a, _), (b, _)| a.cmp(b));
    for batch in uses.chunks(BATCH) {
        let rows = batch.to_vec();
        let written = state.store.write(move |tx| rows.iter().try_for_each(|(id, one)| save(tx, id, one))).await;
        if let Err(error) = written {
            tracing::warn!(%error, "the last uses of keys could not be written; that is tried again");
            state.uses.gather(batch.iter().cloned());
        }
    }
}

// ---- Rows

/// Not for a key that was deleted meanwhile, and not over a later use that another server wrote.
fn save(tx: &mut Tx<'_>, id: &str, one: &Use) -> Result<()> {
    if tx.query("SELECT 1 FROM api_key WHERE id = $1", args![id])?.is_empty() {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO key_use (app_id, key_id, used_at, address, user_agent) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (app_id, key_id) DO UPDATE
         SET used_at = excluded.used_at, address = excluded.address, user_agent = excluded.user_agent
         WHERE key_use.used_at < excluded.used_at",
        args![&one.app, id, one.at, &one.address.to_string(), one.agent.as_deref()],
    )?;
    Ok(())
}

/// The last use of a key, as far as it is written.
pub fn find(tx: &Tx<'_>, app: &str, id: &str) -> Result<Option<KeyUse>, Error> {
    let rows =
        tx.query("SELECT used_at, address, user_agent FROM key_use WHERE app_id = $1 AND key_id = $2", args![app, id])?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(KeyUse {
        at: Timestamp(row.int(0)?),
        address: row.text(1)?.to_owned(),
        user_agent: row.opt_text(2)?.map(str::to_owned),
    }))
}

/// Forgets the use of a key that is deleted.
pub fn delete(tx: &mut Tx<'_>, app: &str, id: &str) -> Result<()> {
    tx.amend("DELETE FROM key_use WHERE app_id = $1 AND key_id = $2", args![app, id])?;
    Ok(())
}
