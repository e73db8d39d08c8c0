//! Keys in memory, so that a request costs no look-up: believed for a second, forgotten at once when deleted here.

use super::{
    KeyKind,
    life::Life,
    token::{Claims, SigningKey, signing_key},
};
use crate::{error::Result, keys, state::State};
use heliograph_store::clock;
use heliograph_wire::id::{AppId, IntegrationId};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};
use zeroize::Zeroizing;

/// For how long a key is believed without asking the store: how late another node may hear of a deletion.
const BELIEVED_MS: i64 = 500;
/// How many keys are held at most. Past it all are dropped: refilling is cheap, and this many are never busy at once.
const MAX_KEYS: usize = 20_000;

/// How many ids are remembered that are no key's.
const MAX_UNKNOWN: usize = 4096;
/// How many tokens are remembered, and how long they may be.
const MAX_TOKENS: usize = 4096;
const MAX_TOKEN_BYTES: usize = 2048;

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
    /// What its owner decided of it.
    pub life: Life,
    /// When a use of it was last noted; 0 if none was since it was read.
    pub noted_at: AtomicI64,
}

impl Key {
    /// From what the store keeps.
    pub fn new(id: String, kind: KeyKind, secret: Zeroizing<String>) -> Self {
        let mac = signing_key(&secret);
        let (life, noted_at) = (Life::default(), AtomicI64::new(0));
        Self {
            id,
            kind,
            app: None,
            integration: None,
            service_account: None,
            oauth_client: None,
            secret,
            mac,
            life,
            noted_at,
        }
    }
}

#[derive(Clone)]
struct Entry {
    key: Arc<Key>,
    read_at: i64,
}

/// A token whose signature was verified, and what it claims. It counts for as long as the very record of its key that it
/// was held against is believed; this does not prolong the life of that record, and of its secret.
struct Genuine {
    key: Weak<Key>,
    claims: Arc<Claims>,
}

/// The keys in memory.
pub struct KeyCache {
    entries: RwLock<HashMap<String, Entry>>,
    /// By their whole text. The table's own hash is keyed with randomness of this process, so the time that a look-up
    /// takes tells nothing of a token that is like one in it.
    tokens: RwLock<HashMap<String, Genuine>>,
    /// Ids that were asked for and are no key's, and when: so that they cost what known ones cost.
    unknown: RwLock<HashMap<String, i64>>,
    /// What is checked in the place of a key that is not there.
    decoy: Arc<Key>,
    /// Counts deletions: what was read before one is not kept after it.
    deletions: AtomicU64,
}

impl Default for KeyCache {
    fn default() -> Self {
        // As long as a real one. That it is no secret does no harm: what is right about it is not believed.
        let secret = Zeroizing::new("-".repeat(86));
        let decoy = Arc::new(Key::new(String::new(), KeyKind::App, secret));
        Self {
            entries: RwLock::default(),
            tokens: RwLock::default(),
            unknown: RwLock::default(),
            decoy,
            deletions: AtomicU64::default(),
        }
    }
}

impl KeyCache {
    /// What is checked in the place of a key that is not there.
    pub fn decoy(&self) -> Arc<Key> {
        Arc::clone(&self.decoy)
    }

    fn is_unknown(&self, id: &str, now: i64) -> bool {
        let unknown = self.unknown.read().unwrap_or_else(PoisonError::into_inner);
        unknown.get(id).is_some_and(|read_at| (0..BELIEVED_MS).contains(&(now - read_at)))
    }

    fn keep_unknown(&self, id: &str, now: i64) {
        let mut unknown = self.unknown.write().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= MAX_UNKNOWN {
            unknown.clear();
        }
        unknown.insert(id.to_owned(), now);
    }

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

    /// The key and the claims of a token that was verified a moment ago. What changes with time is still to be checked:
    /// the token's, and the key's.
    pub fn genuine(&self, token: &str, now: i64) -> Option<(Arc<Key>, Arc<Claims>)> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let Genuine { key, claims } = tokens.get(token)?;
        let (key, claims) = (key.upgrade()?, Arc::clone(claims));
        drop(tokens);
        self.fresh(&key.id, now).filter(|believed| Arc::ptr_eq(believed, &key)).map(|key| (key, claims))
    }

    /// Remembers a token that was found in order, and that this record of its key has signed.
    pub fn keep_genuine(&self, token: &str, key: &Arc<Key>, claims: Claims) {
        if token.len() > MAX_TOKEN_BYTES {
            return;
        }
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(token.to_owned(), Genuine { key: Arc::downgrade(key), claims: Arc::new(claims) });
    }

    /// Forgets everything: some key was deleted.
    pub fn forget_all(&self) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.deletions.fetch_add(1, Ordering::AcqRel);
        entries.clear();
        drop(entries);
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).clear();
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
        if self.keys.is_unknown(id, now) {
            return Ok(None);
        }
        let deletions = self.keys.deletions.load(Ordering::Acquire);
        let (state, wanted) = (self.clone(), id.to_owned());
        let found = self.store.read(move |tx| keys::load(tx, &state, &wanted, kind)).await?;
        let found = found.map(Arc::new);
        match &found {
            Some(key) => self.keys.keep(key, now, deletions),
            None => self.keys.keep_unknown(id, now),
        }
        Ok(found)
    }
}
