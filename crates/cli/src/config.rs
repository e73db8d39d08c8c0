//! Settings: flags over environment over file over defaults. The environment is read here and nowhere else.

use clap::{Args, Command, ValueEnum, builder::BoolishValueParser};
use heliograph_server::{AddressRange, RateLimit, S3, Settings};
use heliograph_wire::key_life::KeyMode;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// Looks a variable of the environment up. Tests bring their own.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// The variable of this name. An empty one counts as unset, as compose files have it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// One source of settings: the flags, the environment, or the file. What it does not speak of is `None`.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Layer {
    /// Where to listen; port 0 takes a free one, which the `ready` line tells. Default: 127.0.0.1:8080.
    /// [env: HELIOGRAPH_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The data folder, created when missing. Default: ./heliograph-data. [env: HELIOGRAPH_DATA]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME. One with a password is better given by the
    /// environment or the file: others on the machine can see flags. Default: heliograph.db in the data folder.
    /// [env: HELIOGRAPH_DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The key that seals the secrets in the database; created at the first start. Keep a copy apart from the data.
    /// Default: beside the data folder, with `-master.key` after its name. [env: HELIOGRAPH_MASTER_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// A command that prints the master key, run by sh, instead of a file. (The key itself may also stand in the
    /// environment: HELIOGRAPH_MASTER_KEY.) [env: HELIOGRAPH_MASTER_KEY_COMMAND]
    #[arg(long, value_name = "COMMAND")]
    master_key_command: Option<String>,
    /// The address by which clients reach the server, when a proxy stands before it. Links to further pages and the
    /// addresses of attachments begin with it. [env: HELIOGRAPH_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Lets the server call private, loopback and link-local addresses that others name: those of webhooks, of files in
    /// messages (whose types it looks up), and of OAuth clients (removeUrl). Implied when the server listens on loopback and
    /// has no public address. [env: HELIOGRAPH_ALLOW_PRIVATE_TARGETS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    allow_private_targets: Option<bool>,
    /// The proxy by which webhooks and other addresses that callers name are reached: http://USER:PASSWORD@HOST:PORT. One
    /// with a password is better given by the environment or the file. Default: none. [env: HELIOGRAPH_OUTBOUND_PROXY]
    #[arg(long, value_name = "URL")]
    outbound_proxy: Option<String>,
    /// An origin whose pages may call the server from a browser. May be given several times, or several separated by
    /// commas. Default: none. [env: HELIOGRAPH_CORS_ORIGIN]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    cors_origin: Option<Vec<String>>,
    /// Whoever reads /metrics must show this as a Bearer token. Default: nothing is asked. Better given by the
    /// environment than as a flag, which others on the machine can see. [env: HELIOGRAPH_METRICS_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    metrics_token: Option<String>,
    /// Where uploaded files are kept: a folder, or s3://BUCKET/PREFIX for a bucket of an S3-compatible storage. Default:
    /// attachments in the data folder. [env: HELIOGRAPH_ATTACHMENTS]
    #[arg(long, value_name = "PLACE")]
    attachments: Option<String>,
    /// Where that storage answers, if it is not Amazon's. [env: HELIOGRAPH_S3_ENDPOINT]
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// The region of the bucket. What is not said of the storage comes from the AWS_… variables, or from the machine.
    /// [env: HELIOGRAPH_S3_REGION]
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
    /// The id of the key to the storage. [env: HELIOGRAPH_S3_ACCESS_KEY_ID]
    #[arg(long, value_name = "ID")]
    s3_access_key_id: Option<String>,
    /// Its secret. Better given by the environment or the file than as a flag, which others on the machine can see.
    /// [env: HELIOGRAPH_S3_SECRET_ACCESS_KEY]
    #[arg(long, value_name = "SECRET")]
    s3_secret_access_key: Option<String>,
    /// The pauses between the attempts to deliver a webhook, in seconds; decimals are allowed. Default: 15,60,240,480.
    /// [env: HELIOGRAPH_WEBHOOK_RETRY_GAPS]
    #[arg(long, value_name = "SECONDS,…", value_delimiter = ',')]
    webhook_retry_gaps: Option<Vec<Seconds>>,
    /// Whether the events of one conversation reach a webhook in the order in which they happened, also across retries.
    /// A webhook may be told otherwise by the API. Default: true. [env: HELIOGRAPH_WEBHOOK_ORDER]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    webhook_order: Option<bool>,
    /// How many events one call of a webhook carries at most, when several wait. A webhook may be told otherwise by the
    /// API. Default: 1. [env: HELIOGRAPH_WEBHOOK_EVENTS_PER_CALL]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    webhook_events_per_call: Option<u32>,
    /// For how many hours the log keeps what became of deliveries; 0 keeps nothing. Default: 72.
    /// [env: HELIOGRAPH_WEBHOOK_LOG_HOURS]
    #[arg(long, value_name = "HOURS")]
    webhook_log_hours: Option<u32>,
    /// How many settled deliveries of each webhook the log keeps; 0 keeps nothing. Default: 10000.
    /// [env: HELIOGRAPH_WEBHOOK_LOG_SIZE]
    #[arg(long, value_name = "COUNT")]
    webhook_log_size: Option<u32>,
    /// After how many days with nothing but failures a webhook is paused; decimals are allowed. Default: never.
    /// [env: HELIOGRAPH_WEBHOOK_PAUSE_DAYS]
    #[arg(long, value_name = "DAYS")]
    webhook_pause_days: Option<Days>,
    /// How often one key may ask: 50/s, 1000/m or 20000/h. What is beyond is answered with 429. Default: without limit.
    /// [env: HELIOGRAPH_RATE_LIMIT_KEY]
    #[arg(long, value_name = "COUNT/UNIT")]
    rate_limit_key: Option<RateLimit>,
    /// How often all callers of one app together may ask. Default: without limit. [env: HELIOGRAPH_RATE_LIMIT_APP]
    #[arg(long, value_name = "COUNT/UNIT")]
    rate_limit_app: Option<RateLimit>,
    /// How the secrets of keys are shown and made: compat, as the public contract has it, or hardened: shown once, and of a
    /// form that scanners recognise. Apps may have a mode of their own. Default: compat. [env: HELIOGRAPH_KEY_MODE]
    #[arg(long, value_name = "MODE")]
    key_mode: Option<KeyMode>,
    /// A proxy before the server, or a range of them (10.0.0.0/8), that is believed when it says by Forwarded or
    /// X-Forwarded-For whom it speaks for. May be given several times, or several separated by commas. Default: none.
    /// [env: HELIOGRAPH_TRUSTED_PROXIES]
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    trusted_proxies: Option<Vec<Range>>,
    /// Tells strangers precisely why their credential is refused. Default: only when the server listens on loopback and has
    /// no public address. [env: HELIOGRAPH_EXPLAIN_REFUSALS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = BoolishValueParser::new())]
    explain_refusals: Option<bool>,
    /// How many failed attempts to be let in may come from one address before further ones are told to wait. A right
    /// credential is always let in. Default: 100/m. [env: HELIOGRAPH_FAILURE_LIMIT_ADDRESS]
    #[arg(long, value_name = "COUNT/UNIT")]
    failure_limit_address: Option<RateLimit>,
    /// How many failed attempts may name one key. Default: 100/m. [env: HELIOGRAPH_FAILURE_LIMIT_KEY]
    #[arg(long, value_name = "COUNT/UNIT")]
    failure_limit_key: Option<RateLimit>,
    /// The form of the log, which goes to stderr. Default: text. [env: HELIOGRAPH_LOG_FORMAT]
    #[arg(long, value_enum, value_name = "FORM")]
    log_format: Option<LogFormat>,
    /// What is logged: a level (error, warn, info, debug, trace), or levels by module as in
    /// `info,heliograph_server=debug`. Default: info. [env: HELIOGRAPH_LOG]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object per line, for programs.
    Json,
}

