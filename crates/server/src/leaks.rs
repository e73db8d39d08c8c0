//! Reports of leaked secrets. Whoever has a secret may end it; nobody learns from the answer whether they had.

use crate::{
    auth::{life::Secret, with_secret},
    call::Answer,
    error::{Error, Result},
    key_life,
    open::{Visit, json},
    router::Builder,
    state::State,
};
use heliograph_wire::{leaked_keys::*, op::Nothing, secret};
use http::StatusCode;
use std::net::IpAddr;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on_open(report);
}

/// Wrong ones count as failed attempts, which their address notices at the door; here every answer is the same.
async fn report(visit: Visit<ReportLeakedKeys>) -> Result<Answer> {
    let Visit { state, body, head, .. } = visit;
    let address = state.proxies.client(&head);
    for leaked in &body.keys {
        if !end(state, leaked, address).await? {
            state.failures.count(address, None, Error::Unauthorized);
        }
    }
    json(StatusCode::OK, &Nothing {})
}

// ---- Rules

/// Ends a secret, and answers whether it was one.
async fn end(state: State, leaked: &LeakedKey, reporter: IpAddr) -> Result<bool> {
    let named = leaked.key_id.as_deref().or_else(|| secret::key_id(&leaked.secret));
    let Some(id) = named else { return Ok(false) };
    let Some((key, which)) = with_secret(state, id, &leaked.secret).await? else { return Ok(false) };
    if key.oauth_client.is_some() {
        return Ok(false);
    }
    let id = key.id.clone();
    let old_one = which == Secret::Old;
    state.store.write(move |tx| key_life::disable_leaked(tx, state, &id, old_one, reporter)).await?;
    let found_at = leaked.found_at.as_deref().map(|text| text.escape_debug().take(1000).collect::<String>());
    tracing::warn!(key = key.id, found_at, "a key: its secret was reported as leaked and does not work any more");
    Ok(true)
}
