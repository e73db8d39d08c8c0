//! The binary: the server and the command line for it. Here stands the table of its commands.

mod admin;
mod api;
mod audit;
mod config;
mod connection;
mod listen;
mod master_key;
mod output;
mod sample;
mod scan;
mod serve;
mod token;

use api::{Api, apps, attachments, deliveries, integrations, keys, webhooks};
use clap::{Parser, Subcommand};
use output::Outcome;
use serde_json::Value;
use std::process::ExitCode;

// It takes the place of `malloc` in the whole program, SQLite included. (As Rust's allocator it would be told an alignment
// with everything, and for most sizes take the long way that a true one needs.)
use mimalloc as _;

/// A self-hosted server for the Sunshine Conversations API, and the command line for it.
///
/// The commands `apps`, `attachments`, `integrations`, `keys`, `webhooks`, `deliveries` and `listen` call a server. Which one, and
/// with which credential, they
/// are told by flags, by the environment (HELIOGRAPH_URL, HELIOGRAPH_KEY_ID, HELIOGRAPH_SECRET, HELIOGRAPH_TOKEN) or by
/// a profile in ~/.config/heliograph/profiles.toml. Whoever can list the processes of a machine sees their flags: give
/// secrets by the environment or by a profile.
#[derive(Parser)]
#[command(name = "heliograph", version, arg_required_else_help = true, after_long_help = PROFILES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What the end of `--help` says of profiles.
const PROFILES: &str = "\
A profile is a section of ~/.config/heliograph/profiles.toml (chmod 600); the one called default is taken when --profile \
names none:

  [default]
  url = \"http://127.0.0.1:8080\"
  key-id = \"act_…\"
  secret = \"…\"";

#[derive(Subcommand)]
enum Command {
    /// Runs the server.
    Serve(Box<config::ServeFlags>),
    /// Works on the server's database itself: keys of accounts, OAuth clients, links to sign in with.
    Admin(admin::Admin),
    /// The audit log in the server's database: who changed what, and whether the log is whole.
    Audit(audit::Audit),
    /// The master key, which seals what is secret in the database: rotates it beside running servers.
    MasterKey(master_key::MasterKey),
    /// Apps: what holds everything else.
    Apps(Api<apps::Verb>),
    /// Attachments: files that are uploaded to be sent in messages.
    Attachments(Api<attachments::Verb>),
    /// Integrations: the channels of an app, and the programs that talk for it.
    Integrations(Api<integrations::Verb>),
    /// API keys: of an integration with --integration, of the app without; and the life of any key.
    Keys(Api<keys::Verb>),
    /// Webhooks: where an integration is told of what happens. They take a key or token of the app or integration.
    Webhooks(Api<webhooks::Verb>),
    /// Deliveries: what a webhook was told, every attempt at it, and telling it once more.
    Deliveries(Api<deliveries::Verb>),
    /// Streams a webhook's events to a program on this machine, signed as the server's own calls are.
    Listen(listen::Listen),
    /// Prints a token (JWT), signed with a key; or explains what a server makes of one.
    Token(token::Token),
    /// Prints the OpenAPI document of the server.
    Openapi(Openapi),
    /// Prints the Postman collection of the server.
    Postman(Openapi),
    /// Prints a program that sends a request, in one of many languages.
    Sample(sample::Sample),
}

#[derive(clap::Args)]
struct Openapi {
    /// The address of the server that the document names.
    #[arg(long, value_name = "URL", default_value = connection::DEFAULT_URL)]
    server: String,
    /// Prints YAML in place of JSON.
    #[arg(long)]
    yaml: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(flags) => serve::run(*flags),
        Command::Admin(admin) => admin::run(admin),
        Command::Audit(audit) => audit::run(audit),
        Command::MasterKey(master_key) => master_key::run(master_key),
        Command::Apps(api) => api::run(api),
        Command::Attachments(api) => api::run(api),
        Command::Integrations(api) => api::run(api),
        Command::Keys(api) => api::run(api),
        Command::Webhooks(api) => api::run(api),
        Command::Deliveries(api) => api::run(api),
        Command::Listen(listen) => listen::run(listen),
        Command::Token(token) => token::run(token),
        Command::Openapi(openapi) => openapi.print(|document| document),
        Command::Postman(openapi) => openapi.print(|document| heliograph_reference::postman::collection(&document)),
        Command::Sample(sample) => sample::run(sample),
    };
    match output::unless_closed(outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = error.downcast_ref().and_then(connection::hint);
            output::complain(&hint.map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}")));
            ExitCode::FAILURE
        }
    }
}

