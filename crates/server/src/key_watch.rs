//! Keys whose end is near: told in the log and counted for the metrics, whether anybody uses them or not. And old
//! secrets whose time is over: they are wiped.

use crate::{auth::life::NOTICE_MS, error::Result, state::State};
use heliograph_store::{Tx, args};
use heliograph_wire::time::Timestamp;
use std::{collections::HashSet, time::Duration};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(600);

/// A key and its end.
type Ending = (String, i64);

/// Looks now and then, until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    let mut told = HashSet::new();
    loop {
        match look(&state).await {
            Ok(ending) => tell(&state, &mut told, ending),
            Err(error) => tracing::warn!(%error, "keys whose end is near could not be looked for"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return;
        }
    }
}

/// Each end is told once by each server, as long as it is not moved.
fn tell(state: &State, told: &mut HashSet<Ending>, ending: Vec<Ending>) {
    state.metrics.keys_expiring(ending.len() as u64);
    told.retain(|one| ending.contains(one));
    for (key, end) in ending {
        if told.insert((key.clone(), end)) {
            tracing::warn!(key, expires_at = %Timestamp(end), "a key expires soon");
        }
    }
}

async fn look(state: &State) -> Result<Vec<Ending>> {
    let (ending, over) = state.store.read(|tx| Ok::<_, crate::error::Error>((ending(tx)?, any_over(tx)?))).await?;
    if over {
        state.store.write(wipe).await?;
    }
    Ok(ending)
}

// ---- Rows

fn ending(tx: &Tx<'_>) -> Result<Vec<Ending>> {
    let rows = tx.query(
        "SELECT id, expires_at FROM api_key
         WHERE expires_at > $1 AND expires_at <= $2 AND disabled_at IS NULL ORDER BY id",
        args![tx.now(), tx.now() + NOTICE_MS],
    )?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect()
}

fn any_over(tx: &Tx<'_>) -> Result<bool> {
    Ok(!tx.query("SELECT 1 FROM api_key WHERE old_until <= $1 LIMIT 1", args![tx.now()])?.is_empty())
}

fn wipe(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute("UPDATE api_key SET old_secret = NULL, old_until = NULL WHERE old_until <= $1", args![tx.now()])?;
    Ok(())
}
