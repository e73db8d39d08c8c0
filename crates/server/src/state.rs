//! What every request may reach for. There is no other: two servers in one process do not meet.

use crate::{
    attachments::Files, auth::KeyCache, client_address::Proxies, delivery::Dispatcher, failures::Failures,
    key_uses::KeyUses, limits::Limits, metrics::Metrics, page_cache::PageCache, retention::Bell, vault::Vault,
};
use bytes::Bytes;
use heliograph_http::Outbound;
use heliograph_store::Store;
use heliograph_wire::{key_life::KeyMode, openapi};
use std::sync::OnceLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What every request may reach for. A server has one, and it stays for as long as the program runs: nobody has to count
/// who holds it, which two processors that answer requests would do to each other's loss.
pub type State = &'static Parts;

/// The parts of [`State`].
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Secrets at rest.
    pub vault: Vault,
    /// Credentials in memory.
    pub keys: KeyCache,
    /// Who delivers webhooks.
    pub dispatcher: Dispatcher,
    /// The client for addresses that other people name.
    pub outbound: Outbound,
    /// How often one may ask.
    pub limits: Limits,
    /// Pages of messages in memory.
    pub pages: PageCache,
    /// Who deletes old messages.
    pub retention: Bell,
    /// Who tells partners that they are out.
    pub removals: Notify,
    /// Who tells that the end of a key is near.
    pub key_watch: Notify,
    /// Uploaded files.
    pub files: Files,
    /// Which proxies are believed.
    pub proxies: Proxies,
    /// Failed attempts to be let in.
    pub failures: Failures,
    /// Last uses of keys.
    pub uses: KeyUses,
    /// How secrets are shown and made, where an app does not say.
    pub key_mode: KeyMode,
    /// What is counted.
    pub metrics: Metrics,
    /// Cancelled when the server begins to stop: who waits for something to happen answers what there is.
    pub stopping: CancellationToken,
    /// How the server presents itself.
    pub public: Public,
}

/// How the server presents itself over HTTP.
#[derive(Default)]
pub struct Public {
    /// The address that answers name in links; by default the one the caller used.
    pub url: Option<String>,
    /// The origins whose pages may call; `*` for any.
    pub cors_origins: Vec<String>,
    /// Whether strangers are told precisely why they are refused.
    pub explains: bool,
    /// What a reader of the metrics must show.
    pub metrics_token: Option<String>,
    /// The OpenAPI document, once somebody has asked for it.
    pub document: OnceLock<Bytes>,
    /// The same, taken apart, once somebody has asked for what is made of it.
    pub reference: OnceLock<serde_json::Value>,
}

impl Public {
    /// The OpenAPI document, as it is sent.
    pub fn document(&self) -> &Bytes {
        self.document.get_or_init(|| openapi::document(self.url.as_deref().unwrap_or("/")).to_string().into())
    }
}

impl Parts {
    /// Puts them where they stay.
    pub fn lasting(self) -> State {
        Box::leak(Box::new(self))
    }
}
