//! One source of settings as a whole: every setting of the server by its name, how one source stands over another, and
//! what the server is told in the end.

use super::{
    Resolved,
    values::{Days, LogFormat, Origin, PerCall, Range, Seconds},
};
use clap::{Args, builder::BoolishValueParser};
use heliograph_server::{RateLimit, S3, Settings};
use heliograph_wire::key_life::KeyMode;
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// One source of settings: the flags, the environment, or the file. What it does not speak of is `None`.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Layer {
    /// Where to listen; port 0 takes a free one, which the `ready` line tells. Default: 127.0.0.1:8080.
    /// [env: HELIOGRAPH_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// The data folder, created when missing. Default: ./heliograph-data. [env: HELIOGRAPH_DATA]
    #[arg(long, value_name = "FOLDER")]
    pub(super) data: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME. One with a password is better given by the
    /// environment or the file: others on the machine can see flags. Default: heliograph.db in the data folder.
    /// [env: HELIOGRAPH_DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// The key that seals the secrets in the database; created at the first start. Keep a copy apart from the data.
    /// Default: beside the data folder, with `-master.key` after its name. [env: HELIOGRAPH_MASTER_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub(super) master_key_file: Option<PathBuf>,
    /// A command that prints the master key, run by sh, instead of a file. (The key itself may also stand in the
    /// environment: HELIOGRAPH_MASTER_KEY.) [env: HELIOGRAPH_MASTER_KEY_COMMAND]
    #[arg(long, value_name = "COMMAND")]
    pub(super) master_key_command: Option<String>,
    /// The address by which clients reach the server, when a proxy stands before it. Links to further pages and the
    /// addresses of attachments begin with it. [env: HELIOGRAPH_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// Lets the server call private, loopback and link-local addresses that others name: those of webhooks, of files in
    /// messages (whose types it looks up), and of OAuth clients (removeUrl). Implied when the server listens on loopback and
    /// has no public address. [env: HELIOGRAPH_ALLOW_PRIVATE_TARGETS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub(super) allow_private_targets: Option<bool>,
    /// The proxy by which webhooks and other addresses that callers name are reached: http://USER:PASSWORD@HOST:PORT. One
    /// with a password is better given by the environment or the file. Default: none. [env: HELIOGRAPH_OUTBOUND_PROXY]
    #[arg(long, value_name = "URL")]
    pub(super) outbound_proxy: Option<String>,
    /// An origin whose pages may call the server from a browser. May be given several times, or several separated by
    /// commas. Default: none. [env: HELIOGRAPH_CORS_ORIGIN]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    pub(super) cors_origin: Option<Vec<Origin>>,
    /// Whoever reads /metrics must show this as a Bearer token. Default: nothing is asked. Better given by the
    /// environment than as a flag, which others on the machine can see. [env: HELIOGRAPH_METRICS_TOKEN]
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(super) metrics_token: Option<String>,
    /// Where uploaded files are kept: a folder, or s3://BUCKET/PREFIX for a bucket of an S3-compatible storage. Default:
    /// attachments in the data folder. [env: HELIOGRAPH_ATTACHMENTS]
    #[arg(long, value_name = "PLACE")]
    pub(super) attachments: Option<String>,
    /// Where that storage answers, if it is not Amazon's. [env: HELIOGRAPH_S3_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub(super) s3_endpoint: Option<String>,
    /// The region of the bucket. What is not said of the storage comes from the AWS_… variables, or from the machine.
    /// [env: HELIOGRAPH_S3_REGION]
    #[arg(long, value_name = "REGION")]
    pub(super) s3_region: Option<String>,
    /// The id of the key to the storage. [env: HELIOGRAPH_S3_ACCESS_KEY_ID]
    #[arg(long, value_name = "ID")]
    pub(super) s3_access_key_id: Option<String>,
    /// Its secret. Better given by the environment or the file than as a flag, which others on the machine can see.
    /// [env: HELIOGRAPH_S3_SECRET_ACCESS_KEY]
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub(super) s3_secret_access_key: Option<String>,
    /// The pauses between the attempts to deliver a webhook, in seconds; decimals are allowed. Default: 15,60,240,400.
    /// [env: HELIOGRAPH_WEBHOOK_RETRY_GAPS]
    #[arg(long, value_name = "SECONDS,…", value_delimiter = ',')]
    pub(super) webhook_retry_gaps: Option<Vec<Seconds>>,
    /// Whether the events of one conversation reach a webhook in the order in which they happened, also across retries.
    /// A webhook may be told otherwise by the API. Default: true. [env: HELIOGRAPH_WEBHOOK_ORDER]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub(super) webhook_order: Option<bool>,
    /// How many events one call of a webhook carries at most, when several wait: 1 to 100. A webhook may be told otherwise
    /// by the API. Default: 1. [env: HELIOGRAPH_WEBHOOK_EVENTS_PER_CALL]
    #[arg(long, value_name = "COUNT")]
    pub(super) webhook_events_per_call: Option<PerCall>,
    /// For how many hours the log keeps what became of deliveries; 0 keeps nothing. Default: 72.
    /// [env: HELIOGRAPH_WEBHOOK_LOG_HOURS]
    #[arg(long, value_name = "HOURS")]
    pub(super) webhook_log_hours: Option<u32>,
    /// How many settled deliveries of each webhook the log keeps; 0 keeps nothing. Default: 10000.
    /// [env: HELIOGRAPH_WEBHOOK_LOG_SIZE]
    #[arg(long, value_name = "COUNT")]
    pub(super) webhook_log_size: Option<u32>,
    /// After how many days with nothing but failures a webhook is paused; decimals are allowed. Default: never.
    /// [env: HELIOGRAPH_WEBHOOK_PAUSE_DAYS]
    #[arg(long, value_name = "DAYS")]
    pub(super) webhook_pause_days: Option<Days>,
    /// For how many days the audit log keeps what was changed; what goes is taken away so that the rest can still be
    /// verified. Default: for ever. [env: HELIOGRAPH_AUDIT_DAYS]
    #[arg(long, value_name = "DAYS")]
    pub(super) audit_days: Option<Days>,
    /// How often one key may ask: 50/s, 1000/m or 20000/h. What is beyond is answered with 429. Default: without limit.
    /// [env: HELIOGRAPH_RATE_LIMIT_KEY]
    #[arg(long, value_name = "COUNT/UNIT")]
    pub(super) rate_limit_key: Option<RateLimit>,
    /// How often all callers of one app together may ask. Default: without limit. [env: HELIOGRAPH_RATE_LIMIT_APP]
    #[arg(long, value_name = "COUNT/UNIT")]
    pub(super) rate_limit_app: Option<RateLimit>,
    /// How the secrets of keys are shown and made: compat, as the public contract has it, or hardened: shown once, and of a
    /// form that scanners recognise. Apps may have a mode of their own. Default: compat. [env: HELIOGRAPH_KEY_MODE]
    #[arg(long, value_name = "MODE")]
    pub(super) key_mode: Option<KeyMode>,
    /// A proxy before the server, or a range of them (10.0.0.0/8), that is believed when it says by Forwarded or
    /// X-Forwarded-For whom it speaks for. May be given several times, or several separated by commas. Default: none.
    /// [env: HELIOGRAPH_TRUSTED_PROXIES]
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(super) trusted_proxies: Option<Vec<Range>>,
    /// Tells strangers precisely why their credential is refused. Default: only when the server listens on loopback and has
    /// no public address. [env: HELIOGRAPH_EXPLAIN_REFUSALS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    pub(super) explain_refusals: Option<bool>,
    /// How many failed attempts to be let in may come from one address before further ones are told to wait. A right
    /// credential is always let in. Default: 100/m. [env: HELIOGRAPH_FAILURE_LIMIT_ADDRESS]
    #[arg(long, value_name = "COUNT/UNIT")]
    pub(super) failure_limit_address: Option<RateLimit>,
    /// How many failed attempts may name one key. Default: 100/m. [env: HELIOGRAPH_FAILURE_LIMIT_KEY]
    #[arg(long, value_name = "COUNT/UNIT")]
    pub(super) failure_limit_key: Option<RateLimit>,
    /// The form of the log, which goes to stderr. Default: text. [env: HELIOGRAPH_LOG_FORMAT]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(super) log_format: Option<LogFormat>,
    /// What is logged: a level (error, warn, info, debug, trace), or levels by module as in
    /// `info,heliograph_server=debug`. Default: info. [env: HELIOGRAPH_LOG]
    #[arg(long, value_name = "FILTER")]
    pub(super) log: Option<String>,
}

