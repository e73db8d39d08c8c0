//! `heliograph master-key`: the key that seals what is secret in the database.

use crate::{
    config::{self, StoreFlags},
    output::{self, Outcome},
    serve,
};
use clap::{Args, Subcommand};
use heliograph_server::{Settings, master_key};
use serde_json::{Value, json};

/// The master key.
#[derive(Args)]
pub struct MasterKey {
    #[command(flatten)]
    store: StoreFlags,
    #[command(subcommand)]
    verb: Verb,
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Lists the master keys that are given, newest first, and how many data keys each seals.
    Status,
    /// Seals everything under a new master key, while servers go on.
    ///
    /// A new key is put before the old one in the file of the master key. Keys that come from the environment or a
    /// command are put there by whoever runs those; servers on other machines need the new key before this is run. The
    /// old key stays: backups made until now need it.
    Rotate,
    /// Takes keys that nothing in the database needs out of the file.
    Prune,
}

/// Runs the command.
pub fn run(master_key: MasterKey) -> Outcome {
    let settings = config::ServeFlags::from(master_key.store).resolve(&config::environment)?.settings;
    serve::runtime()?.block_on(async {
        match master_key.verb {
            Verb::Status => status(&settings, master_key.json).await,
            Verb::Rotate => {
                let id = master_key::rotate(&settings).await?;
                output::done(master_key.json, &json!({ "id": id }), &format!("All data keys are sealed under {id}."))
            }
            Verb::Prune => {
                let ids = master_key::prune(&settings).await?;
                output::done(master_key.json, &json!({ "ids": ids }), &format!("Taken out: {}.", ids.len()))
            }
        }
    })
}

async fn status(settings: &Settings, as_json: bool) -> Outcome {
    let keys = master_key::status(settings).await?;
    let shown = |key: &master_key::Usage| json!({ "id": key.id, "inUse": key.in_use, "dataKeys": key.data_keys });
    let shown: Vec<Value> = keys.iter().map(shown).collect();
    output::list(
        as_json,
        &json!({ "masterKeys": shown }),
        "masterKeys",
        &[("ID", "/id"), ("IN USE", "/inUse"), ("DATA KEYS", "/dataKeys")],
    )
}
