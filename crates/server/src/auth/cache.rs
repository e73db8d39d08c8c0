//! Keys in memory, so that a request costs no look-up: believed for a second, forgotten at once when deleted here.

use super::{
    KeyKind,
    token::{SigningKey, signing_key},
};
use crate::{error::Result, keys, state::State};
use heliograph_store::clock;
use heliograph_wire::id::{AppId, IntegrationId};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};
use zeroize::Zeroizing;

/// For how long a key is believed without asking the store: how late another node may hear of a deletion.
const BELIEVED_MS: i64 = 500;
/// How many keys are held at most. Past it all are dropped: refilling is cheap, and this many are never busy at once.
const MAX_KEYS: usize = 20_000;

/// A key, ready to check credentials with.
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: KeyKind,
    /// The app it is bound to.
    pub app: Option<AppId>,
    /// The integration it is bound to.
    pub integration: Option<IntegrationId>,
    /// The service account it belongs to.
    pub service_account: Option<String>,
    /// The OAuth client whose access tokens it signs.
    pub oauth_client: Option<String>,
    /// Its secret.
    pub secret: Zeroizing<String>,
    /// Its secret, ready for signing.
    pub mac: SigningKey,
}

impl Key {
    /// From what the store keeps.
    pub fn new(id: String, kind: KeyKind, secret: Zeroizing<String>) -> Self {
        let mac = signing_key(&secret);
        Self { id, kind, app: None, integration: None, service_account: None, oauth_client: None, secret, mac }
    }
}

#[derive(Clone)]
struct Entry {
    key: Arc<Key>,
    read_at: i64,
}

/// The keys in memory.
#[derive(Default)]
pub struct KeyCache {
    entries: RwLock<HashMap<String, Entry>>,
    /// Counts deletions: what was read before one is not kept after it.
    deletions: AtomicU64,
}

impl KeyCache {
    fn fresh(&self, id: &str, now: i64) -> Option<Arc<Key>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(id).filter(|e| (0..BELIEVED_MS).contains(&(now - e.read_at))).map(|e| Arc::clone(&e.key))
    }

    fn keep(&self, key: &Arc<Key>, read_at: i64, deletions: u64) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if self.deletions.load(Ordering::Acquire) != deletions {
            return;
        }
        if entries.len() >= MAX_KEYS {
            entries.clear();
        }
        entries.insert(key.id.clone(), Entry { key: Arc::clone(key), read_at });
    }

    /// Forgets everything: some key was deleted.
    pub fn forget_all(&self) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.deletions.fetch_add(1, Ordering::AcqRel);
        entries.clear();
    }
}

impl State {
    /// The key with this id.
    pub async fn find_key(&self, id: &str) -> Result<Option<Arc<Key>>> {
        let Some(kind) = KeyKind::of(id) else { return Ok(None) };
        let now = clock::now_ms();
        if let Some(key) = self.keys.fresh(id, now) {
            return Ok(Some(key));
        }
        let deletions = self.keys.deletions.load(Ordering::Acquire);
        let (state, wanted) = (self.clone(), id.to_owned());
        let found = self.store.read(move |tx| keys::load(tx, &state.vault, &wanted, kind)).await?;
        let found = found.map(Arc::new);
        if let Some(key) = &found {
            self.keys.keep(key, now, deletions);
        }
        Ok(found)
    }
}
