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

/// One connection in so many takes writes, and at least so many do; all of them read.
const WRITERS_SHARE: usize = 4;
const MIN_WRITERS: usize = 2;

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
    let connections = options.connections.max(1);
    let writers = connections.div_ceil(WRITERS_SHARE).max(MIN_WRITERS).min(connections);
    (0..connections)
        .map(|i| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("store-{i}"))
                .spawn(move || Worker::new(shared, i < writers).serve())
                .map_err(|error| OpenError::Engine(error.to_string()))
        })
        .collect()
}
