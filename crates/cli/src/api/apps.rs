//! `heliograph apps`.

use super::{Call, Limit, id, typed};
use crate::output::{self, Outcome};
use clap::Subcommand;
use heliograph_client::{
    Client,
    apps::{AppSettings, AppsFilter, AppsQuery, CreateApp, DeleteApp, GetApp, ListApps, NewApp},
    metadata::Metadata,
    prelude::*,
};
use serde_json::Value;

/// What can be done with apps.
#[derive(Subcommand)]
pub enum Verb {
    /// Creates an app.
    Create {
        /// A name for people.
        #[arg(long, value_name = "NAME")]
        display_name: String,
        /// How the app behaves, as JSON: {"multiConvoEnabled": true}.
        #[arg(long, value_name = "JSON", value_parser = typed::<AppSettings>)]
        settings: Option<AppSettings>,
        /// Custom properties, as JSON: {"plan": "gold"}.
        #[arg(long, value_name = "JSON", value_parser = typed::<Metadata>)]
        metadata: Option<Metadata>,
    },
    /// Lists the apps that the key may see.
    List {
        #[command(flatten)]
        limit: Limit,
        /// Only apps that this service account was granted.
        #[arg(long, value_name = "ID")]
        service_account: Option<String>,
    },
    /// Shows an app.
    Get {
        /// The id of the app.
        #[arg(value_parser = id::<heliograph_client::id::App>)]
        app_id: AppId,
    },
    /// Deletes an app, with everything it holds.
    Delete {
        /// The id of the app.
        #[arg(value_parser = id::<heliograph_client::id::App>)]
        app_id: AppId,
    },
}

const COLUMNS: &[(&str, &str)] = &[("ID", "/id"), ("NAME", "/displayName")];

impl Call for Verb {
    async fn call(self, client: &Client, json: bool) -> Outcome {
        const NONE: Nothing = Nothing {};
        match self {
            Self::Create { display_name, settings, metadata } => {
                let new = NewApp { display_name, settings, metadata };
                let answer: Value = client.send::<CreateApp>(&NONE, &NONE, &new).await?.decode()?;
                output::record(json, &answer, &answer["app"])
            }
            Self::List { limit, service_account } => {
                let filter = service_account.map(|id| AppsFilter { service_account_id: Some(id) });
                let fetch = async |page| {
                    client.send::<ListApps>(&NONE, &AppsQuery { page, filter: filter.clone() }, &NONE).await
                };
                output::list(json, &limit.collect("apps", fetch).await?, "apps", COLUMNS)
            }
            Self::Get { app_id } => {
                let answer: Value = client.send::<GetApp>(&AppPath { app_id }, &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["app"])
            }
            Self::Delete { app_id } => {
                let answer = client.send::<DeleteApp>(&AppPath { app_id }, &NONE, &NONE).await?.decode()?;
                output::done(json, &answer, &format!("Deleted {app_id}."))
            }
        }
    }
}