impl Layer {
    /// Puts this source over another.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            data: self.data.or(below.data),
            database_url: self.database_url.or(below.database_url),
            master_key_file: self.master_key_file.or(below.master_key_file),
            master_key_command: self.master_key_command.or(below.master_key_command),
            public_url: self.public_url.or(below.public_url),
            allow_private_targets: self.allow_private_targets.or(below.allow_private_targets),
            outbound_proxy: self.outbound_proxy.or(below.outbound_proxy),
            cors_origin: self.cors_origin.or(below.cors_origin),
            metrics_token: self.metrics_token.or(below.metrics_token),
            attachments: self.attachments.or(below.attachments),
            s3_endpoint: self.s3_endpoint.or(below.s3_endpoint),
            s3_region: self.s3_region.or(below.s3_region),
            s3_access_key_id: self.s3_access_key_id.or(below.s3_access_key_id),
            s3_secret_access_key: self.s3_secret_access_key.or(below.s3_secret_access_key),
            webhook_retry_gaps: self.webhook_retry_gaps.or(below.webhook_retry_gaps),
            webhook_order: self.webhook_order.or(below.webhook_order),
            webhook_events_per_call: self.webhook_events_per_call.or(below.webhook_events_per_call),
            webhook_log_hours: self.webhook_log_hours.or(below.webhook_log_hours),
            webhook_log_size: self.webhook_log_size.or(below.webhook_log_size),
            webhook_pause_days: self.webhook_pause_days.or(below.webhook_pause_days),
            audit_days: self.audit_days.or(below.audit_days),
            rate_limit_key: self.rate_limit_key.or(below.rate_limit_key),
            rate_limit_app: self.rate_limit_app.or(below.rate_limit_app),
            key_mode: self.key_mode.or(below.key_mode),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            explain_refusals: self.explain_refusals.or(below.explain_refusals),
            failure_limit_address: self.failure_limit_address.or(below.failure_limit_address),
            failure_limit_key: self.failure_limit_key.or(below.failure_limit_key),
            log_format: self.log_format.or(below.log_format),
            log: self.log.or(below.log),
        }
    }

    /// Fills in what no source speaks of.
    pub(super) fn resolved(self) -> Resolved {
        let default = Settings::default();
        let gaps = self.webhook_retry_gaps.map(|gaps| gaps.into_iter().map(|Seconds(gap)| gap).collect());
        let settings = Settings {
            listen: self.listen.unwrap_or(default.listen),
            data: self.data.unwrap_or(default.data),
            database_url: self.database_url.or(default.database_url),
            master_key_file: self.master_key_file.or(default.master_key_file),
            master_key_command: self.master_key_command,
            master_key: None,
            public_url: self.public_url.or(default.public_url),
            allow_private_targets: self.allow_private_targets,
            outbound_proxy: self.outbound_proxy.or(default.outbound_proxy),
            cors_origins: self.cors_origin.unwrap_or_default().into_iter().map(|Origin(origin)| origin).collect(),
            metrics_token: self.metrics_token.or(default.metrics_token),
            attachments: self.attachments.or(default.attachments),
            s3: S3 {
                endpoint: self.s3_endpoint,
                region: self.s3_region,
                access_key_id: self.s3_access_key_id,
                secret_access_key: self.s3_secret_access_key,
            },
            webhook_retry_gaps: gaps.unwrap_or(default.webhook_retry_gaps),
            webhook_order: self.webhook_order.unwrap_or(default.webhook_order),
            webhook_events_per_call: self
                .webhook_events_per_call
                .map_or(default.webhook_events_per_call, |PerCall(count)| count),
            webhook_log_time: self.webhook_log_hours.map_or(default.webhook_log_time, hours),
            webhook_log_size: self.webhook_log_size.map_or(default.webhook_log_size, |size| size as usize),
            webhook_pause_after: self.webhook_pause_days.map(|Days(time)| time),
            audit_time: self.audit_days.map(|Days(time)| time),
            rate_limit_key: self.rate_limit_key.or(default.rate_limit_key),
            rate_limit_app: self.rate_limit_app.or(default.rate_limit_app),
            key_mode: self.key_mode.unwrap_or(default.key_mode),
            trusted_proxies: self.trusted_proxies.unwrap_or_default().into_iter().map(|Range(net)| net).collect(),
            explain_refusals: self.explain_refusals,
            failure_limit_address: self.failure_limit_address.unwrap_or(default.failure_limit_address),
            failure_limit_key: self.failure_limit_key.unwrap_or(default.failure_limit_key),
            postgres_connections: default.postgres_connections,
        };
        let log = self.log.unwrap_or_else(|| "info".to_owned());
        Resolved { settings, log_format: self.log_format.unwrap_or_default(), log }
    }
}

fn hours(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 3600)
}