/// A pause, written as a number of seconds.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Seconds(Duration);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| "should be a number of seconds, zero or more")
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is no number is refused as what is a wrong one.
        text.trim().parse::<f64>().unwrap_or(f64::NAN).try_into()
    }
}

/// A range of addresses, or a single one.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct Range(AddressRange);

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = heliograph_server::address_range(text.trim());
        range.map(Self).ok_or_else(|| format!("'{text}' is no address and no range such as 10.0.0.0/8"))
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A time, written as a number of days.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Days(Duration);

impl TryFrom<f64> for Days {
    type Error = &'static str;

    fn try_from(days: f64) -> Result<Self, Self::Error> {
        let time = Duration::try_from_secs_f64(days * 24.0 * 3600.0).ok().filter(|time| !time.is_zero());
        time.map(Self).ok_or("should be a number of days, more than zero")
    }
}

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse::<f64>().unwrap_or(f64::NAN).try_into()
    }
}

fn hours(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 3600)
}

/// What `serve` may be told.
#[derive(Args, Clone, Default)]
pub struct ServeFlags {
    #[command(flatten)]
    layer: Layer,
    /// A TOML file of settings, with the names of these flags as keys (without the dashes before them):
    /// `listen = "0.0.0.0:8080"`, `cors-origin = ["https://a.example"]`. Flags and the environment stand above it.
    /// [env: HELIOGRAPH_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What `admin` may be told: where the database is.
#[derive(Args)]
pub struct StoreFlags {
    /// The data folder. Default: ./heliograph-data. [env: HELIOGRAPH_DATA]
    #[arg(long, value_name = "FOLDER", global = true, help_heading = "Database")]
    data: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://… Default: heliograph.db in the data folder.
    /// [env: HELIOGRAPH_DATABASE_URL]
    #[arg(long, value_name = "URL", global = true, help_heading = "Database")]
    database_url: Option<String>,
    /// The key that seals the secrets in the database. Default: beside the data folder, with `-master.key` after its
    /// name. [env: HELIOGRAPH_MASTER_KEY_FILE]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Database")]
    master_key_file: Option<PathBuf>,
    /// A command that prints the master key, instead of a file. [env: HELIOGRAPH_MASTER_KEY_COMMAND]
    #[arg(long, value_name = "COMMAND", global = true, help_heading = "Database")]
    master_key_command: Option<String>,
    /// The TOML file of settings the server runs with. [env: HELIOGRAPH_CONFIG]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Database")]
    config: Option<PathBuf>,
}

impl From<StoreFlags> for ServeFlags {
    fn from(flags: StoreFlags) -> Self {
        let StoreFlags { data, database_url, master_key_file, master_key_command, config } = flags;
        Self { layer: Layer { data, database_url, master_key_file, master_key_command, ..Layer::default() }, config }
    }
}

/// Everything that was decided.
pub struct Resolved {
    /// What the server is told.
    pub settings: Settings,
    /// The form of the log.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
}

impl ServeFlags {
    /// Puts the sources over each other.
    pub fn resolve(self, environment: Lookup) -> Result<Resolved, String> {
        // Never a flag: others on the machine would see it.
        let master_key = environment("HELIOGRAPH_MASTER_KEY");
        let environment: Self = from_environment(environment)?;
        let file = self.config.or(environment.config);
        let file = file.map(|path| read_toml::<Layer>(&path)).transpose()?.unwrap_or_default();
        let mut resolved = self.layer.over(environment.layer).over(file).resolved();
        resolved.settings.master_key = master_key;
        Ok(resolved)
    }
}

impl Layer {
    fn over(self, below: Self) -> Self {
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

    fn resolved(self) -> Resolved {
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
            cors_origins: self.cors_origin.unwrap_or(default.cors_origins),
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
                .unwrap_or(default.webhook_events_per_call)
                .clamp(1, 100),
            webhook_log_time: self.webhook_log_hours.map_or(default.webhook_log_time, hours),
            webhook_log_size: self.webhook_log_size.map_or(default.webhook_log_size, |size| size as usize),
            webhook_pause_after: self.webhook_pause_days.map(|Days(time)| time),
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

/// Reads flags from the environment: `--public-url` is `HELIOGRAPH_PUBLIC_URL`, and its value is read as the flag's is.
pub fn from_environment<A: Args>(lookup: Lookup) -> Result<A, String> {
    let command = A::augment_args(Command::new("environment").no_binary_name(true).disable_help_flag(true));
    let given: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .filter_map(|long| Some(format!("--{long}={}", lookup(&variable(long))?)))
        .collect();
    let parsed = command.try_get_matches_from(given).and_then(|matches| A::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        format!("in the environment: {}", line.trim_start_matches("error: "))
    })
}

/// The variable that stands for a flag.
fn variable(long: &str) -> String {
    format!("HELIOGRAPH_{}", long.replace('-', "_").to_uppercase())
}

/// Reads a TOML file. The error names the place but does not quote it: it may be beside a secret.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("{}, line {line}: {}", path.display(), error.message().replace('\n', " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: ServeFlags,
    }

