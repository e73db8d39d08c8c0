//! Delivery: from the outbox to the targets of webhooks.
//!
//! A change and the calls it causes are one transaction (`events.rs`). What was just committed is handed over in memory
//! and delivered at once; the row is under a lease meanwhile, so that another node takes it over if this one dies. What
//! does not fit in memory, waits for its next attempt, or was left by a dead node is polled for.
//!
//! `lanes.rs` decides what is sent next (`lane.rs` keeps the order, `standing.rs` knows how targets did, `fetch.rs` asks
//! the store), `attempt.rs` sends it, `settle.rs` writes down what became of it,
//! `target.rs` knows whom it calls, `outbox.rs` has the statements of the queue, `journal.rs` what the log says,
//! `policy.rs` says when again, `signature.rs` signs, `nodes.rs` who else delivers, `sweep.rs` clears up.

mod attempt;
mod fetch;
pub mod journal;
mod lane;
mod lanes;
mod nodes;
pub mod outbox;
pub mod policy;
mod settle;
mod signature;
mod standing;
pub mod sweep;
mod target;

pub use standing::MAX_CALLS_OF_ONE;

use crate::{error::Result, state::State, webhook_health};
use bytes::Bytes;
use heliograph_http::Outbound;
use heliograph_store::{Engine, Tx, clock};
use heliograph_wire::id::{AppId, WebhookId};
use http::HeaderMap;
use journal::Journal;
use lanes::Event;
use nodes::Alone;
use settle::Settlement;
use standing::Standing;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use target::Target;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many deliveries a node holds in memory at most; more wait in the store.
const MAX_IN_HAND: usize = 8192;
/// How long a node may keep a delivery in hand without settling it: the target's time and some more.
const LEASE: Duration = Duration::from_secs(45);
/// How many calls a node makes side by side at most.
const MAX_CALLS: usize = 2048;
/// How many calls that failed or were slow are written down at a time.
const MAX_LATE: usize = 16;
/// How long a stopping node waits for the calls it is making, and then for each thing that it writes down at last.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// What an operator decides of deliveries.
#[derive(Clone, Debug)]
pub struct Options {
    /// The pauses between attempts.
    pub gaps: Vec<Duration>,
    /// Whether the events of a conversation keep their order, where a webhook does not say.
    pub ordered: bool,
    /// How many events a call carries at most, where a webhook does not say.
    pub events_per_call: u32,
    /// What the log keeps.
    pub journal: Journal,
    /// After how long with nothing but failures a webhook is paused, if ever.
    pub pause_after: Option<Duration>,
    /// How many calls are made side by side.
    pub calls: usize,
}

/// How many calls are made side by side where so many connections may be open. Some are left for what idles, and for who
/// calls besides.
pub fn most_calls(connections: usize) -> usize {
    MAX_CALLS.min(connections * 3 / 4).max(1)
}

/// A webhook, and its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Webhook {
    /// The app.
    pub app: AppId,
    /// The webhook.
    pub id: WebhookId,
}

/// Who delivers webhooks.
pub struct Dispatcher(Shared);

struct Shared {
    /// This node, as rows name who has them in hand.
    node: String,
    outbound: Outbound,
    options: Options,
    events: mpsc::UnboundedSender<Event>,
    /// Calls that went as they should, to be written down.
    arrived: mpsc::UnboundedSender<Arc<Settlement>>,
    inboxes: Mutex<Option<Inboxes>>,
    in_hand: AtomicUsize,
    /// Webhooks of which something waits in the store: what is new queues behind that.
    stored: RwLock<HashSet<WebhookId>>,
    targets: RwLock<HashMap<WebhookId, Arc<Target>>>,
    /// Who may write down what came of a call that failed or was slow: what is written at once waits for each other, and who
    /// posts should not wait for what thousands of such targets have all come to at the same time.
    late: Semaphore,
    /// How much was settled since the log was last cleared.
    settled: Mutex<HashMap<Webhook, usize>>,
    alone: Alone,
}

/// What the dispatcher is told, until it runs.
struct Inboxes {
    events: mpsc::UnboundedReceiver<Event>,
    arrived: mpsc::UnboundedReceiver<Arc<Settlement>>,
}

impl Dispatcher {
    /// A dispatcher that does nothing yet.
    pub fn new(outbound: Outbound, options: Options, node: String, engine: Engine) -> Self {
        let (events, events_inbox) = mpsc::unbounded_channel();
        let (arrived, arrived_inbox) = mpsc::unbounded_channel();
        Self(Shared {
            node,
            outbound,
            options,
            events,
            arrived,
            inboxes: Mutex::new(Some(Inboxes { events: events_inbox, arrived: arrived_inbox })),
            in_hand: AtomicUsize::new(0),
            stored: RwLock::default(),
            targets: RwLock::default(),
            late: Semaphore::new(MAX_LATE),
            settled: Mutex::default(),
            alone: Alone::on(engine),
        })
    }

    /// What the operator decided.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Writes down an event for a webhook, as part of the transaction in which it happens.
    pub fn enqueue(&'static self, tx: &mut Tx<'_>, new: outbox::New<'_>) -> Result<()> {
        let shared = &self.0;
        let (held, webhook) = (new.held, new.webhook);
        let at_once = shared.has_room(tx, webhook.id)?;
        let delivery = outbox::insert(tx, new, at_once.then_some(&shared.node))?;
        tx.after_commit(move || match delivery {
            Some(delivery) => shared.hand_over(delivery),
            None if held => {}
            None => shared.tell(Event::Stored(webhook)),
        });
        Ok(())
    }

    /// Says that this transaction will write down an event.
    pub fn expect(&self, tx: &Tx<'_>) {
        self.0.alone.expect(tx, &self.0.node);
    }

