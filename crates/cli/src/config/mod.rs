//! Settings: flags over environment over file over defaults. The environment is read here and nowhere else.
//!
//! `layer.rs` has every setting of the server, `values.rs` how some of them are written; here they are gathered.

mod layer;
#[cfg(test)]
mod tests;
mod values;

pub use layer::Layer;
pub use values::LogFormat;

use clap::{Args, Command};
use heliograph_server::Settings;
use serde::de::DeserializeOwned;
use std::{
    env::VarError,
    path::{Path, PathBuf},
};

/// Looks a variable of the environment up. Tests bring their own.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Result<Option<String>, String>;

/// The variable of this name. An empty one counts as unset, as compose files have it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("in the environment: {name} holds what is no UTF-8")),
    }
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
        let master_key = environment("HELIOGRAPH_MASTER_KEY")?;
        let environment: Self = from_environment(environment)?;
        let file = self.config.or(environment.config);
        let file = file.map(|path| read_toml::<Layer>(&path)).transpose()?.unwrap_or_default();
        let mut resolved = self.layer.over(environment.layer).over(file).resolved();
        resolved.settings.master_key = master_key;
        Ok(resolved)
    }
}

/// Reads flags from the environment: `--public-url` is `HELIOGRAPH_PUBLIC_URL`, and its value is read as the flag's is.
pub fn from_environment<A: Args>(lookup: Lookup) -> Result<A, String> {
    let command = A::augment_args(Command::new("environment").no_binary_name(true).disable_help_flag(true));
    let mut given = Vec::new();
    for long in command.get_arguments().filter_map(|argument| argument.get_long()) {
        given.extend(lookup(&variable(long))?.map(|value| format!("--{long}={value}")));
    }
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
