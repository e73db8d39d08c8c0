//! What an operator may set, and what can keep a server from starting.

use crate::{
    delivery::{self, journal::Journal, policy},
    error::Error,
    limits::RateLimit,
    master_key::Source,
};
use heliograph_http::Proxy;
use heliograph_store::{OpenError, Options};
use heliograph_wire::key_life::KeyMode;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use std::{fmt, io, path::PathBuf, time::Duration};

/// What an operator may set.
#[derive(Clone)]
pub struct Settings {
    /// The address to listen on.
    pub listen: String,
    /// The folder for everything the server keeps.
    pub data: PathBuf,
    /// The database; by default SQLite in the data folder.
    pub database_url: Option<String>,
    /// The file with the master key; by default beside the data folder, so that a copy of that folder tells nothing.
    pub master_key_file: Option<PathBuf>,
    /// A command that prints the master key, instead of a file.
    pub master_key_command: Option<String>,
    /// The master key itself, instead of a file.
    pub master_key: Option<String>,
    /// The address that links name; by default the one the caller used.
    pub public_url: Option<String>,
    /// Whether webhooks may name private addresses; by default only when the server itself is for this machine alone.
    pub allow_private_targets: Option<bool>,
    /// The proxy by which addresses that others name are called, `http://USER:PASSWORD@HOST:PORT`; by default none.
    pub outbound_proxy: Option<String>,
    /// The origins whose pages may call; `*` for any.
    pub cors_origins: Vec<String>,
    /// What a reader of the metrics must show.
    pub metrics_token: Option<String>,
    /// Where uploaded files are kept: a folder, by default in the data folder, or `s3://bucket/prefix`.
    pub attachments: Option<String>,
    /// How to reach that bucket.
    pub s3: S3,
    /// The pauses between attempts of a webhook's call.
    pub webhook_retry_gaps: Vec<Duration>,
    /// Whether the events of one conversation reach a webhook in the order in which they happened.
    pub webhook_order: bool,
    /// How many events one call of a webhook carries at most, when several wait.
    pub webhook_events_per_call: u32,
    /// For how long the log keeps what became of deliveries.
    pub webhook_log_time: Duration,
    /// How many settled deliveries of one webhook the log keeps.
    pub webhook_log_size: usize,
    /// After how long with nothing but failures a webhook is paused, if ever.
    pub webhook_pause_after: Option<Duration>,
    /// For how long the audit log is kept; by default for ever.
    pub audit_time: Option<Duration>,
    /// How often one key may ask; by default without limit.
    pub rate_limit_key: Option<RateLimit>,
    /// How often all callers of one app together may ask; by default without limit.
    pub rate_limit_app: Option<RateLimit>,
    /// How the secrets of keys are shown and made, where an app does not say.
    pub key_mode: KeyMode,
    /// The proxies that are believed when they say whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether strangers are told precisely why they are refused; by default only when the server is for this machine
    /// alone.
    pub explain_refusals: Option<bool>,
    /// How many failed attempts to be let in may come from one address.
    pub failure_limit_address: RateLimit,
    /// How many may name one key.
    pub failure_limit_key: RateLimit,
    /// How many connections to hold to PostgreSQL.
    pub postgres_connections: usize,
}

/// How to reach a bucket. What is left out comes from the environment, or from the machine, in the way of Amazon's own
/// programs.
#[derive(Clone, Default)]
pub struct S3 {
    /// Where the storage answers, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// Who calls.
    pub access_key_id: Option<String>,
    /// How they prove it.
    pub secret_access_key: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            data: PathBuf::from("heliograph-data"),
            database_url: None,
            master_key_file: None,
            master_key_command: None,
            master_key: None,
            public_url: None,
            allow_private_targets: None,
            outbound_proxy: None,
            cors_origins: Vec::new(),
            metrics_token: None,
            attachments: None,
            s3: S3::default(),
            webhook_retry_gaps: policy::GAPS.to_vec(),
            webhook_order: true,
            webhook_events_per_call: 1,
            webhook_log_time: Duration::from_secs(3 * 24 * 3600),
            webhook_log_size: 10_000,
            webhook_pause_after: None,
            audit_time: None,
            rate_limit_key: None,
            rate_limit_app: None,
            key_mode: KeyMode::Compat,
            trusted_proxies: Vec::new(),
            explain_refusals: None,
            failure_limit_address: RateLimit::FAILURES,
            failure_limit_key: RateLimit::FAILURES,
            postgres_connections: 16,
        }
    }
}

/// Only where the data is: other settings may hold secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("listen", &self.listen).field("data", &self.data).finish_non_exhaustive()
    }
}

