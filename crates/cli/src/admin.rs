//! `heliograph admin`: works on the database itself, for what no key may do over the API: make the first keys.

mod oauth;

use crate::{
    config::{self, StoreFlags},
    output::{self, Outcome},
    serve,
};
use clap::{Args, Subcommand};
use heliograph_server::{
    Settings,
    admin::{AdminKey, KeyInfo, NewKey, create_key, delete_key, list_keys},
};
use serde_json::{Value, json};

/// Works on the server's database itself.
#[derive(Args)]
pub struct Admin {
    #[command(flatten)]
    store: StoreFlags,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Subcommand)]
enum Noun {
    /// The keys of accounts (act_) and service accounts (svc_).
    #[command(subcommand)]
    Keys(Verb),
    /// OAuth clients: partners whose programs people may let into their apps.
    #[command(subcommand)]
    OauthClients(oauth::Verb),
    /// Prints a link by which a browser signs in, once and within a quarter of an hour, to answer an OAuth client.
    LoginLink(oauth::LoginLink),
}

#[derive(Subcommand)]
enum Verb {
    /// Makes a key and prints its secret, which is not shown again.
    Create(Create),
    /// Lists the keys.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Deletes a key. It is refused, and every token signed with it, from the next request on.
    Delete {
        /// The id of the key.
        key_id: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct Create {
    /// Makes a key of a new service account (svc_): it sees only the apps it is granted and those it creates itself.
    #[arg(long)]
    service: bool,
    /// A name for people.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// An app the service account is granted. May be given several times.
    #[arg(long = "grant", value_name = "APPID", requires = "service")]
    grants: Vec<String>,
    /// Prints JSON: {"keyId", "secret", "serviceAccountId"}.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(admin: Admin) -> Outcome {
    let settings = config::ServeFlags::from(admin.store).resolve(&config::environment)?.settings;
    serve::runtime()?.block_on(async {
        match admin.noun {
            Noun::Keys(verb) => keys(&settings, verb).await,
            Noun::OauthClients(verb) => oauth::clients(&settings, verb).await,
            Noun::LoginLink(link) => oauth::login_link(&settings, link).await,
        }
    })
}

async fn keys(settings: &Settings, verb: Verb) -> Outcome {
    match verb {
        Verb::Create(new) => create(settings, new).await,
        Verb::List { json } => {
            let keys: Vec<Value> = list_keys(settings).await?.iter().map(info).collect();
            output::list(json, &json!({ "keys": keys }), "keys", COLUMNS)
        }
        Verb::Delete { key_id, json } => {
            delete_key(settings, &key_id).await?;
            output::done(json, &json!({}), &format!("Deleted {key_id}."))
        }
    }
}

async fn create(settings: &Settings, new: Create) -> Outcome {
    let kind = if new.service { "Service account key" } else { "Account key" };
    let display_name = new.display_name.unwrap_or_else(|| kind.to_owned());
    let wanted = NewKey { service: new.service, display_name, grants: new.grants };
    let AdminKey { id, secret, service_account_id, .. } = create_key(settings, wanted).await?;
    let mut shown = json!({ "keyId": id, "secret": secret });
    if let Some(account) = service_account_id {
        shown["serviceAccountId"] = account.into();
    }
    output::record(new.json, &shown, &shown)
}

const COLUMNS: &[(&str, &str)] = &[
    ("KEY ID", "/keyId"),
    ("NAME", "/displayName"),
    ("SERVICE ACCOUNT", "/serviceAccountId"),
    ("GRANTS", "/grants"),
    ("CREATED", "/createdAt"),
];

fn info(key: &KeyInfo) -> Value {
    let mut shown = json!({ "keyId": key.id, "displayName": key.display_name });
    if let Some(account) = &key.service_account_id {
        shown["serviceAccountId"] = account.as_str().into();
        shown["grants"] = json!(key.grants);
    }
    shown["createdAt"] = key.created_at.as_str().into();
    shown
}
