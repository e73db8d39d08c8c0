//! Which server the commands call, and with which credential: flags over environment over a profile; a profile that a
//! flag names stands over the environment.

use crate::{
    config::{self, Lookup, from_environment, read_toml},
    output,
};
use clap::{Args, builder::BoolishValueParser};
use heliograph_client::{Builder, Client, Error, jwt::Signer};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where a server is that nobody said anything about.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// The profile that is taken when none is named.
const DEFAULT_PROFILE: &str = "default";

/// One source of what is needed to call.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Source {
    /// The address of the server, with the `/sc` if it has one. Default: http://127.0.0.1:8080. [env: HELIOGRAPH_URL]
    #[arg(long, global = true, help_heading = "Connection")]
    url: Option<String>,
    /// The id of a key (act_…, svc_…, app_… or int_…). [env: HELIOGRAPH_KEY_ID]
    #[arg(long, global = true, help_heading = "Connection", value_name = "ID")]
    key_id: Option<String>,
    /// The secret of the key. Others on the machine can see flags: better give it by the environment or a profile.
    /// [env: HELIOGRAPH_SECRET]
    #[arg(long, global = true, help_heading = "Connection", allow_hyphen_values = true)]
    secret: Option<String>,
    /// A token (JWT) in place of a key. [env: HELIOGRAPH_TOKEN]
    #[arg(long, global = true, help_heading = "Connection")]
    token: Option<String>,
    /// Whether what creates something (POST) carries an Idempotency-Key, by which a server of ours does it once, and is
    /// sent again when nobody knows what became of it. Say false for the original service. Default: true.
    /// [env: HELIOGRAPH_IDEMPOTENCY_KEYS]
    #[arg(long, global = true, help_heading = "Connection", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new())]
    idempotency_keys: Option<bool>,
}

/// The flags that every command has that calls a server.
#[derive(Args, Clone, Default)]
pub struct Flags {
    #[command(flatten)]
    given: Source,
    /// A section of ~/.config/heliograph/profiles.toml, with the keys url, key-id, secret, token, idempotency-keys. It
    /// goes before the environment if this flag names it. Default: the one called `default`, if there is one.
    /// [env: HELIOGRAPH_PROFILE]
    #[arg(long, global = true, help_heading = "Connection", value_name = "NAME")]
    profile: Option<String>,
}

impl Flags {
    /// A client for the server that is meant.
    pub fn client(self) -> Result<Client, String> {
        let source = self.resolve(&config::environment)?;
        let builder = match &source {
            Source { token: Some(token), .. } => source.builder().token(token),
            source => {
                let (key_id, secret) = source.key()?;
                source.builder().basic(key_id, secret)
            }
        };
        builder.build().map_err(|error| error.to_string())
    }

    /// A client for the server that is meant. Without a credential of its own it shows this token.
    pub fn client_or_token(self, token: &str) -> Result<Client, String> {
        let source = self.clone().resolve(&config::environment)?;
        if source.token.is_some() || source.key_id.is_some() {
            return self.client();
        }
        source.builder().token(token).build().map_err(|error| error.to_string())
    }

