//! Keys whose end is near: told in the log, counted for the metrics, and told to their app's owner by a notice, whether
//! anybody uses them or not. And old secrets whose time is over: they are wiped.

use crate::{auth::life::NOTICE_MS, error::Result, notices, state::State};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    id::AppId,
    notices::{KEY_EXPIRING_DAYS, KeyExpiring, KeyRef},
    time::Timestamp,
};
use std::{collections::HashSet, time::Duration};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;

/// A key and its end.
type Ending = (String, i64);

/// Looks now and then, until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    let mut told = HashSet::new();
    loop {
        match look(state).await {
            Ok(ending) => tell(state, &mut told, ending),
            Err(error) => tracing::warn!(%error, "keys whose end is near could not be looked for"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = state.key_watch.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Each end is told once by each server, as long as it is not moved.
fn tell(state: State, told: &mut HashSet<Ending>, ending: Vec<Ending>) {
    state.metrics.keys_expiring(ending.len() as u64);
    told.retain(|one| ending.contains(one));
    for (key, end) in ending {
        if told.insert((key.clone(), end)) {
            tracing::warn!(key, expires_at = %Timestamp(end), "a key expires soon");
        }
    }
}

async fn look(state: State) -> Result<Vec<Ending>> {
    let look = |tx: &Tx<'_>| Ok::<_, crate::error::Error>((ending(tx)?, any_over(tx)?, !untold(tx)?.is_empty()));
    let (ending, over, untold) = state.store.read(look).await?;
    if over {
        state.store.write(wipe).await?;
    }
    if untold {
        state.store.write(move |tx| tell_owners(tx, state)).await?;
    }
    Ok(ending)
}

// ---- Rules

/// A key whose owner has not been told yet how near its end is.
struct Untold {
    app: AppId,
    key: KeyRef,
    days: i64,
}

/// Tells them, and that they were told, in one transaction: once for each key, end and number of days, however many
/// servers there are and however often they start.
fn tell_owners(tx: &mut Tx<'_>, state: State) -> Result<()> {
    for Untold { app, key, days } in untold(tx)? {
        note(tx, app, &key, days)?;
        notices::key_expiring(tx, state, app, &KeyExpiring { key, within_days: days })?;
    }
    Ok(())
}

/// Within how many days an end is, of those that are told.
fn within(ms: i64) -> Option<i64> {
    KEY_EXPIRING_DAYS.into_iter().filter(|days| ms <= days * DAY_MS).min()
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

/// Only those of apps whose owner wants notices.
fn untold(tx: &Tx<'_>) -> Result<Vec<Untold>> {
    let rows = tx.query(
        "SELECT k.app_id, k.id, k.display_name, k.integration_id, k.expires_at, k.told_end, k.told_days
         FROM api_key k JOIN webhook w ON w.app_id = k.app_id AND w.integration_id = ''
         WHERE k.expires_at > $1 AND k.expires_at <= $2 AND k.disabled_at IS NULL ORDER BY k.id",
        args![tx.now(), tx.now() + NOTICE_MS],
    )?;
    let mut untold = Vec::new();
    for row in &rows {
        let end = row.int(4)?;
        let Some(days) = within(end - tx.now()) else { continue };
        // Of several servers, one whose clock is behind does not tell again what another told.
        let told = row.opt_int(5)? == Some(end) && row.opt_int(6)?.is_some_and(|told| told <= days);
        if !told {
            untold.push(Untold { app: row.parse(0)?, key: key(row)?, days });
        }
    }
    Ok(untold)
}

fn key(row: &Row) -> Result<KeyRef> {
    Ok(KeyRef {
        id: row.text(1)?.to_owned(),
        display_name: row.text(2)?.to_owned(),
        integration_id: row.text(3)?.parse().ok(),
        expires_at: Timestamp(row.int(4)?),
    })
}

fn note(tx: &mut Tx<'_>, app: AppId, key: &KeyRef, days: i64) -> Result<()> {
    tx.execute(
        "UPDATE api_key SET told_end = $3, told_days = $4 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), &key.id, key.expires_at.0, days],
    )?;
    Ok(())
}

fn any_over(tx: &Tx<'_>) -> Result<bool> {
    Ok(!tx.query("SELECT 1 FROM api_key WHERE old_until <= $1 LIMIT 1", args![tx.now()])?.is_empty())
}

fn wipe(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute("UPDATE api_key SET old_secret = NULL, old_until = NULL WHERE old_until <= $1", args![tx.now()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_comes_nearer_in_steps() {
        let days = |ms| within(ms);
        assert_eq!(days(NOTICE_MS + 1), None);
        assert_eq!((days(NOTICE_MS), days(7 * DAY_MS + 1)), (Some(14), Some(14)));
        assert_eq!((days(7 * DAY_MS), days(DAY_MS + 1)), (Some(7), Some(7)));
        assert_eq!((days(DAY_MS), days(1)), (Some(1), Some(1)));
        // Nothing is told of what the log and the header would not tell.
        assert_eq!(KEY_EXPIRING_DAYS.into_iter().max().map(|days| days * DAY_MS), Some(NOTICE_MS));
    }
}
