//! The vault: secrets at rest.
//!
//! Each app has a random data key, sealed under a key that is derived from the master key; secrets are sealed under the
//! data key of their app. Every seal is bound to the place it stands in, so that a sealed text moved elsewhere does not
//! open. A database without its master key tells nothing; a new master key means sealing one row per app anew.
//!
//! Secrets are sealed, not hashed: the contract shows them again, webhooks send them, and for one longer than 64 bytes
//! its SHA-256 would be the signing key itself.

use crate::{
    error::{Error, Result},
    master_key::Source,
    settings::StartError,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use heliograph_store::{Tx, args};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use zeroize::Zeroizing;

/// How many random bytes a key's secret has; it is printed in base64url without padding: 86 characters.
pub const SECRET_BYTES: usize = 64;
const NONCE_BYTES: usize = 24;

/// Seals and opens secrets.
pub struct Vault {
    source: Source,
    wrappings: RwLock<Vec<Wrapping>>,
    data: RwLock<HashMap<String, Arc<AppKeys>>>,
}

/// What follows from the data key of an app.
struct AppKeys {
    /// Seals its secrets.
    seal: XChaCha20Poly1305,
    /// Authenticates its audit log. Without its bytes, nobody continues that log.
    chain: Hmac<Sha256>,
}

/// What follows from a master key: it seals data keys.
#[derive(Clone)]
pub struct Wrapping {
    /// Tells it from others, and nothing else of it.
    pub id: String,
    cipher: XChaCha20Poly1305,
}

impl Wrapping {
    /// From the master key.
    pub fn new(master: &[u8; 32]) -> Self {
        let id = expanded(master, b"heliograph master key id 1");
        let id = id[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let wrapping = expanded(master, b"heliograph data keys 1");
        Self { id, cipher: XChaCha20Poly1305::new((&*wrapping).into()) }
    }

    /// Seals the data key of an app, with the id of this key before it.
    fn seal(&self, app: &str, key: &[u8], nonce: [u8; NONCE_BYTES]) -> Result<String> {
        Ok([self.id.as_str(), &seal(&self.cipher, Vault::own_place(app), key, nonce)?].join("."))
    }
}

/// Where a secret stands: table, app and row. It opens nowhere else.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The app, or '' for the server itself.
    pub app: &'a str,
    /// The row.
    pub row: &'a str,
}

impl Place<'_> {
    fn bytes(self) -> Vec<u8> {
        // None of the three holds the separator.
        [self.table, self.app, self.row].join("\n").into_bytes()
    }
}

impl Vault {
    /// A vault under the master keys of this source.
    pub fn new(source: Source) -> Result<Self, StartError> {
        let vault = Self { source, wrappings: RwLock::default(), data: RwLock::default() };
        vault.reload()?;
        Ok(vault)
    }

