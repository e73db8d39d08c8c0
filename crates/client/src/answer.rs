//! What came back: status, headers and body, before anybody makes sense of it.

use crate::{
    clock,
    error::{ApiError, Error},
};
use bytes::Bytes;
use heliograph_wire::problem::Problems;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde::de::DeserializeOwned;
use std::{fmt, time::Duration};

/// An answer as it came over the wire.
#[derive(Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, JSON as a rule.
    pub body: Bytes,
}

impl Answer {
    /// What the server calls the request, in its log too.
    pub fn request_id(&self) -> Option<&str> {
        self.headers.get("x-request-id")?.to_str().ok()
    }

    /// The body as a value: the reply type of an operation, or any JSON.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Decode {
            status: self.status,
            line: error.line(),
            column: error.column(),
            request_id: self.request_id().map(str::to_owned),
        })
    }

    /// Itself when it grants what was asked, else the refusal. A redirect counts as a refusal: following it could carry
    /// the credential to somewhere else.
    pub(crate) fn granted(self) -> Result<Self, Error> {
        if self.status.is_success() { Ok(self) } else { Err(Error::Api(Box::new(self.refusal()))) }
    }

    fn refusal(self) -> ApiError {
        // A proxy in between may answer with something else than the contract's form: then there are no problems.
        let problems = serde_json::from_slice::<Problems>(&self.body).map(|problems| problems.errors);
        ApiError {
            status: self.status,
            request_id: self.request_id().map(str::to_owned),
            retry_after: self.headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?)),
            problems: problems.unwrap_or_default(),
            headers: self.headers,
            body: self.body,
            scopes: &[],
        }
    }
}

/// `Retry-After` holds seconds, or the date to wait for.
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(clock::now()).unwrap_or_default())
}

/// Without the body, which may hold secrets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{clock, retry_after};
    use std::time::Duration;

    #[test]
    fn retry_after_holds_seconds_or_a_date() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
        let date = httpdate::fmt_http_date(clock::now() + Duration::from_secs(30));
        assert!(retry_after(&date).is_some_and(|wait| (20..=30).contains(&wait.as_secs())));
    }
}
