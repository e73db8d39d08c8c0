//! Reaching the server: its address, TLS, and the settings of a session.

use crate::{Error, OpenError};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{error::Error as _, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config,
    config::{Host, SslMode},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A commit is on the disk before anybody hears of it, whatever the server's default; compiling queries that take a
/// fraction of a millisecond does not pay; and a small table is not read from end to end, nor joined as a whole, where an
/// index leads to the row: a serializable transaction collides with every write to what it has read.
const SETTINGS: &str = "SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// A server, and how to talk to it.
pub(super) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Target {
    pub(super) fn new(url: &str) -> Result<Self, OpenError> {
        // The parser's own words may quote the URL, and with it the password; its first sentence does not.
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            OpenError::BadUrl(error.source().map_or_else(|| error.to_string(), safe_reason))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("heliograph");
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        config.keepalives_idle(Duration::from_secs(30));
        if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().all(is_local) {
            // Nobody listens in between, and the certificates that distributions make for localhost verify nowhere.
            config.ssl_mode(SslMode::Disable);
        }
        let tls = tls(config.get_ssl_mode() != SslMode::Disable)?;
        Ok(Self { config, tls })
    }

    /// Opens a session. The task carries its messages, and ends after the client has been dropped.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = words(&error), "a connection to PostgreSQL broke");
            }
        });
        client.batch_execute(SETTINGS).await?;
        Ok((client, task))
    }
}

fn safe_reason(reason: &(dyn std::error::Error + 'static)) -> String {
    let reason = reason.to_string();
    // `invalid value for option `sslmode`` and the like name an option; anything longer may quote what was given.
    let named = ["invalid value for option", "unknown option"].iter().any(|start| reason.starts_with(start));
    if named { reason } else { "it cannot be parsed".to_owned() }
}

#[cfg(unix)]
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => is_loopback(name),
        Host::Unix(_) => true,
    }
}

#[cfg(not(unix))]
fn is_local(host: &Host) -> bool {
    let Host::Tcp(name) = host;
    is_loopback(name)
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Those whom the system trusts are read only if they are `wanted`: they take time and memory.
fn tls(wanted: bool) -> Result<MakeRustlsConnect, OpenError> {
    let mut roots = RootCertStore::empty();
    if wanted {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Engine(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What the server or the network says, without the details of a message: those may quote rows.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => format!("{} ({})", db.message(), db.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The server refused it; the connection is as good as before.
    Refused(Error),
    /// The connection is gone, or is about to be.
    Lost(String),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let lost = error.is_closed();
            return if lost { Self::Lost(words(&error)) } else { Self::Refused(Error::Engine(words(&error))) };
        };
        let code = db.code();
        Self::Refused(match *code {
            SqlState::UNIQUE_VIOLATION => Error::Duplicate,
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::LOCK_NOT_AVAILABLE => {
                Error::Contention
            }
            SqlState::DISK_FULL => Error::Full,
            SqlState::PROGRAM_LIMIT_EXCEEDED => Error::TooLong,
            // 57P0x: the server or an administrator ends this session. 08xxx: the connection failed. 25P03, 25P04: it was
            // idle, or at it for too long.
            _ if ["57P0", "08", "25P03", "25P04"].iter().any(|class| code.code().starts_with(class)) => {
                return Self::Lost(words(&error));
            }
            _ => Error::Engine(words(&error)),
        })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Lost(why) => Self::Unavailable(format!("the connection to PostgreSQL broke: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_never_shows_its_password() {
        for url in
            ["postgres://u:hunter2@[x", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h/d?sslmode=hunter2"]
        {
            let error = Target::new(url).err().expect("the URL is refused").to_string();
            assert!(error.starts_with("the database URL is not valid: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn tls_is_left_out_only_on_this_machine() {
        let mode = |url| Target::new(url).map(|target| target.config.get_ssl_mode()).expect("the URL is fine");
        assert_eq!(mode("postgres://u@127.0.0.1/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@localhost/d?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example.com/d"), SslMode::Prefer);
        assert_eq!(mode("postgres://u@db.example.com/d?sslmode=disable"), SslMode::Disable);
    }
}
