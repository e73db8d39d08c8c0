//! The audit log: who changed what, in the transaction that changed it.
//!
//! No rule writes it. Every call that writes goes through [`audited`], which looks at the subject before and after.
//! Events of one app form a chain: each is authenticated together with the one before it, under a key that follows from
//! the app's data key, so that whoever can write to the database but has no master key can neither alter an event nor
//! leave one out. The making and the deletion of apps stand in the server's own chain, which outlives them.

mod chain;
mod prune;
mod subjects;

pub use chain::{Broken, Verdict};
pub use prune::{Pruned, prune, run};

use crate::{
    admin,
    auth::{Caller, KeyKind},
    call::{Call, page_title},
    error::{Error, Result},
    pages::{From, Window, links},
    router::Builder,
    settings::{Settings, StartError},
    vault::Vault,
};
pub(crate) use chain::PRUNE;
use chain::{append, chains, page};
use heliograph_store::{Tx, args};
use heliograph_wire::{audit::*, op::Operation, path::PathParams};
use serde::Serialize;
use serde_json::Value;
use std::net::IpAddr;
use subjects::Told;

/// How many events are read at once.
const BATCH: u32 = 500;

/// The chain of the server itself.
pub const SERVER: &str = "";

// ---- Handlers

/// The operations of this directory.
pub fn routes(on: &mut Builder<'_>) {
    on.on(list_of_app).on(list);
}

async fn list_of_app(call: Call<ListAppAuditEvents>) -> Result<AuditEventList> {
    call.read(|tx, call| show(tx, call, call.path.app_id.text().as_str())).await
}

async fn list(call: Call<ListAuditEvents>) -> Result<AuditEventList> {
    // What a service account may see of the server does not reach so far.
    if call.caller.service_account().is_some() {
        return Err(Error::Forbidden("Forbidden"));
    }
    call.read(|tx, call| show(tx, call, SERVER)).await
}

fn show<O: Operation<Query = AuditQuery>>(tx: &Tx<'_>, call: &Call<O>, chain: &str) -> Result<AuditEventList> {
    let window = Window::of(call.query.page.as_ref(), page_title(O::ID))?;
    let filter = call.query.filter.clone().unwrap_or_default();
    let sheet = window.sheet(page(tx, chain, &filter, &window)?, |event| event.id.clone());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    Ok(AuditEventList { audit_events: sheet.rows, meta: sheet.meta, links })
}

// ---- For the command line

/// Verifies one chain, or all.
pub async fn verify(settings: &Settings, chain: Option<String>) -> Result<Vec<Verdict>, StartError> {
    let (store, vault) = admin::open(settings).await?;
    let walk = move |tx: &Tx<'_>| -> Result<Vec<Verdict>> {
        let chains = chain.clone().map_or_else(|| chains(tx), |chain| Ok(vec![chain]))?;
        chains.iter().map(|chain| chain::verify(tx, &vault, chain)).collect()
    };
    let verdicts = store.read(walk).await;
    store.close();
    Ok(verdicts?)
}

/// The events of one chain that a filter lets through, oldest first, a batch at a time.
pub async fn read(
    settings: &Settings,
    chain: String,
    filter: AuditFilter,
    mut each: impl FnMut(AuditEvent) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let (store, _) = admin::open(settings).await?;
    let mut from = From::Start;
    loop {
        let (chain, filter, window) = (chain.clone(), filter.clone(), Window { from, size: BATCH });
        let events = store.read(move |tx| page(tx, &chain, &filter, &window)).await?;
        let Some(last) = events.last() else { break };
        from = From::After(last.id.clone());
        events.into_iter().try_for_each(&mut each)?;
    }
    store.close();
    Ok(())
}

// ---- Rules

/// What is told of one change.
#[derive(Default)]
pub struct Change {
    /// The operation that made it.
    pub operation: &'static str,
    /// Who made it.
    pub actor: AuditActor,
    /// The id of what was changed.
    pub subject: Option<String>,
    /// What it was like.
    pub before: Option<Value>,
    /// What it is like.
    pub after: Option<Value>,
}

/// Enters a change into a chain.
pub fn record(tx: &mut Tx<'_>, vault: &Vault, chain: &str, change: &Change) -> Result<()> {
    append(tx, vault, chain, change)
}

/// Enters what somebody at the server's own command line changed of the server.
pub fn by_operator(tx: &mut Tx<'_>, vault: &Vault, change: Change) -> Result<()> {
    record(tx, vault, SERVER, &Change { actor: operator(), ..change })
}

