//! The table of contents: each operation's handler, and the way from a path to it.

use crate::{
    activities, app_keys, apps, attachments, audit,
    call::{Answer, Endpoint, Streamed, endpoint, raw_endpoint, streamed_endpoint},
    channel_events, channel_messages, channel_starts, channels, clients, control, conversations, deliveries, devices,
    explain, integration_keys, integrations, key_life, key_policy, leaks, messages, notices, oauth,
    open::{Visit, open_endpoint},
    participants, switchboard_integrations, switchboards, token_info, user_sync, users, webhook_events, webhook_health,
    webhook_proxies, webhook_signing, webhooks,
};
use bytes::Bytes;
use heliograph_wire::op::Operation;
use http::Method;

/// What a path answers, by method.
pub struct Route {
    methods: Vec<(Method, Target)>,
}

/// An operation and what it does.
pub struct Target {
    /// The `operationId`, for logs and metrics.
    pub id: &'static str,
    /// What it does.
    pub endpoint: Endpoint,
}

/// What was found for a request.
pub enum Found<'r> {
    /// An operation.
    Target(&'r Target),
    /// The path, but not with this method; these it has.
    Methods(String),
    /// Nothing.
    Nothing,
}

/// From paths to operations.
pub struct Router {
    paths: matchit::Router<usize>,
    routes: Vec<Route>,
    templates: Vec<String>,
}

impl Router {
    /// All operations.
    pub fn new() -> Self {
        let mut router = Self { paths: matchit::Router::new(), routes: Vec::new(), templates: Vec::new() };
        let mut builder = Builder { router: &mut router };
        apps::routes(&mut builder);
        app_keys::routes(&mut builder);
        attachments::routes(&mut builder);
        integrations::routes(&mut builder);
        integration_keys::routes(&mut builder);
        webhooks::routes(&mut builder);
        webhook_signing::routes(&mut builder);
        webhook_proxies::routes(&mut builder);
        users::routes(&mut builder);
        user_sync::routes(&mut builder);
        clients::routes(&mut builder);
        devices::routes(&mut builder);
        conversations::routes(&mut builder);
        participants::routes(&mut builder);
        messages::routes(&mut builder);
        activities::routes(&mut builder);
        channels::routes(&mut builder);
        channel_events::routes(&mut builder);
        channel_starts::routes(&mut builder);
        channel_messages::routes(&mut builder);
        control::routes(&mut builder);
        switchboards::routes(&mut builder);
        switchboard_integrations::routes(&mut builder);
        token_info::routes(&mut builder);
        oauth::routes(&mut builder);
        audit::routes(&mut builder);
        key_life::routes(&mut builder);
        key_policy::routes(&mut builder);
        leaks::routes(&mut builder);
        explain::routes(&mut builder);
        deliveries::routes(&mut builder);
        webhook_events::routes(&mut builder);
        webhook_health::routes(&mut builder);
        notices::routes(&mut builder);
        router
    }

    /// What answers a request. The path is still percent-encoded: an id may hold an encoded slash.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Ok(matched) = self.paths.at(path) else { return Found::Nothing };
        let methods = &self.routes[*matched.value].methods;
        // What is asked for by HEAD is what GET answers; its body stays behind.
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        match methods.iter().find(|(m, _)| m == wanted) {
            Some((_, target)) => Found::Target(target),
            None => Found::Methods(methods.iter().map(|(m, _)| m.as_str()).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Takes the handlers in.
pub struct Builder<'r> {
    router: &'r mut Router,
}

impl Builder<'_> {
    /// Hangs a handler on its operation.
    pub fn on<O, F>(&mut self, handler: fn(crate::call::Call<O>) -> F) -> &mut Self
    where
        O: Operation,
        F: Future<Output = crate::error::Result<O::Reply>> + Send + 'static,
    {
        let endpoint = endpoint(handler);
        self.add::<O>(endpoint)
    }

    /// Hangs a handler that writes its JSON itself on its operation.
    pub fn on_raw<O, F>(&mut self, handler: fn(crate::call::Call<O>) -> F) -> &mut Self
    where
        O: Operation,
        F: Future<Output = crate::error::Result<Bytes>> + Send + 'static,
    {
        let endpoint = raw_endpoint(handler);
        self.add::<O>(endpoint)
    }

    /// Hangs a handler that reads the request's body itself, piece by piece, on its operation.
    pub fn on_stream<O, F>(&mut self, handler: fn(crate::call::Call<O>, Streamed) -> F) -> &mut Self
    where
        O: Operation,
        F: Future<Output = crate::error::Result<O::Reply>> + Send + 'static,
    {
        let endpoint = streamed_endpoint(handler);
        self.add::<O>(endpoint)
    }

    /// Hangs a handler on an operation that needs no credential.
    pub fn on_open<O, F>(&mut self, handler: fn(Visit<O>) -> F) -> &mut Self
    where
        O: Operation,
        F: Future<Output = crate::error::Result<Answer>> + Send + 'static,
    {
        let endpoint = open_endpoint(handler);
        self.add::<O>(endpoint)
    }

    fn add<O: Operation>(&mut self, endpoint: Endpoint) -> &mut Self {
        self.hang(O::METHOD, O::PATH, O::ID, endpoint)
    }

    /// Hangs anything on a path: what is no operation of the contract.
    pub fn hang(&mut self, method: Method, path: &str, id: &'static str, endpoint: Endpoint) -> &mut Self {
        let template = unnamed(path);
        let router = &mut *self.router;
        let place = router.templates.iter().position(|t| *t == template).unwrap_or_else(|| {
            let place = router.routes.len();
            router.paths.insert(&template, place).expect("the contract's paths do not collide");
            router.templates.push(template);
            router.routes.push(Route { methods: Vec::new() });
            place
        });
        router.routes[place].methods.push((method, Target { id, endpoint }));
        self
    }
}

/// A template whose parameters are called by their place: paths that name one place differently are still one path.
fn unnamed(template: &str) -> String {
    let parts = template.split('/').enumerate();
    let parts: Vec<String> =
        parts.map(|(at, part)| if part.starts_with('{') { format!("{{p{at}}}") } else { part.to_owned() }).collect();
    parts.join("/")
}
