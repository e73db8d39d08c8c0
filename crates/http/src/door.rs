//! The front door: accepts connections, speaks HTTP/1.1 on them and drains them at the end.
//!
//! hyper's plain HTTP/1 builder with a timer is used on purpose: it is the one that also closes connections that
//! send nothing, half a head, or sit idle between requests.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::patience::Patient;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the door rests after the system refused it a connection, typically for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// What one client, and all of them together, may take of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// From the opening of a connection, or the end of an answer, to the end of the next request's head.
    pub header_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_timeout: Duration,
    /// Size of a request's line and headers together; more is answered with 431.
    pub max_header_bytes: usize,
    /// Connections open at once; further ones wait in the system's queue.
    pub max_connections: usize,
    /// How long requests in flight may go on after the door was told to stop.
    pub drain: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_header_bytes: 32 * 1024,
            max_connections: 16_384,
            drain: Duration::from_secs(25),
        }
    }
}

/// Accepts until `stop` is cancelled, then drains: new connections are refused, idle ones close at once, and requests
/// in flight finish within [`DoorLimits::drain`]. Returns when the last connection is gone. `answer` is given each
/// request, and the address that it came from.
pub async fn serve<A, F, B>(listener: TcpListener, answer: A, limits: DoorLimits, stop: CancellationToken)
where
    A: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let slots = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
    let (tasks, closing) = (TaskTracker::new(), Arc::new(Closing::default()));
    let http = protocol(&limits);
    while let Some(Some(guest)) = stop.run_until_cancelled(next_guest(&listener, &slots)).await {
        // A task of its own per connection: a panic ends this connection and no other.
        tasks.spawn(attend(guest, limits.write_timeout, http.clone(), answer.clone(), Arc::clone(&closing)));
    }
    drop(listener);
    closing.begin();
    tasks.close();
    if tokio::time::timeout(limits.drain, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "cutting connections that outlasted the drain");
        closing.cut.cancel();
        tasks.wait().await;
    }
}

/// What connections are told at the end.
#[derive(Default)]
struct Closing {
    /// Whether to finish has been said.
    begun: AtomicBool,
    /// To finish: no more than the request in flight.
    finish: CancellationToken,
    /// To end now.
    cut: CancellationToken,
}

impl Closing {
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.finish.cancel();
    }

    /// Waits for `connection`; `None` if it is to finish before it has ended.
    ///
    /// To ask a token takes two locks, which all connections would meet at whenever one of them has something to do. So it
    /// is asked once, which has this task woken when the time comes, and then not before that has been said.
    async fn watch<C: Future>(&self, mut connection: Pin<&mut C>) -> Option<C::Output> {
        let (mut finish, mut asked) = (pin!(self.finish.cancelled()), false);
        poll_fn(|context| {
            if let Poll::Ready(outcome) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(outcome));
            }
            if std::mem::replace(&mut asked, true) && !self.begun.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            finish.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}

fn protocol(limits: &DoorLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.max_header_bytes)
        .keep_alive(true)
        .half_close(false);
    http
}

/// A connection that was let in, and the slot it holds for as long as it lives.
struct Guest {
    stream: TcpStream,
    peer: SocketAddr,
    _slot: OwnedSemaphorePermit,
}

/// The slot comes before the connection, so that beyond the limit clients wait in the system's queue, not in ours.
async fn next_guest(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<Guest> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are small and complete when written: nothing is gained by holding them back.
                let _ = stream.set_nodelay(true);
                return Some(Guest { stream, peer: address, _slot: slot });
            }
            Err(error) if is_the_clients_doing(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// Errors of the one connection that was about to be accepted; the next may well succeed.
fn is_the_clients_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

async fn attend<A, F, B>(guest: Guest, patience: Duration, http: http1::Builder, answer: A, closing: Arc<Closing>)
where
    A: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Guest { stream, peer, _slot } = guest;
    let service = service_fn(move |request| answer(request, peer));
    let mut connection = pin!(http.serve_connection(TokioIo::new(Patient::new(stream, patience)), service));
    let outcome = match closing.watch(connection.as_mut()).await {
        Some(outcome) => outcome,
        None => {
            connection.as_mut().graceful_shutdown();
            match closing.cut.run_until_cancelled(connection).await {
                Some(outcome) => outcome,
                None => return,
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, %peer, "connection ended early");
    }
}
