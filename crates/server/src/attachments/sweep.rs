//! Clearing away: files go after their rows have gone, and now and then the storage is looked through for files that
//! have no row, which a server leaves that ends at a bad moment.

use crate::{
    blobs::{Blobs, Key},
    state::State,
};
use heliograph_store::clock::now_ms;
use heliograph_wire::id::AppId;
use std::{io, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

/// How often the storage is looked through.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How old a file must be to be missed by its row: an upload takes less, on whatever node.
const GRACE_MS: i64 = 60 * 60 * 1000;
/// How many files are looked up in one transaction.
const BATCH: usize = 500;
/// How long the end of a server waits for files to be removed.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// The files, and what is still to be done to them.
pub struct Files {
    /// Where they are.
    pub blobs: Blobs,
    done_with: flume::Sender<Gone>,
    to_remove: flume::Receiver<Gone>,
}

/// What has no row any more.
#[derive(Clone, Copy, Debug)]
pub enum Gone {
    /// A file.
    File(Key),
    /// All files of an app.
    App(AppId),
}

impl Files {
    /// Over a storage.
    pub fn new(blobs: Blobs) -> Self {
        let (done_with, to_remove) = flume::unbounded();
        Self { blobs, done_with, to_remove }
    }

    /// Has files removed, soon. Call it after the transaction that removed their rows.
    pub fn forget(&self, gone: Gone) {
        // The receiver is in the same struct.
        let _ = self.done_with.send(gone);
    }

    async fn remove(&self, gone: Gone) {
        let outcome = match gone {
            Gone::File(key) => self.blobs.remove(key).await,
            Gone::App(app) => self.blobs.remove_app(app).await,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, ?gone, "attachments could not be removed; the next sweep tries again");
        }
    }
}

/// Removes and sweeps until the server stops.
pub async fn run(state: State, stop: CancellationToken) {
    stop.run_until_cancelled(async { tokio::join!(remove(state), sweep_daily(state)) }).await;
}

/// Removes what the last requests left to be removed.
pub async fn finish(state: State) {
    let rest = async {
        for gone in state.files.to_remove.drain() {
            state.files.remove(gone).await;
        }
    };
    let _ = timeout(LAST_WAIT, rest).await;
}

async fn remove(state: State) {
    while let Ok(gone) = state.files.to_remove.recv_async().await {
        state.files.remove(gone).await;
    }
}

async fn sweep_daily(state: State) {
    let mut clock = interval_at(Instant::now(), EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match sweep(state).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "removed attachments that nothing knew of"),
            Err(error) => tracing::warn!(%error, "the attachments could not be looked through"),
        }
    }
}

/// Removes the files that have no row, and tells how many they were.
async fn sweep(state: State) -> io::Result<usize> {
    let (finds, mut found) = mpsc::channel(BATCH);
    let looking = state.files.blobs.list(now_ms() - GRACE_MS, finds);
    let removing = async {
        let (mut removed, mut batch) = (0, Vec::with_capacity(BATCH));
        while found.recv_many(&mut batch, BATCH).await > 0 {
            let keys = std::mem::take(&mut batch);
            let lost = state.store.read(move |tx| super::without_row(tx, &keys)).await.map_err(io::Error::other)?;
            for key in lost {
                state.files.blobs.remove(key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    };
    let (looked, removed) = tokio::join!(looking, removing);
    looked.and(removed)
}
