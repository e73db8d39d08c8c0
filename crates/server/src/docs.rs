//! What people read of the contract: `/docs`, the OpenAPI document as YAML, the Postman collection. All is made when it
//! is asked for, from the document that is published.

use crate::{
    edge::{Body, whole},
    state::State,
};
use heliograph_reference::{Document, pages, postman, yaml};
use http::{
    HeaderMap, Method, Response, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, LOCATION, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use serde_json::Value;

const YAML: &str = "application/yaml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// Answers a path of this file; none for any other.
pub fn answer(state: State, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    Some(match path {
        // Whoever opens the server's address in a browser wants to know what it is.
        "/" if wants_page(headers) => to("docs"),
        "/docs/" => to("../docs"),
        "/openapi.yaml" => respond(YAML, yaml::write(document(state))),
        "/postman_collection.json" => respond(JSON, collection(state, headers).to_string()),
        path if path == "/docs" || path.starts_with("/docs/") => {
            let page = pages::page(Document::new(document(state)), path)?;
            respond(page.media, page.text)
        }
        _ => return None,
    })
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// Relative, so that it holds behind whatever path a proxy puts before it.
fn to(place: &'static str) -> Response<Body> {
    let mut response = respond(TEXT, String::new());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(place));
    response
}

fn document(state: State) -> &'static Value {
    state.public.reference.get_or_init(|| serde_json::from_slice(state.public.document()).unwrap_or_default())
}

/// The collection calls the server by the address that its reader used, if the operator named none.
fn collection(state: State, headers: &HeaderMap) -> Value {
    let mut collection = postman::collection(document(state));
    if state.public.url.is_none() {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        collection["variable"][0]["value"] = format!("http://{host}").into();
    }
    collection
}

fn respond(media: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(whole(text.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, const { HeaderValue::from_static("no-cache") });
    headers.insert(CONTENT_SECURITY_POLICY, const { HeaderValue::from_static(pages::POLICY) });
    headers.insert(X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
    headers.insert(X_FRAME_OPTIONS, const { HeaderValue::from_static("DENY") });
    headers.insert(REFERRER_POLICY, const { HeaderValue::from_static("same-origin") });
    response
}
