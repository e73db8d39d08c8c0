//! The wall clock. Nothing else in the product reads it, so that one place decides what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
pub fn now_ms() -> i64 {
    i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)
}

/// The same moment, as finely as the operating system tells it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