    /// Has the queue of a webhook looked at: something was put there.
    pub fn look_at(&self, webhook: Webhook) {
        self.0.tell(Event::Stored(webhook));
    }

    /// From the next event on those of this webhook go by the store: it is about to hold something of it.
    pub fn store_from_now_on(&self, webhook: WebhookId) {
        self.0.set_stored(webhook, true);
    }

    /// How many deliveries this node has in hand.
    pub fn waiting(&self) -> usize {
        self.0.in_hand.load(Ordering::Relaxed)
    }

    /// Has one target read anew.
    pub fn forget_target(&self, webhook: WebhookId) {
        self.0.targets.write().unwrap_or_else(PoisonError::into_inner).remove(&webhook);
    }

    /// Has targets and secrets read anew: some webhook changed.
    pub fn forget_targets(&self) {
        self.0.targets.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Gets ready before the first request: learns what waits in the store, and makes itself known to other nodes.
    pub async fn prepare(state: State) -> Result<()> {
        let shared = &state.dispatcher.0;
        match state.store.engine() {
            // What an earlier run had in hand is free: nobody else has this database.
            Engine::Sqlite => state.store.write(|tx| outbox::release(tx, None)).await?,
            Engine::Postgres => nodes::join(state, shared).await?,
        }
        shared.tell(Event::Failing(state.store.read(webhook_health::failing).await?));
        shared.note_waiting(state).await
    }

    /// Delivers until it is told to stop; then finishes the calls it is making and gives back the rest.
    pub async fn run(state: State, stop: CancellationToken) {
        let shared = &state.dispatcher.0;
        let inboxes = shared.inboxes.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Inboxes { events, arrived }) = inboxes else { return };
        let calls = TaskTracker::new();
        let beating = tokio::spawn(nodes::run(state, shared, stop.clone()));
        let called = CancellationToken::new();
        let settling = tokio::spawn(settle::run(state, shared, arrived, called.clone()));
        lanes::run(state, shared, events, &calls, &stop).await;
        calls.close();
        if tokio::time::timeout(LAST_CALLS, calls.wait()).await.is_err() {
            tracing::warn!(calls = calls.len(), "stopping with calls of webhooks under way; they will be made again");
        }
        called.cancel();
        if tokio::time::timeout(LAST_CALLS, settling).await.is_err() {
            tracing::warn!("stopping with calls of webhooks that are not written down; they will be made again");
        }
        // A task ends early only by a panic, which is in the log.
        let _ = beating.await;
        let retiring = state.store.write(|tx| nodes::retire(tx, &shared.node));
        let why = match tokio::time::timeout(LAST_CALLS, retiring).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database does not answer".to_owned(),
        };
        tracing::warn!(why, "deliveries in hand are taken over when their lease ends");
    }
}

/// What carries one delivery alone to its webhook, signed now; none when the webhook is gone.
pub async fn call_of(state: State, delivery: &outbox::Delivery) -> Result<Option<(HeaderMap, Bytes)>> {
    let Some(target) = target::find(state, &state.dispatcher.0, delivery.webhook).await? else { return Ok(None) };
    let call = std::slice::from_ref(delivery);
    let body = attempt::envelope(call);
    Ok(Some((target.headers(call, clock::now_ms(), &body), body)))
}

impl Shared {
    fn has_room(&self, tx: &Tx<'_>, webhook: WebhookId) -> Result<bool> {
        // What is handed over may be for targets that hang: room is left for those that are known not to.
        let room = Standing::Unknown.share(MAX_IN_HAND);
        Ok(self.in_hand.load(Ordering::Relaxed) < room && !self.goes_by_the_store(tx, webhook)?)
    }

    /// Whether what happens for this webhook waits in the store, to be claimed there in its order.
    fn goes_by_the_store(&self, tx: &Tx<'_>, webhook: WebhookId) -> Result<bool> {
        Ok(self.is_stored(webhook) || !self.alone.is_sure(tx, &self.node)?)
    }

    /// A place among those who write down what failed or was slow; none is needed for what was not.
    async fn place(&self, late: bool) -> Option<SemaphorePermit<'_>> {
        if late { self.late.acquire().await.ok() } else { None }
    }

    fn hand_over(&self, delivery: outbox::Delivery) {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        self.tell(Event::Offered(delivery));
    }

    fn tell(&self, event: Event) {
        // Nobody listens only when the server stops; the row is in the store.
        let _ = self.events.send(event);
    }

    /// Has it written down that a call went as it should.
    fn note_arrived(&self, settlement: Arc<Settlement>) {
        // Nobody listens only when the server stops; what is not written down is sent again.
        let _ = self.arrived.send(settlement);
    }

    fn is_stored(&self, webhook: WebhookId) -> bool {
        self.stored.read().unwrap_or_else(PoisonError::into_inner).contains(&webhook)
    }

    fn set_stored(&self, webhook: WebhookId, stored: bool) {
        let mut set = self.stored.write().unwrap_or_else(PoisonError::into_inner);
        if stored {
            set.insert(webhook)
        } else {
            set.remove(&webhook)
        };
    }

    /// Marks every webhook of which something is in the store.
    async fn note_waiting(&self, state: State) -> Result<()> {
        for outbox::Waiting { webhook, .. } in fetch::waiting(state).await? {
            self.set_stored(webhook.id, true);
            self.tell(Event::Stored(webhook));
        }
        Ok(())
    }

    /// How many events a call of this webhook carries at most.
    fn events_per_call(&self, webhook: WebhookId) -> usize {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        let own = targets.get(&webhook).and_then(|target| target.events_per_call());
        own.unwrap_or(self.options.events_per_call).max(1) as usize
    }

    fn note_settled(&self, webhook: Webhook, count: usize) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        *settled.entry(webhook).or_default() += count;
    }
}
