//! What can go wrong with a call. Nothing here ever holds or prints a credential.

use bytes::Bytes;
use heliograph_wire::{
    op::{Operation, Scope},
    problem::Problem,
};
use http::{HeaderMap, StatusCode};
use std::{error, fmt, io, time::Duration};

/// Why a call has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client cannot be built, or the request not be written, from what was given.
    #[error("{0}")]
    Setup(&'static str),
    /// The server refused.
    #[error("{0}")]
    Api(Box<ApiError>),
    /// The server could not be reached, or the answer did not arrive.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// The answer is not what the contract promises. (What it holds is not shown: it may be a secret.)
    #[error(
        "the answer ({status}) does not have the form of the contract, at line {line}, column {column}{}",
        Request(request_id.as_deref())
    )]
    Decode {
        /// The status of the answer.
        status: StatusCode,
        /// Where it differs.
        line: usize,
        /// Where it differs.
        column: usize,
        /// What the server calls the request.
        request_id: Option<String>,
    },
}

impl Error {
    /// Itself, knowing who may call the operation.
    pub(crate) fn of<O: Operation>(mut self) -> Self {
        if let Self::Api(refusal) = &mut self {
            refusal.scopes = O::SCOPES;
        }
        self
    }

    /// The refusal, if it is one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
    /// The status of the refusal.
    pub fn status(&self) -> Option<StatusCode> {
        self.api().map(|error| error.status)
    }
    /// The code of the first problem: a word for programs, such as `app_not_found`.
    pub fn code(&self) -> Option<&str> {
        self.api()?.code()
    }
    /// The title of the first problem: a sentence for people.
    pub fn title(&self) -> Option<&str> {
        self.api()?.title()
    }
    /// What the server calls the request, in its log too.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.request_id.as_deref(),
            Self::Decode { request_id, .. } => request_id.as_deref(),
            Self::Setup(_) | Self::Transport(_) => None,
        }
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Its status.
    pub status: StatusCode,
    /// What the server calls the request, in its log too.
    pub request_id: Option<String>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// What is wrong; empty when the answer does not have the contract's form.
    pub problems: Vec<Problem>,
    /// The answer itself.
    pub body: Bytes,
    /// Whose credential may call the operation, by the contract. Empty: anybody's.
    pub scopes: &'static [Scope],
}

impl ApiError {
    /// The code of the first problem.
    pub fn code(&self) -> Option<&str> {
        self.problems.first().map(|problem| problem.code.as_str())
    }
    /// The title of the first problem.
    pub fn title(&self) -> Option<&str> {
        self.problems.first().map(|problem| problem.title.as_str())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        if self.problems.is_empty() {
            write!(f, " {}", self.status.canonical_reason().unwrap_or("without a reason"))?;
        }
        for (n, problem) in self.problems.iter().enumerate() {
            write!(f, "{} {}: {}", if n == 0 { "" } else { ";" }, problem.code, problem.title)?;
        }
        write!(f, "{}", Request(self.request_id.as_deref()))
    }
}

impl error::Error for ApiError {}

/// Names the request, where it has a name.
struct Request<'r>(Option<&'r str>);

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |id| write!(f, " (request {id})"))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection: nothing was sent.
    #[error("cannot connect to {to}: {}{}", Chain(&**.source), if speaks_no_tls(&**.source) { NO_TLS } else { "" })]
    Connect {
        /// The server's address.
        to: String,
        /// Why.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The connection broke: the server may have done what was asked, or not.
    #[error("the connection failed: {}", Chain(&**.0))]
    Exchange(#[source] Box<dyn error::Error + Send + Sync>),
    /// The call, with its repetitions, took longer than it may.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
}

/// What is added where TLS was begun and something else came back.
const NO_TLS: &str = " (nobody speaks TLS there: perhaps the address begins with http://)";

/// Whether what came back is no TLS. An I/O error does not count what it holds as its source.
fn speaks_no_tls(error: &(dyn error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidMessage(_));
    }
    let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    held.is_some_and(|held| speaks_no_tls(held)) || error.source().is_some_and(speaks_no_tls)
}

/// The innermost causes: what wraps them says only that something failed.
struct Chain<'e>(&'e (dyn error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0.source();
        let Some(first) = next else { return write!(f, "{}", self.0) };
        write!(f, "{first}")?;
        next = first.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
