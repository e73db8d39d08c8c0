//! Reports of leaked secrets. Whoever has a secret may end it; nobody learns from the answer whether they had.

use crate::{
    auth::with_secret,
    call::Answer,
    error::{Error, Result},
    key_life,
    open::{Visit, json},
    router::Builder,
    state::State,
};
use heliograph_wire::{leaked_keys::*, op::Nothing, secret};
use http::StatusCode;
use std::{net::IpAddr, sync::Arc};
use zeroize::Zeroizing;

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

/// Ends a secret, and answers whether it was one. Reporting it again changes nothing, and is not told of again.
async fn end(state: State, leaked: &LeakedKey, reporter: IpAddr) -> Result<bool> {
    let named = leaked.key_id.as_deref().or_else(|| secret::key_id(&leaked.secret));
    let Some(id) = named else { return Ok(false) };
    let Some((key, _)) = with_secret(state, id, &leaked.secret).await? else { return Ok(false) };
    if key.oauth_client.is_some() {
        return Ok(false);
    }
    let (id, secret) = (key.id.clone(), Arc::new(Zeroizing::new(leaked.secret.clone())));
    let (same_id, same_secret) = (id.clone(), Arc::clone(&secret));
    // Who reports it once more takes nobody's turn to write.
    let works = state.store.read(move |tx| key_life::works(tx, state, &same_id, &same_secret)).await?;
    if works && state.store.write(move |tx| key_life::end_leaked(tx, state, &id, &secret, reporter)).await? {
        let found_at = leaked.found_at.as_deref().map(|text| text.escape_debug().take(1000).collect::<String>());
        tracing::warn!(key = key.id, found_at, "a key: its secret was reported as leaked and does not work any more");
    }
    Ok(true)
}
