//! The side door: a client for the few addresses that the operator of the server named, as that of an object storage.
//! It reaches private addresses, and its bodies are streams both ways.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connector::Connector;
use crate::outbound::Failure;

/// The longest a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may wait for its next call.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// A client for addresses that the operator named. Clones share its connections.
pub struct Direct<B> {
    client: Client<Connector, B>,
    deadline: Duration,
}

impl<B> fmt::Debug for Direct<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl<B> Direct<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A client that has opened nothing yet. From the first byte that is sent to the head of the answer a call may take
    /// as long as `deadline`.
    pub fn new(deadline: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(Connector::new(true, CONNECT_TIMEOUT, usize::MAX));
        Self { client, deadline }
    }

    /// One call. What it answers is there once its head is; its body comes as it is read.
    pub async fn call(&self, request: Request<B>) -> Result<Response<Incoming>, Failure> {
        match tokio::time::timeout(self.deadline, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(Failure::Connect),
            Ok(Err(_)) => Err(Failure::Broken),
            Err(_) => Err(Failure::Timeout),
        }
    }
}
