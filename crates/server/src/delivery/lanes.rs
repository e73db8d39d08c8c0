//! Lanes: each webhook has its own, so that a slow or dead target holds up nobody else.
//!
//! One task keeps all lanes and is told everything by events, so there is nothing to lock. How many calls a lane makes
//! side by side follows its target: more with each that arrives, half with each that does not.

use super::{
    Shared, attempt,
    outbox::{self, Delivery},
};
use crate::{error::Result, state::State};
use heliograph_store::clock;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many calls one target gets side by side: at first, and at most.
const FIRST_CALLS: usize = 8;
const MAX_CALLS: usize = 64;
/// How many calls a node makes side by side.
const MAX_CALLS_IN_ALL: usize = 2048;
/// From this length a lane is full: new deliveries wait in the store.
const FULL: usize = 512;
/// How many deliveries are fetched from the store for a lane at once.
const FETCH: usize = 128;
/// How many webhooks are fetched for in one transaction.
const FETCH_WEBHOOKS: usize = 64;
/// How often the store is asked for what is due when nothing else asks: a bell that was missed costs this much.
const TICK: Duration = Duration::from_secs(1);

/// What the lanes are told.
pub enum Event {
    /// A delivery was committed and is in hand.
    Offered(Delivery),
    /// Something waits in the store.
    Poll,
    /// The store was asked: this is in hand now; these webhooks have more that is due.
    Fetched {
        deliveries: Vec<Delivery>,
        /// Which webhooks were asked for, and whether each has more.
        asked: Vec<(String, bool)>,
    },
    /// An attempt is over.
    Done {
        webhook: String,
        arrived: bool,
        /// After how long it is to be tried again.
        retry: Option<Duration>,
    },
}

struct Lane {
    queue: VecDeque<Delivery>,
    calls: usize,
    limit: usize,
    behind: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { queue: VecDeque::new(), calls: 0, limit: FIRST_CALLS, behind: false }
    }
}

struct Lanes<'a> {
    state: &'a State,
    shared: &'a Arc<Shared>,
    tracker: &'a TaskTracker,
    lanes: HashMap<String, Lane>,
    calls: usize,
    polling: bool,
    next_poll: Instant,
}

/// Runs until it is told to stop.
pub async fn run(
    state: &State,
    shared: &Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<Event>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let next_poll = Instant::now();
    let mut lanes = Lanes { state, shared, tracker, lanes: HashMap::new(), calls: 0, polling: false, next_poll };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(event) = inbox.recv() => lanes.on(event),
            () = tokio::time::sleep_until(lanes.next_poll), if !lanes.polling => lanes.poll(),
        }
    }
}

