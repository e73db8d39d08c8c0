//! Lanes: each webhook has its own, so that a slow or dead target holds up nobody else.
//!
//! One task keeps all lanes and is told everything by events, so there is nothing to lock. A lane is either at hand: all
//! that waits for its webhook is in memory, and what is committed comes in by hand. Or it is stored: what is committed
//! waits in the store, and is claimed from there in its order. A lane is stored while it is full, while something of it
//! waits to be tried again, and while other nodes may write for it; it is at hand again once its webhook's part of the
//! store is empty.
//!
//! How many calls a lane makes side by side follows its target: more with each that arrives, half with each that does
//! not. Those that do badly, and those not yet known, may take neither all the calls that a node makes nor all that it
//! holds in memory. What is known of a target (`standing.rs`) outlives its lane, which is forgotten whenever nothing waits.
//!
//! A lane for which something waits in the store rings. Those that ring are asked for in their turn (`fetch.rs`), as far as
//! there is room for what comes. Whatever is written waits for what the store is at: so of those not known to be good a
//! few are asked for at a time, for no more than what they may send at once, and then the store has a rest from them. A
//! thousand dead targets that come due together are so many small sips.

use super::{
    LEASE, MAX_IN_HAND, Shared, Webhook, attempt,
    fetch::{Answer, Ask, Fetched, fetch},
    lane::Lane,
    outbox::{self, Delivery, Most},
    settle::in_time,
    standing::{Calls, Record, Records, Standing},
};
use crate::state::State;
use heliograph_wire::id::{ConversationId, WebhookId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// From this length a lane is full: new deliveries wait in the store.
const FULL: usize = 512;
/// How many deliveries are claimed for a lane at once, and for one whose target is not known to be good.
const FETCH: usize = 128;
const FETCH_FEW: usize = 8;
/// For how many webhooks of one standing is claimed at once, and for how many of one that is not good.
const FETCH_WEBHOOKS: usize = 64;
const FETCH_FEW_WEBHOOKS: usize = 16;
/// The store's rest after it was asked for those, as a multiple of the time that took.
const REST: u32 = 2;
/// How often the store is asked for what is due when nothing else asks: a bell that was missed costs this much.
const TICK: Duration = Duration::from_secs(1);

/// What the lanes are told.
pub enum Event {
    /// A delivery was committed and is in hand.
    Offered(Delivery),
    /// Something waits in the store for this webhook.
    Stored(Webhook),
    /// The store was asked.
    Fetched(Answer),
    /// A call is over.
    Done(Done),
    /// So many deliveries of a webhook that were in hand are in the store again.
    GivenBack {
        webhook: Webhook,
        count: usize,
        /// Whether the store still has some as being in hand.
        left: bool,
    },
    /// At these webhooks nothing had arrived when the server began.
    Failing(Vec<WebhookId>),
}

/// How a call ended.
pub struct Done {
    /// The webhook.
    pub webhook: Webhook,
    /// The lines of what it carried that may go on.
    pub through: Vec<ConversationId>,
    /// The lines of what it carried that wait until it is tried again.
    pub back: Vec<ConversationId>,
    /// Whether it arrived.
    pub arrived: bool,
    /// How long it took.
    pub took: Duration,
    /// After how long it is tried again.
    pub retry: Option<Duration>,
    /// Whether the store does not know how it ended.
    pub left: bool,
}

struct Entry {
    lane: Lane,
    calls: usize,
    record: Record,
    stored: bool,
    /// More is known to be in the store, and to be due.
    rung: bool,
    /// Whether it stands among those that are asked for next.
    listed: bool,
    /// Deliveries that are neither here nor free in the store yet.
    on_the_way_back: usize,
    /// Until when the store may have something that is neither here nor free: this node's own, and lost to it.
    left_until: Option<Instant>,
    /// Whether it waits for the node to have a call free.
    parked: bool,
}

struct Lanes<'a> {
    state: State,
    shared: &'static Shared,
    tracker: &'a TaskTracker,
    lanes: HashMap<Webhook, Entry>,
    /// Of those that have no lane.
    records: Records,
    calls: Calls,
    /// The lanes that wait for a call, by the standing of their targets.
    parked: [VecDeque<Webhook>; 3],
    /// The lanes that wait for the store to be asked, likewise.
    bells: [VecDeque<Webhook>; 3],
    polling: bool,
    next_poll: Instant,
    next_tick: Instant,
    /// Until when the store is not asked for targets that are not known to be good.
    rests_until: Instant,
}

