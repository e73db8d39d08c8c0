//! Heliograph's server: the Sunshine Conversations API, version 2, on a database of one's own.
//!
//! A request comes in by `edge.rs`, is found its operation by `router.rs`, walks the corridor of `call.rs`, and reaches
//! its noun's file, which has three bands: handlers translate, rules decide, rows are statements. What a change causes
//! goes out by `events.rs` and `delivery/`.

pub mod admin;
mod app_keys;
mod apps;
mod auth;
mod call;
mod conversations;
mod delivery;
mod edge;
mod error;
mod events;
mod health;
mod integration_keys;
mod integrations;
mod keys;
mod master_key;
mod messages;
mod metrics;
mod migrations;
mod pages;
mod participants;
mod router;
mod serve;
mod settings;
mod state;
mod token_info;
mod users;
mod vault;
mod webhooks;

pub use serve::{FirstKey, Started, serve};
pub use settings::{Settings, StartError};
