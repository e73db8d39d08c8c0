//! The end of a partner's access: its `removeUrl` is told.

use super::clients;
use crate::{error::Result, state::State};
use bytes::Bytes;
use heliograph_http::parse_target;
use heliograph_store::Tx;
use heliograph_wire::id::{AppId, IntegrationId};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde_json::json;
use std::time::Duration;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The pauses between calls. Who misses them all still finds its token refused.
const GAPS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(15), Duration::from_secs(60)];

/// A partner that wants to be told.
pub struct Removed {
    url: String,
    body: Bytes,
}

impl Removed {
    /// What there is to tell, if the integration was a partner's that wants to be told.
    pub fn of(tx: &Tx<'_>, app: AppId, integration: IntegrationId, r#type: &str) -> Result<Option<Self>> {
        let Some(url) = clients::find_remove_url(tx, r#type)? else { return Ok(None) };
        let body = json!({ "app": { "id": app }, "integration": { "id": integration, "type": r#type } });
        Ok(Some(Self { url, body: body.to_string().into() }))
    }
}

/// Tells, in the background.
pub fn announce(state: &State, removed: Option<Removed>) {
    if let Some(removed) = removed {
        tokio::spawn(tell(state.clone(), removed));
    }
}

async fn tell(state: State, removed: Removed) {
    let Ok(target) = parse_target(&removed.url) else { return };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for gap in GAPS.into_iter().map(Some).chain([None]) {
        let answer = state.outbound.post(&target, headers.clone(), removed.body.clone(), TIMEOUT).await;
        let status = answer.as_ref().ok().map(|a| a.status.as_u16());
        // As with webhooks: what is not understood will not be understood later either.
        if status.is_some_and(|s| (200..300).contains(&s) || [400, 401, 403, 404, 406].contains(&s)) {
            tracing::info!(status, "a removeUrl was called");
            return;
        }
        let error = answer.err().map(|failure| failure.to_string());
        let Some(gap) = gap else {
            tracing::warn!(status, error, "a removeUrl is given up");
            return;
        };
        tracing::info!(status, error, retry_s = gap.as_secs(), "a removeUrl is called again");
        tokio::time::sleep(gap).await;
    }
}