/// Runs until it is told to stop.
pub async fn run(
    state: State,
    shared: &'static Shared,
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
        records: Records::default(),
        calls: Calls::new(shared.options.calls),
        parked: Default::default(),
        bells: Default::default(),
        polling: false,
        next_poll: now,
        next_tick: now,
        rests_until: now,
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
            Event::Stored(webhook) => self.ring(webhook),
            Event::Fetched(answer) => self.fetched(answer),
            Event::Done(done) => self.done(done),
            Event::Failing(webhooks) => {
                webhooks.into_iter().for_each(|webhook| self.records.keep(webhook, Record::FAILING));
            }
            Event::GivenBack { webhook, count, left } => {
                self.entry(webhook).on_the_way_back -= count;
                if left {
                    self.leave(webhook);
                }
                self.ring(webhook);
            }
        }
    }

    fn entry(&mut self, webhook: Webhook) -> &mut Entry {
        let (records, shared) = (&mut self.records, self.shared);
        self.lanes.entry(webhook).or_insert_with(|| Entry::new(shared.is_stored(webhook.id), records.take(webhook.id)))
    }

    fn store_from_now_on(&mut self, webhook: Webhook) -> &mut Entry {
        if !self.entry(webhook).stored {
            self.shared.set_stored(webhook.id, true);
        }
        let entry = self.entry(webhook);
        entry.stored = true;
        entry
    }

    /// Something of this lane stands in the store as being here, and is not. Until its lease has ended, nothing is to go
    /// before it.
    fn leave(&mut self, webhook: Webhook) {
        self.store_from_now_on(webhook).left_until = Some(Instant::now() + LEASE);
    }

    /// Something of this lane waits in the store.
    fn ring(&mut self, webhook: Webhook) {
        self.store_from_now_on(webhook).rung = true;
        self.pump(webhook);
    }

    /// What comes in by hand while its lane is stored may have something before it in the store: it goes back there.
    fn offered(&mut self, delivery: Delivery) {
        let webhook = delivery.webhook;
        let entry = self.entry(webhook);
        if entry.stored {
            return self.give_back(webhook, vec![delivery]);
        }
        entry.lane.push(delivery);
        if entry.lane.len() >= FULL {
            self.store_from_now_on(webhook).rung = true;
        }
        self.pump(webhook);
    }

    fn give_back(&mut self, webhook: Webhook, deliveries: Vec<Delivery>) {
        let count = deliveries.len();
        if count == 0 {
            return;
        }
        let entry = self.entry(webhook);
        entry.on_the_way_back += count;
        let does_badly = entry.record.standing == Standing::Bad;
        self.shared.in_hand.fetch_sub(count, Ordering::Relaxed);
        let (state, shared) = (self.state, self.shared);
        self.tracker.spawn(async move {
            let lease_until = deliveries.iter().map(|delivery| delivery.lease_until).min();
            let deliveries = Arc::new(deliveries);
            let give_back = || {
                let deliveries = Arc::clone(&deliveries);
                let back = move |tx: &mut heliograph_store::Tx<'_>| {
                    deliveries.iter().try_for_each(|delivery| outbox::give_back(tx, delivery))
                };
                async move {
                    let _place = shared.place(does_badly).await;
                    state.store.write(back).await
                }
            };
            let given_back = in_time(lease_until, give_back).await;
            let left = given_back.is_err();
            if let Err(error) = given_back {
                tracing::warn!(%error, "deliveries go back when their lease ends");
            }
            shared.tell(Event::GivenBack { webhook, count, left });
        });
    }

    fn done(&mut self, done: Done) {
        let Done { webhook, through, back, arrived, took, retry, left } = done;
        let Some(entry) = self.lanes.get_mut(&webhook) else { return };
        self.calls.remove(entry.record.standing, entry.calls);
        entry.calls -= 1;
        entry.record.learn(arrived, took);
        self.calls.add(entry.record.standing, entry.calls);
        through.into_iter().for_each(|line| entry.lane.go_on(line));
        if let Some(pause) = retry {
            self.next_tick = self.next_tick.min(Instant::now() + pause);
            self.next_poll = self.next_poll.min(self.next_tick);
            let entry = self.store_from_now_on(webhook);
            let behind = back.into_iter().flat_map(|line| entry.lane.clear(line)).collect();
            self.give_back(webhook, behind);
        }
        if left {
            self.leave(webhook);
        }
        self.pump(webhook);
        for standing in Standing::ALL {
            while self.calls.has_room(standing)
                && let Some(webhook) = self.parked[standing as usize].pop_front()
            {
                if let Some(entry) = self.lanes.get_mut(&webhook) {
                    entry.parked = false;
                }
                self.pump(webhook);
            }
        }
    }

    /// Makes as many calls of a lane as it may, and has more fetched; a lane with nothing to do is forgotten.
    fn pump(&mut self, webhook: Webhook) {
        let most = self.shared.events_per_call(webhook.id);
        while let Some(entry) = self.lanes.get_mut(&webhook).filter(|entry| entry.wants_a_call(&self.calls)) {
            let standing = entry.record.standing;
            if !self.calls.has_room(standing) {
                if !std::mem::replace(&mut entry.parked, true) {
                    self.parked[standing as usize].push_back(webhook);
                }
                break;
            }
            entry.calls += 1;
            self.calls.add(standing, 1);
            let call = entry.lane.next(most);
            self.tracker.spawn(attempt::run(self.state, self.shared, call));
        }
        let Some(entry) = self.lanes.get_mut(&webhook) else { return };
        if entry.rung && !entry.listed && entry.lane.len() < entry.fetches(most).all {
            entry.listed = true;
            self.bells[entry.record.standing as usize].push_back(webhook);
        }
        if entry.is_idle()
            && let Some(entry) = self.lanes.remove(&webhook)
        {
            self.records.keep(webhook.id, entry.record);
        }
        self.poll_soon();
    }

    /// Has the store asked as soon as it may be, if a lane rings and there is room for what comes.
    fn poll_soon(&mut self) {
        let now = Instant::now();
        for standing in Standing::ALL {
            if !self.bells[standing as usize].is_empty() && self.has_room(standing) {
                let next = if standing == Standing::Good { now } else { self.rests_until.max(now) };
                self.next_poll = self.next_poll.min(next);
            }
        }
    }

    /// Whether there is room for what is fetched for targets of this standing.
    fn has_room(&self, standing: Standing) -> bool {
        self.calls.has_room(standing) && self.shared.in_hand.load(Ordering::Relaxed) < standing.share(MAX_IN_HAND)
    }

    /// Asks the store, in a task of its own, for lanes that ring and have room, and now and then for all.
    fn poll(&mut self) {
        let now = Instant::now();
        let all = now >= self.next_tick;
        if all {
            self.next_tick = now + TICK;
        }
        let asks = self.asks(now);
        if asks.is_empty() && !all {
            self.next_poll = self.next_tick;
            return self.poll_soon();
        }
        self.polling = true;
        let stored = || self.lanes.iter().filter(|(_, entry)| entry.stored).map(|(webhook, _)| *webhook).collect();
        let stored = all.then(stored);
        let (state, shared) = (self.state, self.shared);
        self.tracker.spawn(async move {
            let answer = fetch(state, shared, asks, stored).await;
            let count: usize = answer.fetched.iter().map(|fetched| fetched.claimed.deliveries.len()).sum();
            shared.in_hand.fetch_add(count, Ordering::Relaxed);
            shared.tell(Event::Fetched(answer));
        });
    }

    /// Takes the next of those that ring, as many as there is room for.
    fn asks(&mut self, now: Instant) -> Vec<Ask> {
        let (mut asks, mut coming) = (Vec::new(), self.shared.in_hand.load(Ordering::Relaxed));
        for standing in Standing::ALL {
            let most = match standing {
                Standing::Good => FETCH_WEBHOOKS,
                Standing::Unknown | Standing::Bad if now < self.rests_until => continue,
                Standing::Unknown | Standing::Bad => FETCH_FEW_WEBHOOKS,
            };
            let most = asks.len() + most;
            while asks.len() < most
                && coming < standing.share(MAX_IN_HAND)
                && self.calls.has_room(standing)
                && let Some(webhook) = self.bells[standing as usize].pop_front()
            {
                let Some(entry) = self.lanes.get_mut(&webhook) else { continue };
                let most = entry.fetches(self.shared.events_per_call(webhook.id));
                entry.listed = false;
                if entry.rung && entry.lane.len() < most.all {
                    entry.rung = false;
                    coming += most.all;
                    asks.push(Ask { webhook, most, good: standing == Standing::Good });
                }
            }
        }
        asks
    }

    fn fetched(&mut self, answer: Answer) {
        self.polling = false;
        self.next_poll = self.next_tick;
        if let Some(took) = answer.took_for_others {
            self.rests_until = Instant::now() + took * REST;
        }
        answer.unheard.into_iter().for_each(|webhook| self.leave(webhook));
        for webhook in answer.drained {
            self.drained(webhook);
            self.pump(webhook);
        }
        for Fetched { webhook, claimed } in answer.fetched {
            let entry = self.entry(webhook);
            claimed.deliveries.into_iter().for_each(|delivery| entry.lane.push(delivery));
            entry.rung |= claimed.more;
            if claimed.drained {
                self.drained(webhook);
            }
            self.pump(webhook);
        }
        answer.due.into_iter().for_each(|webhook| self.ring(webhook));
        self.poll_soon();
    }

    /// The store has nothing more of a lane, unless something was stored since it was asked.
    fn drained(&mut self, webhook: Webhook) {
        let entry = self.entry(webhook);
        let left = entry.left_until.is_some_and(|until| Instant::now() < until);
        if entry.stored && !entry.rung && !left && entry.on_the_way_back == 0 {
            entry.stored = false;
            self.shared.set_stored(webhook.id, false);
        }
    }
}

impl Entry {
    fn new(stored: bool, record: Record) -> Self {
        Self {
            lane: Lane::default(),
            calls: 0,
            record,
            stored,
            rung: stored,
            listed: false,
            on_the_way_back: 0,
            left_until: None,
            parked: false,
        }
    }

    fn wants_a_call(&self, calls: &Calls) -> bool {
        self.lane.is_ready() && self.calls < calls.limit(self.record)
    }

    /// How many deliveries are fetched for it at a time. To who does badly no more goes than what it may be sent at once:
    /// what follows in a line would only be given back.
    fn fetches(&self, events_per_call: usize) -> Most {
        let few = FETCH_FEW.max(events_per_call);
        match self.record.standing {
            Standing::Good => Most { all: FETCH, of_a_line: FETCH },
            Standing::Unknown => Most { all: few, of_a_line: few },
            Standing::Bad => Most { all: few.min(self.record.limit * events_per_call), of_a_line: events_per_call },
        }
    }

    fn is_idle(&self) -> bool {
        self.lane.len() == 0 && self.calls == 0 && !self.stored && self.on_the_way_back == 0
    }
}
