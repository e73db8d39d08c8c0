//! How often one may ask: by key, and by app. Off unless the operator says otherwise.
//!
//! Asked right after the credential was found right, before anything is read for the request: so nobody can use up what
//! is another's. Counted on each node by itself.

use crate::error::{Error, Result};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};
use heliograph_wire::id::AppId;
use serde::Deserialize;
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    num::NonZeroU32,
    str::FromStr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// After how many requests those who have their whole allowance again are forgotten.
const SWEEP_EVERY: u32 = 4096;

/// So many requests in so much time. As many at once are let through, if there were none before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct RateLimit {
    count: NonZeroU32,
    period: Duration,
}

impl RateLimit {
    /// How many failed attempts to be let in are answered by the word, when the operator does not say: 100 a minute.
    pub const FAILURES: Self = Self { count: NonZeroU32::MIN.saturating_add(99), period: Duration::from_secs(60) };

    /// How many requests.
    pub(crate) fn count(self) -> u32 {
        self.count.get()
    }
    /// In how much time.
    pub(crate) fn period(self) -> Duration {
        self.period
    }
}

impl FromStr for RateLimit {
    type Err = String;
    /// Reads `50/s`, `1000/m` or `20000/h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (count, unit) = text.split_once('/').unwrap_or((text, ""));
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(format!("'{text}' is no rate limit: it looks like 50/s, 1000/m or 20000/h")),
        };
        let count =
            count.parse().map_err(|_| format!("'{text}' is no rate limit: before the / stands a whole number"))?;
        Ok(Self { count, period: Duration::from_secs(seconds) })
    }
}

impl TryFrom<String> for RateLimit {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// The limits of a server.
pub struct Limits {
    by_key: Option<Limiter<String>>,
    by_app: Option<Limiter<AppId>>,
    /// Those that owners gave their keys, a counter for each rate that is in use.
    own: RwLock<HashMap<RateLimit, Arc<Limiter<String>>>>,
}

/// After how many different rates those that nobody uses any more are forgotten.
const MANY_RATES: usize = 64;

impl Limits {
    /// These limits; `None` is without.
    pub fn new(by_key: Option<RateLimit>, by_app: Option<RateLimit>) -> Self {
        Self { by_key: by_key.map(Limiter::new), by_app: by_app.map(Limiter::new), own: RwLock::default() }
    }

    /// Counts a request of this key.
    pub fn admit_key(&self, key_id: &str) -> Result<()> {
        self.by_key.as_ref().map_or(Ok(()), |limiter| limiter.admit(&key_id.to_owned()))
    }

    /// Counts a request of a key that has a rate of its own.
    pub fn admit_own(&self, key_id: &str, rate: RateLimit) -> Result<()> {
        let known = self.own.read().unwrap_or_else(PoisonError::into_inner).get(&rate).cloned();
        let limiter = known.unwrap_or_else(|| self.add_rate(rate));
        limiter.admit(&key_id.to_owned())
    }

    fn add_rate(&self, rate: RateLimit) -> Arc<Limiter<String>> {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        if own.len() >= MANY_RATES {
            own.retain(|_, limiter| limiter.in_use());
        }
        Arc::clone(own.entry(rate).or_insert_with(|| Arc::new(Limiter::new(rate))))
    }

    /// Whether requests are counted by app.
    pub fn count_apps(&self) -> bool {
        self.by_app.is_some()
    }

    /// Counts a request about this app.
    pub fn admit_app(&self, app: AppId) -> Result<()> {
        self.by_app.as_ref().map_or(Ok(()), |limiter| limiter.admit(&app))
    }
}

struct Limiter<K: Clone + Eq + Hash> {
    governor: RateLimiter<K, DashMapStateStore<K>, MonotonicClock, NoOpMiddleware<Instant>>,
    since_sweep: AtomicU32,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    fn new(limit: RateLimit) -> Self {
        // The longest period over the smallest count is an hour, the shortest over the largest a fraction of a
        // nanosecond: never nothing.
        let each = (limit.period / limit.count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).map_or(Quota::per_second(limit.count), |q| q.allow_burst(limit.count));
        let governor = RateLimiter::new(quota, DashMapStateStore::default(), MonotonicClock);
        Self { governor, since_sweep: AtomicU32::new(0) }
    }

    /// Whether it holds anything against anybody.
    fn in_use(&self) -> bool {
        self.governor.retain_recent();
        !self.governor.is_empty()
    }

    fn admit(&self, key: &K) -> Result<()> {
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= SWEEP_EVERY {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.governor.retain_recent();
        }
        self.governor.check_key(key).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(MonotonicClock.now());
            // Whole seconds, rounded up: who comes back then is let in.
            Error::TooMany { retry_after: wait.as_millis().div_ceil(1000).max(1) as u64 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written() {
        for text in ["1/s", "50/s", "1000/m", "20000/h"] {
            assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), text);
        }
        for text in ["", "50", "/s", "0/s", "-1/s", "1/d", "5/s/m", "4294967296/s", "1.5/s"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_does_not_use_up_what_is_anothers() {
        let limits = Limits::new(Some("3/h".parse().unwrap()), None);
        for _ in 0..3 {
            limits.admit_key("a").unwrap();
        }
        let refused = limits.admit_key("a").unwrap_err();
        assert!(matches!(refused, Error::TooMany { retry_after: 1190..=1200 }), "{refused:?}");
        limits.admit_key("b").unwrap();
        limits.admit_app(AppId::new([0; 12])).unwrap();
    }

    #[test]
    fn a_key_may_have_a_rate_of_its_own() {
        let limits = Limits::new(None, None);
        let rate = |text: &str| text.parse().unwrap();
        assert!(limits.admit_own("a", rate("1/h")).is_ok() && limits.admit_own("a", rate("1/h")).is_err());
        assert!(limits.admit_own("b", rate("1/h")).is_ok() && limits.admit_own("a", rate("2/h")).is_ok());
        // Rates that were tried out are forgotten when their time is over; the first is not.
        for n in 1..500 {
            limits.admit_own("c", rate(&format!("{}/s", n * 1_000_000))).unwrap();
        }
        assert!(limits.own.read().unwrap().len() <= MANY_RATES + 1);
        assert!(limits.admit_own("a", rate("1/h")).is_err());
    }

    #[test]
    fn sweeping_forgets_nobody_who_asked_too_often() {
        let limits = Limits::new(Some("1/h".parse().unwrap()), None);
        limits.admit_key("often").unwrap();
        for n in 0..=2 * SWEEP_EVERY {
            limits.admit_key(&n.to_string()).unwrap();
        }
        assert!(limits.admit_key("often").is_err());
    }
}