impl Openapi {
    fn print(&self, made_of: fn(Value) -> Value) -> Outcome {
        let value = made_of(heliograph_wire::openapi::document(&self.server));
        if self.yaml {
            output::print(heliograph_reference::yaml::write(&value).trim_end())
        } else {
            output::json(&value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_table_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    /// Two arguments with one id share their value: `keys get KEY_ID` once set the caller's --key-id.
    #[test]
    fn no_argument_takes_the_place_of_a_global_one() {
        fn walk<'c>(command: &'c clap::Command, mut above: Vec<&'c str>, path: &str) {
            for argument in command.get_arguments().map(|argument| argument.get_id().as_str()) {
                assert!(!above.contains(&argument), "{path} {argument}");
            }
            let globals = command.get_arguments().filter(|argument| argument.is_global_set());
            above.extend(globals.map(|argument| argument.get_id().as_str()));
            for command in command.get_subcommands() {
                walk(command, above.clone(), &format!("{path} {}", command.get_name()));
            }
        }
        walk(&Cli::command(), Vec::new(), "heliograph");
    }

    #[test]
    fn everything_is_explained() {
        fn walk(command: &clap::Command, path: &str) {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            for command in command.get_subcommands() {
                assert!(command.get_about().is_some(), "{path} {}", command.get_name());
                walk(command, &format!("{path} {}", command.get_name()));
            }
        }
        walk(&Cli::command(), "heliograph");
    }

    #[test]
    fn flags_of_the_connection_may_stand_anywhere() {
        let app = "65f1c0ffee65f1c0ffee65f1";
        for line in [
            format!("keys create --app {app} --integration {app} --display-name Key --url http://h --json"),
            format!("keys --url http://h --json create --app {app} --display-name Key"),
            format!("integrations create --app {app} --type custom --target http://t --trigger user:remove"),
            format!("webhooks list --app {app} --integration me --profile shop"),
            "serve --allow-private-targets --listen 127.0.0.1:0 --webhook-retry-gaps 1,2".to_owned(),
            "admin keys create --service --grant 65f1c0ffee65f1c0ffee65f1".to_owned(),
            "admin oauth-clients create --display-name Shop --redirect-uri https://a.example/cb --client-id shop"
                .to_owned(),
            "admin login-link --app 65f1c0ffee65f1c0ffee65f1 --url https://h.example".to_owned(),
            "token --expires-in never".to_owned(),
            "token explain aaa.bbb.ccc --operation PostMessage --json".to_owned(),
            "keys rotate act_65f1c0ffee65f1c0ffee65f1 --grace 0".to_owned(),
            "keys limit int_65f1c0ffee65f1c0ffee65f1 --address 10.0.0.0/8,::1 --rate any".to_owned(),
            "keys expire app_65f1c0ffee65f1c0ffee65f1 --at 2030-01-31T00:00:00Z".to_owned(),
            "keys scan a b".to_owned(),
            "audit prune --before 2030-01-31T00:00:00Z --app 65f1c0ffee65f1c0ffee65f1 --data d".to_owned(),
            "sample create-integration-key --lang powerbuilder --auth bearer --set appId=1".to_owned(),
            "listen --app 65f1c0ffee65f1c0ffee65f1 --forward-to http://localhost:3000/hook --trigger user:remove --print"
                .to_owned(),
            "sample --json-build body.json --lang java".to_owned(),
        ] {
            let parsed = Cli::try_parse_from(std::iter::once("heliograph").chain(line.split(' ')));
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err().map(|error| error.to_string()));
        }
        assert!(Cli::try_parse_from(["heliograph", "apps", "get", "not-an-id"]).is_err());
    }
}
