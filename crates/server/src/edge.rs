//! The edge: what happens to every request before it is known what it asks, and to every answer on its way out.

use crate::{
    attachments,
    auth::Caller,
    call::{Answer, drain, inner_path, refusal},
    docs,
    error::Error,
    head::{Head, REQUEST_ID},
    health,
    router::{Found, Router},
    state::State,
};
use bytes::Bytes;
use futures_util::FutureExt;
use heliograph_wire::{attachments::FOLDER, problem::Missing};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{self, HeaderValue as Value},
};
use http_body_util::{Either, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use std::{convert::Infallible, io, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

/// The body of an answer: whole, as almost all are, or in pieces, as they are read from a file.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>;

/// A body that is there already.
pub fn whole(bytes: Bytes) -> Body {
    Either::Left(Full::new(bytes))
}

/// What pages of other origins may send, and what of an answer's head they may read.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const SENT_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, X-Http-Method-Override, X-Request-Id";
const SHOWN_HEADERS: &str = "Heliograph-Key-Expires, Idempotent-Replayed, Location, Retry-After, X-Request-Id";

/// What is behind the front door.
pub struct Edge {
    state: State,
    router: Router,
}

impl Edge {
    /// From what the server has and what it answers. It stays for as long as that does.
    pub fn lasting(state: State, router: Router) -> &'static Self {
        Box::leak(Box::new(Self { state, router }))
    }

    /// Answers a request from this address.
    pub async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let head = Arc::new(Head::new(parts, peer.ip()));
        if head.is_preflight() && !self.state.public.cors_origins.is_empty() {
            let answer =
                Answer { status: StatusCode::NO_CONTENT, body: Bytes::new(), caller: None, headers: HeaderMap::new() };
            return Ok(self.finish(&head, "Preflight", answer, None));
        }
        let method = head.meant();
        Ok(match self.router.find(&method, inner_path(head.uri.path())) {
            Found::Target(target) => {
                let future = (target.endpoint)(self.state, Arc::clone(&head), body);
                // A panic is a defect, but not one that takes other requests with it.
                let answer = AssertUnwindSafe(future)
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| refusal(&Error::Internal(format!("{} panicked", target.id))));
                self.finish(&head, target.id, answer, None)
            }
            Found::Methods(allowed) => {
                drain(body).await;
                let allow = HeaderValue::from_str(&allowed).ok().map(|value| (header::ALLOW, value));
                self.finish(&head, "Unknown", refusal(&Error::MethodNotAllowed), allow)
            }
            Found::Nothing => {
                drain(body).await;
                self.beside(&head, &method).await
            }
        })
    }

    /// What is no operation: files, the pages, and what operators ask.
    async fn beside(&self, head: &Head, method: &Method) -> Response<Body> {
        let path = inner_path(head.uri.path());
        if path.starts_with(FOLDER) {
            return self.file(head, method).await;
        }
        let response = match docs::answer(self.state, method, path, &head.headers) {
            Some(response) => Some(response),
            None => health::answer(self.state, head.uri.path(), &head.headers).await,
        };
        if let Some(mut response) = response {
            response.headers_mut().insert(REQUEST_ID, head.id.clone());
            return response;
        }
        self.finish(head, "Unknown", refusal(&Error::Missing(Missing::RESOURCE)), None)
    }

    /// A file is no operation: it comes in pieces, and says itself what a browser may do with it.
    async fn file(&self, head: &Head, method: &Method) -> Response<Body> {
        const ID: &str = "Attachment";
        if method != Method::GET && method != Method::HEAD {
            let allow = (header::ALLOW, const { Value::from_static("GET, HEAD") });
            return self.finish(head, ID, refusal(&Error::MethodNotAllowed), Some(allow));
        }
        match attachments::answer(self.state, method, inner_path(head.uri.path()), &head.headers).await {
            Ok(mut response) => {
                self.note(head, ID, response.status(), None);
                response.headers_mut().insert(REQUEST_ID, head.id.clone());
                self.allow_origin(head, response.headers_mut());
                response
            }
            Err(error) => self.finish(head, ID, refusal(&error), None),
        }
    }

    /// Counts and logs a request.
    fn note(&self, head: &Head, id: &'static str, status: StatusCode, key_id: Option<&str>) {
        let elapsed = head.since.elapsed();
        self.state.metrics.request(id, status, elapsed);
        tracing::info!(
            operation = id,
            method = head.method.as_str(),
            path = shown(head.uri.path()),
            status = status.as_u16(),
            ms = elapsed.as_secs_f64() * 1e3,
            key = key_id,
            request_id = head.id.to_str().unwrap_or_default(),
            "request"
        );
    }

    fn finish(
        &self,
        head: &Head,
        id: &'static str,
        answer: Answer,
        extra: Option<(HeaderName, Value)>,
    ) -> Response<Body> {
        self.note(head, id, answer.status, answer.caller.as_ref().map(Caller::key_id));
        // The answer to HEAD is that to GET without its body.
        let body = if head.method == Method::HEAD { Bytes::new() } else { answer.body };
        let mut response = Response::new(whole(body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, head.id.clone());
        headers.insert(header::CONTENT_TYPE, const { Value::from_static("application/json; charset=utf-8") });
        headers.insert(
            header::CACHE_CONTROL,
            const { Value::from_static("private, no-cache, no-store, must-revalidate") },
        );
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, const { Value::from_static("nosniff") });
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, const { Value::from_static("1") });
        }
        headers.extend(extra);
        headers.extend(answer.headers);
        self.allow_origin(head, headers);
        response
    }

    /// Pages of other origins may read an answer, a refusal too, only if the operator named their origin.
    fn allow_origin(&self, head: &Head, headers: &mut HeaderMap) {
        let allowed = &self.state.public.cors_origins;
        if allowed.is_empty() {
            return;
        }
        let Some(origin) = head.headers.get(header::ORIGIN) else { return };
        headers.insert(header::VARY, const { Value::from_static("Origin") });
        if !allowed.iter().any(|a| a == "*" || a.as_bytes() == origin.as_bytes()) {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, const { Value::from_static(SHOWN_HEADERS) });
        if head.method == Method::OPTIONS {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, const { Value::from_static(METHODS) });
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, const { Value::from_static(SENT_HEADERS) });
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, const { Value::from_static("600") });
        }
    }
}

/// A path as the log shows it: that of a file lets its reader in.
fn shown(path: &str) -> &str {
    if inner_path(path).starts_with(FOLDER) { FOLDER } else { path }
}
