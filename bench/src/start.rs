//! What a server takes before it does anything: time to its first answer, memory, disk.

use crate::{
    Options, Outcome, Scratch, StoreKind,
    child::{self, Server},
};
use std::{fs, time::Duration};

/// How often it is started on the same database.
const STARTS: usize = 5;
/// How long it rests before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

/// What was found.
pub struct Start {
    /// Where it keeps its data.
    pub store: StoreKind,
    /// To the first answer when there is no database yet: it is made, and the master key, and the first key.
    pub first_ms: f64,
    /// To the first answer on an empty database.
    pub empty_ms: f64,
    /// Resident memory when idle.
    pub memory_mib: f64,
    /// The size of the binary.
    pub binary_mib: f64,
}

/// Starts the server a few times.
pub async fn measure(options: &Options, store: StoreKind, scratch: &Scratch) -> Outcome<Start> {
    let folder = scratch.folder.join(format!("{}-start", store.name()));
    fs::create_dir_all(&folder)?;
    let database_url = match store {
        StoreKind::Sqlite => None,
        StoreKind::Postgres => Some(scratch.database("start").await?),
    };
    let server = Server { binary: options.heliograph()?, folder, database_url };
    let (child, first) = server.time_start().await?;
    drop(child);
    let empty_ms = median(&server).await?;
    let (child, _) = server.time_start().await?;
    tokio::time::sleep(REST).await;
    let memory_mib = mib(child::memory(child.id())?);
    Ok(Start { store, first_ms: ms(first), empty_ms, memory_mib, binary_mib: mib(child::size(&server.binary)?) })
}

/// To the first answer, in milliseconds. Each time the server before it was killed.
pub async fn median(server: &Server) -> Outcome<f64> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let (_child, time) = server.time_start().await?;
        times.push(ms(time));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[STARTS / 2])
}

/// Bytes as people read them.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
