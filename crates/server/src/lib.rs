//! Heliograph's server: the Sunshine Conversations API, version 2, on a database of one's own.
//!
//! A request comes in by `edge.rs`, is found its operation by `router.rs`, walks the corridor of `call.rs`, and reaches
//! its noun's file, which has three bands: handlers translate, rules decide, rows are statements. What a change causes
//! goes out by `events.rs` and `delivery/`.

mod activities;
pub mod admin;
mod app_keys;
mod apps;
mod attachments;
pub mod audit;
mod auth;
mod blobs;
mod call;
mod card_numbers;
mod channel_events;
mod channel_messages;
mod channel_starts;
mod channel_way;
mod channels;
mod client_address;
mod client_rows;
mod clients;
mod content;
mod control;
mod conversations;
mod deliveries;
mod delivery;
mod destination;
mod devices;
mod docs;
mod edge;
mod error;
mod events;
mod explain;
mod failures;
mod form_responses;
mod health;
mod idempotency;
mod integration_keys;
mod integrations;
mod key_life;
mod key_policy;
mod key_uses;
mod key_watch;
mod keys;
mod leaks;
mod limits;
pub mod master_key;
mod media;
mod messages;
mod metrics;
mod migrations;
mod names;
mod notices;
mod oauth;
mod open;
mod open_files;
mod pages;
mod participants;
#[doc(hidden)]
pub mod probe;
mod quotes;
mod retention;
mod rich_text;
mod router;
mod serve;
mod settings;
mod state;
mod switchboard_integrations;
mod switchboards;
mod token_info;
mod user_merge;
mod user_sync;
mod users;
mod vault;
mod webhook_events;
mod webhook_health;
mod webhook_proxies;
mod webhook_signing;
mod webhooks;

pub use client_address::range as address_range;
pub use ipnet::IpNet as AddressRange;
pub use limits::RateLimit;
pub use serve::{FirstKey, Started, serve};
pub use settings::{S3, Settings, StartError};
