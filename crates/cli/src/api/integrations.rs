//! `heliograph integrations`.

use super::{Call, Limit, id, object, trigger};
use crate::output::{self, Outcome};
use clap::{Args, Subcommand};
use heliograph_client::{
    Client, id,
    integration_types::{CUSTOM, TYPES},
    integrations::{
        CreateIntegration, DeleteIntegration, GetIntegration, Integration, IntegrationsFilter, IntegrationsQuery,
        ListIntegrations,
    },
    prelude::*,
    webhooks::{NewWebhook, Trigger},
};
use serde_json::{Map, Value, json};

/// What can be done with integrations.
#[derive(Subcommand)]
pub enum Verb {
    /// Creates an integration.
    Create(Create),
    /// Lists the integrations of an app.
    List {
        /// The app.
        #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
        app: AppId,
        /// Only these types, separated by commas.
        #[arg(long, value_name = "TYPE,…")]
        types: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Shows an integration.
    Get(One),
    /// Deletes an integration, with its keys and webhooks.
    Delete(One),
}

/// A new integration.
#[derive(Args)]
pub struct Create {
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
    /// Its type.
    #[arg(long, value_name = "TYPE", default_value = CUSTOM, value_parser = type_name)]
    r#type: String,
    /// A name for people.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Where a custom integration is told of what happens: an http or https address.
    #[arg(long, value_name = "URL", requires = "triggers")]
    target: Option<String>,
    /// What it is told of, such as conversation:message. May be given several times, or several separated by commas.
    #[arg(long = "trigger", value_name = "TRIGGER", value_delimiter = ',', requires = "target", value_parser = trigger)]
    triggers: Vec<Trigger>,
    /// What it is told shows users in full.
    #[arg(long, requires = "target")]
    include_full_user: bool,
    /// What it is told shows sources with client and device.
    #[arg(long, requires = "target")]
    include_full_source: bool,
    /// The fields of its type, as JSON: {"brandColor": "65758e"}.
    #[arg(long, value_name = "JSON", value_parser = object)]
    fields: Option<Map<String, Value>>,
}

/// An integration.
#[derive(Args)]
pub struct One {
    /// The id of the integration.
    #[arg(value_parser = id::<id::Integration>)]
    integration_id: IntegrationId,
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
}

impl One {
    fn path(&self) -> IntegrationPath {
        IntegrationPath { app_id: self.app, integration_id: self.integration_id }
    }
}

impl Create {
    fn integration(self) -> Integration {
        let mut fields = self.fields.unwrap_or_default();
        if let Some(target) = self.target {
            let webhook = NewWebhook {
                target,
                triggers: self.triggers,
                include_full_user: self.include_full_user,
                include_full_source: self.include_full_source,
            };
            fields.insert("webhooks".to_owned(), json!([webhook]));
        }
        Integration { id: None, r#type: self.r#type, status: None, display_name: self.display_name, fields }
    }
}

fn type_name(text: &str) -> Result<String, String> {
    let names: Vec<&str> = TYPES.iter().map(|known| known.name).collect();
    if names.contains(&text) { Ok(text.to_owned()) } else { Err(format!("there are: {}", names.join(", "))) }
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "/id"),
    ("TYPE", "/type"),
    ("NAME", "/displayName"),
    ("STATUS", "/status"),
    ("TARGET", "/webhooks/0/target"),
];

impl Call for Verb {
    async fn call(self, client: &Client, json: bool) -> Outcome {
        const NONE: Nothing = Nothing {};
        match self {
            Self::Create(new) => {
                let path = AppPath { app_id: new.app };
                let answer = client.send::<CreateIntegration>(&path, &NONE, &new.integration()).await?;
                let answer: Value = answer.decode()?;
                output::record(json, &answer, &answer["integration"])
            }
            Self::List { app, types, limit } => {
                let path = AppPath { app_id: app };
                let filter = types.map(|types| IntegrationsFilter { types: Some(types) });
                let fetch = async |page| {
                    let query = IntegrationsQuery { page, filter: filter.clone() };
                    client.send::<ListIntegrations>(&path, &query, &NONE).await
                };
                output::list(json, &limit.collect("integrations", fetch).await?, "integrations", COLUMNS)
            }
            Self::Get(one) => {
                let answer: Value = client.send::<GetIntegration>(&one.path(), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["integration"])
            }
            Self::Delete(one) => {
                let answer = client.send::<DeleteIntegration>(&one.path(), &NONE, &NONE).await?.decode()?;
                output::done(json, &answer, &format!("Deleted {}.", one.integration_id))
            }
        }
    }
}
