//! Retention: an app may say after how many seconds without activity the messages of a conversation are deleted. The
//! conversation stays, as it does when its messages are deleted by hand.

use crate::{
    apps,
    error::{Error, Result},
    messages,
    state::State,
};
use heliograph_store::{Tx, args};
use heliograph_wire::id::{AppId, ConversationId};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How many conversations are emptied in one transaction, and after how many messages it ends: others wait for it.
const CONVERSATIONS: i64 = 50;
const MESSAGES: i64 = 5000;
/// How long old messages may outlive their time at most, and at least: a tenth of that time lies between.
const LATEST: Duration = Duration::from_secs(3600);
const EARLIEST: Duration = Duration::from_secs(1);
/// When what failed is tried again at the latest.
const AGAIN: Duration = Duration::from_secs(60);

/// The bell that has apps looked at anew.
#[derive(Default)]
pub struct Bell(Notify);

impl Bell {
    /// Some app's setting has changed.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Deletes what has had its time, until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    loop {
        let pause = match sweep(state, &stop).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "old messages could not be looked for; that is tried again");
                AGAIN
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = state.retention.0.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Goes through the apps that keep messages for a time only, and says when to do so again.
async fn sweep(state: State, stop: &CancellationToken) -> Result<Duration> {
    let apps = state.store.read(keepers).await?;
    let mut pause = LATEST;
    for (app, seconds) in apps {
        pause = pause.min(Duration::from_secs(seconds.unsigned_abs() / 10)).max(EARLIEST);
        // What cannot be done for one app is no reason to leave the others alone.
        if let Err(error) = sweep_app(state, app, seconds, stop).await {
            tracing::warn!(%app, %error, "old messages could not be deleted; that is tried again");
            pause = pause.min(AGAIN);
        }
    }
    Ok(pause)
}

async fn sweep_app(state: State, app: AppId, seconds: i64, stop: &CancellationToken) -> Result<()> {
    // Most often there is nothing to do, and that takes no write.
    while !stop.is_cancelled() && state.store.read(move |tx| Ok::<_, Error>(!due(tx, app, seconds)?.is_empty())).await?
    {
        state.store.write(move |tx| empty_some(tx, state, app, seconds)).await?;
    }
    Ok(())
}

/// The apps that keep messages for a time only, and for how many seconds. 0 is no time limit: a setting, once made,
/// could not be taken back otherwise.
fn keepers(tx: &Tx<'_>) -> Result<Vec<(AppId, i64)>> {
    let rows = tx.query("SELECT id FROM app WHERE settings LIKE '%\"conversationRetentionSeconds\"%'", &[])?;
    let mut found = Vec::new();
    for row in &rows {
        let app = apps::find(tx, row.parse(0)?)?;
        if let Some(seconds) = app.settings.conversation_retention_seconds.filter(|seconds| *seconds > 0) {
            found.push((app.id, seconds));
        }
    }
    Ok(found)
}

fn empty_some(tx: &mut Tx<'_>, state: State, app: AppId, seconds: i64) -> Result<()> {
    for conversation in due(tx, app, seconds)? {
        messages::delete_all_of(tx, state, app, conversation)?;
    }
    Ok(())
}

/// Some conversations whose messages have had their time: as many as are emptied together.
fn due(tx: &Tx<'_>, app: AppId, seconds: i64) -> Result<Vec<ConversationId>> {
    let latest = tx.now().saturating_sub(seconds.saturating_mul(1000));
    let rows = tx.query(
        "SELECT id, message_count FROM conversation WHERE app_id = $1 AND message_count > 0 AND last_updated_at <= $2
         ORDER BY id LIMIT $3",
        args![app.text().as_str(), latest, CONVERSATIONS],
    )?;
    let (mut found, mut messages) = (Vec::new(), 0);
    for row in &rows {
        if messages >= MESSAGES {
            break;
        }
        found.push(row.parse(0)?);
        messages += row.int(1)?;
    }
    Ok(found)
}