impl Settings {
    /// How to open the database.
    pub(crate) fn store_options(&self, exclusive: bool) -> Options {
        let url = self
            .database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data.join("heliograph.db").display()));
        Options { url, exclusive, connections: self.postgres_connections }
    }

    /// Where the database is, in words that hold no password.
    pub(crate) fn database_place(&self) -> String {
        let url = self.store_options(false).url;
        url.strip_prefix("sqlite:").unwrap_or("the PostgreSQL URL that was given").to_owned()
    }

    /// Where master keys come from.
    pub(crate) fn master_key_source(&self) -> Source {
        match (&self.master_key, &self.master_key_command) {
            (Some(text), _) => Source::Text(text.clone().into()),
            (None, Some(command)) => Source::Command(command.clone()),
            (None, None) => Source::File(self.master_key_path()),
        }
    }

    /// What is decided of deliveries, where so many connections may be open for them.
    pub(crate) fn delivery_options(&self, connections: usize) -> delivery::Options {
        delivery::Options {
            gaps: self.webhook_retry_gaps.clone(),
            ordered: self.webhook_order,
            events_per_call: self.webhook_events_per_call,
            journal: Journal { keep_for: self.webhook_log_time, keep: self.webhook_log_size },
            pause_after: self.webhook_pause_after,
            calls: delivery::most_calls(connections),
        }
    }

    /// The proxy by which addresses that others name are called.
    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, StartError> {
        let Some(text) = &self.outbound_proxy else { return Ok(None) };
        let wrong = |rule| StartError::Setting(format!("the outbound proxy {rule}"));
        let (url, credential) =
            match text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
                Some((scheme, (credential, host))) => (format!("{scheme}://{host}"), Some(credential)),
                None => (text.clone(), None),
            };
        let plain =
            |text| percent_decode_str(text).decode_utf8().map_err(|_| wrong("should have a credential in UTF-8"));
        let credential =
            credential.map(|both| both.split_once(':').ok_or_else(|| wrong("should have USER:PASSWORD before @")));
        let credential = match credential.transpose()? {
            Some((name, password)) => Some((plain(name)?, plain(password)?)),
            None => None,
        };
        let credential = credential.as_ref().map(|(name, password)| (name.as_ref(), password.as_ref()));
        Proxy::new(&url, credential).map(Some).map_err(wrong)
    }

    /// The file of the master key.
    fn master_key_path(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| {
            // `.` and `..` have no name to put it beside.
            let named = self.data.file_name().map(|_| self.data.clone());
            let data = named.or_else(|| self.data.canonicalize().ok()).unwrap_or_else(|| self.data.clone());
            let mut name = data.file_name().unwrap_or("heliograph".as_ref()).to_owned();
            name.push("-master.key");
            data.with_file_name(name)
        })
    }
}

/// Why a server did not start, in one line that an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen there.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// A file or folder cannot be used.
    #[error("cannot use {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The database cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// There is no database to work on.
    #[error("there is no database at {0}")]
    NoDatabase(String),
    /// The master key is not the one the database was made with, or not one at all.
    #[error("master key {}: {why}", path.display())]
    MasterKey {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// A setting is not one that is understood.
    #[error("{0}")]
    Setting(String),
    /// The database did not do what was asked.
    #[error("the database: {0}")]
    Database(String),
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(_) | Error::Conflict(_) | Error::Missing(_) => Self::Setting(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_key_is_beside_the_data_folder() {
        let path = |data: &str| Settings { data: data.into(), ..Settings::default() }.master_key_path();
        assert_eq!(path("heliograph-data"), PathBuf::from("heliograph-data-master.key"));
        assert_eq!(path("/srv/data/"), PathBuf::from("/srv/data-master.key"));
        let here = PathBuf::from(".").canonicalize().unwrap();
        for (data, folder) in [(".", here.as_path()), ("./", here.as_path()), ("..", here.parent().unwrap())] {
            let name = format!("{}-master.key", folder.file_name().unwrap().to_str().unwrap());
            assert_eq!(path(data), folder.with_file_name(name));
        }
    }

    #[test]
    fn a_proxy_with_a_credential_is_read_and_never_shown() {
        let read = |text: &str| Settings { outbound_proxy: Some(text.to_owned()), ..Settings::default() }.proxy();
        let plain = Proxy::new("http://egress.example:3128", None).unwrap();
        assert_eq!(read("http://egress.example:3128").unwrap(), Some(plain));
        let known = Proxy::new("http://10.0.0.7:3128", Some(("me", "p@ss:word"))).unwrap();
        assert_eq!(read("http://me:p%40ss:word@10.0.0.7:3128").unwrap(), Some(known));
        for wrong in [
            "https://egress.example",
            "egress.example:3128",
            "http://hush-hush@egress.example",
            "http://me:hush-hush@/",
        ] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(said.starts_with("the outbound proxy should") && !said.contains("hush"), "{said}");
        }
    }
}
