//! PostgreSQL: a thread per connection, serializable transactions, several jobs to a commit where they get along.

mod codec;
mod connect;
mod connection;
mod lane;
mod migrate;
mod pending;
mod worker;

use crate::{Migration, OpenError, Options, job::Job, stats::Counters};
use std::{
    sync::{Arc, atomic::AtomicUsize},
    thread::JoinHandle,
};
use worker::{Shared, Worker};

/// Brings the schema up to date and starts the threads.
pub(crate) fn start(
    options: &Options,
    migrations: &'static [Migration],
    writes: flume::Receiver<Box<dyn Job>>,
    reads: flume::Receiver<Box<dyn Job>>,
    counters: &Arc<Counters>,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let target = Arc::new(connect::Target::new(&options.url)?);
    migrate::run(&target, migrations)?;
    let shared = Arc::new(Shared {
        target,
        writes,
        reads,
        lane: lane::Lane::new(),
        counters: Arc::clone(counters),
        connected: AtomicUsize::new(0),
    });
    (0..options.connections.max(1))
        .map(|i| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("store-{i}"))
                .spawn(move || Worker::new(shared).serve())
                .map_err(|error| OpenError::Engine(error.to_string()))
        })
        .collect()
}
