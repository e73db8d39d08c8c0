//! What operators ask: is it alive, can it work, what has it done, what does it offer.

use crate::{
    delivery::outbox,
    edge::{Body, whole},
    state::State,
};
use bytes::Bytes;
use http::{
    HeaderMap, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use subtle::ConstantTimeEq;

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers a path of this file; none for any other.
pub async fn answer(state: State, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    Some(match path {
        "/healthz" => respond(StatusCode::OK, JSON, Bytes::from_static(b"{\"status\":\"ok\"}")),
        "/readyz" => ready(state).await,
        "/metrics" => metrics(state, headers).await,
        "/openapi.json" => respond(StatusCode::OK, JSON, state.public.document().clone()),
        _ => return None,
    })
}

/// Ready is who can reach the database.
async fn ready(state: State) -> Response<Body> {
    let read = state.store.read(|tx| tx.query("SELECT 1", &[]).map(drop)).await;
    match read {
        Ok(()) => respond(StatusCode::OK, JSON, Bytes::from_static(b"{\"status\":\"ok\"}")),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            respond(
                StatusCode::SERVICE_UNAVAILABLE,
                JSON,
                Bytes::from_static(b"{\"status\":\"the database does not answer\"}"),
            )
        }
    }
}

async fn metrics(state: State, headers: &HeaderMap) -> Response<Body> {
    if let Some(token) = &state.public.metrics_token {
        let given = headers.get(AUTHORIZATION).map(|h| h.as_bytes()).unwrap_or_default();
        let wanted = format!("Bearer {token}");
        if !bool::from(given.ct_eq(wanted.as_bytes())) {
            return respond(
                StatusCode::UNAUTHORIZED,
                JSON,
                Bytes::from_static(
                    b"{\"errors\":[{\"code\":\"unauthorized\",\"title\":\"Authorization is required\"}]}",
                ),
            );
        }
    }
    // Without the database the other figures are told all the same.
    if let Err(error) = state.metrics.queue(state.store.read(outbox::queue)).await {
        tracing::warn!(%error, "the queue could not be looked at");
    }
    let text = state.metrics.render(&state.store.stats(), state.dispatcher.waiting());
    respond(StatusCode::OK, TEXT, text.into())
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