impl Lanes<'_> {
    fn on(&mut self, event: Event) {
        match event {
            Event::Offered(delivery) => {
                let webhook = delivery.webhook.clone();
                self.take(delivery);
                self.pump(&webhook);
            }
            Event::Poll => self.next_poll = Instant::now(),
            Event::Fetched { deliveries, asked } => self.fetched(deliveries, asked),
            Event::Done { webhook, arrived, retry } => self.done(webhook, arrived, retry),
        }
    }

    fn take(&mut self, delivery: Delivery) {
        let lane = self.lanes.entry(delivery.webhook.clone()).or_default();
        if lane.queue.len() >= FULL && !lane.behind {
            lane.behind = true;
            self.shared.set_behind(&delivery.webhook, true);
        }
        lane.queue.push_back(delivery);
    }

    fn done(&mut self, webhook: String, arrived: bool, retry: Option<Duration>) {
        self.calls -= 1;
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            lane.calls -= 1;
            lane.limit = if arrived { (lane.limit + 1).min(MAX_CALLS) } else { (lane.limit / 2).max(1) };
        }
        if let Some(pause) = retry {
            self.next_poll = self.next_poll.min(Instant::now() + pause);
        }
        self.pump(&webhook);
    }

    /// Makes as many calls of a lane as it may; a lane with nothing to do is forgotten.
    fn pump(&mut self, webhook: &str) {
        let Some(lane) = self.lanes.get_mut(webhook) else { return };
        while lane.calls < lane.limit && self.calls < MAX_CALLS_IN_ALL {
            let Some(delivery) = lane.queue.pop_front() else { break };
            lane.calls += 1;
            self.calls += 1;
            self.tracker.spawn(attempt::run(self.state.clone(), Arc::clone(self.shared), delivery));
        }
        if lane.behind && lane.queue.len() < FETCH {
            self.next_poll = Instant::now();
        }
        if lane.queue.is_empty() && lane.calls == 0 && !lane.behind {
            self.lanes.remove(webhook);
        }
    }

    fn fetched(&mut self, deliveries: Vec<Delivery>, asked: Vec<(String, bool)>) {
        self.polling = false;
        self.next_poll = Instant::now() + TICK;
        for delivery in deliveries {
            self.take(delivery);
        }
        for (webhook, more) in asked {
            let lane = self.lanes.entry(webhook.clone()).or_default();
            if lane.behind != more {
                lane.behind = more;
                self.shared.set_behind(&webhook, more);
            }
            self.pump(&webhook);
        }
    }

    /// Asks the store, in a task of its own, for lanes that have room.
    fn poll(&mut self) {
        self.polling = true;
        let full: Vec<String> =
            self.lanes.iter().filter(|(_, lane)| lane.queue.len() >= FETCH).map(|(id, _)| id.clone()).collect();
        let (state, shared) = (self.state.clone(), Arc::clone(self.shared));
        let behind: Vec<String> = self.lanes.iter().filter(|(_, l)| l.behind).map(|(id, _)| id.clone()).collect();
        self.tracker.spawn(async move {
            let event = match fetch(&state, &shared, full, behind).await {
                Ok((deliveries, asked)) => {
                    shared.in_hand.fetch_add(deliveries.len(), Ordering::Relaxed);
                    Event::Fetched { deliveries, asked }
                }
                Err(error) => {
                    tracing::warn!(%error, "could not ask for deliveries; asking again");
                    Event::Fetched { deliveries: Vec::new(), asked: Vec::new() }
                }
            };
            shared.tell(event);
        });
    }
}

type Fetched = (Vec<Delivery>, Vec<(String, bool)>);

/// Takes in hand what is due, for lanes that are not full. Lanes that were behind hear whether they still are.
async fn fetch(state: &State, shared: &Shared, full: Vec<String>, behind: Vec<String>) -> Result<Fetched> {
    let now = clock::now_ms();
    let waiting = state.store.read(outbox::waiting).await?;
    let mut due: Vec<String> = waiting.into_iter().filter(|(_, at)| *at <= now).map(|(id, _)| id).collect();
    due.retain(|id| !full.contains(id));
    let caught_up = behind.into_iter().filter(|id| !due.contains(id) && !full.contains(id)).map(|id| (id, false));
    let mut asked: Vec<(String, bool)> = caught_up.collect();
    let mut deliveries = Vec::new();
    for some in due.chunks(FETCH_WEBHOOKS) {
        let (some, node) = (some.to_vec(), shared.node.clone());
        let claimed = state.store.write(move |tx| claim_for(tx, &some, &node)).await?;
        for (webhook, claimed) in claimed {
            asked.push((webhook, claimed.len() >= FETCH));
            deliveries.extend(claimed);
        }
    }
    Ok((deliveries, asked))
}

fn claim_for(
    tx: &mut heliograph_store::Tx<'_>,
    webhooks: &[String],
    node: &str,
) -> Result<Vec<(String, Vec<Delivery>)>> {
    let claim = |webhook: &String| Ok((webhook.clone(), outbox::claim(tx, webhook, node, FETCH as i64)?));
    webhooks.iter().map(claim).collect()
}