    /// What is known of the server and the credential, by the names that samples have for them: `url`, `keyId`,
    /// `secret`, `token`. Who has a credential has it for some server: the default one, unless another is named.
    pub fn known(self) -> Result<BTreeMap<String, String>, String> {
        let Source { url, key_id, secret, token, .. } = self.resolve(&config::environment)?;
        let default = (key_id.is_some() || token.is_some()).then(|| DEFAULT_URL.to_owned());
        let url = url.or(default).map(|url| url.trim_end_matches('/').to_owned());
        let named = [("url", url), ("keyId", key_id), ("secret", secret), ("token", token)];
        Ok(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    /// A signer for the key that is meant.
    pub fn signer(self) -> Result<Signer, String> {
        let mut source = self.resolve(&config::environment)?;
        source.token = None;
        let (key_id, secret) = source.key()?;
        Signer::new(key_id, secret).map_err(|error| error.to_string())
    }

    fn resolve(self, environment: Lookup) -> Result<Source, String> {
        let variables: Self = from_environment(environment)?;
        let named = self.profile.is_some();
        let profile = profile(self.profile.or(variables.profile), profiles_path(environment)?.as_deref())?;
        for (source, place) in
            [(&self.given, "the flags"), (&variables.given, "the environment"), (&profile, "the profile")]
        {
            if source.token.is_some() && source.key_id.is_some() {
                return Err(format!("both a token and a key are given by {place}: only one of them can be shown"));
            }
        }
        let (first, second) = if named { (profile, variables.given) } else { (variables.given, profile) };
        Ok(self.given.over(first).over(second))
    }
}

impl Source {
    /// A credential is taken from one source as a whole, save that a key's secret may come from below: a token in the
    /// environment does not go before a key that the flags name.
    fn over(self, below: Self) -> Self {
        let named = self.token.is_some() || self.key_id.is_some();
        let below = if named { Self { key_id: None, token: None, ..below } } else { below };
        Self {
            url: self.url.or(below.url),
            key_id: self.key_id.or(below.key_id),
            secret: self.secret.or(below.secret),
            token: self.token.or(below.token),
            idempotency_keys: self.idempotency_keys.or(below.idempotency_keys),
        }
    }

    /// Begins a client.
    fn builder(&self) -> Builder {
        let builder = Client::builder(self.url.as_deref().unwrap_or(DEFAULT_URL));
        if self.idempotency_keys == Some(false) { builder.without_idempotency_keys() } else { builder }
    }

    fn key(&self) -> Result<(&str, &str), String> {
        match (&self.key_id, &self.secret) {
            (Some(key_id), Some(secret)) => Ok((key_id, secret)),
            (Some(key_id), None) => Err(format!("the secret of {key_id} is missing: set HELIOGRAPH_SECRET")),
            (None, _) => Err("no credential: set HELIOGRAPH_KEY_ID and HELIOGRAPH_SECRET, or HELIOGRAPH_TOKEN, or \
                write a profile (see heliograph --help)"
                .to_owned()),
        }
    }
}

fn profiles_path(environment: Lookup) -> Result<Option<PathBuf>, String> {
    let folder = match environment("XDG_CONFIG_HOME")? {
        Some(folder) => Some(PathBuf::from(folder)),
        None => environment("HOME")?.map(|home| Path::new(&home).join(".config")),
    };
    Ok(folder.map(|folder| folder.join("heliograph").join("profiles.toml")))
}

/// The profile of this name; without a name the default one, and nothing when there is none.
fn profile(name: Option<String>, path: Option<&Path>) -> Result<Source, String> {
    let Some(path) = path.filter(|path| name.is_some() || path.exists()) else {
        return match name {
            Some(_) => Err("profiles are kept in the home folder, but HOME is not set".to_owned()),
            None => Ok(Source::default()),
        };
    };
    let mut profiles: BTreeMap<String, Source> = read_toml(path)?;
    if let Some(warning) = readable_by_others(path) {
        output::complain(&warning);
    }
    let found = profiles.remove(name.as_deref().unwrap_or(DEFAULT_PROFILE));
    match (found, name) {
        (None, Some(name)) => Err(format!("there is no profile [{name}] in {}", path.display())),
        (found, _) => Ok(found.unwrap_or_default()),
    }
}

fn readable_by_others(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let path = path.display();
    (mode & 0o077 != 0).then(|| format!("others may read the secrets in {path}: run chmod 600 {path}"))
}

/// Whether it is worth asking again: the server is away, or busy.
pub fn passes(error: &Error) -> bool {
    let busy = || error.status().is_some_and(|status| status.is_server_error() || status.as_u16() == 429);
    matches!(error, Error::Transport(_)) || busy()
}

/// What helps whoever may be refused for having the wrong kind of key: which kinds there are for this.
pub fn hint(error: &Error) -> Option<String> {
    let refusal = error.api().filter(|refusal| refusal.title() == Some("Forbidden") && !refusal.scopes.is_empty())?;
    let owners = refusal.scopes.iter().map(|scope| format!("an {}", scope.name()));
    Some(format!("this is for keys and tokens of {} that may see it", owners.collect::<Vec<_>>().join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key_id: &str, secret: Option<&str>) -> Source {
        Source { key_id: Some(key_id.to_owned()), secret: secret.map(str::to_owned), ..Source::default() }
    }
    fn token(token: &str) -> Source {
        Source { token: Some(token.to_owned()), ..Source::default() }
    }
    fn resolve(given: Source, profile: Option<&str>, environment: &[(&str, &str)]) -> Result<Source, String> {
        let lookup =
            |name: &str| Ok(environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()));
        Flags { given, profile: profile.map(str::to_owned) }.resolve(&lookup)
    }

    #[test]
    fn a_credential_is_taken_from_the_highest_source_that_names_one() {
        let environment = [("HELIOGRAPH_TOKEN", "t"), ("HELIOGRAPH_URL", "http://e")];
        let source = resolve(key("act_1", Some("s")), None, &environment).expect("a source");
        assert_eq!(source.key(), Ok(("act_1", "s")));
        assert_eq!((source.token, source.url.as_deref()), (None, Some("http://e")));

        let environment = [("HELIOGRAPH_KEY_ID", "act_2"), ("HELIOGRAPH_SECRET", "s2")];
        let source = resolve(token("mine"), None, &environment).expect("a source");
        assert_eq!((source.token.as_deref(), source.key_id), (Some("mine"), None));
        let source = resolve(key("act_1", None), None, &environment).expect("a source");
        assert_eq!(source.key(), Ok(("act_1", "s2")), "the secret alone may come by the environment");
    }

    #[test]
    fn two_credentials_of_one_source_are_refused() {
        let environment = [("HELIOGRAPH_TOKEN", "t"), ("HELIOGRAPH_KEY_ID", "act_1")];
        assert!(resolve(Source::default(), None, &environment).is_err_and(|error| error.contains("the environment")));
    }

    #[test]
    fn posts_are_named_unless_somebody_says_otherwise() {
        let names = |environment: &[(&str, &str)]| resolve(token("t"), None, environment).map(|s| s.idempotency_keys);
        assert_eq!(names(&[]), Ok(None));
        assert_eq!(names(&[("HELIOGRAPH_IDEMPOTENCY_KEYS", "false")]), Ok(Some(false)));
        let given = Source { idempotency_keys: Some(true), ..token("t") };
        let source = resolve(given, None, &[("HELIOGRAPH_IDEMPOTENCY_KEYS", "0")]).expect("a source");
        assert_eq!(source.idempotency_keys, Some(true));
    }

    #[test]
    fn a_profile_is_the_last_source_unless_a_flag_names_it() {
        let home = std::env::temp_dir().join(format!("heliograph-profiles-{}", std::process::id()));
        let folder = home.join("heliograph");
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("profiles.toml");
        fs::write(&file, "[default]\nkey-id = 'act_1'\nsecret = 's1'\n[shop]\nurl = 'http://shop'\ntoken = 't'\n")
            .expect("a file");
        let home_text = home.display().to_string();
        let environment = [("XDG_CONFIG_HOME", home_text.as_str()), ("HELIOGRAPH_URL", "http://e")];
        let source = resolve(Source::default(), None, &environment).expect("a source");
        assert_eq!((source.key(), source.url.as_deref()), (Ok(("act_1", "s1")), Some("http://e")));
        let source = resolve(Source::default(), Some("shop"), &environment[..1]).expect("a source");
        assert_eq!((source.token.as_deref(), source.url.as_deref()), (Some("t"), Some("http://shop")));
        let named = [&environment[..], &[("HELIOGRAPH_KEY_ID", "act_2"), ("HELIOGRAPH_SECRET", "s2")]].concat();
        let source = resolve(Source::default(), Some("shop"), &named).expect("a source");
        assert_eq!((source.token.as_deref(), source.url.as_deref()), (Some("t"), Some("http://shop")));
        assert_eq!(source.key_id, None, "the environment's key is not what is shown");
        let source = resolve(key("act_3", Some("s3")), Some("shop"), &named).expect("a source");
        assert_eq!((source.key(), source.url.as_deref()), (Ok(("act_3", "s3")), Some("http://shop")));
        let by_environment = [&named[..], &[("HELIOGRAPH_PROFILE", "shop")]].concat();
        let source = resolve(Source::default(), None, &by_environment).expect("a source");
        assert_eq!((source.key(), source.url.as_deref()), (Ok(("act_2", "s2")), Some("http://e")));
        assert!(resolve(Source::default(), Some("none"), &environment).is_err_and(|error| error.contains("[none]")));

        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
        assert!(readable_by_others(&file).is_some());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
        assert!(readable_by_others(&file).is_none());
        fs::remove_dir_all(home).expect("a folder");
    }

    #[test]
    fn without_anything_the_way_is_shown() {
        let source = resolve(Source::default(), None, &[]).expect("a source");
        assert!(source.key().is_err_and(|error| error.contains("HELIOGRAPH_KEY_ID")));
        assert!(resolve(Source::default(), Some("shop"), &[]).is_err());
    }
}
