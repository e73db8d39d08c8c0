//! What the lanes have the store asked: which webhooks something waits for, and for some of them to take it in hand.

use super::{
    Shared, Webhook,
    outbox::{self, Claimed, Most, Waiting},
};
use crate::{error::Result, state::State};
use futures_util::future::join_all;
use heliograph_store::clock;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// How many webhooks for which something waits are looked at in one go.
const PAGE: usize = 250;

/// A webhook for which deliveries are to be taken in hand, and how many at most.
#[derive(Clone)]
pub struct Ask {
    pub webhook: Webhook,
    pub most: Most,
    /// Whether the target is known to be good.
    pub good: bool,
}

/// What the store had for a webhook.
pub struct Fetched {
    pub webhook: Webhook,
    pub claimed: Claimed,
}

/// What the store answered.
#[derive(Default)]
pub struct Answer {
    /// For those it was asked for.
    pub fetched: Vec<Fetched>,
    /// Those for whom the store may have given something out without this node having heard what.
    pub unheard: Vec<Webhook>,
    /// Those for whom something is due.
    pub due: Vec<Webhook>,
    /// Those for whom nothing is left.
    pub drained: Vec<Webhook>,
    /// How long it took to take in hand what is for targets that are not known to be good, if it was asked for some.
    pub took_for_others: Option<Duration>,
}

/// Takes in hand what is due for these webhooks. If there are `stored` ones, looks at all: which of those have nothing
/// left, and for whom something is due. What was found before something failed is in the answer, too.
pub async fn fetch(state: State, shared: &'static Shared, asks: Vec<Ask>, stored: Option<Vec<Webhook>>) -> Answer {
    let mut answer = Answer::default();
    if let Err(error) = ask(state, shared, asks, stored, &mut answer).await {
        tracing::warn!(%error, "could not ask for deliveries; asking again");
    }
    answer
}

/// All webhooks for which deliveries wait. A page at a time: on SQLite a read holds the thread it is on.
pub async fn waiting(state: State) -> Result<Vec<Waiting>> {
    let mut all: Vec<Waiting> = Vec::new();
    loop {
        let after = all.last().map(|last| last.webhook.id);
        let some = state.store.read(move |tx| outbox::waiting(tx, after, PAGE)).await?;
        let ends = some.len() < PAGE;
        all.extend(some);
        if ends {
            return Ok(all);
        }
        tokio::task::yield_now().await;
    }
}

async fn ask(
    state: State,
    shared: &'static Shared,
    asks: Vec<Ask>,
    stored: Option<Vec<Webhook>>,
    answer: &mut Answer,
) -> Result<()> {
    if let Some(mut stored) = stored {
        let waiting = waiting(state).await?;
        let now = clock::now_ms();
        let known: HashSet<Webhook> = waiting.iter().map(|waiting| waiting.webhook).collect();
        stored.retain(|webhook| !known.contains(webhook));
        answer.drained = stored;
        let asked: HashSet<Webhook> = asks.iter().map(|ask| ask.webhook).collect();
        let due = waiting.iter().filter(|waiting| waiting.due_at <= now && !asked.contains(&waiting.webhook));
        answer.due = due.map(|waiting| waiting.webhook).collect();
    }
    let others = asks.iter().any(|ask| !ask.good);
    let began = Instant::now();
    // Each in a transaction of its own, so that none fails with another; the store asks and commits them together.
    let claims = asks.into_iter().map(|Ask { webhook, most, .. }| async move {
        (webhook, state.store.write(move |tx| outbox::claim(tx, webhook, &shared.node, most)).await)
    });
    let claimed = join_all(claims).await;
    answer.took_for_others = others.then(|| began.elapsed());
    let mut outcome = Ok(());
    for (webhook, claimed) in claimed {
        match claimed {
            Ok(claimed) => answer.fetched.push(Fetched { webhook, claimed }),
            Err(error) => {
                answer.unheard.push(webhook);
                outcome = outcome.and(Err(error));
            }
        }
    }
    outcome
}
