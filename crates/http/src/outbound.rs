//! The back door: the only HTTP client that talks to addresses other people name.
//!
//! It follows no redirect and undoes no compression, and one deadline covers all of a call. It leaves by a proxy only if
//! the operator named one; the environment's are not asked.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connector::Connector;
use crate::proxy::Proxy;
use crate::target::check_target;

/// As much of an answer's body as is kept; a connection that sends more is closed.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// The same measure for an answer's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a connection may wait for its next call: where there is room for many, and where others wait for its place.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const SHORT_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// From so many connections on there is room for many.
const MANY: usize = 4096;
/// How many proxies are held connections to at most. Past it all are dropped, and those in use are opened anew.
const MAX_PROXIES: usize = 64;

/// How the back door behaves.
#[derive(Clone, Debug)]
pub struct OutboundOptions {
    /// Lets calls reach loopback, private and other non-public addresses.
    pub allow_private: bool,
    /// Sent with every call that names none itself; left out where it cannot be a header.
    pub user_agent: String,
    /// The longest a connection may take to open once its name is looked up: TCP and TLS together.
    pub connect_timeout: Duration,
    /// Open connections kept for the next call to the same host.
    pub max_idle_per_host: usize,
    /// Connections open at once, those that are kept included. Further calls wait for one to be closed.
    pub max_connections: usize,
    /// The proxy that calls leave by which are given no other.
    pub proxy: Option<Proxy>,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            user_agent: concat!("Heliograph/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(5),
            max_idle_per_host: 32,
            max_connections: usize::MAX,
            proxy: None,
        }
    }
}

/// What came back from a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, whatever it is: redirects are answers too.
    pub status: StatusCode,
    /// The body, or its first [`MAX_ANSWER_BYTES`].
    pub body: Bytes,
}

/// The start of an answer whose body is not read.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status, whatever it is: redirects are answers too.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
}

/// Why no answer came back. Says what went wrong and nothing of what was sent or found on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The deadline passed, or the connection took too long to open.
    #[error("no answer in time")]
    Timeout,
    /// The target is not one that may be called.
    #[error("address not allowed")]
    Refused,
    /// The host name leads nowhere.
    #[error("host name not found")]
    Resolve,
    /// Nobody took the connection.
    #[error("could not connect")]
    Connect,
    /// The other side does not speak TLS as we do, or could not prove who it is.
    #[error("TLS handshake failed")]
    Tls,
    /// The proxy did not let the call through.
    #[error("the proxy refused")]
    Proxy,
    /// The connection ended early or what came was not HTTP.
    #[error("connection broke off")]
    Broken,
}

/// The guarded client. Clones share its connections.
#[derive(Clone)]
pub struct Outbound {
    client: Client<Connector, Full<Bytes>>,
    proxy: Option<Proxy>,
    shared: Arc<Shared>,
}

/// What the clients of all proxies have in common.
struct Shared {
    connector: Connector,
    max_idle_per_host: usize,
    idle_timeout: Duration,
    user_agent: Option<HeaderValue>,
    /// A client for each proxy: they must not take each other's connections to a host.
    proxies: Mutex<HashMap<Proxy, Client<Connector, Full<Bytes>>>>,
}

impl Shared {
    fn client(&self, proxy: Option<Proxy>) -> Client<Connector, Full<Bytes>> {
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.idle_timeout)
            .pool_max_idle_per_host(self.max_idle_per_host)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(self.connector.by(proxy))
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("user_agent", &self.shared.user_agent).finish_non_exhaustive()
    }
}

impl Outbound {
    /// A client that has opened nothing yet. Certificates are read at the first `https` call.
    pub fn new(options: OutboundOptions) -> Self {
        let connector = Connector::new(options.allow_private, options.connect_timeout, options.max_connections);
        Self::over(connector, &options)
    }

    fn over(connector: Connector, options: &OutboundOptions) -> Self {
        let user_agent = HeaderValue::from_str(&options.user_agent).ok();
        let max_idle_per_host = options.max_idle_per_host;
        let idle_timeout = if options.max_connections < MANY { SHORT_IDLE_TIMEOUT } else { IDLE_TIMEOUT };
        let shared = Shared { connector, max_idle_per_host, idle_timeout, user_agent, proxies: Mutex::default() };
        Self { client: shared.client(options.proxy.clone()), proxy: options.proxy.clone(), shared: Arc::new(shared) }
    }

    /// The same client, leaving by `proxy`.
    #[must_use]
    pub fn by(&self, proxy: &Proxy) -> Self {
        let mut proxies = self.shared.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        if proxies.len() >= MAX_PROXIES && !proxies.contains_key(proxy) {
            proxies.clear();
        }
        let client = proxies.entry(proxy.clone()).or_insert_with(|| self.shared.client(Some(proxy.clone()))).clone();
        Self { client, proxy: Some(proxy.clone()), shared: Arc::clone(&self.shared) }
    }

    /// One POST within `deadline` in all: look-up, connection, TLS, request, and the answer with at most
    /// [`MAX_ANSWER_BYTES`] of its body. A request that may have reached the other side is not sent twice.
    pub async fn post(
        &self,
        target: &Uri,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Answer, Failure> {
        let exchange = async {
            let (head, answer) = self.exchange(Method::POST, target, headers, body).await?.into_parts();
            Ok(Answer { status: head.status, body: read_start(answer).await.map_err(|_| Failure::Broken)? })
        };
        tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(Failure::Timeout))
    }

