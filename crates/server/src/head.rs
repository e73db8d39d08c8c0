//! The head of a request: what comes before its body.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts};
use std::{net::IpAddr, time::Instant};

/// Names a request, in the log and in its answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The head of a request, and what is known of it as soon as it is there. It is shared, not handed on: it is large, and
/// who answers needs it to the end.
pub struct Head {
    /// The method by which it came.
    pub method: Method,
    /// The address it asks for.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// The address it comes from: the client's, or that of a proxy before it.
    pub peer: IpAddr,
    /// Its name.
    pub id: HeaderValue,
    /// When it was there.
    pub since: Instant,
}

impl Head {
    /// The head of a request from this address, which is there now.
    pub fn new(parts: Parts, peer: IpAddr) -> Self {
        let Parts { method, uri, headers, .. } = parts;
        let id = request_id(&headers);
        Self { method, uri, headers, peer, id, since: Instant::now() }
    }

    /// The method that is meant: clients that can only GET and POST name it in a header.
    pub fn meant(&self) -> Method {
        let named = if self.method == Method::POST { self.headers.get(METHOD_OVERRIDE) } else { None };
        match named.and_then(|value| value.to_str().ok()) {
            Some(name) if ["PATCH", "PUT", "DELETE"].iter().any(|m| m.eq_ignore_ascii_case(name)) => {
                Method::from_bytes(name.to_ascii_uppercase().as_bytes()).unwrap_or(Method::POST)
            }
            _ => self.method.clone(),
        }
    }

    /// Whether a browser asks if a page may ask.
    pub fn is_preflight(&self) -> bool {
        self.method == Method::OPTIONS
            && self.headers.contains_key(header::ORIGIN)
            && self.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }
}

/// The caller's, if it is one that a log can hold; otherwise one of our own.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let good = |value: &&HeaderValue| {
        (1..=128).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/=+".contains(b))
    };
    if let Some(given) = headers.get(REQUEST_ID).filter(good) {
        return given.clone();
    }
    let id = heliograph_wire::id::EventId::new(heliograph_store::fresh_id());
    HeaderValue::from_str(id.text().as_str()).unwrap_or(const { HeaderValue::from_static("-") })
}
