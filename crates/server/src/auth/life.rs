//! What the owner of a key decided of it: whether it may be used, until when, from where, for what.

use super::{
    cache::Key,
    token::{LifetimeRule, SigningKey, Token},
};
use crate::{
    client_address::range,
    error::{Error, Result},
    limits::RateLimit,
};
use heliograph_wire::{
    key_life::{DisabledReason, KeyLimits},
    time::Timestamp,
};
use http::HeaderValue;
use ipnet::IpNet;
use std::net::IpAddr;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// From when on a key's end is told with every answer.
pub const NOTICE_MS: i64 = 14 * 86_400_000;

/// Which of a key's secrets was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The one it has.
    Current,
    /// The one it had before its last rotation.
    Old,
}

/// A secret that was replaced and still works.
pub struct OldSecret {
    /// Its characters.
    pub secret: Zeroizing<String>,
    /// The same, ready for signing.
    pub mac: SigningKey,
    /// Until when it works.
    pub until: i64,
}

/// What the owner of a key decided of it. Most decide nothing: then all of it is absent.
#[derive(Default)]
pub struct Life {
    /// Why it may not be used.
    pub disabled: Option<DisabledReason>,
    /// When it stops to work.
    pub expires_at: Option<i64>,
    /// The secret it had before.
    pub old: Option<Box<OldSecret>>,
    /// What it is limited to.
    pub limits: Option<Box<Limits>>,
    /// Whether its tokens have to expire.
    pub tokens_expire: bool,
}

/// What a key is limited to, ready to be held against requests.
pub struct Limits {
    /// The addresses it may be used from.
    pub addresses: Option<Vec<IpNet>>,
    /// The operations it may call.
    pub operations: Option<Vec<String>>,
    /// How often it may ask.
    pub rate: Option<RateLimit>,
    /// For how many seconds its tokens may be valid.
    pub max_token_seconds: Option<i64>,
}

impl Limits {
    /// From what the store keeps, which was checked when it was said.
    pub fn of(limits: KeyLimits) -> Result<Self> {
        let defect = || Error::Internal("a key has strange limits".into());
        let ranges = |texts: Vec<String>| texts.iter().map(|text| range(text).ok_or_else(defect)).collect();
        Ok(Self {
            addresses: limits.allowed_addresses.map(ranges).transpose()?,
            operations: limits.allowed_operations,
            rate: limits.rate_limit.map(|rate| rate.parse().map_err(|_| defect())).transpose()?,
            max_token_seconds: limits.max_token_seconds,
        })
    }
}

impl Life {
    /// Why the key cannot be used now, by anybody.
    pub fn unusable(&self, now: i64) -> Option<String> {
        match (self.disabled, self.expires_at) {
            (Some(DisabledReason::Asked), _) => Some("The key is disabled".to_owned()),
            (Some(DisabledReason::Leaked), _) => Some("The key is disabled, because its secret leaked".to_owned()),
            (None, Some(end)) if end <= now => Some(format!("The key expired at {}", Timestamp(end))),
            _ => None,
        }
    }

    /// Whether the key may be used now, from there. Only whoever has its secret is told.
    pub fn check(&self, address: impl FnOnce() -> IpAddr, now: i64, refused: fn(String) -> Error) -> Result<()> {
        if let Some(why) = self.unusable(now) {
            return Err(refused(why));
        }
        if self.limits.is_some() { self.check_address(address()) } else { Ok(()) }
    }

