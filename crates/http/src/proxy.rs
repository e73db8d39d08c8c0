//! Proxies: how the back door leaves by one that the operator named.
//!
//! For `https` the proxy is asked for a tunnel, and TLS is spoken with the target through it; for `http` it is given the
//! whole address. It looks the target's name up itself, so that what the name leads to is the proxy's to judge: only
//! what can be seen in the address itself is judged here. The proxy's own address is not guarded.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::connector::{GuardedTcp, Opening, Place};
use crate::guard::is_public;
use crate::outbound::Failure;
use crate::target::{parse_target, unbracket};

/// A proxy that calls leave by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    pub(crate) address: Uri,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy at `http://HOST:PORT`, to which a caller proves itself by name and password, if it asks. The error names
    /// the rule that was broken and nothing of the texts, so that it can be shown after the name of the field.
    pub fn new(url: &str, credential: Option<(&str, &str)>) -> Result<Self, &'static str> {
        let address = parse_target(url)?;
        if address.scheme() != Some(&Scheme::HTTP) || address.path() != "/" || address.query().is_some() {
            return Err("should be http://HOST:PORT and nothing else");
        }
        let authorization = credential.map(|(name, password)| authorization(name, password)).transpose()?;
        Ok(Self { address, authorization })
    }

    /// Where it is.
    pub fn address(&self) -> &Uri {
        &self.address
    }
}

fn authorization(name: &str, password: &str) -> Result<HeaderValue, &'static str> {
    if name.contains(':') {
        return Err("should have no colon in its user name");
    }
    let value = format!("Basic {}", BASE64.encode(format!("{name}:{password}")));
    let mut value = HeaderValue::try_from(value).map_err(|_| "should have a credential that fits into a header")?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address)
    }
}

/// What can be told of a target without looking its name up. Whatever ends in a number is an IPv4 address to somebody:
/// only its usual spelling is taken, and judged.
pub(crate) fn judge_by_name(target: &Uri) -> Result<(), Failure> {
    let host = target.host().ok_or(Failure::Resolve)?;
    if let Ok(ip) = unbracket(host).unwrap_or(host).parse::<IpAddr>() {
        return if is_public(ip) { Ok(()) } else { Err(Failure::Refused) };
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    let numeric = last.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if numeric || last == "localhost" { Err(Failure::Refused) } else { Ok(()) }
}

/// Tunnels to targets.
pub(crate) struct Tunnels(Tunnel<GuardedTcp>);

impl Tunnels {
    pub(crate) fn new(proxy: &Proxy, tcp: GuardedTcp) -> Self {
        let tunnel = Tunnel::new(proxy.address.clone(), tcp);
        Self(match &proxy.authorization {
            Some(authorization) => tunnel.with_auth(authorization.clone()),
            None => tunnel,
        })
    }
}

impl Service<Uri> for Tunnels {
    type Response = Tcp;
    type Error = Failure;
    type Future = Opening<Tcp>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let opening = self.0.call(target);
        Box::pin(async move {
            opening.await.map_err(|error| {
                let below = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Failure>());
                below.copied().unwrap_or(Failure::Proxy)
            })
        })
    }
}

/// A TCP connection that knows whether a proxy is at its other end, and is to be given whole addresses. It holds its place
/// among all that may be open.
pub(crate) struct Tcp {
    io: TokioIo<TcpStream>,
    to_proxy: bool,
    _place: Place,
}

impl Tcp {
    pub(crate) fn new(stream: TcpStream, place: Place) -> Self {
        Self { io: TokioIo::new(stream), to_proxy: false, _place: place }
    }

    pub(crate) fn into_proxy(self) -> Self {
        Self { to_proxy: true, ..self }
    }
}

impl Connection for Tcp {
    fn connected(&self) -> Connected {
        self.io.inner().connected().proxy(self.to_proxy)
    }
}

impl Read for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_address_and_shows_no_credential() {
        let proxy = Proxy::new("http://egress.example:3128", Some(("me", "hush-hush"))).unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic bWU6aHVzaC1odXNo");
        let shown = format!("{proxy:?}");
        assert!(shown.contains("egress.example:3128") && !shown.contains("hush") && !shown.contains("bWU6"), "{shown}");
        for url in ["https://a:1", "http://a:1/path", "http://a:1/?q", "http://u:p@a:1", "a:1", "socks5://a:1", ""] {
            assert!(Proxy::new(url, None).is_err(), "{url}");
        }
        assert!(Proxy::new("http://a:1", Some(("a:b", "c"))).is_err());
    }

    #[test]
    fn a_target_is_judged_by_what_its_address_shows() {
        let judged = |host: &str| judge_by_name(&format!("http://{host}/").parse().unwrap());
        for host in ["example.com", "example.com.", "8.8.8.8", "[2606:4700::1]", "1.example", "a.0xample", "x.a1"] {
            assert_eq!(judged(host), Ok(()), "{host}");
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.1",
            "0",
            "1.2.3.0x4",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
        ] {
            assert_eq!(judged(host), Err(Failure::Refused), "{host}");
        }
    }
}
