//! Writes down what became of calls.
//!
//! What arrived as it should is written down by one task, all that has gathered while the store was at the last of it: a
//! call that nobody waits for any more need not be a transaction of its own. What is slow or is tried again does not get
//! in there; who made that call waits for it.
//!
//! What the store does not take is offered to it again while the lease lasts: until then nobody else makes that call.

use super::{
    Shared, Webhook,
    lanes::Event,
    outbox::{self, Delivery},
    policy::Verdict,
    target::Target,
};
use crate::{
    error::Result,
    state::State,
    webhook_health::{self, Change},
};
use futures_util::future::join_all;
use heliograph_store::{Tx, clock};
use heliograph_wire::{deliveries::DeliveryStatus, id::ConversationId};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How many calls are written down together at most.
const TOGETHER: usize = 128;
/// After how long what could not be written down is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What became of a call.
pub struct Settlement {
    /// Whom it called.
    pub webhook: Webhook,
    /// Where.
    pub target: Arc<Target>,
    /// What it carried, what became of each, and the line that the log gets of it.
    pub rows: Vec<(Delivery, Verdict, String)>,
    /// The lines of what it carried that may go on.
    pub through: Vec<ConversationId>,
    /// When it ended, in milliseconds since 1970.
    pub ended: i64,
    /// What it says of the webhook's health.
    pub change: Option<Change>,
}

impl Settlement {
    /// When the first of its leases ends.
    pub fn lease_until(&self) -> Option<i64> {
        self.rows.iter().map(|(delivery, ..)| delivery.lease_until).min()
    }

    /// Settles the rows, and wakes what follows them in the store if somebody sends that from there.
    fn write(&self, tx: &mut Tx<'_>, state: State, shared: &Shared, wakes: bool) -> Result<()> {
        // Who has lost them says nothing of the webhook's health, either.
        let change = match (self.change, self.rows.first()) {
            (Some(change), Some((delivery, ..))) if outbox::is_held(tx, delivery)? => Some(change),
            _ => None,
        };
        for (delivery, verdict, line) in &self.rows {
            settle_one(tx, shared, delivery, *verdict, line, self.ended)?;
        }
        if let Some(change) = change {
            webhook_health::note(tx, state, self.webhook, self.target.given(), change)?;
        }
        self.through.iter().filter(|_| wakes).try_for_each(|line| outbox::wake(tx, self.webhook, *line))
    }
}

fn settle_one(
    tx: &mut Tx<'_>,
    shared: &Shared,
    delivery: &Delivery,
    verdict: Verdict,
    line: &str,
    ended: i64,
) -> Result<()> {
    let journal = &shared.options.journal;
    match verdict {
        Verdict::Delivered => outbox::finish(tx, delivery, DeliveryStatus::Delivered, journal, line),
        Verdict::Failed => outbox::finish(tx, delivery, DeliveryStatus::Failed, journal, line),
        Verdict::Retry(pause) => outbox::postpone(tx, delivery, ended + pause.as_millis() as i64, line),
    }
}

/// Writes down what became of some calls, in one transaction.
pub async fn settle(state: State, shared: &'static Shared, calls: Vec<Arc<Settlement>>) -> Result<()> {
    let rows = calls.clone();
    let writing = move |tx: &mut Tx<'_>| {
        // Asked for before there is work, as in `messages::add`.
        let alone = shared.alone.is_sure(tx, &shared.node)?;
        let mut woken = Vec::new();
        for call in &rows {
            let wakes = !alone || shared.is_stored(call.webhook.id);
            call.write(tx, state, shared, wakes)?;
            if wakes {
                woken.push(call.webhook);
            }
        }
        Ok::<_, crate::error::Error>(woken)
    };
    let woken = state.store.write(writing).await?;
    calls.iter().for_each(|call| shared.note_settled(call.webhook, call.rows.len()));
    woken.into_iter().for_each(|webhook| shared.tell(Event::Stored(webhook)));
    Ok(())
}

/// Writes down what has arrived, until it is stopped; then what has gathered until then.
pub async fn run(
    state: State,
    shared: &'static Shared,
    mut inbox: mpsc::UnboundedReceiver<Arc<Settlement>>,
    stop: CancellationToken,
) {
    let (mut calls, mut one_by_one) = (Vec::with_capacity(TOGETHER), JoinSet::new());
    loop {
        let count = tokio::select! {
            biased;
            count = inbox.recv_many(&mut calls, TOGETHER) => count,
            () = stop.cancelled(), if !inbox.is_closed() => {
                inbox.close();
                continue;
            }
        };
        if count == 0 {
            return while one_by_one.join_next().await.is_some() {};
        }
        if let Err(error) = settle(state, shared, calls.clone()).await {
            tracing::error!(%error, count, "what arrived could not be written down together; it is, one by one");
            one_by_one.spawn(write_one_by_one(state, shared, std::mem::take(&mut calls)));
            while one_by_one.try_join_next().is_some() {}
        }
        calls.clear();
    }
}

/// One that cannot be written down must not keep others from it.
async fn write_one_by_one(state: State, shared: &'static Shared, calls: Vec<Arc<Settlement>>) {
    let write = |call: Arc<Settlement>| async move {
        let settled = in_time(call.lease_until(), || settle(state, shared, vec![Arc::clone(&call)]));
        if let Err(error) = settled.await {
            // Their leases end, and then they are sent again.
            tracing::error!(%error, "deliveries that arrived were left in hand");
        }
    };
    join_all(calls.into_iter().map(write)).await;
}

/// Has something written down, again and again while the lease of those that it is about lasts.
pub async fn in_time<T, F>(lease_until: Option<i64>, write: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        let written = write().await;
        let left_ms = lease_until.map_or(0, |until| until - clock::now_ms());
        match written {
            Err(error) if left_ms > AGAIN.as_millis() as i64 => {
                if tries == 0 {
                    tracing::warn!(%error, "the store takes nothing about some deliveries; it is asked again");
                }
                tries += 1;
            }
            written => return written,
        }
        tokio::time::sleep(AGAIN).await;
    }
}
