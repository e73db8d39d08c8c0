//! The wall clock, read here alone.

use std::time::SystemTime;

/// What time it is.
#[expect(clippy::disallowed_methods, reason = "a client has no store whose clock it could ask")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