    /// Whether it may be used from there.
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        match self.limits.as_ref().and_then(|limits| limits.addresses.as_ref()) {
            Some(ranges) if !ranges.iter().any(|range| range.contains(&address)) => {
                Err(Error::NotAllowed("This key may not be used from this address".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether it may call this operation.
    pub fn allows(&self, operation: &str) -> Result<()> {
        let allowed = self.limits.as_ref().and_then(|limits| limits.operations.as_ref());
        match allowed {
            Some(operations) if !operations.iter().any(|one| one == operation) => {
                Err(Error::NotAllowed(format!("This key may not call {operation}")))
            }
            _ => Ok(()),
        }
    }

    /// When what was shown stops to work, if that is soon.
    pub fn ends_soon(&self, which: Secret, now: i64) -> Option<HeaderValue> {
        let old = self.old.as_ref().filter(|_| which == Secret::Old).map(|old| old.until);
        let end = match (self.expires_at, old) {
            (None, None) => return None,
            (one, other) => one.unwrap_or(i64::MAX).min(other.unwrap_or(i64::MAX)),
        };
        let soon = old.is_some() || end - now <= NOTICE_MS;
        HeaderValue::from_str(&Timestamp(end).to_string()).ok().filter(|_| soon)
    }
}

impl Key {
    /// Which of its secrets this is. Takes as long for a wrong one, wherever it differs.
    pub fn which_secret(&self, shown: &str, now: i64) -> Option<Secret> {
        let current = bool::from(self.secret.as_bytes().ct_eq(shown.as_bytes()));
        let old = self.old_secret(now).is_some_and(|old| old.secret.as_bytes().ct_eq(shown.as_bytes()).into());
        which(current, old)
    }

    /// With which of its secrets a token was signed.
    pub fn which_signed(&self, token: &Token<'_>, now: i64) -> Option<Secret> {
        let current = token.is_signed_with(&self.mac);
        let old = self.old_secret(now).is_some_and(|old| token.is_signed_with(&old.mac));
        which(current, old)
    }

    /// The secret it had before, if that still works.
    pub fn old_secret(&self, now: i64) -> Option<&OldSecret> {
        self.life.old.as_deref().filter(|old| now < old.until)
    }

    /// How long its tokens may be valid. Access tokens of OAuth never expire, by the contract: they end with the consent.
    pub fn lifetime_rule(&self) -> LifetimeRule {
        LifetimeRule {
            must_expire: self.life.tokens_expire && self.oauth_client.is_none(),
            max_seconds: self.life.limits.as_ref().and_then(|limits| limits.max_token_seconds),
        }
    }
}

const fn which(current: bool, old: bool) -> Option<Secret> {
    match (current, old) {
        (true, _) => Some(Secret::Current),
        (false, true) => Some(Secret::Old),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::KeyKind;
    use std::{hint::black_box, time::Instant};

    fn key(secret: &str) -> Key {
        Key::new("app_0123456789abcdef01234567".to_owned(), KeyKind::App, Zeroizing::new(secret.to_owned()))
    }

    #[test]
    fn the_old_secret_works_until_its_time_is_over() {
        let old = OldSecret {
            secret: Zeroizing::new("old".into()),
            mac: super::super::token::signing_key("old"),
            until: 100,
        };
        let mut key = key("new");
        key.life.old = Some(Box::new(old));
        assert_eq!(key.which_secret("new", 99), Some(Secret::Current));
        assert_eq!(key.which_secret("old", 99), Some(Secret::Old));
        assert_eq!((key.which_secret("old", 100), key.which_secret("older", 99)), (None, None));
        assert!(key.life.ends_soon(Secret::Old, 99).is_some() && key.life.ends_soon(Secret::Current, 99).is_none());
        key.life.expires_at = Some(NOTICE_MS);
        assert!(key.life.ends_soon(Secret::Current, 0).is_some() && key.life.ends_soon(Secret::Current, -1).is_none());
    }

    /// Welch's t of two samples: how sure it is that their means differ.
    fn welch(a: &[f64], b: &[f64]) -> f64 {
        let moments = |x: &[f64]| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (x.len() - 1) as f64;
            (mean, variance / x.len() as f64)
        };
        let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
        (mean_a - mean_b).abs() / (error_a + error_b).sqrt().max(f64::MIN_POSITIVE)
    }

    /// How sure it is that `compare` takes another time for a text that differs at its beginning than for one that differs
    /// at its end. In turns, so that whatever else the machine does meets both; the slowest tenth is its doing.
    fn leak(compare: impl Fn(&str) -> bool, early: &str, late: &str) -> f64 {
        let time = |text: &str| {
            let started = Instant::now();
            for _ in 0..2 {
                black_box(compare(black_box(text)));
            }
            started.elapsed().as_nanos() as f64
        };
        let (mut a, mut b): (Vec<f64>, Vec<f64>) = (0..2000).map(|_| (time(early), time(late))).unzip();
        for sample in [&mut a, &mut b] {
            sample.sort_by(f64::total_cmp);
            sample.truncate(sample.len() * 9 / 10);
        }
        welch(&a, &b)
    }

    #[test]
    fn a_wrong_secret_takes_as_long_wherever_it_differs() {
        let secret = "x".repeat(512);
        let (early, late) = (format!("-{}", &secret[1..]), format!("{}-", &secret[1..]));
        // The measure sees what leaks: a comparison that ends at the first difference.
        let naive = |text: &str| text.bytes().zip(secret.bytes()).all(|(one, other)| one == other);
        // Five tries each, because other programs run on the machine; a real difference would be in all of them.
        let seen = (0..5).map(|_| leak(naive, &early, &late)).fold(0.0, f64::max);
        assert!(seen > 40.0, "{seen}");
        let key = key(&secret);
        let tries: Vec<f64> = (0..5).map(|_| leak(|text| key.which_secret(text, 0).is_some(), &early, &late)).collect();
        assert!(tries.iter().any(|sure| *sure < 10.0 && *sure < seen / 4.0), "{tries:?}, where a leak gives {seen}");
    }
}
