//! Lanes: each webhook has its own, so that a slow or dead target holds up nobody else.
//!
//! One task keeps all lanes and is told everything by events, so there is nothing to lock. A lane is either at hand: all
//! that waits for its webhook is in memory, and what is committed comes in by hand. Or it is stored: what is committed
//! waits in the store, and is claimed from there in its order. A lane is stored while it is full, while something of it
//! waits to be tried again, and while other nodes may write for it; it is at hand again once its webhook's part of the
//! store is empty.
//!
//! How many calls a lane makes side by side follows its target: more with each that arrives, half with each that does
//! not. Those that do badly, and those not yet known, may not take up all the calls that a node makes. What is known of a
//! target outlives its lane, which is forgotten whenever nothing waits.

use super::{
    Shared, attempt,
    lane::Lane,
    outbox::{self, Claimed, Delivery},
};
use crate::{
    error::{Error, Result},
    state::State,
};
use futures_util::future::join_all;
use heliograph_store::clock;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many calls one target gets side by side: at first, and at most.
const FIRST_CALLS: usize = 8;
const MAX_CALLS: usize = 64;
/// Of four parts of the calls that a node makes side by side, so many may go to targets of which nothing good is known, and
/// to those that do badly.
const UNKNOWN_PARTS: usize = 3;
const BAD_PARTS: usize = 2;
const PARTS: usize = 4;
/// Of how many targets is kept how they did. Past it all is learned anew.
const MAX_KNOWN: usize = 100_000;
/// Who takes longer than this does badly.
const SLOW: Duration = Duration::from_secs(2);
/// From this length a lane is full: new deliveries wait in the store.
const FULL: usize = 512;
/// How many deliveries are claimed for a lane at once.
const FETCH: usize = 128;
/// For how many webhooks is claimed at once.
const FETCH_WEBHOOKS: usize = 64;
/// How often the store is asked for what is due when nothing else asks: a bell that was missed costs this much.
const TICK: Duration = Duration::from_secs(1);

/// What the lanes are told.
pub enum Event {
    /// A delivery was committed and is in hand.
    Offered(Delivery),
    /// Something waits in the store for this webhook.
    Stored(Target),
    /// The store was asked.
    Fetched(Vec<Fetched>),
    /// A call is over.
    Done(Done),
    /// So many deliveries of a webhook that were in hand are in the store again.
    GivenBack(Target, usize),
    /// At these webhooks nothing had arrived when the server began.
    Failing(Vec<String>),
}

/// A webhook and its app.
pub type Target = (String, String);

/// What the store had for a webhook.
pub struct Fetched {
    target: Target,
    claimed: Claimed,
}

/// How a call ended.
pub struct Done {
    /// The webhook.
    pub webhook: String,
    /// The lines of what it carried that may go on.
    pub through: Vec<String>,
    /// The lines of what it carried that wait until it is tried again.
    pub back: Vec<String>,
    /// Whether it arrived.
    pub arrived: bool,
    /// How long it took.
    pub took: Duration,
    /// After how long it is tried again.
    pub retry: Option<Duration>,
}

/// What is known of a target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Good,
    Bad,
}

/// How a target did so far.
#[derive(Clone, Copy)]
struct Record {
    standing: Standing,
    /// How many calls it gets side by side.
    limit: usize,
}

impl Default for Record {
    fn default() -> Self {
        Self { standing: Standing::Unknown, limit: FIRST_CALLS }
    }
}

struct Entry {
    app: String,
    lane: Lane,
    calls: usize,
    record: Record,
    stored: bool,
    /// More is known to be in the store, and to be due.
    rung: bool,
    /// Deliveries that are neither here nor free in the store yet.
    on_the_way_back: usize,
    /// Whether it waits for the node to have a call free.
    parked: bool,
}