    fn resolve(line: &str, environment: &[(&str, &str)], file: Option<&str>) -> Result<Resolved, String> {
        let mut line: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        line.insert(0, "serve".to_owned());
        let path = std::env::temp_dir().join(format!("heliograph-config-{:p}-{}.toml", &line, std::process::id()));
        if let Some(text) = file {
            std::fs::write(&path, text).expect("a file");
            line.push(format!("--config={}", path.display()));
        }
        let flags = Line::try_parse_from(line).map_err(|error| error.to_string())?.flags;
        let resolved = flags
            .resolve(&|name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()));
        if file.is_some() {
            std::fs::remove_file(path).expect("a file");
        }
        resolved
    }

    #[test]
    fn flags_stand_over_the_environment_over_the_file_over_defaults() {
        let file = Some("listen = '0.0.0.0:3'\ndata = '/file'\npublic-url = 'http://file'\n");
        let environment = [("HELIOGRAPH_LISTEN", "0.0.0.0:2"), ("HELIOGRAPH_DATA", "/environment")];
        let settings = resolve("--listen 0.0.0.0:1", &environment, file).expect("settings").settings;
        assert_eq!(settings.listen, "0.0.0.0:1");
        assert_eq!(settings.data, Path::new("/environment"));
        assert_eq!(settings.public_url.as_deref(), Some("http://file"));
        assert_eq!(settings.cors_origins, Settings::default().cors_origins);
    }

