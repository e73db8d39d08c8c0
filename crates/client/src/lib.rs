//! The Rust SDK of Heliograph: sends any operation of the contract, typed at both ends.
//!
//! An operation is a row of the contract ([`Operation`]); [`Client::call`] takes what the row asks for and answers with
//! what it promises. The rows, their bodies and answers are the modules below, one for each noun. The client works
//! against any server that speaks the Sunshine Conversations API: give its address, with the `/sc` if it has one. One that
//! is not a Heliograph may not know `Idempotency-Key`: build with [`Builder::without_idempotency_keys`] for it.
//!
//! ```no_run
//! use heliograph_client::prelude::*;
//! use heliograph_client::{
//!     app_keys::NewKey,
//!     apps::{CreateApp, NewApp},
//!     integration_keys::CreateCustomIntegrationKey,
//! };
//!
//! # async fn example(integration_id: IntegrationId) -> Result<(), heliograph_client::Error> {
//! let client = Client::builder("http://127.0.0.1:8080").basic("act_65f1c0ffee65f1c0ffee65f1", "the secret").build()?;
//!
//! let new = NewApp { display_name: "Shop".to_owned(), settings: None, metadata: None };
//! let app = client.call::<CreateApp>(&Nothing {}, &Nothing {}, &new).await?.app;
//!
//! let path = IntegrationPath { app_id: app.id, integration_id };
//! let new = NewKey { display_name: "My custom key".to_owned() };
//! match client.call::<CreateCustomIntegrationKey>(&path, &Nothing {}, &new).await {
//!     Ok(reply) => {
//!         // The key signs the tokens of calls on behalf of the integration.
//!         let signer = Signer::new(reply.key.id.to_string(), &reply.key.secret)?;
//!         let integration = Client::builder("http://127.0.0.1:8080").signer(signer).build()?;
//!         # drop(integration);
//!     }
//!     Err(error) if error.code() == Some("integration_not_found") => {}
//!     Err(error) => return Err(error),
//! }
//! # Ok(()) }
//! ```

mod answer;
mod client;
mod clock;
mod connect;
mod credentials;
mod error;
pub mod events;
pub mod jwt;
pub mod prelude;
mod retry;
mod upload;
pub mod webhooks;

pub use answer::Answer;
pub use client::{Builder, Client};
pub use error::{ApiError, Error, TransportError};
pub use heliograph_wire::{
    actions, activities, app_keys, apps, attachments, channel_events, channels, clients, content, contract, control,
    conversations, deliveries, devices, id, integration_keys, integration_types, integrations, key_life, leaked_keys,
    messages, metadata, notices, oauth, oauth_clients, op::Nothing, op::Operation, op::Scope, page, participants,
    patch, path, problem, secret, switchboard_integrations, switchboards, time, token_explain, token_info, user_events,
    users, webhook_events, webhook_health, webhook_proxies, webhook_signing,
};
pub use upload::Upload;
