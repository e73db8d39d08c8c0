//! `heliograph keys`: the API keys of an integration, or of an app.

use super::{
    Call, id,
    key_life::{AnyKey, Expire, Limit, Rotate},
};
use crate::{
    output::{self, Outcome, printable},
    scan::{self, Scan},
};
use clap::{Args, Subcommand};
use heliograph_client::{
    Answer, ApiError, Client, Error,
    app_keys::{CreateAppKey, DeleteAppKey, GetAppKey, ListAppKeys, NewKey},
    id,
    integration_keys::{
        CreateCustomIntegrationKey, DeleteCustomIntegrationKey, GetCustomIntegrationKey, ListCustomIntegrationKeys,
    },
    prelude::*,
};
use serde_json::Value;

/// What can be done with keys.
#[derive(Subcommand)]
pub enum Verb {
    /// Creates a key and prints the answer, which holds its id and secret.
    Create {
        #[command(flatten)]
        of: Of,
        /// A name for people.
        #[arg(long, value_name = "NAME")]
        display_name: String,
    },
    /// Lists the keys. Their secrets, or hints at them, are shown by `get` and with --json.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Shows a key, with its secret or a hint at it.
    Get(One),
    /// Deletes a key. It is refused, and every token signed with it, from the next request on.
    Delete(One),
    /// Shows the life of a key: since when, until when, last used when and from where, limited to what.
    Show(AnyKey),
    /// Gives a key a new secret under the same id and prints it. The old one goes on to work for a while.
    Rotate(Rotate),
    /// Has a key refused, and every token signed with it, until it is enabled again.
    Disable(AnyKey),
    /// Has a disabled key taken again.
    Enable(AnyKey),
    /// Says when a key stops to work by itself.
    Expire(Expire),
    /// Limits a key to addresses, operations, a rate, or short-lived tokens.
    Limit(Limit),
    /// Finds secrets (of the form that hardened servers make) in files, and ends with an error if there are any. Asks no
    /// server.
    Scan(Scan),
}

/// Whose keys.
#[derive(Args, Clone, Copy)]
pub struct Of {
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
    /// The custom integration. Without it, the keys are those of the app.
    #[arg(long, value_name = "ID", value_parser = id::<id::Integration>)]
    integration: Option<IntegrationId>,
}

/// A key.
#[derive(Args)]
pub struct One {
    /// The id of the key: int_… with --integration, app_… without.
    // An id of its own: under `key_id` it would be taken for the global flag --key-id, the caller's credential.
    #[arg(id = "key", value_name = "KEY_ID")]
    key_id: String,
    #[command(flatten)]
    of: Of,
}

/// Whose keys, as the paths of the contract have it.
enum Owner {
    App(AppPath),
    Integration(IntegrationPath),
}

/// Which key, as the paths of the contract have it.
enum KeyPath {
    App(AppKeyPath),
    Integration(IntegrationKeyPath),
}

impl Of {
    fn owner(self) -> Owner {
        match self.integration {
            None => Owner::App(AppPath { app_id: self.app }),
            Some(integration_id) => Owner::Integration(IntegrationPath { app_id: self.app, integration_id }),
        }
    }
}

impl One {
    fn path(&self) -> Result<KeyPath, String> {
        let app_id = self.of.app;
        match self.of.integration {
            None if self.key_id.starts_with("int_") => {
                Err("this is the key of an integration: name it with --integration".to_owned())
            }
            None => Ok(KeyPath::App(AppKeyPath { app_id, key_id: id(&self.key_id)? })),
            Some(integration_id) => {
                Ok(KeyPath::Integration(IntegrationKeyPath { app_id, integration_id, key_id: id(&self.key_id)? }))
            }
        }
    }
}

const NONE: Nothing = Nothing {};
const COLUMNS: &[(&str, &str)] = &[("ID", "/id"), ("NAME", "/displayName")];

impl Call for Verb {
    fn offline(&self, json: bool) -> Option<Outcome> {
        match self {
            Self::Scan(scan) => Some(scan::run(scan, json)),
            _ => None,
        }
    }

    async fn call(self, client: &Client, json: bool) -> Outcome {
        match self {
            Self::Create { of, display_name } => {
                let new = NewKey { display_name };
                report(json, create(client, of.owner(), &new).await)
            }
            Self::List { of } => {
                let answer = match of.owner() {
                    Owner::App(path) => client.send::<ListAppKeys>(&path, &NONE, &NONE).await?,
                    Owner::Integration(path) => client.send::<ListCustomIntegrationKeys>(&path, &NONE, &NONE).await?,
                };
                output::list(json, &answer.decode()?, "keys", COLUMNS)
            }
            Self::Get(one) => {
                let answer = match one.path()? {
                    KeyPath::App(path) => client.send::<GetAppKey>(&path, &NONE, &NONE).await?,
                    KeyPath::Integration(path) => client.send::<GetCustomIntegrationKey>(&path, &NONE, &NONE).await?,
                };
                let answer: Value = answer.decode()?;
                output::record(json, &answer, &answer["key"])
            }
            Self::Show(key) => key.show(client, json).await,
            Self::Rotate(rotate) => rotate.call(client, json).await,
            Self::Disable(key) => key.enable(client, json, false).await,
            Self::Enable(key) => key.enable(client, json, true).await,
            Self::Expire(expire) => expire.call(client, json).await,
            Self::Limit(limit) => limit.call(client, json).await,
            Self::Scan(scan) => scan::run(&scan, json),
            Self::Delete(one) => {
                let answer = match one.path()? {
                    KeyPath::App(path) => client.send::<DeleteAppKey>(&path, &NONE, &NONE).await?,
                    KeyPath::Integration(path) => {
                        client.send::<DeleteCustomIntegrationKey>(&path, &NONE, &NONE).await?
                    }
                };
                output::done(json, &answer.decode()?, &format!("Deleted {}.", one.key_id))
            }
        }
    }
}

async fn create(client: &Client, owner: Owner, new: &NewKey) -> Result<Answer, Error> {
    match owner {
        Owner::App(path) => client.send::<CreateAppKey>(&path, &NONE, new).await,
        Owner::Integration(path) => client.send::<CreateCustomIntegrationKey>(&path, &NONE, new).await,
    }
}

/// Tells how the creation went: the answer and its status; of a refusal the headers too.
fn report(json: bool, outcome: Result<Answer, Error>) -> Outcome {
    match outcome {
        Ok(answer) if json => output::json(&answer.decode()?),
        Ok(answer) => {
            let status = answer.status.as_u16();
            let body = answer.decode::<Value>()?;
            output::print(&format!("Response Body:\n{body:#}\nResponse Status Code = {status}"))
        }
        Err(error) => {
            if let Some(refusal) = error.api() {
                output::say(&refused(refusal));
            }
            Err(error.into())
        }
    }
}

fn refused(refusal: &ApiError) -> String {
    let text = String::from_utf8_lossy(&refusal.body);
    let body =
        serde_json::from_slice::<Value>(&refusal.body).map_or_else(|_| printable(&text), |body| format!("{body:#}"));
    let headers = refusal.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}: {}\n", printable(&value))
    });
    format!(
        "Response Body:\n{body}\nResponse Status Code = {}\nResponse Header:\n{}Failed.",
        refusal.status.as_u16(),
        headers.collect::<String>()
    )
}
