//! Which failures are tried again, and after how long.

use crate::error::{Error, TransportError};
use http::StatusCode;
use std::time::Duration;

/// The longest pause that is not the server's own wish.
const LONGEST: Duration = Duration::from_secs(20);

/// How a client repeats what failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// How often at most.
    pub(crate) retries: u32,
    /// The longest pause before the first repetition; it doubles with each.
    pub(crate) backoff: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { retries: 3, backoff: Duration::from_millis(250) }
    }
}

impl Policy {
    /// How long to wait before the next attempt; `None` when there is none. `attempt` counts from zero.
    pub(crate) fn pause(&self, harmless: bool, attempt: u32, error: &Error) -> Option<Duration> {
        if attempt >= self.retries || !repeatable(harmless, error) {
            return None;
        }
        let limit = self.backoff.saturating_mul(2u32.saturating_pow(attempt)).min(LONGEST);
        let asked = error.api().and_then(|refusal| refusal.retry_after).unwrap_or_default();
        // Anywhere up to the limit, and after what the server asked for: clients that failed together come back apart.
        Some(asked.saturating_add(limit.mul_f64(fraction())))
    }
}

/// Whether trying again can do no harm. What must not arrive twice is repeated only when the first attempt certainly did
/// nothing: the server said so, or nothing was sent.
fn repeatable(harmless: bool, error: &Error) -> bool {
    match error {
        Error::Api(refusal) if refusal.status == StatusCode::TOO_MANY_REQUESTS => true,
        Error::Api(refusal) if refusal.status.is_server_error() => {
            let postponed = refusal.status == StatusCode::SERVICE_UNAVAILABLE && refusal.retry_after.is_some();
            harmless || postponed
        }
        Error::Transport(TransportError::Connect { .. }) => true,
        Error::Transport(TransportError::Exchange(_)) => harmless,
        _ => false,
    }
}

/// At random from zero to one. Without a source of randomness, the middle: a pause needs no secret.
fn fraction() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    fn refusal(status: u16, retry_after: Option<u64>) -> Error {
        Error::Api(Box::new(ApiError {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            request_id: None,
            retry_after: retry_after.map(Duration::from_secs),
            headers: http::HeaderMap::new(),
            problems: Vec::new(),
            body: bytes::Bytes::new(),
            scopes: &[],
        }))
    }

    #[test]
    fn nothing_is_made_twice() {
        let broken = || Error::Transport(TransportError::Exchange("broken".into()));
        let refused =
            || Error::Transport(TransportError::Connect { to: "http://a".to_owned(), source: "refused".into() });
        let cases = [
            (refusal(400, None), false, false),
            (refusal(404, Some(1)), false, false),
            (refusal(429, None), true, true),
            (refusal(500, None), true, false),
            (refusal(502, Some(1)), true, false),
            (refusal(503, None), true, false),
            (refusal(503, Some(1)), true, true),
            (broken(), true, false),
            (refused(), true, true),
            (Error::Transport(TransportError::Deadline(LONGEST)), false, false),
        ];
        for (error, idempotent, other) in cases {
            assert_eq!(repeatable(true, &error), idempotent, "{error}");
            assert_eq!(repeatable(false, &error), other, "{error}");
        }
    }

    #[test]
    fn pauses_grow_stay_bounded_and_honour_the_server() {
        let policy = Policy { retries: 40, backoff: Duration::from_millis(100) };
        let pause = |attempt, error| policy.pause(true, attempt, &error).unwrap_or_default();
        for _ in 0..50 {
            assert!(pause(0, refusal(500, None)) <= Duration::from_millis(100));
            assert!(pause(3, refusal(500, None)) <= Duration::from_millis(800));
            assert!(pause(39, refusal(500, None)) <= LONGEST);
            let asked = pause(0, refusal(503, Some(9)));
            assert!(asked >= Duration::from_secs(9) && asked <= Duration::from_millis(9100));
        }
        assert_eq!(policy.pause(true, 40, &refusal(500, None)), None);
    }
}
