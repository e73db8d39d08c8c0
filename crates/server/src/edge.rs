//! The edge: what happens to every request before it is known what it asks, and to every answer on its way out.

use crate::{
    attachments,
    call::{Answer, drain, inner_path, refusal},
    docs,
    error::Error,
    health,
    router::{Found, Router},
    state::State,
};
use bytes::Bytes;
use futures_util::FutureExt;
use heliograph_wire::{attachments::FOLDER, problem::Missing};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{self, HeaderValue as Value},
};
use http_body_util::{Either, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use std::{convert::Infallible, future::Future, io, panic::AssertUnwindSafe, pin::Pin, sync::Arc, task, time::Instant};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The body of an answer: whole, as almost all are, or in pieces, as they are read from a file.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>;

/// A body that is there already.
pub fn whole(bytes: Bytes) -> Body {
    Either::Left(Full::new(bytes))
}

/// The service behind the front door.
#[derive(Clone)]
pub struct Edge {
    state: State,
    router: Arc<Router>,
}

impl Edge {
    /// From what the server has and what it answers.
    pub fn new(state: State, router: Router) -> Self {
        Self { state, router: Arc::new(router) }
    }
}

impl tower_service::Service<Request<Incoming>> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let edge = self.clone();
        Box::pin(async move { Ok(edge.answer(request).await) })
    }
}

/// What is remembered of a request for its answer.
struct Asked {
    method: Method,
    uri: Uri,
    request_id: HeaderValue,
    origin: Option<HeaderValue>,
    since: Instant,
}

impl Edge {
    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let asked = Asked {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            request_id: request_id(&parts.headers),
            origin: parts.headers.get(header::ORIGIN).cloned(),
            since: Instant::now(),
        };
        parts.method = overridden(&parts.method, &parts.headers);
        if is_preflight(&asked, &parts.headers) && !self.state.public.cors_origins.is_empty() {
            return self.finish(
                &asked,
                "Preflight",
                Answer { status: StatusCode::NO_CONTENT, body: Bytes::new(), key_id: None, headers: HeaderMap::new() },
                None,
            );
        }
        match self.router.find(&parts.method, inner_path(asked.uri.path())) {
            Found::Target(target) => {
                let future = (target.endpoint)(self.state.clone(), parts, body);
                // A panic is a defect, but not one that takes other requests with it.
                let answer = AssertUnwindSafe(future)
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| refusal(&Error::Internal(format!("{} panicked", target.id))));
                self.finish(&asked, target.id, answer, None)
            }
            Found::Methods(allowed) => {
                drain(body).await;
                let allow = HeaderValue::from_str(&allowed).ok().map(|value| (header::ALLOW, value));
                self.finish(&asked, "Unknown", refusal(&Error::MethodNotAllowed), allow)
            }
            Found::Nothing => {
                drain(body).await;
                if inner_path(asked.uri.path()).starts_with(FOLDER) {
                    return self.file(&asked, &parts.method, &parts.headers).await;
                }
                if let Some(response) =
                    docs::answer(&self.state, &parts.method, inner_path(asked.uri.path()), &parts.headers)
                {
                    let (mut response, id) = (response, asked.request_id.clone());
                    response.headers_mut().insert(REQUEST_ID, id);
                    return response;
                }
                if let Some(response) = health::answer(&self.state, asked.uri.path(), &parts.headers).await {
                    let (mut response, id) = (response, asked.request_id.clone());
                    response.headers_mut().insert(REQUEST_ID, id);
                    return response;
                }
                self.finish(&asked, "Unknown", refusal(&Error::Missing(Missing::RESOURCE)), None)
            }
        }
    }

    /// A file is no operation: it comes in pieces, and says itself what a browser may do with it.
    async fn file(&self, asked: &Asked, method: &Method, headers: &HeaderMap) -> Response<Body> {
        const ID: &str = "Attachment";
        if method != Method::GET && method != Method::HEAD {
            let allow = (header::ALLOW, const { Value::from_static("GET, HEAD") });
            return self.finish(asked, ID, refusal(&Error::MethodNotAllowed), Some(allow));
        }
        match attachments::answer(&self.state, method, inner_path(asked.uri.path()), headers).await {
            Ok(mut response) => {
                self.note(asked, ID, response.status(), None);
                response.headers_mut().insert(REQUEST_ID, asked.request_id.clone());
                self.allow_origin(asked, response.headers_mut());
                response
            }
            Err(error) => self.finish(asked, ID, refusal(&error), None),
        }
    }

    /// Counts and logs a request.
    fn note(&self, asked: &Asked, id: &'static str, status: StatusCode, key_id: Option<&str>) {
        let elapsed = asked.since.elapsed();
        self.state.metrics.request(id, status, elapsed);
        tracing::info!(
            operation = id,
            method = asked.method.as_str(),
            path = shown(asked.uri.path()),
            status = status.as_u16(),
            ms = elapsed.as_secs_f64() * 1e3,
            key = key_id,
            request_id = asked.request_id.to_str().unwrap_or_default(),
            "request"
        );
    }

    fn finish(
        &self,
        asked: &Asked,
        id: &'static str,
        answer: Answer,
        extra: Option<(HeaderName, Value)>,
    ) -> Response<Body> {
        self.note(asked, id, answer.status, answer.key_id.as_deref());
        // The answer to HEAD is that to GET without its body.
        let body = if asked.method == Method::HEAD { Bytes::new() } else { answer.body };
        let mut response = Response::new(whole(body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, asked.request_id.clone());
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
        self.allow_origin(asked, headers);
        response
    }

    /// Pages of other origins may read an answer, a refusal too, only if the operator named their origin.
    fn allow_origin(&self, asked: &Asked, headers: &mut HeaderMap) {
        let (Some(origin), allowed) = (&asked.origin, &self.state.public.cors_origins) else { return };
        if allowed.is_empty() {
            return;
        }
        headers.insert(header::VARY, const { Value::from_static("Origin") });
        if !allowed.iter().any(|a| a == "*" || a.as_bytes() == origin.as_bytes()) {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers
            .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, const { Value::from_static("Retry-After, X-Request-Id") });
        if asked.method == Method::OPTIONS {
            headers
                .insert(header::ACCESS_CONTROL_ALLOW_METHODS, const { Value::from_static("GET, POST, PATCH, DELETE") });
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                const { Value::from_static("Authorization, Content-Type, X-Request-Id") },
            );
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, const { Value::from_static("600") });
        }
    }
}

/// A path as the log shows it: that of a file lets its reader in.
fn shown(path: &str) -> &str {
    if inner_path(path).starts_with(FOLDER) { FOLDER } else { path }
}

fn is_preflight(asked: &Asked, headers: &HeaderMap) -> bool {
    asked.method == Method::OPTIONS
        && asked.origin.is_some()
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Clients that can only GET and POST name the method they mean in a header.
fn overridden(method: &Method, headers: &HeaderMap) -> Method {
    if method != Method::POST {
        return method.clone();
    }
    match headers.get(METHOD_OVERRIDE).and_then(|value| value.to_str().ok()) {
        Some(name) if ["PATCH", "PUT", "DELETE"].iter().any(|m| m.eq_ignore_ascii_case(name)) => {
            Method::from_bytes(name.to_ascii_uppercase().as_bytes()).unwrap_or(Method::POST)
        }
        _ => method.clone(),
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
