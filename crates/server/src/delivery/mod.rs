//! Delivery: from the outbox to the targets of webhooks.
//!
//! A change and the calls it causes are one transaction (`events.rs`). What was just committed is handed over in memory
//! and delivered at once; the row is under a lease meanwhile, so that another node takes it over if this one dies. What
//! does not fit in memory, waits for its next attempt, or was left by a dead node is polled for.
//!
//! `lanes.rs` decides what is sent next, `attempt.rs` sends it and settles its row, `outbox.rs` has the statements,
//! `policy.rs` says when again, `signature.rs` signs.

mod attempt;
mod lanes;
mod outbox;
pub mod policy;
mod signature;

pub use outbox::Delivery;

use crate::{error::Result, state::State};
use attempt::Target;
use heliograph_http::Outbound;
use heliograph_store::{Engine, Tx};
use heliograph_wire::id::ConversationId;
use lanes::Event;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many deliveries a node holds in memory at most; more wait in the store.
const MAX_IN_HAND: usize = 8192;
/// How long a node may keep a delivery in hand without settling it: the target's time and some more.
const LEASE: Duration = Duration::from_secs(45);
/// How long a stopping node waits for the calls it is making.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// Who delivers webhooks.
pub struct Dispatcher(Arc<Shared>);

struct Shared {
    /// This node, as rows name who has them in hand.
    node: String,
    outbound: Outbound,
    gaps: Vec<Duration>,
    events: mpsc::UnboundedSender<Event>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Event>>>,
    in_hand: AtomicUsize,
    /// Webhooks whose lane is full, or has older deliveries in the store: new ones queue behind those.
    behind: RwLock<HashSet<String>>,
    targets: RwLock<HashMap<String, Target>>,
}

impl Dispatcher {
    /// A dispatcher that does nothing yet. `gaps` are the pauses between attempts.
    pub fn new(outbound: Outbound, gaps: Vec<Duration>, node: String) -> Self {
        let (events, inbox) = mpsc::unbounded_channel();
        Self(Arc::new(Shared {
            node,
            outbound,
            gaps,
            events,
            inbox: Mutex::new(Some(inbox)),
            in_hand: AtomicUsize::new(0),
            behind: RwLock::default(),
            targets: RwLock::default(),
        }))
    }

    /// Writes down one call of a webhook, as part of the transaction that causes it.
    pub fn enqueue(
        &self,
        tx: &mut Tx<'_>,
        app: &str,
        webhook: &str,
        conversation: Option<ConversationId>,
        event: String,
    ) -> Result<()> {
        let shared = Arc::clone(&self.0);
        let at_once = shared.has_room(webhook);
        let delivery = outbox::insert(tx, app, webhook, conversation, event, at_once.then_some(&shared.node))?;
        tx.after_commit(move || match delivery {
            Some(delivery) => shared.hand_over(delivery),
            None => shared.tell(Event::Poll),
        });
        Ok(())
    }

    /// How many deliveries this node has in hand.
    pub fn waiting(&self) -> usize {
        self.0.in_hand.load(Ordering::Relaxed)
    }

    /// Has targets and secrets read anew: some webhook changed.
    pub fn forget_targets(&self) {
        self.0.targets.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes over what an earlier run had in hand: nobody else has this database.
    pub async fn recover(state: &State) -> Result<()> {
        match state.store.engine() {
            Engine::Sqlite => state.store.write(|tx| outbox::release(tx, None)).await,
            // Another node may be alive and have them in hand; its leases tell.
            Engine::Postgres => Ok(()),
        }
    }

    /// Delivers until it is told to stop; then finishes the calls it is making and gives back the rest.
    pub async fn run(state: State, stop: CancellationToken) {
        let shared = Arc::clone(&state.dispatcher.0);
        let inbox = shared.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(inbox) = inbox else { return };
        let calls = TaskTracker::new();
        lanes::run(&state, &shared, inbox, &calls, &stop).await;
        calls.close();
        if tokio::time::timeout(LAST_CALLS, calls.wait()).await.is_err() {
            tracing::warn!(calls = calls.len(), "stopping with calls of webhooks under way; they will be made again");
        }
        let node = shared.node.clone();
        if let Err(error) = state.store.write(move |tx| outbox::release(tx, Some(&node))).await {
            tracing::warn!(%error, "deliveries in hand are taken over when their lease ends");
        }
    }
}

impl Shared {
    fn has_room(&self, webhook: &str) -> bool {
        self.in_hand.load(Ordering::Relaxed) < MAX_IN_HAND
            && !self.behind.read().unwrap_or_else(PoisonError::into_inner).contains(webhook)
    }

    fn hand_over(&self, delivery: Delivery) {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        self.tell(Event::Offered(delivery));
    }

    fn tell(&self, event: Event) {
        // Nobody listens only when the server stops; the row is in the store.
        let _ = self.events.send(event);
    }

    fn set_behind(&self, webhook: &str, behind: bool) {
        let mut set = self.behind.write().unwrap_or_else(PoisonError::into_inner);
        if behind {
            set.insert(webhook.to_owned())
        } else {
            set.remove(webhook)
        };
    }
}
