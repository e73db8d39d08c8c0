//! Pruning: events that have had their time go, and the chain stays one that can be proven. What stands for them is an
//! event of the chain itself, which says how far it was pruned and with which code it goes on.
//!
//! Nothing is pruned that is not whole: otherwise whoever altered it would only have to wait.

use super::{
    Broken, Change,
    chain::{self, PRUNE, Pruning, Reached},
    operator, record, the_server,
};
use crate::{
    admin,
    error::Result,
    settings::{Settings, StartError},
    state::State,
    vault::Vault,
};
use heliograph_store::{Store, Tx, clock};
use heliograph_wire::{audit::AuditActor, time::Timestamp};
use std::{ops::Deref, time::Duration};
use tokio_util::sync::CancellationToken;

/// How many events one transaction removes at most.
const BATCH: u64 = 20_000;
/// How often a server looks for what has had its time.
const EVERY: Duration = Duration::from_secs(3600);

/// What became of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The app, or '' for the server itself.
    pub chain: String,
    /// How many events were removed.
    pub events: u64,
    /// Why no more were, if the chain is not whole.
    pub broken: Option<Broken>,
}

// ---- For the command line

/// Removes from one chain, or from all, what was made before a moment.
pub async fn prune(settings: &Settings, only: Option<String>, before: Timestamp) -> Result<Vec<Pruned>, StartError> {
    if before.0 > clock::now_ms() {
        return Err(StartError::Setting("what is pruned is what was made before a moment that has passed".to_owned()));
    }
    let (store, vault) = admin::open(settings).await?;
    let pruned = all(&store, vault, only, before, operator()).await;
    store.close();
    Ok(pruned?)
}

// ---- For the server

/// Removes what is older than the operator wants to keep, now and then, until it is told to stop.
pub async fn run(state: State, keep: Duration, stop: CancellationToken) {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    loop {
        let before = Timestamp(clock::now_ms().saturating_sub(keep));
        match all(&state.store, &state.vault, None, before, the_server()).await {
            Ok(pruned) => pruned.iter().for_each(tell),
            Err(error) => tracing::warn!(%error, "the audit log could not be pruned; that is tried again"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

fn tell(pruned: &Pruned) {
    let Pruned { chain, events, broken } = pruned;
    let log = if chain.is_empty() { "server" } else { chain };
    if let Some(broken) = broken {
        tracing::error!(log, %broken, "the audit log is not whole, and is not pruned: see `heliograph audit verify`");
    } else if *events > 0 {
        tracing::info!(log, events, "the audit log was pruned");
    }
}

// ---- Rules

async fn all(
    store: &Store,
    vault: impl Deref<Target = Vault> + Clone + Send + Sync + 'static,
    only: Option<String>,
    before: Timestamp,
    actor: AuditActor,
) -> Result<Vec<Pruned>> {
    let chains = match only {
        Some(chain) => vec![chain],
        None => store.read(chain::chains).await?,
    };
    let mut pruned = Vec::new();
    for chain in chains {
        let mut whole = Pruned { chain: chain.clone(), events: 0, broken: None };
        loop {
            // Most often there is nothing to do, and that takes no write.
            let wanted = chain.clone();
            if store.read(move |tx| due(tx, &wanted, before)).await?.1 == 0 {
                break;
            }
            let (vault, wanted, actor) = (vault.clone(), chain.clone(), actor.clone());
            let some = store.write(move |tx| prune_some(tx, &vault, &wanted, before, &actor)).await?;
            whole.events += some.events;
            whole.broken = some.broken;
            if whole.broken.is_some() || some.events < BATCH {
                break;
            }
        }
        pruned.push(whole);
    }
    Ok(pruned)
}

/// Where a chain begins, and how many events from there have had their time, a batch at most.
fn due(tx: &Tx<'_>, chain: &str, before: Timestamp) -> Result<(Reached, u64)> {
    let from = chain::beginning(tx, chain)?;
    let due = chain::older(tx, chain, from.count, before.0, BATCH)?;
    Ok((from, due))
}

fn prune_some(tx: &mut Tx<'_>, vault: &Vault, chain: &str, before: Timestamp, actor: &AuditActor) -> Result<Pruned> {
    let (from, due) = due(tx, chain, before)?;
    let mut pruned = Pruned { chain: chain.to_owned(), events: 0, broken: None };
    if due == 0 {
        return Ok(pruned);
    }
    let (reached, broken) = chain::walk(tx, vault, chain, from.clone(), from.count + due)?;
    let short = (reached.count < from.count + due).then_some(Broken::Missing(reached.count + 1));
    pruned.broken = broken.or(short);
    if pruned.broken.is_some() {
        return Ok(pruned);
    }
    pruned.events = chain::remove_through(tx, chain, reached.count)?;
    let told = Pruning { through: chain::place(reached.count), mac: reached.mac, events: pruned.events, before };
    let after = Some(serde_json::to_value(told)?);
    record(tx, vault, chain, &Change { operation: PRUNE, actor: actor.clone(), after, ..Change::default() })?;
    Ok(pruned)
}
