//! The public contract: every noun, every operation, and what is asked of a request. No I/O, no SQL, no async.
//!
//! The server implements the rows of [`contract`], the SDK sends them, the command line and the OpenAPI document list
//! them, and the tests walk over them. What the document says of a body is what [`check`] enforces: they are one text.

pub mod actions;
pub mod activities;
pub mod app_keys;
pub mod apps;
pub mod attachments;
pub mod audit;
pub mod channel_events;
pub mod channel_messages;
pub mod channel_starts;
pub mod channels;
pub mod check;
pub mod clients;
pub mod content;
pub mod control;
pub mod conversations;
pub mod deliveries;
pub mod devices;
pub mod events;
pub mod id;
pub mod integration_keys;
pub mod integration_types;
pub mod integrations;
pub mod key_life;
pub mod leaked_keys;
pub mod messages;
pub mod metadata;
pub mod notices;
pub mod oauth;
pub mod oauth_clients;
pub mod op;
pub mod openapi;
mod openapi_webhooks;
pub mod page;
pub mod participants;
pub mod patch;
pub mod path;
pub mod problem;
pub mod query;
pub mod rules;
pub mod schema;
pub mod secret;
pub mod switchboard_integrations;
pub mod switchboards;
pub mod time;
pub mod token_explain;
pub mod token_info;
pub mod user_events;
pub mod users;
pub mod webhook_events;
pub mod webhook_health;
pub mod webhook_proxies;
pub mod webhook_signing;
pub mod webhooks;

/// Every operation the server answers, in the order of the public contract.
pub fn contract() -> Vec<op::Description> {
    [
        apps::OPERATIONS,
        app_keys::OPERATIONS,
        attachments::OPERATIONS,
        conversations::OPERATIONS,
        channels::OPERATIONS,
        channel_events::OPERATIONS,
        channel_starts::OPERATIONS,
        channel_messages::OPERATIONS,
        participants::OPERATIONS,
        messages::OPERATIONS,
        activities::OPERATIONS,
        control::OPERATIONS,
        integrations::OPERATIONS,
        integration_keys::OPERATIONS,
        webhooks::OPERATIONS,
        switchboards::OPERATIONS,
        switchboard_integrations::OPERATIONS,
        users::OPERATIONS,
        clients::OPERATIONS,
        devices::OPERATIONS,
        token_info::OPERATIONS,
        oauth::OPERATIONS,
        oauth_clients::OPERATIONS,
        audit::OPERATIONS,
        key_life::OPERATIONS,
        leaked_keys::OPERATIONS,
        token_explain::OPERATIONS,
        deliveries::OPERATIONS,
        webhook_events::OPERATIONS,
        webhook_health::OPERATIONS,
        notices::OPERATIONS,
        webhook_signing::OPERATIONS,
        webhook_proxies::OPERATIONS,
    ]
    .concat()
    .into_iter()
    .map(|describe| describe())
    .collect()
}
