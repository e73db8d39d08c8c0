//! Where a webhook is called, with what, and how its target has fared. Believed for a second without asking the store.

use super::{
    Shared, Webhook,
    outbox::Delivery,
    signature::{Signatures, call_id},
};
use crate::{
    error::Result,
    state::State,
    webhook_health::Change,
    webhooks::{self, Calling},
};
use heliograph_http::{Outbound, parse_target};
use heliograph_store::clock;
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// For how long a target is believed without asking the store.
const BELIEVED_MS: i64 = 1000;

/// Where a webhook is called, with what, and how its target has fared.
pub struct Target {
    given: String,
    url: String,
    uri: Uri,
    headers: HeaderMap,
    signatures: Signatures,
    /// The client that leaves by the webhook's own proxy, or as all others do.
    outbound: Outbound,
    events_per_call: Option<u32>,
    failing_since: Option<i64>,
    paused: bool,
    read_at: i64,
}

impl Target {
    /// The address, as the webhook has it.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// The address, as the log shows it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same.
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Who calls it.
    pub const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// The headers of a call that carries these deliveries in this body and is made at `at`. Secrets among them are
    /// marked as sensitive.
    pub fn headers(&self, call: &[Delivery], at: i64, body: &[u8]) -> HeaderMap {
        let mut headers = self.headers.clone();
        let id = call_id(call.iter().map(|delivery| delivery.id));
        self.signatures.put(&mut headers, id.text().as_str(), at, body);
        headers
    }

    /// Whether nothing is to be sent.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// How many events a call may carry, if the webhook says so itself.
    pub const fn events_per_call(&self) -> Option<u32> {
        self.events_per_call
    }

    /// What is to be noted of the webhook after a call that ended at `ended`. Nothing, most of the time.
    pub fn change(&self, arrived: bool, ended: i64, pause_after: Option<Duration>) -> Option<Change> {
        match (arrived, self.failing_since) {
            (true, None) => None,
            (true, Some(_)) => Some(Change::Recovered),
            (false, None) => Some(Change::Failing { since: ended }),
            (false, Some(since)) => {
                let patience = i64::try_from(pause_after?.as_millis()).ok()?;
                (ended - since >= patience).then_some(Change::Paused { at: ended, since })
            }
        }
    }
}

/// The target of a webhook; none when it is gone.
pub async fn find(state: State, shared: &Shared, webhook: Webhook) -> Result<Option<Arc<Target>>> {
    let now = clock::now_ms();
    let kept = shared.targets.read().unwrap_or_else(PoisonError::into_inner).get(&webhook.id).cloned();
    if let Some(target) = kept.filter(|t| (0..BELIEVED_MS).contains(&(now - t.read_at))) {
        return Ok(Some(target));
    }
    let found = state.store.read(move |tx| webhooks::calling(tx, &state.vault, webhook.app, webhook.id)).await?;
    let Some(calling) = found else { return Ok(None) };
    let Some(target) = known(shared, calling, now)?.map(Arc::new) else { return Ok(None) };
    shared.targets.write().unwrap_or_else(PoisonError::into_inner).insert(webhook.id, Arc::clone(&target));
    Ok(Some(target))
}

fn known(shared: &Shared, calling: Calling, read_at: i64) -> Result<Option<Target>> {
    let Ok(uri) = parse_target(&calling.target) else { return Ok(None) };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, const { HeaderValue::from_static("application/json") });
    if let Ok(mut value) = HeaderValue::from_str(&calling.secret) {
        value.set_sensitive(true);
        headers.insert("x-api-key", value);
    }
    let signatures = Signatures::with(calling.signing.iter().map(|secret| secret.as_str()))?;
    let outbound = calling.proxy.as_ref().map_or_else(|| shared.outbound.clone(), |proxy| shared.outbound.by(proxy));
    let Calling { target: given, events_per_call, failing_since, paused, .. } = calling;
    Ok(Some(Target {
        given,
        url: uri.to_string(),
        uri,
        headers,
        signatures,
        outbound,
        events_per_call,
        failing_since,
        paused,
        read_at,
    }))
}