    /// What a HEAD or GET is answered within `deadline`, up to where the body begins. A body is left unread: its
    /// connection is closed.
    pub async fn head_of(&self, method: Method, target: &Uri, deadline: Duration) -> Result<Head, Failure> {
        let exchange = self.exchange(method, target, HeaderMap::new(), Bytes::new());
        let answer = tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(Failure::Timeout))?;
        let (head, _) = answer.into_parts();
        Ok(Head { status: head.status, headers: head.headers })
    }

    async fn exchange(
        &self,
        method: Method,
        target: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        check_target(target).map_err(|_| Failure::Refused)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.clone();
        *request.headers_mut() = headers;
        if let Some(user_agent) = &self.shared.user_agent {
            let named = request.headers_mut().entry(USER_AGENT);
            named.or_insert_with(|| user_agent.clone());
        }
        // A tunnel's credential was shown where the tunnel was asked for.
        let whole = self.proxy.as_ref().filter(|_| target.scheme() == Some(&Scheme::HTTP));
        if let Some(authorization) = whole.and_then(|proxy| proxy.authorization.as_ref()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let answer = self.client.request(request).await.map_err(|e| name(&e))?;
        let shut_out = whole.is_some() && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        if shut_out { Err(Failure::Proxy) } else { Ok(answer) }
    }
}

/// The connector's own word where it failed, and [`Failure::Broken`] for everything after it.
fn name(error: &Error) -> Failure {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref::<Failure>()).copied().unwrap_or(Failure::Broken)
}

/// Reads to the end where that is near, so that the connection can serve again; else hyper closes it.
async fn read_start(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut start = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = MAX_ANSWER_BYTES - start.len();
        start.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            break;
        }
    }
    Ok(start.freeze())
}

#[cfg(test)]
mod tests {
    //! What needs certificates of our own, and `Retry-After`; the rest is tested from outside.
    use std::net::SocketAddr;
    use std::sync::Arc;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    /// A TLS server on loopback whose certificate is for `localhost`, and the roots that trust it.
    async fn tls_server() -> (SocketAddr, RootCertStore) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        });
        (address, roots)
    }

    fn trusting(roots: RootCertStore) -> Outbound {
        let connector = Connector::new(true, DEADLINE, usize::MAX).trusting(roots).unwrap();
        Outbound::over(connector, &OutboundOptions::default())
    }

    async fn post(outbound: &Outbound, target: String) -> Result<Answer, Failure> {
        let target = crate::parse_target(&target).unwrap();
        outbound.post(&target, HeaderMap::new(), Bytes::new(), DEADLINE).await
    }

    #[tokio::test]
    async fn tls_needs_a_trusted_certificate_for_the_very_host() {
        let (address, roots) = tls_server().await;
        let port = address.port();
        let knows = trusting(roots);
        let answer = post(&knows, format!("https://localhost:{port}/")).await.unwrap();
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let other_host = post(&knows, format!("https://127.0.0.1:{port}/")).await;
        assert_eq!(other_host.unwrap_err(), Failure::Tls);

        let stranger = Outbound::new(OutboundOptions { allow_private: true, ..OutboundOptions::default() });
        let untrusted = post(&stranger, format!("https://localhost:{port}/")).await;
        assert_eq!(untrusted.unwrap_err(), Failure::Tls);
    }

    /// A proxy that answers every CONNECT with `says`, and then carries bytes to and fro. Tells what it was asked.
    async fn tunnels(says: &'static str) -> (Proxy, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::new(&format!("http://{}", listener.local_addr().unwrap()), Some(("me", "hush"))).unwrap();
        let (sender, asked) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let read = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                sender.send(head).unwrap();
                stream.write_all(says.as_bytes()).await.unwrap();
                if let Ok(mut beyond) = tokio::net::TcpStream::connect(target).await {
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut beyond).await });
                }
            }
        });
        (proxy, asked)
    }

    #[tokio::test]
    async fn https_goes_through_a_tunnel_and_is_spoken_with_the_target() {
        let (address, roots) = tls_server().await;
        let target = format!("https://localhost:{}/", address.port());
        let direct = trusting(roots);
        let (proxy, mut asked) = tunnels("HTTP/1.1 200 Connected\r\n\r\n").await;
        let answer = post(&direct.by(&proxy), target.clone()).await.unwrap();
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let head = asked.recv().await.unwrap();
        assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", address.port())), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic bWU6aHVzaA==\r\n"), "{head}");

        // What the tunnel leads to still has to prove who it is.
        let stranger = post(&direct.by(&proxy), format!("https://127.0.0.1:{}/", address.port())).await;
        assert_eq!(stranger.unwrap_err(), Failure::Tls);
        for says in ["HTTP/1.1 407 Who are you\r\n\r\n", "HTTP/1.1 403 No\r\n\r\n", "hello\r\n\r\n"] {
            let (proxy, _asked) = tunnels(says).await;
            assert_eq!(post(&direct.by(&proxy), target.clone()).await.unwrap_err(), Failure::Proxy, "{says}");
        }
        let nobody = Proxy::new("http://127.0.0.1:9", None).unwrap();
        assert_eq!(post(&direct.by(&nobody), target).await.unwrap_err(), Failure::Connect);
    }

    #[tokio::test]
    async fn a_server_that_is_silent_in_the_handshake_costs_the_connect_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("https://{}/", listener.local_addr().unwrap());
        let outbound = Outbound::new(OutboundOptions {
            allow_private: true,
            connect_timeout: Duration::from_millis(200),
            ..OutboundOptions::default()
        });
        assert_eq!(post(&outbound, target).await.unwrap_err(), Failure::Timeout);
    }
}
