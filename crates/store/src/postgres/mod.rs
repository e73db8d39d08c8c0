//! PostgreSQL: a thread per connection, serializable transactions, several jobs to a commit where they get along.

mod codec;
mod connect;
mod connection;
mod crew;
mod draft;
mod group;
mod lane;
mod link;
mod migrate;
mod pending;
mod reach;
mod turns;
mod worker;

use crate::{Migration, OpenError, Options, job::Queue, stats::Counters};
use crew::{Crew, Role};
use std::sync::{Arc, atomic::AtomicUsize};
use worker::Shared;

/// One connection in so many may write. One does, unless it is long with what it has.
const WRITERS_SHARE: usize = 4;

/// Brings the schema up to date. The queues of writes and of reads; nobody serves them before the first job comes.
pub(crate) fn start(
    options: &Options,
    migrations: &'static [Migration],
    counters: &Arc<Counters>,
) -> Result<(Queue, Queue), OpenError> {
    let target = connect::Target::new(&options.url)?;
    migrate::run(&target, migrations)?;
    let connected = AtomicUsize::new(0);
    let (lane, turns, counters) = (lane::Lane::new(), Arc::default(), Arc::clone(counters));
    let shared = Arc::new(Shared { target, lane, turns, counters, connected });
    let writers = options.connections.div_ceil(WRITERS_SHARE).max(1);
    let readers = options.connections.saturating_sub(writers).max(1);
    let queue = |role, most| Queue::served_by(|jobs| Crew::new(role, most, &shared, jobs));
    Ok((queue(Role::Write, writers), queue(Role::Read, readers)))
}
