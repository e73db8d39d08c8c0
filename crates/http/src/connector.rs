//! How the back door opens a connection: look the name up, drop every address that is not allowed, connect to exactly
//! one of those that remain, and put TLS on top for `https`.
//!
//! The check sits here and nowhere earlier, on the socket address itself: no spelling of an address and no answer of a
//! name server gets around it.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use crate::guard::is_public;
use crate::names::Names;
use crate::outbound::Failure;
use crate::proxy::{Proxy, Tcp, Tunnels, judge_by_name};
use crate::target::unbracket;

/// How long an opening waits for its place when too many connections are open. Those that idle are closed within this.
const PLACE_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection's place among all that may be open. None where there is no limit.
pub(crate) type Place = Option<Arc<OwnedSemaphorePermit>>;

pub(crate) type Opening<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Opens guarded connections, with TLS where the address says `https`.
#[derive(Clone)]
pub(crate) struct Connector {
    names: Arc<Names>,
    tcp: GuardedTcp,
    /// Built at the first `https` call: reading the system's certificates is not for the start of the server.
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
    proxy: Option<Proxy>,
    places: Arc<Semaphore>,
}

impl Connector {
    /// A connector that has at most so many connections open.
    pub(crate) fn new(allow_private: bool, connect_timeout: Duration, most: usize) -> Self {
        let tcp = GuardedTcp { allow_private, connect_timeout, found: Vec::new(), place: None };
        let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { names: Names::of_the_system(), tcp, tls: Arc::default(), proxy: None, places }
    }

    /// The same connector, leaving by this proxy or by none.
    pub(crate) fn by(&self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self.clone() }
    }

    /// The same connector, trusting `roots` in place of the system's certificates.
    #[cfg(test)]
    pub(crate) fn trusting(mut self, roots: RootCertStore) -> Option<Self> {
        self.tls = Arc::new(OnceCell::new_with(Some(tls_config(roots)?)));
        Some(self)
    }

    /// Looks up what is connected to: the target, or the proxy that calls leave by.
    async fn look_up(&self, target: &Uri) -> Result<Vec<SocketAddr>, Failure> {
        let next = self.proxy.as_ref().map_or(target, |proxy| &proxy.address);
        if self.proxy.is_some() && !self.tcp.allow_private {
            judge_by_name(target)?;
        }
        let host = next.host().ok_or(Failure::Resolve)?;
        let default = if next.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = next.port_u16().unwrap_or(default);
        if let Ok(ip) = unbracket(host).unwrap_or(host).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        Ok(self.names.find(host).await?.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
    }

    async fn open(self, target: Uri) -> Result<MaybeHttpsStream<Tcp>, Failure> {
        let Some(proxy) = &self.proxy else {
            let mut tcp = self.tcp.clone();
            return match target.scheme() == Some(&Scheme::HTTPS) {
                true => self.secure(tcp, target).await,
                false => tcp.call(target).await.map(MaybeHttpsStream::Http),
            };
        };
        // The operator named the proxy, and it may well be in a private network.
        let mut tcp = GuardedTcp { allow_private: true, ..self.tcp.clone() };
        if target.scheme() == Some(&Scheme::HTTPS) {
            return self.secure(Tunnels::new(proxy, tcp), target).await;
        }
        Ok(MaybeHttpsStream::Http(tcp.call(proxy.address.clone()).await?.into_proxy()))
    }

    /// TLS over what `tcp` opens.
    async fn secure<C>(&self, tcp: C, target: Uri) -> Result<MaybeHttpsStream<Tcp>, Failure>
    where
        C: Service<Uri, Response = Tcp, Error = Failure, Future = Opening<Tcp>>,
    {
        let tls = self.tls.get_or_try_init(load_tls).await?;
        // What fails above the TCP connection, which names its own failures, is TLS.
        let stream = HttpsConnector::from((tcp, Arc::clone(tls))).call(target);
        stream.await.map_err(|error| error.downcast::<Failure>().map_or(Failure::Tls, |failure| *failure))
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Tcp>;
    type Error = Failure;
    type Future = Opening<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    /// Bounded in each part, because the client may leave an opening running after the call that wanted it is over.
    fn call(&mut self, target: Uri) -> Self::Future {
        let (mut connector, limit) = (self.clone(), self.tcp.connect_timeout);
        Box::pin(async move {
            connector.tcp.found = connector.look_up(&target).await?;
            let place = timeout(PLACE_TIMEOUT, Arc::clone(&connector.places).acquire_owned());
            connector.tcp.place = place.await.map_err(|_| Failure::Timeout)?.ok().map(Arc::new);
            timeout(limit, connector.open(target)).await.unwrap_or(Err(Failure::Timeout))
        })
    }
}

async fn load_tls() -> Result<Arc<ClientConfig>, Failure> {
    let built = tokio::task::spawn_blocking(|| tls_config(system_roots())).await;
    built.ok().flatten().ok_or(Failure::Tls)
}

/// The provider is named, not taken from the process: nobody else's choice can change what we speak.
fn tls_config(roots: RootCertStore) -> Option<Arc<ClientConfig>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(Arc::new(config))
}

/// The certificates the system trusts, or the public ones we carry on a system that has none, as in a bare container.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// TCP connections to allowed addresses.
#[derive(Clone)]
pub(crate) struct GuardedTcp {
    allow_private: bool,
    connect_timeout: Duration,
    /// Where what is connected to was found.
    found: Vec<SocketAddr>,
    place: Place,
}

impl Service<Uri> for GuardedTcp {
    type Response = Tcp;
    type Error = Failure;
    type Future = Opening<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let tcp = self.clone();
        Box::pin(async move { tcp.dial().await.map(|stream| Tcp::new(stream, tcp.place)) })
    }
}

impl GuardedTcp {
    async fn dial(&self) -> Result<TcpStream, Failure> {
        let deadline = Instant::now() + self.connect_timeout;
        let addresses = self.vet()?;
        let mut failure = Failure::Connect;
        for (tried, address) in addresses.iter().enumerate() {
            // An address that swallows packets must leave time for those after it.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / (addresses.len() - tried) as u32;
            failure = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return arrived(stream, *address),
                Ok(Err(_)) => Failure::Connect,
                Err(_) => Failure::Timeout,
            };
        }
        Err(failure)
    }

    fn vet(&self) -> Result<Vec<SocketAddr>, Failure> {
        if self.found.is_empty() {
            return Err(Failure::Resolve);
        }
        let mut allowed: Vec<_> = self.found.iter().copied().map(canonical).collect();
        allowed.retain(|address| self.allow_private || is_public(address.ip()));
        if allowed.is_empty() {
            return Err(Failure::Refused);
        }
        Ok(allowed)
    }
}

/// An IPv4 address in IPv6 clothes becomes the IPv4 address it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddrV4::new(ip, address.port()).into(),
        IpAddr::V6(_) => address,
    }
}

/// A last look at the other end of the open connection: it has to be the address that was vetted.
fn arrived(stream: TcpStream, address: SocketAddr) -> Result<TcpStream, Failure> {
    let peer = stream.peer_addr().map_err(|_| Failure::Connect)?;
    // 0.0.0.0 and :: stand for this machine and only pass where private addresses are allowed.
    if canonical(peer) != address && !address.ip().is_unspecified() {
        return Err(Failure::Refused);
    }
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
