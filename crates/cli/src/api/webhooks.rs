//! `heliograph webhooks`.

use super::{Call, id, trigger};
use crate::output::{self, Outcome};
use clap::{Args, Subcommand};
use heliograph_client::{
    Client, id,
    path::{AppWebhookPath, Param},
    prelude::*,
    webhook_health::{GetWebhookHealth, Missed, PauseWebhook, Resume, ResumeWebhook, TestWebhook},
    webhooks::{CreateWebhook, DeleteWebhook, GetWebhook, ListWebhooks, NewWebhook, Trigger},
};
use serde_json::Value;

/// What can be done with webhooks.
#[derive(Subcommand)]
pub enum Verb {
    /// Creates a webhook. A custom integration has one from its creation and takes no second.
    Create {
        #[command(flatten)]
        of: Of,
        /// The http or https address that is called.
        #[arg(long, value_name = "URL")]
        target: String,
        /// What it is called for, such as conversation:message. May be given several times, or several separated by
        /// commas.
        #[arg(long = "trigger", value_name = "TRIGGER", value_delimiter = ',', required = true, value_parser = trigger)]
        triggers: Vec<Trigger>,
        /// Payloads show users in full.
        #[arg(long)]
        include_full_user: bool,
        /// Payloads show sources with client and device.
        #[arg(long)]
        include_full_source: bool,
    },
    /// Lists the webhooks of an integration. Their secrets are shown by `get` and with --json.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Shows a webhook, with its secret.
    Get(One),
    /// Deletes a webhook. What was waiting to be delivered to it is dropped.
    Delete(One),
    /// Sends a webhook an event of type heliograph:test, and shows its delivery.
    Test(Whose),
    /// Tells what waits for a webhook and how its target fares.
    Health(Whose),
    /// Pauses a webhook: what happens is kept for it.
    Pause(Whose),
    /// Resumes a paused webhook.
    Resume {
        #[command(flatten)]
        whose: Whose,
        /// What it missed is passed over. Default: it is delivered.
        #[arg(long)]
        skip_missed: bool,
    },
}

/// A webhook, whatever integration it belongs to.
#[derive(Args)]
pub struct Whose {
    /// The id of the webhook.
    #[arg(value_parser = id::<id::Webhook>)]
    webhook_id: WebhookId,
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
}

impl Whose {
    fn path(&self) -> AppWebhookPath {
        AppWebhookPath { app_id: self.app, webhook_id: self.webhook_id }
    }
}

/// Whose webhooks.
#[derive(Args)]
pub struct Of {
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
    /// The integration; `me` is the one that the key or token belongs to.
    #[arg(long, value_name = "ID", value_parser = integration)]
    integration: IntegrationRef,
}

/// A webhook.
#[derive(Args)]
pub struct One {
    /// The id of the webhook.
    #[arg(value_parser = id::<id::Webhook>)]
    webhook_id: WebhookId,
    #[command(flatten)]
    of: Of,
}

impl Of {
    fn path(&self) -> WebhooksPath {
        WebhooksPath { app_id: self.app, integration_id: self.integration }
    }
}

impl One {
    fn path(&self) -> WebhookPath {
        WebhookPath { app_id: self.of.app, integration_id: self.of.integration, webhook_id: self.webhook_id }
    }
}

fn integration(text: &str) -> Result<IntegrationRef, String> {
    IntegrationRef::read(text).map_err(|_| "the id of an integration is 24 hexadecimal digits, or me".to_owned())
}

const COLUMNS: &[(&str, &str)] = &[("ID", "/id"), ("TARGET", "/target"), ("TRIGGERS", "/triggers")];

impl Call for Verb {
    async fn call(self, client: &Client, json: bool) -> Outcome {
        const NONE: Nothing = Nothing {};
        match self {
            Self::Create { of, target, triggers, include_full_user, include_full_source } => {
                let new = NewWebhook { target, triggers, include_full_user, include_full_source };
                let answer: Value = client.send::<CreateWebhook>(&of.path(), &NONE, &new).await?.decode()?;
                output::record(json, &answer, &answer["webhook"])
            }
            Self::List { of } => {
                let answer = client.send::<ListWebhooks>(&of.path(), &NONE, &NONE).await?.decode()?;
                output::list(json, &answer, "webhooks", COLUMNS)
            }
            Self::Get(one) => {
                let answer: Value = client.send::<GetWebhook>(&one.path(), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["webhook"])
            }
            Self::Delete(one) => {
                let answer = client.send::<DeleteWebhook>(&one.path(), &NONE, &NONE).await?.decode()?;
                output::done(json, &answer, &format!("Deleted {}.", one.webhook_id))
            }
            Self::Test(whose) => {
                let answer: Value = client.send::<TestWebhook>(&whose.path(), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["delivery"])
            }
            Self::Health(whose) => {
                let answer: Value = client.send::<GetWebhookHealth>(&whose.path(), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["webhook"])
            }
            Self::Pause(whose) => {
                let answer: Value = client.send::<PauseWebhook>(&whose.path(), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["webhook"])
            }
            Self::Resume { whose, skip_missed } => {
                let body = Resume { missed: if skip_missed { Missed::Skip } else { Missed::Deliver } };
                let answer: Value = client.send::<ResumeWebhook>(&whose.path(), &NONE, &body).await?.decode()?;
                output::record(json, &answer, &answer["webhook"])
            }
        }
    }
}