    #[test]
    fn every_form_of_a_setting() {
        let gaps = [1000, 2500].map(Duration::from_millis);
        let origins = ["http://a", "http://b"];
        let sources = [
            resolve(
                "--webhook-retry-gaps 1,2.5 --cors-origin http://a --cors-origin http://b --log-format json",
                &[],
                None,
            ),
            resolve(
                "",
                &[
                    ("HELIOGRAPH_WEBHOOK_RETRY_GAPS", "1,2.5"),
                    ("HELIOGRAPH_CORS_ORIGIN", "http://a,http://b"),
                    ("HELIOGRAPH_LOG_FORMAT", "json"),
                ],
                None,
            ),
            resolve(
                "",
                &[],
                Some("webhook-retry-gaps = [1, 2.5]\ncors-origin = ['http://a', 'http://b']\nlog-format = 'json'"),
            ),
        ];
        for resolved in sources {
            let resolved = resolved.expect("settings");
            assert_eq!(resolved.settings.webhook_retry_gaps, gaps);
            assert_eq!(resolved.settings.cors_origins, origins);
            assert_eq!((resolved.log_format, resolved.log.as_str()), (LogFormat::Json, "info"));
        }
    }

    #[test]
    fn a_rate_limit_is_read_from_every_source() {
        let sources = [
            resolve("--rate-limit-key 50/s --rate-limit-app 9000/h", &[], None),
            resolve("", &[("HELIOGRAPH_RATE_LIMIT_KEY", "50/s"), ("HELIOGRAPH_RATE_LIMIT_APP", "9000/h")], None),
            resolve("", &[], Some("rate-limit-key = '50/s'\nrate-limit-app = '9000/h'")),
        ];
        for resolved in sources {
            let settings = resolved.expect("settings").settings;
            let texts = [settings.rate_limit_key, settings.rate_limit_app].map(|limit| limit.map(|l| l.to_string()));
            assert_eq!(texts, [Some("50/s".to_owned()), Some("9000/h".to_owned())]);
        }
        assert!(resolve("--rate-limit-key often", &[], None).is_err());
    }

    #[test]
    fn a_switch_can_be_turned_off_again() {
        let allowed = |line, environment: &[_], file| {
            resolve(line, environment, file).expect("settings").settings.allow_private_targets
        };
        let on = [("HELIOGRAPH_ALLOW_PRIVATE_TARGETS", "1")];
        // Unset, the server decides by the address it listens on.
        assert_eq!(allowed("", &[], None), None);
        assert_eq!(allowed("--allow-private-targets", &[], None), Some(true));
        assert_eq!(allowed("", &on, None), Some(true));
        assert_eq!(allowed("", &[], Some("allow-private-targets = true")), Some(true));
        assert_eq!(allowed("--allow-private-targets=false", &on, Some("allow-private-targets = true")), Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_one_clear_line() {
        let refused = |environment: &[_], file| resolve("", environment, file).err().unwrap_or_default();
        let unknown = refused(&[], Some("data = '/d'\nlissten = ':1'\nmetrics-token = 'hush'"));
        assert!(unknown.contains("line 2: unknown field `lissten`") && !unknown.contains("hush"), "{unknown}");
        let wrong = refused(&[], Some("metrics-token = 'hush'\nwebhook-retry-gaps = 'soon'"));
        assert!(wrong.contains("line 2: invalid type") && !wrong.contains("hush"), "{wrong}");
        let switch = refused(&[("HELIOGRAPH_ALLOW_PRIVATE_TARGETS", "perhaps")], None);
        assert!(
            switch.contains("in the environment: invalid value 'perhaps' for '--allow-private-targets"),
            "{switch}"
        );
        let gap = refused(&[("HELIOGRAPH_WEBHOOK_RETRY_GAPS", "1,-2")], None);
        assert!(gap.contains("should be a number of seconds"), "{gap}");
        for text in [&unknown, &wrong, &switch, &gap] {
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        let missing = resolve("--config /nowhere/at-all.toml", &[], None).err().unwrap_or_default();
        assert!(missing.starts_with("/nowhere/at-all.toml: "), "{missing}");
    }

    #[test]
    fn the_help_names_every_variable() {
        for command in
            [ServeFlags::augment_args(Command::new("serve")), StoreFlags::augment_args(Command::new("admin"))]
        {
            for argument in command.get_arguments() {
                let name = variable(argument.get_long().expect("a flag"));
                let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string);
                assert!(help.is_some_and(|help| help.contains(&format!("[env: {name}]"))), "{name}");
            }
        }
    }
}
