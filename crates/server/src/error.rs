//! Everything that can go wrong with a request, and what its caller is told.

use heliograph_store::{Contended, Error as StoreError};
use heliograph_wire::problem::{Missing, Problem, Problems};
use http::StatusCode;

/// What a rule or the corridor answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks these rules.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The request breaks a rule that has a code of its own.
    #[error("{title}")]
    Broken {
        /// The code.
        code: &'static str,
        /// What the rule is.
        title: String,
    },
    /// There is no credential, or not a right one.
    #[error("Authorization is required")]
    Unauthorized,
    /// The token has this defect.
    #[error("{0}")]
    InvalidToken(String),
    /// The secret is right, but its key may not be used for this reason.
    #[error("{0}")]
    UnusableKey(String),
    /// The key may be used, but not for this.
    #[error("{0}")]
    NotAllowed(String),
    /// The credential is right, but does not allow this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It is not there.
    #[error("{}", .0.title)]
    Missing(Missing),
    /// The path is there, the method is not.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// The body did not come in time.
    #[error("The request body took too long to arrive")]
    Slow,
    /// Something like it is there already.
    #[error("{0}")]
    Conflict(&'static str),
    /// The body is larger than `limit` bytes.
    #[error("Request body is limited to {limit} bytes")]
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
    /// The body is not of a type that is understood.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// The name that a request gave itself was given to another one before.
    #[error("This Idempotency-Key was used for another request")]
    Reused,
    /// It takes no more.
    #[error("{0}")]
    Locked(String),
    /// The caller, or all callers of the app together, ask too often.
    #[error("Too many requests")]
    TooMany {
        /// After how many seconds there is room again.
        retry_after: u64,
    },
    /// The database did not do it.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// Something that should never happen: the words are for the log.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Breaking one rule.
    pub fn invalid(title: impl Into<String>) -> Self {
        Self::Invalid(vec![title.into()])
    }

    /// The same about a part of the request that stands at this place in it.
    pub fn at(self, place: &str) -> Self {
        match self {
            Self::Invalid(titles) => {
                Self::Invalid(titles.into_iter().map(|title| format!("{place}.{title}")).collect())
            }
            other => other,
        }
    }

    /// The one table from reasons to statuses and codes.
    pub fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Broken { code, .. } => (StatusCode::BAD_REQUEST, *code),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::InvalidToken(_) => (StatusCode::UNAUTHORIZED, "invalid_auth"),
            Self::UnusableKey(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NotAllowed(_) | Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Missing(missing) => (StatusCode::NOT_FOUND, missing.code),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "request_entity_too_large"),
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Reused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Self::Locked(_) => (StatusCode::LOCKED, "locked"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::Store(StoreError::TooLong) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Store(StoreError::Contention | StoreError::Full | StoreError::Unavailable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable")
            }
            Self::Store(_) | Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// The body of the answer. What went wrong inside is for the log alone.
    pub fn problems(&self) -> Problems {
        let (status, code) = self.status();
        let titles = match self {
            // Two defects may have one sentence.
            Self::Invalid(titles) => unique(titles),
            Self::Store(StoreError::TooLong) => vec![TOO_LONG.to_owned()],
            _ if status.is_server_error() => vec!["Something went wrong on our side".to_owned()],
            _ => vec![self.to_string()],
        };
        Problems { errors: titles.into_iter().map(|title| Problem { code: code.to_owned(), title }).collect() }
    }
}

/// What the contract allows an id or an address to be, an index of PostgreSQL may not hold.
const TOO_LONG: &str = "An id or address is too long for the database of this server, which holds 2,600 bytes of UTF-8";

fn unique(titles: &[String]) -> Vec<String> {
    titles
        .iter()
        .enumerate()
        .filter(|(at, title)| !titles[..*at].contains(title))
        .map(|(_, title)| title.clone())
        .collect()
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<serde_json::Error> for Error {
    /// Only for JSON of our own: a request's is checked before.
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("JSON of our own: {error}"))
    }
}

impl Contended for Error {
    fn contended(&self) -> bool {
        matches!(self, Self::Store(error) if error.contended())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliograph_reference::pages::errors::REFUSALS;

    #[test]
    fn the_reference_knows_every_status_and_code() {
        for error in [
            Error::invalid("x"),
            Error::Unauthorized,
            Error::InvalidToken(String::new()),
            Error::Forbidden("x"),
            Error::Missing(Missing::RESOURCE),
            Error::MethodNotAllowed,
            Error::Slow,
            Error::Conflict("x"),
            Error::TooLarge { limit: 1 },
            Error::UnsupportedMediaType("x"),
            Error::Locked(String::new()),
            Error::TooMany { retry_after: 1 },
            Error::Store(StoreError::Contention),
            Error::Internal(String::new()),
        ] {
            let (status, code) = error.status();
            assert!(REFUSALS.iter().any(|(s, c, _)| *s == status.as_u16() && *c == code), "{status} {code}");
        }
    }
}
