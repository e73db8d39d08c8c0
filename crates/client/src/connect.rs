//! Connections: kept alive and shared, plain or TLS.

use crate::error::Error;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{error, sync::Arc, time::Duration};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept. Shorter than servers keep theirs, so that we seldom write into one that is
/// just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(8);

/// What is sent: whole, or piece by piece.
pub(crate) type Sending = UnsyncBoxBody<Bytes, Box<dyn error::Error + Send + Sync>>;

pub(crate) type Pool = legacy::Client<HttpsConnector<HttpConnector>, Sending>;

/// A pool of connections; `secure` when it will be asked for `https`.
pub(crate) fn pool(secure: bool) -> Result<Pool, Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls(secure)?).https_or_http().enable_http1().wrap_connector(tcp);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

/// The cryptography is named, not taken from the process: nobody else's choice can change what we speak.
fn tls(secure: bool) -> Result<ClientConfig, Error> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| Error::Setup("TLS cannot be set up"))
    };
    if !secure {
        // Reading the system's certificates takes a while: not for an address that needs none.
        return Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    // The public certificates that we carry serve a system that has none, as in a bare container.
    let trusting = builder()?.with_native_roots().or_else(|_| Ok::<_, Error>(builder()?.with_webpki_roots()))?;
    Ok(trusting.with_no_client_auth())
}
