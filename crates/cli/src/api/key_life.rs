//! `heliograph keys show`, `rotate`, `disable`, …: the life of any key, named by its id alone.

use crate::{
    output::{self, Outcome},
    token::{Expiry, expiry},
};
use clap::Args;
use heliograph_client::{Client, Error, key_life::*, patch::Patch, prelude::*, time::Timestamp};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NONE: Nothing = Nothing {};

/// A key of any kind.
#[derive(Args)]
pub struct AnyKey {
    /// The id of the key: act_…, svc_…, app_… or int_….
    // An id of its own: under `key_id` it would be taken for the global flag --key-id, the caller's credential.
    #[arg(id = "key", value_name = "KEY_ID", value_parser = key_id)]
    id: String,
}

/// How a key is rotated.
#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    key: AnyKey,
    /// For how long the old secret goes on to work: a number with s, m, h or d after it, or 0. At most 90d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = grace)]
    grace: Duration,
}

/// When a key ends.
#[derive(Args)]
pub struct Expire {
    #[command(flatten)]
    key: AnyKey,
    /// In how much time: a number with s, m, h or d after it, or `never`.
    #[arg(long = "in", value_name = "TIME", value_parser = expiry, required_unless_present = "at", conflicts_with = "at")]
    within: Option<Expiry>,
    /// At which moment, such as 2030-01-31T00:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    at: Option<Timestamp>,
}

/// What a key is limited to. What is not named stays; `any` takes a limit away.
#[derive(Args)]
pub struct Limit {
    #[command(flatten)]
    key: AnyKey,
    /// An address or a range of them that it may be used from. May be given several times; `any` for all.
    #[arg(long = "address", value_name = "CIDR", value_delimiter = ',')]
    addresses: Vec<String>,
    /// An operation that it may call, by its operationId. May be given several times; `any` for all of its scope.
    #[arg(long = "operation", value_name = "NAME", value_delimiter = ',')]
    operations: Vec<String>,
    /// How often it may ask: 50/s, 1000/m or 20000/h; `any` for no limit of its own.
    #[arg(long, value_name = "COUNT/UNIT")]
    rate: Option<String>,
    /// How long a token signed with it may be valid: a number with s, m, h or d after it; `never` for no limit.
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    token_lifetime: Option<Expiry>,
}

impl AnyKey {
    fn path(&self) -> KeyPath {
        KeyPath { key_id: self.id.clone() }
    }

    /// Shows its life.
    pub async fn show(self, client: &Client, json: bool) -> Outcome {
        print(json, &client.send::<GetKey>(&self.path(), &NONE, &NONE).await?.decode()?)
    }

    /// Has it refused, or taken again.
    pub async fn enable(self, client: &Client, json: bool, enabled: bool) -> Outcome {
        print(json, &self.update(client, KeyUpdate { enabled: Some(enabled), ..KeyUpdate::default() }).await?)
    }

    async fn update(&self, client: &Client, body: KeyUpdate) -> Result<Value, Error> {
        client.send::<UpdateKey>(&self.path(), &NONE, &body).await?.decode()
    }
}

impl Rotate {
    /// Gives the key a new secret and prints it.
    pub async fn call(self, client: &Client, json: bool) -> Outcome {
        let grace_seconds = i64::try_from(self.grace.as_secs()).ok();
        let answer = client.send::<RotateKey>(&self.key.path(), &NONE, &Rotation { grace_seconds }).await?;
        let answer: Value = answer.decode()?;
        output::record(json, &answer, &answer)
    }
}

impl Expire {
    /// Says when the key ends.
    pub async fn call(self, client: &Client, json: bool) -> Outcome {
        let end = match (self.at, self.within) {
            (Some(moment), _) => Patch::Set(moment),
            (None, Some(Expiry(Some(time)))) => Patch::Set(after(time)?),
            (None, _) => Patch::Clear,
        };
        print(json, &self.key.update(client, KeyUpdate { expires_at: end, ..KeyUpdate::default() }).await?)
    }
}

impl Limit {
    /// Changes what the key is limited to.
    pub async fn call(self, client: &Client, json: bool) -> Outcome {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let limits = KeyLimitsUpdate {
            allowed_addresses: list(self.addresses),
            allowed_operations: list(self.operations),
            rate_limit: match self.rate.as_deref() {
                None => Patch::Keep,
                Some("any") => Patch::Clear,
                Some(rate) => Patch::Set(rate.to_owned()),
            },
            max_token_seconds: match self.token_lifetime {
                None => Patch::Keep,
                Some(Expiry(time)) => time.map_or(Patch::Clear, |time| Patch::Set(seconds(time))),
            },
        };
        print(json, &self.key.update(client, KeyUpdate { limits: Some(limits), ..KeyUpdate::default() }).await?)
    }
}

fn list(given: Vec<String>) -> Patch<Vec<String>> {
    match given.as_slice() {
        [] => Patch::Keep,
        [any] if any == "any" => Patch::Clear,
        _ => Patch::Set(given),
    }
}

fn print(json: bool, answer: &Value) -> Outcome {
    output::record(json, answer, &answer["key"])
}

#[expect(clippy::disallowed_methods, reason = "what a person says of now is said by this machine's clock")]
fn after(time: Duration) -> Result<Timestamp, &'static str> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment =
        i64::try_from(now.saturating_add(time).as_millis()).ok().map(Timestamp).filter(|moment| moment.can_be_told());
    moment.ok_or("that is after the year 9999: say never")
}

fn key_id(text: &str) -> Result<String, String> {
    let wrong = "not the id of a key: expected act_, svc_, app_ or int_ and 24 hexadecimal digits";
    if is_key_id(text) { Ok(text.to_owned()) } else { Err(wrong.to_owned()) }
}

fn grace(text: &str) -> Result<Duration, String> {
    match expiry(text) {
        _ if text == "0" => Ok(Duration::ZERO),
        Ok(Expiry(Some(time))) => Ok(time),
        _ => Err("a number with s, m, h or d after it, such as 24h, or 0".to_owned()),
    }
}
