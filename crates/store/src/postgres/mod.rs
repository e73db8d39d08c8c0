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
use std::sync::Arc;
use worker::Shared;

/// One connection in so many may write. One does, unless it is long with what it has.
const WRITERS_SHARE: usize = 4;

/// Whether a schema of ours is there: who knows no migration finds a newer one then, and makes none.
pub(crate) fn exists(options: &Options) -> Result<bool, OpenError> {
    match migrate::run(&connect::Target::new(&options.url)?, &[]) {
        Ok(()) => Ok(false),
        Err(OpenError::Newer { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Brings the schema up to date. The queues of writes and of reads, with a thread for each; more come when needed.
pub(crate) fn start(
    options: &Options,
    migrations: &'static [Migration],
    counters: &Arc<Counters>,
) -> Result<(Queue, Queue), OpenError> {
    let target = connect::Target::new(&options.url)?;
    let (lane, turns, counters) = (lane::Lane::new(), Arc::default(), Arc::clone(counters));
    let shared = Arc::new(Shared { target, lane, turns, counters });
    let writers = options.connections.div_ceil(WRITERS_SHARE).max(1);
    let readers = options.connections.saturating_sub(writers).max(1);
    let queue = |role, most| Queue::served_by(|jobs| Crew::new(role, most, &shared, jobs));
    let queues = [queue(Role::Write, writers), queue(Role::Read, readers)];
    // A session takes the server a while, so these are opened while the schema is looked at.
    queues.iter().for_each(Queue::call);
    if let Err(error) = migrate::run(&shared.target, migrations) {
        queues.iter().for_each(|queue| drop(queue.close()));
        return Err(error);
    }
    let [writes, reads] = queues;
    Ok((writes, reads))
}
