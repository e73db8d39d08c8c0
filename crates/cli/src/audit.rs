//! `heliograph audit`: reads the audit log in the database itself, verifies it, and prunes it.

use crate::{
    config::{self, StoreFlags},
    output::{self, Outcome},
    serve,
};
use clap::{Args, Subcommand};
use heliograph_client::id::AppId;
use heliograph_server::{
    Settings, StartError,
    audit::{self, Broken, Pruned, Verdict},
};
use heliograph_wire::{audit::AuditFilter, time::Timestamp};
use serde_json::{Value, json};

/// Reads, verifies and prunes the audit log.
#[derive(Args)]
pub struct Audit {
    #[command(flatten)]
    store: StoreFlags,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Lists what was changed, oldest first.
    List {
        #[command(flatten)]
        which: Which,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints what was changed, an event in JSON per line, oldest first.
    Export(Which),
    /// Says whether the log is whole: no event altered, none left out, save what was pruned. Ends with 1 if it is not.
    ///
    /// Whoever cuts off the end of a log leaves a shorter log that is whole. Against that, keep what this prints: a later
    /// log has the same code at the same place.
    Verify {
        /// Only the log of this app. Default: the server's and those of all apps.
        #[arg(long, value_name = "APPID")]
        app: Option<AppId>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Removes events that have had their time. What is left can be verified as before: an event stands for what went.
    ///
    /// A log that is not whole is not pruned. Export it first if you want to keep what goes.
    Prune {
        /// Removes what was made before this moment, such as 2030-01-31T00:00:00Z.
        #[arg(long, value_name = "MOMENT")]
        before: Timestamp,
        /// Only the log of this app. Default: the server's and those of all apps.
        #[arg(long, value_name = "APPID")]
        app: Option<AppId>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct Which {
    /// The app whose log is meant. Default: the server's own, with apps made and deleted, account keys, OAuth clients.
    #[arg(long, value_name = "APPID")]
    app: Option<AppId>,
    /// Only what this operation did, such as CreateAppKey.
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Only what was done with the key of this id.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only what was done to the resource of this id.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
}

/// Runs the command.
pub fn run(audit: Audit) -> Outcome {
    let settings = config::ServeFlags::from(audit.store).resolve(&config::environment)?.settings;
    serve::runtime()?.block_on(async {
        match audit.verb {
            Verb::List { which, json } => list(&settings, which, json).await,
            Verb::Export(which) => which.read(&settings, |event| output::stream(&event.to_string())).await,
            Verb::Verify { app, json } => verify(&settings, app, json).await,
            Verb::Prune { before, app, json } => prune(&settings, before, app, json).await,
        }
    })
}

impl Which {
    async fn read(self, settings: &Settings, mut each: impl FnMut(Value) -> Outcome) -> Outcome {
        let chain = chain(self.app);
        let filter = AuditFilter { operation: self.operation, actor_id: self.actor, subject_id: self.subject };
        // Why `each` wanted no more is told as it was said, whatever the reading makes of it.
        let mut ended = Ok(());
        let one = |event| {
            let event = serde_json::to_value(event).map_err(|error| StartError::Setting(error.to_string()))?;
            ended = each(event);
            ended.as_ref().map_err(|error| StartError::Setting(error.to_string())).copied()
        };
        let read = audit::read(settings, chain, filter, one).await;
        ended.and(read.map_err(Into::into))
    }
}

fn chain(app: Option<AppId>) -> String {
    app.map_or_else(|| audit::SERVER.to_owned(), |app| app.to_string())
}

const COLUMNS: &[(&str, &str)] = &[
    ("TIME", "/createdAt"),
    ("OPERATION", "/operation"),
    ("BY", "/actor/kind"),
    ("KEY ID", "/actor/id"),
    ("ADDRESS", "/actor/address"),
    ("SUBJECT", "/subjectId"),
];

async fn list(settings: &Settings, which: Which, json: bool) -> Outcome {
    let mut events = Vec::new();
    which
        .read(settings, |event| {
            events.push(event);
            Ok(())
        })
        .await?;
    output::list(json, &json!({ "auditEvents": events }), "auditEvents", COLUMNS)
}

async fn verify(settings: &Settings, app: Option<AppId>, as_json: bool) -> Outcome {
    let verdicts = audit::verify(settings, app.map(|app| chain(Some(app)))).await?;
    let shown: Vec<Value> = verdicts.iter().map(show).collect();
    output::list(
        as_json,
        &json!({ "logs": shown }),
        "logs",
        &[("LOG", "/log"), ("EVENTS", "/events"), ("PRUNED", "/pruned"), ("STATE", "/state"), ("LAST CODE", "/mac")],
    )?;
    match verdicts.iter().filter(|verdict| verdict.broken.is_some()).count() {
        0 => Ok(()),
        broken => Err(format!("{broken} of {} logs are not whole", verdicts.len()).into()),
    }
}

async fn prune(settings: &Settings, before: Timestamp, app: Option<AppId>, as_json: bool) -> Outcome {
    let pruned = audit::prune(settings, app.map(|app| chain(Some(app))), before).await?;
    let show = |one: &Pruned| json!({ "log": name(&one.chain), "removed": one.events, "state": state(&one.broken) });
    let shown: Vec<Value> = pruned.iter().map(show).collect();
    output::list(
        as_json,
        &json!({ "logs": shown }),
        "logs",
        &[("LOG", "/log"), ("REMOVED", "/removed"), ("STATE", "/state")],
    )?;
    match pruned.iter().filter(|one| one.broken.is_some()).count() {
        0 => Ok(()),
        broken => Err(format!("{broken} of {} logs are not whole, and were not pruned", pruned.len()).into()),
    }
}

fn show(verdict: &Verdict) -> Value {
    let Verdict { chain, events, pruned, mac, broken } = verdict;
    json!({ "log": name(chain), "events": events, "pruned": pruned, "state": state(broken), "mac": mac })
}

fn name(chain: &str) -> &str {
    if chain == audit::SERVER { "server" } else { chain }
}

fn state(broken: &Option<Broken>) -> String {
    broken.as_ref().map_or_else(|| "whole".to_owned(), ToString::to_string)
}
