//! axum with a fixed answer: what a request costs before anything is done for it.

use super::{Config, bearer::Keys};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use std::sync::Arc;

const USER: &str = "/v2/apps/{appId}/users/{userId}";

/// Answers everybody.
pub fn open(config: Config) -> Router {
    let user = Bytes::from(config.user);
    Router::new().route(USER, get(move || async move { json(user) }))
}

/// Answers whoever brings a token.
pub fn guarded(config: Config) -> Router {
    let (keys, user) = (Keys::of(config.key_id, &config.secret), Bytes::from(config.user));
    Router::new().route(USER, get(answer)).with_state(Arc::new((keys, user)))
}

async fn answer(State(state): State<Arc<(Keys, Bytes)>>, headers: HeaderMap) -> Response {
    if state.0.admit(&headers) { json(state.1.clone()) } else { StatusCode::UNAUTHORIZED.into_response() }
}

fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