struct Lanes<'a> {
    state: &'a State,
    shared: &'a Arc<Shared>,
    tracker: &'a TaskTracker,
    lanes: HashMap<String, Entry>,
    /// Of those that have no lane.
    records: HashMap<String, Record>,
    /// The calls under way, by the standing of their targets.
    calls: [usize; 3],
    /// The lanes that wait for one, likewise.
    parked: [VecDeque<String>; 3],
    polling: bool,
    next_poll: Instant,
    next_tick: Instant,
}

/// Runs until it is told to stop.
pub async fn run(
    state: &State,
    shared: &Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<Event>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let now = Instant::now();
    let mut lanes = Lanes {
        state,
        shared,
        tracker,
        lanes: HashMap::new(),
        records: HashMap::new(),
        calls: [0; 3],
        parked: Default::default(),
        polling: false,
        next_poll: now,
        next_tick: now,
    };
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
            Event::Offered(delivery) => self.offered(delivery),
            Event::Stored(target) => {
                self.store_from_now_on(&target).rung = true;
                self.next_poll = Instant::now();
            }
            Event::Fetched(fetched) => self.fetched(fetched),
            Event::Done(done) => self.done(done),
            Event::Failing(webhooks) => {
                let record = Record { standing: Standing::Bad, limit: 1 };
                webhooks.into_iter().for_each(|webhook| self.remember(webhook, record));
            }
            Event::GivenBack(target, count) => {
                let entry = self.store_from_now_on(&target);
                entry.on_the_way_back -= count;
                entry.rung = true;
                self.next_poll = Instant::now();
            }
        }
    }

    fn entry(&mut self, (app, webhook): &Target) -> &mut Entry {
        let (records, shared) = (&mut self.records, self.shared);
        self.lanes.entry(webhook.clone()).or_insert_with(|| {
            Entry::new(app.clone(), shared.is_stored(webhook), records.remove(webhook).unwrap_or_default())
        })
    }

    fn remember(&mut self, webhook: String, record: Record) {
        if self.records.len() >= MAX_KNOWN {
            self.records.clear();
        }
        self.records.insert(webhook, record);
    }

    fn store_from_now_on(&mut self, target: &Target) -> &mut Entry {
        if !self.entry(target).stored {
            self.shared.set_stored(&target.1, true);
        }
        let entry = self.entry(target);
        entry.stored = true;
        entry
    }

    /// What comes in by hand while its lane is stored may have something before it in the store: it goes back there.
    fn offered(&mut self, delivery: Delivery) {
        let target = (delivery.app.clone(), delivery.webhook.clone());
        let entry = self.entry(&target);
        if entry.stored {
            return self.give_back(target, vec![delivery]);
        }
        entry.lane.push(delivery);
        if entry.lane.len() >= FULL {
            self.store_from_now_on(&target).rung = true;
        }
        self.pump(&target.1);
    }

    fn give_back(&mut self, target: Target, deliveries: Vec<Delivery>) {
        let count = deliveries.len();
        if count == 0 {
            return;
        }
        self.entry(&target).on_the_way_back += count;
        self.shared.in_hand.fetch_sub(count, Ordering::Relaxed);
        let (state, shared) = (self.state.clone(), Arc::clone(self.shared));
        self.tracker.spawn(async move {
            let node = shared.node.clone();
            let back = move |tx: &mut heliograph_store::Tx<'_>| {
                deliveries.iter().try_for_each(|delivery| outbox::give_back(tx, delivery, &node))
            };
            if let Err(error) = state.store.write(back).await {
                tracing::warn!(%error, "deliveries go back when their lease ends");
            }
            shared.tell(Event::GivenBack(target, count));
        });
    }

    fn done(&mut self, done: Done) {
        let Done { webhook, through, back, arrived, took, retry } = done;
        let Some(entry) = self.lanes.get_mut(&webhook) else { return };
        let before = entry.record.standing;
        entry.learn(arrived, took);
        self.calls[before as usize] -= entry.calls + 1;
        self.calls[entry.record.standing as usize] += entry.calls;
        through.iter().for_each(|line| entry.lane.go_on(line));
        let target = (entry.app.clone(), webhook);
        if let Some(pause) = retry {
            self.next_tick = self.next_tick.min(Instant::now() + pause);
            self.next_poll = self.next_poll.min(self.next_tick);
            let entry = self.store_from_now_on(&target);
            let behind = back.iter().flat_map(|line| entry.lane.clear(line)).collect();
            self.give_back(target.clone(), behind);
        }
        self.pump(&target.1);
        for standing in [Standing::Good, Standing::Unknown, Standing::Bad] {
            while self.has_room(standing)
                && let Some(webhook) = self.parked[standing as usize].pop_front()
            {
                if let Some(entry) = self.lanes.get_mut(&webhook) {
                    entry.parked = false;
                }
                self.pump(&webhook);
            }
        }
    }

    /// Whether a lane would make one more call. Those not yet known get fewer when there are many of them: they may all be
    /// about to hang.
    fn wants_a_call(&self, entry: &Entry) -> bool {
        let Record { standing, limit } = entry.record;
        let many = standing == Standing::Unknown
            && self.calls[Standing::Unknown as usize] >= self.shared.options.calls / PARTS;
        entry.lane.is_ready() && entry.calls < if many { 1 } else { limit }
    }

    fn has_room(&self, standing: Standing) -> bool {
        let ([unknown, good, bad], most) = (self.calls, self.shared.options.calls);
        let part = |of: usize| (most * of / PARTS).max(1);
        match standing {
            Standing::Good => unknown + good + bad < most,
            Standing::Unknown => unknown + bad < part(UNKNOWN_PARTS),
            Standing::Bad => bad < part(BAD_PARTS) && unknown + bad < part(UNKNOWN_PARTS),
        }
    }

    /// Makes as many calls of a lane as it may; a lane with nothing to do is forgotten.
    fn pump(&mut self, webhook: &str) {
        let most = self.shared.events_per_call(webhook);
        while let Some(standing) = self.lanes.get(webhook).filter(|e| self.wants_a_call(e)).map(|e| e.record.standing) {
            let room = self.has_room(standing);
            let Some(entry) = self.lanes.get_mut(webhook) else { return };
            if !room {
                if !std::mem::replace(&mut entry.parked, true) {
                    self.parked[standing as usize].push_back(webhook.to_owned());
                }
                break;
            }
            entry.calls += 1;
            self.calls[standing as usize] += 1;
            let call = entry.lane.next(most);
            self.tracker.spawn(attempt::run(self.state.clone(), Arc::clone(self.shared), call));
        }
        let Some(entry) = self.lanes.get(webhook) else { return };
        if entry.rung && entry.lane.len() < FETCH {
            self.next_poll = Instant::now();
        }
        if entry.is_idle()
            && let Some((webhook, entry)) = self.lanes.remove_entry(webhook)
        {
            self.remember(webhook, entry.record);
        }
    }

    fn fetched(&mut self, fetched: Vec<Fetched>) {
        self.polling = false;
        self.next_poll = self.next_tick;
        for Fetched { target, claimed } in fetched {
            let entry = self.entry(&target);
            claimed.deliveries.into_iter().for_each(|delivery| entry.lane.push(delivery));
            // Something may have been stored since the store was asked.
            let drained = claimed.drained && !entry.rung && entry.on_the_way_back == 0;
            entry.rung |= claimed.more;
            if drained && entry.stored {
                entry.stored = false;
                self.shared.set_stored(&target.1, false);
            }
            self.pump(&target.1);
        }
        if self.lanes.values().any(|entry| entry.rung && entry.lane.len() < FETCH) {
            self.next_poll = Instant::now();
        }
    }

    /// Asks the store, in a task of its own, for lanes that have room: those that rang, and now and then all.
    fn poll(&mut self) {
        self.polling = true;
        let now = Instant::now();
        let all = now >= self.next_tick;
        if all {
            self.next_tick = now + TICK;
        }
        let has_room = |entry: &Entry| entry.lane.len() < FETCH;
        let mut asked = Vec::new();
        for (webhook, entry) in self.lanes.iter_mut().filter(|(_, entry)| entry.rung && has_room(entry)) {
            entry.rung = false;
            asked.push((entry.app.clone(), webhook.clone()));
        }
        let full = self.lanes.iter().filter(|(_, entry)| !has_room(entry)).map(|(webhook, _)| webhook.clone());
        let scan = all.then(|| Scan {
            full: full.collect(),
            stored: self.lanes.iter().filter(|(_, e)| e.stored).map(|(id, e)| (e.app.clone(), id.clone())).collect(),
        });
        let (state, shared) = (self.state.clone(), Arc::clone(self.shared));
        self.tracker.spawn(async move {
            let mut fetched = Vec::new();
            if let Err(error) = fetch(&state, &shared, asked.clone(), scan, &mut fetched).await {
                tracing::warn!(%error, "could not ask for deliveries; asking again");
            }
            let count: usize = fetched.iter().map(|fetched| fetched.claimed.deliveries.len()).sum();
            shared.in_hand.fetch_add(count, Ordering::Relaxed);
            shared.tell(Event::Fetched(fetched));
        });
    }
}

