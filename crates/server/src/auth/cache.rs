//! Keys in memory, so that a request costs no look-up: believed for a second, forgotten at once when deleted here.

use super::{
    KeyKind,
    life::Life,
    token::{Claims, SigningKey, signing_key},
};
use crate::{error::Result, keys, state::Parts};
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
    /// When it was read from the store, in milliseconds since 1970.
    pub read_at: i64,
    /// How many deletions there had been then.
    pub deletions: u64,
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
            read_at: 0,
            deletions: 0,
        }
    }
}

/// A token whose signature was verified, and what it claims. It counts for as long as the very record of its key that it
/// was held against is believed; this does not prolong the life of that record, and of its secret.
struct Genuine {
    /// All of it before its signature.
    signed: String,
    key: Weak<Key>,
    claims: Claims,
}

/// The keys in memory.
pub struct KeyCache {
    entries: RwLock<HashMap<String, Arc<Key>>>,
    /// By their signatures, which no two have in common. The table's own hash is keyed with randomness of this process, so
    /// the time that a look-up takes tells nothing of a token that is like one in it.
    tokens: RwLock<HashMap<String, Genuine>>,
    /// Ids that were asked for and are no key's, and when: so that they cost what known ones cost.
    unknown: RwLock<HashMap<String, i64>>,
    /// What is checked in the place of a key that is not there.
    decoy: Arc<Key>,
    /// Counts deletions: what was read before one is not believed after it.
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

    /// Whether what was read of a key is still to be gone by.
    fn believes(&self, key: &Key, now: i64) -> bool {
        (0..BELIEVED_MS).contains(&(now - key.read_at)) && key.deletions == self.deletions.load(Ordering::Acquire)
    }

    fn fresh(&self, id: &str, now: i64) -> Option<Arc<Key>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(id).filter(|key| self.believes(key, now)).map(Arc::clone)
    }

    fn keep(&self, key: &Arc<Key>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_KEYS {
            entries.clear();
        }
        entries.insert(key.id.clone(), Arc::clone(key));
    }

    /// The key of a token that was verified a moment ago, and what `check` says of its claims. What changes with time is
    /// still to be checked: the token's, and the key's.
    pub fn genuine<T>(&self, token: &str, now: i64, check: impl FnOnce(&Claims) -> T) -> Option<(Arc<Key>, T)> {
        let (signed, signature) = token.rsplit_once('.')?;
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let genuine = tokens.get(signature).filter(|genuine| genuine.signed == signed)?;
        let key = genuine.key.upgrade().filter(|key| self.believes(key, now))?;
        Some((key, check(&genuine.claims)))
    }

    /// Remembers a token that was found in order, and that this record of its key has signed.
    pub fn keep_genuine(&self, token: &str, key: &Arc<Key>, claims: Claims) {
        let Some((signed, signature)) = token.rsplit_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES) else {
            return;
        };
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        let (signed, key) = (signed.to_owned(), Arc::downgrade(key));
        tokens.insert(signature.to_owned(), Genuine { signed, key, claims });
    }

    /// Forgets everything: some key was deleted.
    pub fn forget_all(&self) {
        self.deletions.fetch_add(1, Ordering::AcqRel);
        self.entries.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Parts {
    /// The key with this id.
    pub async fn find_key(&'static self, id: &str) -> Result<Option<Arc<Key>>> {
        let Some(kind) = KeyKind::of(id) else { return Ok(None) };
        let now = clock::now_ms();
        if let Some(key) = self.keys.fresh(id, now) {
            return Ok(Some(key));
        }
        if self.keys.is_unknown(id, now) {
            return Ok(None);
        }
        let deletions = self.keys.deletions.load(Ordering::Acquire);
        let wanted = id.to_owned();
        let found = self.store.read(move |tx| keys::load(tx, self, &wanted, kind)).await?;
        let found = found.map(|key| Arc::new(Key { read_at: now, deletions, ..key }));
        match &found {
            Some(key) => self.keys.keep(key),
            None => self.keys.keep_unknown(id, now),
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(read_at: i64, deletions: u64) -> Arc<Key> {
        let secret = Zeroizing::new("s".repeat(86));
        Arc::new(Key { read_at, deletions, ..Key::new("app_1".to_owned(), KeyKind::App, secret) })
    }

    fn claims() -> Claims {
        serde_json::from_value(json!({ "scope": "app" })).unwrap()
    }

    #[test]
    fn what_was_read_is_believed_for_a_moment() {
        let (keys, key) = (KeyCache::default(), key(1000, 0));
        keys.keep(&key);
        keys.keep_genuine("head.body.signature", &key, claims());
        for (now, believed) in [(999, false), (1000, true), (1000 + BELIEVED_MS - 1, true), (1000 + BELIEVED_MS, false)]
        {
            assert_eq!(keys.fresh("app_1", now).is_some(), believed, "{now}");
            assert_eq!(keys.genuine("head.body.signature", now, |_| ()).is_some(), believed, "{now}");
        }
        assert!(keys.genuine("other.body.signature", 1000, |_| ()).is_none(), "a signature is good for its own token");
        assert!(keys.genuine("head.body.other", 1000, |_| ()).is_none());
    }

    /// Whoever was at it when a key was deleted keeps what they had read of it. Nobody believes that.
    #[test]
    fn what_was_read_before_a_deletion_is_not_believed_after_it() {
        let (keys, before) = (KeyCache::default(), key(1000, 0));
        keys.forget_all();
        keys.keep(&before);
        keys.keep_genuine("head.body.signature", &before, claims());
        assert!(keys.fresh("app_1", 1000).is_none());
        assert!(keys.genuine("head.body.signature", 1000, |_| ()).is_none());
        let after = key(1000, 1);
        keys.keep(&after);
        assert!(keys.fresh("app_1", 1000).is_some());
    }
}