/// Somebody at the server's own command line.
pub fn operator() -> AuditActor {
    AuditActor { kind: "operator".to_owned(), ..AuditActor::default() }
}

/// The server itself, which does what it was set to do.
pub fn the_server() -> AuditActor {
    AuditActor { kind: "server".to_owned(), ..AuditActor::default() }
}

/// Whoever has this key, from there.
pub fn holder(caller: &Caller, address: IpAddr) -> AuditActor {
    AuditActor {
        kind: caller.kind().noun().to_owned(),
        id: Some(caller.key_id().to_owned()),
        service_account_id: caller.service_account().map(str::to_owned),
        address: Some(address.to_string()),
    }
}

/// What the log tells of a key at this moment.
pub fn life_of_key(tx: &Tx<'_>, app: &str, id: &str) -> Result<Option<Value>> {
    let told = subjects::of("UpdateKey").map_or(Ok(Vec::new()), |subject| subject.look(tx, app, id))?;
    Ok(told.into_iter().next().and_then(|told| told.fields))
}

/// Runs a rule that writes, and enters what it did.
pub fn audited<O: Operation, T: Serialize>(
    tx: &mut Tx<'_>,
    call: &Call<O>,
    rule: impl FnOnce(&mut Tx<'_>, &Call<O>) -> Result<T>,
) -> Result<T> {
    if !subjects::is_audited(O::ID) {
        return rule(tx, call);
    }
    let in_body = subjects::in_body(O::ID, || serde_json::to_value(&call.body).unwrap_or_default());
    let named = in_body.or_else(|| named::<O>(&call.path, &call.caller));
    let app = match call.path.app_id().or(call.caller.app()) {
        Some(app) => app.to_string(),
        None if O::PATH.contains("{keyId}") => app_of_key(tx, named.as_deref().unwrap_or_default())?,
        None => String::new(),
    };
    let look = |tx: &Tx<'_>, id: &str| subjects::of(O::ID).map_or(Ok(Vec::new()), |subject| subject.look(tx, &app, id));
    // What is made was not there before.
    let before = if subjects::makes(O::ID) { Vec::new() } else { look(tx, named.as_deref().unwrap_or_default())? };
    let outcome = rule(tx, call)?;
    let id = made(&outcome)?.or(named);
    let after = look(tx, id.as_deref().unwrap_or_default())?;
    let (before, after) = difference(before, after);
    let change = Change {
        operation: O::ID,
        actor: holder(&call.caller, call.state.proxies.client(&call.head)),
        subject: before.as_ref().or(after.as_ref()).map(|told| told.id.clone()).or(id),
        before: before.and_then(|told| told.fields),
        after: after.and_then(|told| told.fields),
    };
    let chain = if ["CreateApp", "DeleteApp"].contains(&O::ID) { SERVER } else { &app };
    record(tx, &call.state.vault, chain, &change)?;
    Ok(outcome)
}

/// What a path names: its last id. A caller without a path speaks of its own integration.
fn named<O: Operation>(path: &O::Path, caller: &Caller) -> Option<String> {
    path.write().pop().or_else(|| caller.integration().map(|id| id.to_string()))
}

/// The app of a key that is named without it: what is done to a key stands in the log of its app.
fn app_of_key(tx: &Tx<'_>, id: &str) -> Result<String> {
    if KeyKind::of(id).is_none() {
        return Ok(String::new());
    }
    let rows = tx.query("SELECT app_id FROM api_key WHERE id = $1", args![id])?;
    Ok(rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()?.unwrap_or_default())
}

/// The subject that changed, as it was and as it is: of several that a name fits, it is the one that is not the same.
fn difference(before: Vec<Told>, after: Vec<Told>) -> (Option<Told>, Option<Told>) {
    let changed = before.iter().find(|told| !after.contains(told)).or(before.first()).cloned();
    let id = changed.as_ref().map(|told| told.id.clone());
    let now = after.into_iter().find(|told| id.as_ref().is_none_or(|id| told.id == *id));
    (changed, now)
}

/// The id of what an operation made or changed: every such answer holds one resource, and that its id.
fn made<T: Serialize>(outcome: &T) -> Result<Option<String>> {
    let outcome = serde_json::to_value(outcome)?;
    let resources = outcome.as_object().into_iter().flat_map(|answer| answer.values());
    Ok(resources.filter_map(|resource| resource["id"].as_str()).next().map(str::to_owned))
}
