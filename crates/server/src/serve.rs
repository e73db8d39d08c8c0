//! A server's life: opening what it keeps, answering, draining.

use crate::{
    attachments::{self, Files},
    audit,
    auth::KeyCache,
    blobs::Blobs,
    client_address::Proxies,
    delivery::{self, Dispatcher, sweep},
    edge::Edge,
    failures::Failures,
    first_key::{self, FirstKey},
    idempotency,
    key_uses::{self, KeyUses},
    key_watch,
    limits::Limits,
    master_key::open_vault,
    metrics::Metrics,
    migrations,
    oauth::removal,
    open_files::OpenFiles,
    page_cache::PageCache,
    retention::{self, Bell},
    router::Router,
    settings::{Settings, StartError},
    state::{Parts, Public, State},
    vault::Vault,
    webhook_signing,
};
use heliograph_http::{Outbound, OutboundOptions, parse_target};
use heliograph_store::Store;
use std::{
    fs::DirBuilder,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How long the end waits for each thing that has still to reach a database, which may not answer any more.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// What a server tells once it answers.
pub struct Started {
    /// Where it answers.
    pub url: String,
    /// The first credential, if it was made just now.
    pub first_key: Option<FirstKey>,
    /// What an operator should know.
    pub notes: Vec<String>,
}

/// Runs a server until `stop` is cancelled and it has drained. `started` is called once it answers. It is no generic
/// parameter, so that all that serves requests is compiled here, to be fast, and not with whoever calls this.
pub async fn serve(settings: Settings, stop: CancellationToken, started: fn(&Started)) -> Result<(), StartError> {
    check_public_url(&settings)?;
    let open_files = OpenFiles::raise(settings.postgres_connections)?;
    let failed = |error| StartError::Listen { address: settings.listen.clone(), error };
    let listener = TcpListener::bind(&settings.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // What can be refused of the settings is, before anything is made by them.
    let reach = reach(&settings, &open_files, address)?;
    create_folder(&settings.data)?;
    let files = Files::new(Blobs::open(&settings)?);
    let (options, master_key) = (settings.store_options(true), settings.master_key_source());
    let opening = tokio::task::spawn_blocking(move || Store::open(&options, migrations::ALL));
    let store = opening.await.map_err(|error| StartError::Database(error.to_string()))??;
    let vault = Arc::new(open_vault(&store, master_key).await?);
    let first_key = first_key::make(&store, &vault, settings.key_mode, &settings.data).await?;
    let vault = Arc::into_inner(vault).ok_or_else(|| StartError::Database("the vault is in use".to_owned()))?;
    let (state, mut notes) = assemble(&settings, reach, store.clone(), vault, files, stop.clone());
    notes.extend(first_key::note(&store, first_key.as_ref(), &settings.data).await?);
    webhook_signing::complete(state).await?;
    Dispatcher::prepare(state).await?;
    // Where it listens, not the public address: with port 0 only this line tells which port it is.
    let url = format!("http://{address}");
    let edge = Edge::lasting(state, Router::new());
    let answer = |request, peer| edge.answer(request, peer);
    let door = heliograph_http::serve(listener, answer, open_files.door(), stop.clone());
    let last_request = CancellationToken::new();
    let (door, delivery) = (tokio::spawn(door), tokio::spawn(Dispatcher::run(state, last_request.clone())));
    let mut beside = background(state, settings.audit_time, &stop);
    let OpenFiles { allowed, connections, calls } = open_files;
    tracing::info!(allowed, connections, calls, "open files");
    tracing::info!(%address, "listening");
    notes.iter().for_each(|note| tracing::warn!("{note}"));
    started(&Started { url, first_key, notes });
    // Delivery goes on until the last request is answered: it may still cause events. A task ends early only by a
    // panic, which is in the log.
    let _ = door.await;
    at_last("what goes on beside requests", async { while beside.join_next().await.is_some() {} }).await;
    last_request.cancel();
    let _ = delivery.await;
    attachments::finish(state).await;
    at_last("the last uses of keys", key_uses::flush(state)).await;
    let closing = tokio::task::spawn_blocking(move || store.close());
    let closed = at_last("closing the database", closing).await;
    tracing::info!("stopped");
    closed.unwrap_or(Ok(())).map_err(|error| StartError::Database(error.to_string()))
}

/// What comes of something at the end, if it comes in time.
async fn at_last<T>(what: &str, ending: impl Future<Output = T>) -> Option<T> {
    let ended = tokio::time::timeout(LAST_WRITES, ending).await.ok();
    if ended.is_none() {
        tracing::warn!(what, "stopping without waiting any longer: the database does not answer");
    }
    ended
}

/// What goes on beside the requests, until the server is told to stop.
fn background(state: State, audit_time: Option<Duration>, stop: &CancellationToken) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(attachments::run(state, stop.clone()));
    tasks.spawn(idempotency::run(state, stop.clone()));
    tasks.spawn(key_uses::run(state, stop.clone()));
    tasks.spawn(key_watch::run(state, stop.clone()));
    tasks.spawn(sweep::run(state, stop.clone()));
    tasks.spawn(removal::run(state, stop.clone()));
    tasks.spawn(retention::run(state, stop.clone()));
    if let Some(time) = audit_time {
        tasks.spawn(audit::run(state, time, stop.clone()));
    }
    tasks
}

fn check_public_url(settings: &Settings) -> Result<(), StartError> {
    let Some(url) = &settings.public_url else { return Ok(()) };
    let refused = |rule| Err(StartError::Setting(format!("the public URL {rule}")));
    match parse_target(url) {
        // Paths are put behind it.
        Ok(_) if url.contains(['?', '#']) => refused("should end with its host or a path"),
        Ok(_) => Ok(()),
        Err(rule) => refused(rule),
    }
}

/// How the server reaches addresses that others name, and what an operator should know of that.
struct Reach {
    outbound: Outbound,
    /// Whether the server is for its own machine alone.
    alone: bool,
    /// How many connections may be open.
    connections: usize,
    notes: Vec<String>,
}

fn reach(settings: &Settings, open_files: &OpenFiles, address: SocketAddr) -> Result<Reach, StartError> {
    let mut notes = Vec::from_iter(open_files.note());
    // A server behind a proxy listens on loopback too; its public address tells that it is not for this machine alone.
    let alone = address.ip().is_loopback() && settings.public_url.is_none();
    if alone && settings.allow_private_targets.is_none() {
        notes.push("webhooks may name private addresses, because this server listens on loopback alone".to_owned());
    }
    let proxy = settings.proxy()?;
    if let Some(proxy) = &proxy {
        notes.push(format!(
            "webhooks are called by the proxy {}, which judges what their names lead to",
            proxy.address()
        ));
    }
    let outbound = Outbound::new(OutboundOptions {
        allow_private: settings.allow_private_targets.unwrap_or(alone),
        proxy,
        max_connections: open_files.calls,
        // One target's calls often end and begin together: each finds a connection then.
        max_idle_per_host: delivery::MAX_CALLS_OF_ONE,
        user_agent: concat!("Heliograph/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..OutboundOptions::default()
    });
    if let Some(url) = &settings.public_url {
        notes.push(format!("clients reach it, and links begin with, {url}"));
    }
    Ok(Reach { outbound, alone, connections: open_files.calls, notes })
}

fn assemble(
    settings: &Settings,
    reach: Reach,
    store: Store,
    vault: Vault,
    files: Files,
    stopping: CancellationToken,
) -> (State, Vec<String>) {
    let Reach { outbound, alone, connections, notes } = reach;
    let node = heliograph_wire::id::EventId::new(heliograph_store::fresh_id()).to_string();
    let public = Public {
        url: settings.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        cors_origins: settings.cors_origins.clone(),
        explains: settings.explain_refusals.unwrap_or(alone),
        metrics_token: settings.metrics_token.clone(),
        document: OnceLock::new(),
        reference: OnceLock::new(),
    };
    let dispatcher = Dispatcher::new(outbound.clone(), settings.delivery_options(connections), node, store.engine());
    let (keys, metrics) = (KeyCache::default(), Metrics::default());
    let (retention, removals, key_watch) = (Bell::default(), Notify::new(), Notify::new());
    let limits = Limits::new(settings.rate_limit_key, settings.rate_limit_app);
    let parts = Parts {
        store,
        vault,
        keys,
        dispatcher,
        outbound,
        limits,
        pages: PageCache::default(),
        retention,
        removals,
        key_watch,
        files,
        proxies: Proxies::new(settings.trusted_proxies.clone()),
        failures: Failures::new(settings.failure_limit_address, settings.failure_limit_key),
        uses: KeyUses::default(),
        key_mode: settings.key_mode,
        metrics,
        stopping,
        public,
    };
    (parts.lasting(), notes)
}

/// Makes a folder that only its owner may enter.
pub(crate) fn create_folder(path: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| StartError::File { path: path.to_owned(), error })
}