impl Entry {
    fn new(app: String, stored: bool, record: Record) -> Self {
        Self { app, lane: Lane::default(), calls: 0, record, stored, rung: stored, on_the_way_back: 0, parked: false }
    }

    /// Learns from a call that is over.
    fn learn(&mut self, arrived: bool, took: Duration) {
        self.calls -= 1;
        let Record { standing, limit } = &mut self.record;
        *limit = if arrived { (*limit + 1).min(MAX_CALLS) } else { (*limit / 2).max(1) };
        *standing = if arrived && took < SLOW { Standing::Good } else { Standing::Bad };
    }

    fn is_idle(&self) -> bool {
        self.lane.len() == 0 && self.calls == 0 && !self.stored && self.on_the_way_back == 0
    }
}

/// Which lanes are left out when all are looked at, and which ask whether anything is left for them.
struct Scan {
    full: HashSet<String>,
    stored: Vec<Target>,
}

/// Takes in hand what is due for these webhooks, and with a scan for all.
async fn fetch(
    state: &State,
    shared: &Shared,
    mut asked: Vec<Target>,
    scan: Option<Scan>,
    fetched: &mut Vec<Fetched>,
) -> Result<()> {
    if let Some(scan) = scan {
        let waiting = state.store.read(outbox::waiting).await?;
        let now = clock::now_ms();
        let known: HashSet<&str> = waiting.iter().map(|w| w.webhook.as_str()).collect();
        let nothing = || Claimed { deliveries: Vec::new(), more: false, drained: true };
        let drained = scan.stored.into_iter().filter(|(_, webhook)| !known.contains(webhook.as_str()));
        fetched.extend(drained.map(|target| Fetched { target, claimed: nothing() }));
        let due = waiting.into_iter().filter(|w| w.due_at <= now && !scan.full.contains(&w.webhook));
        let due: Vec<Target> = due.map(|w| (w.app, w.webhook)).filter(|target| !asked.contains(target)).collect();
        asked.extend(due);
    }
    for some in asked.chunks(FETCH_WEBHOOKS) {
        // Each in a transaction of its own, so that nothing else waits for all of them; the store commits them together.
        let claims = some.iter().map(|target| {
            let (target, node) = (target.clone(), shared.node.clone());
            state.store.write(move |tx| {
                let claimed = outbox::claim(tx, &target.0, &target.1, &node, FETCH)?;
                Ok::<_, Error>(Fetched { target: target.clone(), claimed })
            })
        });
        for claimed in join_all(claims).await {
            fetched.push(claimed?);
        }
    }
    Ok(())
}
