//! Settings from every source.

use super::*;
use clap::Parser;
use std::time::Duration;

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
        .resolve(&|name| Ok(environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())));
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
fn what_cannot_work_is_refused_in_every_source() {
    fn refused(line: &str, environment: &[(&str, &str)], file: Option<&str>, why: &str) {
        let said = resolve(line, environment, file).err().unwrap_or_default();
        assert!(said.contains(why), "{said}");
    }
    let calls = "1 to 100";
    for text in ["0", "101"] {
        refused(&format!("--webhook-events-per-call {text}"), &[], None, calls);
        refused("", &[("HELIOGRAPH_WEBHOOK_EVENTS_PER_CALL", text)], None, calls);
        refused("", &[], Some(&format!("webhook-events-per-call = {text}")), calls);
    }
    for text in ["https://a/b", "https://a/", "a.example", "https://", "https://a?b", "https://me@a"] {
        refused(&format!("--cors-origin {text}"), &[], None, "no origin");
        refused("", &[("HELIOGRAPH_CORS_ORIGIN", text)], None, "no origin");
        refused("", &[], Some(&format!("cors-origin = ['{text}']")), "no origin");
    }
    let origins = resolve("", &[("HELIOGRAPH_CORS_ORIGIN", "*, https://A.example:8443 ,null")], None);
    assert_eq!(origins.expect("settings").settings.cors_origins, ["*", "https://a.example:8443", "null"]);
    let unset = Line::try_parse_from(["serve"]).expect("flags").flags;
    let unreadable = unset.resolve(&|name| Err(format!("{name} is odd"))).err().unwrap_or_default();
    assert!(unreadable.contains("is odd"), "{unreadable}");
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
    assert!(switch.contains("in the environment: invalid value 'perhaps' for '--allow-private-targets"), "{switch}");
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
    for command in [ServeFlags::augment_args(Command::new("serve")), StoreFlags::augment_args(Command::new("admin"))] {
        for argument in command.get_arguments() {
            let name = variable(argument.get_long().expect("a flag"));
            let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string);
            assert!(help.is_some_and(|help| help.contains(&format!("[env: {name}]"))), "{name}");
        }
    }
}
