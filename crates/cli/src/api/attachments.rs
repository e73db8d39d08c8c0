//! `heliograph attachments`.

use super::{Call, id};
use crate::output::{self, Outcome};
use clap::{Args, Subcommand};
use heliograph_client::{
    Client,
    attachments::{Access, AttachmentRemoval, Container, DeleteAttachment, UploadAttachment, UploadQuery},
    id,
    prelude::*,
};
use serde_json::Value;
use std::path::PathBuf;

/// What can be done with attachments.
#[derive(Subcommand)]
pub enum Verb {
    /// Uploads a file and prints its address, at which anybody who knows it may fetch it.
    Upload(UploadFlags),
    /// Deletes an uploaded file, by its address.
    Delete {
        /// Its address, as `upload` printed it.
        #[arg(value_name = "URL")]
        media_url: String,
        /// The app.
        #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
        app: AppId,
    },
}

/// Which file, and what for.
#[derive(Args)]
pub struct UploadFlags {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
    /// Another name than that of the file.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// It goes when the message that carries it goes.
    #[arg(long)]
    for_message: bool,
    /// The conversation it will be sent in.
    #[arg(long, value_name = "ID", value_parser = id::<id::Conversation>)]
    conversation: Option<ConversationId>,
}

impl Call for Verb {
    async fn call(self, client: &Client, json: bool) -> Outcome {
        match self {
            Self::Upload(flags) => upload(flags, client, json).await,
            Self::Delete { media_url, app } => {
                let (path, body) = (AppPath { app_id: app }, AttachmentRemoval { media_url });
                let answer = client.send::<DeleteAttachment>(&path, &Nothing {}, &body).await?.decode()?;
                output::done(json, &answer, &format!("Deleted {}.", body.media_url))
            }
        }
    }
}

async fn upload(flags: UploadFlags, client: &Client, json: bool) -> Outcome {
    let UploadFlags { file, app, name, for_message, conversation } = flags;
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    let mut content = Upload::open(&file).await.map_err(unreadable)?;
    content.name = name.unwrap_or(content.name);
    let query = UploadQuery {
        access: Access::Public,
        container: for_message.then_some(Container::Message),
        conversation_id: conversation.map(|id| id.to_string()),
    };
    let path = AppPath { app_id: app };
    let answer: Value = client.upload::<UploadAttachment>(&path, &query, content).await?.decode()?;
    output::record(json, &answer, &answer["attachment"])
}