    /// Reads the source of master keys again.
    pub fn reload(&self) -> Result<(), StartError> {
        let read = self.source.read()?.iter().map(|key| Wrapping::new(key)).collect();
        *self.wrappings.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// The newest master key.
    pub fn newest(&self) -> Wrapping {
        // No source is without a key: it would have been refused when it was read.
        self.wrappings.read().unwrap_or_else(PoisonError::into_inner)[0].clone()
    }

    /// The ids of all master keys, newest first.
    pub fn master_ids(&self) -> Vec<String> {
        self.wrappings.read().unwrap_or_else(PoisonError::into_inner).iter().map(|one| one.id.clone()).collect()
    }

    /// The master key with this id. One that is not known was made since: then the source is read again, which happens
    /// once for each new key.
    fn wrapping(&self, id: &str) -> Result<Wrapping> {
        let known = || {
            let all = self.wrappings.read().unwrap_or_else(PoisonError::into_inner);
            all.iter().find(|one| one.id == id).cloned()
        };
        if let Some(found) = known() {
            return Ok(found);
        }
        self.reload().map_err(|error| Error::Internal(error.to_string()))?;
        known().ok_or_else(|| Error::Internal(format!("a data key needs the master key {id}, which is not given")))
    }

    /// Seals the data key of an app under another master key.
    pub fn rewrap(&self, tx: &mut Tx<'_>, app: &str, under: &Wrapping) -> Result<()> {
        let key = self.unwrap(tx, app)?.1;
        let wrapped = under.seal(app, key.as_ref(), tx.random())?;
        tx.execute("UPDATE data_key SET wrapped = $2 WHERE app_id = $1", args![app, &wrapped])?;
        Ok(())
    }

    /// The data key of an app, and the master key it is sealed under.
    fn unwrap(&self, tx: &Tx<'_>, app: &str) -> Result<(Wrapping, Zeroizing<Vec<u8>>)> {
        let rows = tx.query("SELECT wrapped FROM data_key WHERE app_id = $1", args![app])?;
        let row = rows.first().ok_or_else(|| Error::Internal("an app has no data key".into()))?;
        let strange = || Error::Internal("a data key does not say which master key it needs".into());
        let (id, sealed) = row.text(0)?.split_once('.').ok_or_else(strange)?;
        let wrapping = self.wrapping(id)?;
        let key = open(&wrapping.cipher, Self::own_place(app), sealed)?;
        Ok((wrapping, key))
    }

    /// Makes the data key of a new app.
    pub fn create(&self, tx: &mut Tx<'_>, app: &str) -> Result<()> {
        let key = Zeroizing::new(tx.random::<32>());
        // The one that is in use, which is not the newest one until a rotation has begun.
        let wrapping = if app.is_empty() { self.newest() } else { self.unwrap(tx, "")?.0 };
        let wrapped = wrapping.seal(app, key.as_ref(), tx.random())?;
        tx.append(
            "INSERT INTO data_key (app_id, wrapped, created_at) VALUES ($1, $2, $3)",
            args![app, &wrapped, tx.now()],
        )?;
        // Not kept in memory yet: this transaction may still roll back.
        Ok(())
    }

    /// Seals a secret of an app.
    pub fn seal(&self, tx: &Tx<'_>, place: Place<'_>, secret: &str) -> Result<String> {
        seal(&self.data_key(tx, place.app)?.seal, place, secret.as_bytes(), tx.random())
    }

    /// Opens what was sealed in the same place.
    pub fn open(&self, tx: &Tx<'_>, place: Place<'_>, sealed: &str) -> Result<Zeroizing<String>> {
        let plain = open(&self.data_key(tx, place.app)?.seal, place, sealed)?;
        let text = String::from_utf8(plain.to_vec()).map_err(|_| Error::Internal("a secret is not text".into()))?;
        Ok(Zeroizing::new(text))
    }

    /// A code over these parts that only this server can make, in base64url.
    pub fn authenticate(&self, tx: &Tx<'_>, app: &str, parts: &[&str]) -> Result<String> {
        let mut code = self.data_key(tx, app)?.chain.clone();
        for part in parts {
            // With their lengths, so that nothing moves from one part to its neighbour.
            code.update(&(part.len() as u64).to_be_bytes());
            code.update(part.as_bytes());
        }
        Ok(BASE64.encode(code.finalize().into_bytes()))
    }

    /// Whether the master key is the one that an app's data key was sealed under.
    pub fn opens(&self, tx: &Tx<'_>, app: &str) -> bool {
        self.data_key(tx, app).is_ok()
    }

    /// Forgets the data key of an app that is gone.
    pub fn forget(&self, app: &str) {
        self.data.write().unwrap_or_else(PoisonError::into_inner).remove(app);
    }

    fn data_key(&self, tx: &Tx<'_>, app: &str) -> Result<Arc<AppKeys>> {
        if let Some(key) = self.data.read().unwrap_or_else(PoisonError::into_inner).get(app) {
            return Ok(Arc::clone(key));
        }
        let key = self.unwrap(tx, app)?.1;
        let key: &[u8; 32] =
            key.as_slice().try_into().map_err(|_| Error::Internal("a data key is too short".into()))?;
        Ok(self.keep(app, key))
    }

    fn keep(&self, app: &str, key: &[u8; 32]) -> Arc<AppKeys> {
        let chain = expanded(key, b"heliograph audit log 1");
        let chain =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(chain.as_ref()).expect("a key of any length will do");
        let keys = Arc::new(AppKeys { seal: XChaCha20Poly1305::new(key.into()), chain });
        let mut data = self.data.write().unwrap_or_else(PoisonError::into_inner);
        data.insert(app.to_owned(), Arc::clone(&keys));
        keys
    }

    const fn own_place(app: &str) -> Place<'_> {
        Place { table: "data_key", app, row: "" }
    }
}

/// A key for one purpose, from one for all.
fn expanded(key: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, key).expand(purpose, out.as_mut()).expect("32 bytes are a length that HKDF gives");
    out
}

/// A fresh secret for a key.
pub fn secret(tx: &Tx<'_>) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(tx.random::<SECRET_BYTES>()))
}

fn seal(key: &XChaCha20Poly1305, place: Place<'_>, plain: &[u8], nonce: [u8; NONCE_BYTES]) -> Result<String> {
    let sealed = key
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &place.bytes() })
        .map_err(|_| Error::Internal("sealing failed".into()))?;
    Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
}

fn open(key: &XChaCha20Poly1305, place: Place<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>> {
    let refused = || Error::Internal(format!("a secret in {} does not open", place.table));
    let bytes = BASE64.decode(sealed).map_err(|_| refused())?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(refused)?;
    key.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &place.bytes() })
        .map(Zeroizing::new)
        .map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { table: "api_key", app: "a", row: "1" };

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let key = XChaCha20Poly1305::new(&[7; 32].into());
        let sealed = seal(&key, HERE, b"secret", [9; 24]).unwrap();
        assert_eq!(open(&key, HERE, &sealed).unwrap().as_slice(), b"secret");
        assert!(open(&key, Place { row: "2", ..HERE }, &sealed).is_err());
        assert!(open(&XChaCha20Poly1305::new(&[8; 32].into()), HERE, &sealed).is_err());
        assert!(!sealed.contains("secret") && open(&key, HERE, "short").is_err());
    }

    #[test]
    fn what_was_changed_in_any_bit_does_not_open() {
        let key = XChaCha20Poly1305::new(&[7; 32].into());
        let sealed = BASE64.decode(seal(&key, HERE, b"secret", [9; 24]).unwrap()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key, HERE, &BASE64.encode(&changed)).is_err(), "{bit}");
        }
        for length in 0..sealed.len() {
            assert!(open(&key, HERE, &BASE64.encode(&sealed[..length])).is_err(), "{length}");
        }
    }
}
