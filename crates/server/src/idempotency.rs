//! Idempotency: a POST may name itself in the header `Idempotency-Key`. Whatever it changes is changed once, however
//! often it arrives within a day: its answer is kept by the transaction that makes the change, and given again.
//!
//! The name belongs to the caller's key in one app; of who exchanges a code, to the OAuth client. A refusal is not kept:
//! it changed nothing. Of a body that is streamed, the handler says by a hash what it was.

use crate::{
    error::{Error, Result},
    state::State,
    vault::{Place, Vault},
};
use heliograph_store::{Error as StoreError, Row, Tx, args, clock};
use heliograph_wire::{op::Operation, path::PathParams};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Names a request.
const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How many characters a name may have.
const MAX_NAME: usize = 255;
/// How many are cleared away in one transaction.
const BATCH: i64 = 500;
/// How long an answer is kept, in milliseconds.
const KEPT_MS: i64 = 24 * 3600 * 1000;
/// How often answers that have had their time are cleared away.
const SWEEP: Duration = Duration::from_secs(600);

/// The name that a request gives itself, if it does; only a POST needs one.
pub fn name<O: Operation>(headers: &HeaderMap) -> Result<Option<&str>> {
    if O::METHOD != Method::POST {
        return Ok(None);
    }
    let mut given = headers.get_all(NAME).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=MAX_NAME).contains(&text.len()));
    match (text, given.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => Err(Error::invalid(format!("Idempotency-Key should be one text of 1 to {MAX_NAME} ASCII characters"))),
    }
}

/// A request that named itself.
pub struct Once {
    app: String,
    caller: String,
    name: String,
    /// Of all that is asked, save a body that is not read before its handler reads it.
    asked: String,
    /// Of such a body.
    streamed: OnceLock<String>,
    replayed: AtomicBool,
}

impl Once {
    /// From the name, who calls (by a key's or an OAuth client's id), and all that is asked.
    pub fn new<O: Operation>(
        name: &str,
        caller: &str,
        path: &O::Path,
        query: &O::Query,
        body: &O::Body,
    ) -> Result<Self> {
        let asked = serde_json::to_vec(&(O::ID, path.write(), query, body))?;
        let app = path.app_id().map(|app| app.to_string()).unwrap_or_default();
        Ok(Self {
            app,
            caller: caller.to_owned(),
            name: digest(name.as_bytes()),
            asked: digest(&asked),
            streamed: OnceLock::new(),
            replayed: AtomicBool::new(false),
        })
    }

    /// Says what was in the body that the handler read: this is a hash of it.
    pub fn read(&self, body: &[u8]) {
        // A request has one body.
        let _ = self.streamed.set(hexadecimal(body));
    }

    /// Whether an answer is kept under this name, to whatever request.
    pub fn is_taken(&self, tx: &Tx<'_>) -> Result<bool> {
        Ok(self.row(tx)?.is_some())
    }

    fn fingerprint(&self) -> String {
        match self.streamed.get() {
            Some(body) => digest([self.asked.as_str(), body].join(" ").as_bytes()),
            None => self.asked.clone(),
        }
    }

    /// Says so in an answer that was given before.
    pub fn mark(&self, headers: &mut HeaderMap) {
        if self.replayed.load(Ordering::Relaxed) {
            headers.insert(REPLAYED, const { HeaderValue::from_static("true") });
        }
    }

    /// Runs a rule, unless it ran for this request before: then its outcome of that time.
    pub fn run<T>(&self, tx: &mut Tx<'_>, vault: &Vault, rule: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let known = self.find(tx, vault)?;
        // Not just set: the transaction may be running again.
        self.replayed.store(known.is_some(), Ordering::Relaxed);
        if let Some(known) = known {
            return Ok(known);
        }
        let outcome = rule(tx)?;
        self.keep(tx, vault, &serde_json::to_string(&outcome)?)?;
        Ok(outcome)
    }

    fn find<T: DeserializeOwned>(&self, tx: &Tx<'_>, vault: &Vault) -> Result<Option<T>> {
        let Some(row) = self.row(tx)? else { return Ok(None) };
        if row.text(0)? != self.fingerprint() {
            return Err(Error::Reused);
        }
        let place = Place { table: "idempotency", app: &self.app, row: &self.place() };
        Ok(Some(serde_json::from_str(&vault.open(tx, place, row.text(1)?)?)?))
    }

    fn place(&self) -> String {
        [self.caller.as_str(), &self.name].join(" ")
    }

    // ---- Rows

    /// What is kept under this name, if its time is not over.
    fn row(&self, tx: &Tx<'_>) -> Result<Option<Row>> {
        let rows = tx.query(
            "SELECT fingerprint, answer FROM idempotency
             WHERE app_id = $1 AND caller = $2 AND name = $3 AND expires_at > $4",
            args![&self.app, &self.caller, &self.name, tx.now()],
        )?;
        Ok(rows.into_iter().next())
    }

    fn keep(&self, tx: &mut Tx<'_>, vault: &Vault, outcome: &str) -> Result<()> {
        let place = Place { table: "idempotency", app: &self.app, row: &self.place() };
        let (sealed, now) = (vault.seal(tx, place, outcome)?, tx.now());
        let kept = tx.execute(
            "INSERT INTO idempotency (app_id, caller, name, fingerprint, answer, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (app_id, caller, name) DO UPDATE
             SET fingerprint = $4, answer = $5, expires_at = $6 WHERE idempotency.expires_at <= $7",
            args![&self.app, &self.caller, &self.name, &self.fingerprint(), &sealed, now + KEPT_MS, now],
        )?;
        // Somebody else asked the same just now: run again, and find their answer.
        if kept == 0 { Err(StoreError::Contention.into()) } else { Ok(()) }
    }
}

fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Clears answers away that have had their time, until it is told to stop.
pub async fn run(state: State, stop: CancellationToken) {
    loop {
        if let Err(error) = sweep(state, &stop).await {
            tracing::warn!(%error, "old answers could not be cleared away; that is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// In small transactions: others wait for each of them.
async fn sweep(state: State, stop: &CancellationToken) -> Result<()> {
    let now = clock::now_ms();
    while !stop.is_cancelled()
        && let Some(end) = state.store.read(move |tx| end_of_batch(tx, now)).await?
    {
        let clear = move |tx: &mut Tx<'_>| -> Result<u64> {
            Ok(tx.execute("DELETE FROM idempotency WHERE expires_at <= $1", args![end])?)
        };
        state.store.write(clear).await?;
    }
    Ok(())
}

/// When the last of the answers had its time that are cleared away together; none if none had.
fn end_of_batch(tx: &Tx<'_>, now: i64) -> Result<Option<i64>> {
    let rows = tx.query(
        "SELECT MAX(old.expires_at) FROM
             (SELECT expires_at FROM idempotency WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AS old",
        args![now, BATCH],
    )?;
    Ok(rows.first().map(|row| row.opt_int(0)).transpose()?.flatten())
}
