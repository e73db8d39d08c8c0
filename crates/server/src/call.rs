//! The corridor that every operation's request walks: who calls, may they, what do they ask; and the answer's way back.
//!
//! A handler gets its arguments from here and nowhere else, so none can run for a stranger.

use crate::{
    apps, audit,
    auth::{Caller, authenticate},
    error::{Error, Result},
    head::Head,
    idempotency::{self, Once},
    state::State,
};
use bytes::Bytes;
use heliograph_store::Tx;
use heliograph_wire::{
    id::AppId,
    op::{Operation, Scope, is_nothing},
    path::{PathParams, places, segments},
    query,
    rules::Rules,
};
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// How many bytes of JSON a request may hold.
pub const BODY_LIMIT_BYTES: usize = 100 * 1024;
/// How deep the lists and objects of a body may lie in one another. What we put it into, such as an event that is told of
/// in a log, must still be read, and JSON is read to a depth of 128.
const MAX_DEPTH: usize = 64;
/// Says when the credential of a request stops to work, if that is soon.
const KEY_EXPIRES: HeaderName = HeaderName::from_static("heliograph-key-expires");
/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the rest of a refused request's body is waited for, so that its connection can be used again.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// One call of one operation, after the corridor has done its work.
pub struct Call<O: Operation> {
    /// What the server has.
    pub state: State,
    /// Who calls.
    pub caller: Caller,
    /// What stands in the path.
    pub path: O::Path,
    /// What stands in the query.
    pub query: O::Query,
    /// What stands in the body.
    pub body: O::Body,
    /// The head of the request.
    pub head: Arc<Head>,
    /// Set if the request named itself, so that it can be told from others.
    once: Option<Arc<Once>>,
}

impl<O: Operation> Call<O> {
    /// The address that was called, without its query: links are built on it.
    pub fn url(&self) -> String {
        let path = self.head.uri.path();
        if let Some(url) = &self.state.public.url {
            return format!("{url}{path}");
        }
        let host = self.head.headers.get(HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
        format!("http://{host}{path}")
    }

    /// The same with its query, as it was written.
    pub fn url_with_query(&self) -> String {
        let mut url = self.url();
        if let Some(query) = self.head.uri.query() {
            url.push('?');
            url.push_str(query);
        }
        url
    }
}

impl<O: Operation> Call<O>
where
    O::Query: Sync,
    O::Body: Sync,
{
    /// Runs a rule that only reads, in a snapshot, if the caller may see the app.
    pub async fn read<T: Send + 'static>(self, rule: fn(&Tx<'_>, &Self) -> Result<T>) -> Result<T> {
        // In a box: the futures on the way hand it on, and each would hold it whole.
        let call = Box::new(self);
        call.state
            .store
            .read(move |tx| {
                call.admit(tx)?;
                rule(tx, &call)
            })
            .await
    }

    /// Runs a rule that writes, in a transaction, if the caller may see the app. It may run again. What it changes
    /// stands in the audit log, and a request that named itself changes it once.
    pub async fn write<T>(self, rule: impl Fn(&mut Tx<'_>, &Self) -> Result<T> + Send + 'static) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let call = Box::new(self);
        call.state
            .store
            .write(move |tx| {
                call.admit(tx)?;
                let audited = |tx: &mut Tx<'_>| audit::audited(tx, &call, &rule);
                match &call.once {
                    Some(once) => once.run(tx, &call.state.vault, audited),
                    None => audited(tx),
                }
            })
            .await
    }

    /// The name that the request gave itself: for a handler that reads the body, and has to say what it was.
    pub fn once(&self) -> Option<Arc<Once>> {
        self.once.clone()
    }

    /// Asks the store about the path, if the caller may see the app: for a handler that has more to do before it writes.
    pub async fn ask<T: Send + 'static>(
        &self,
        rule: impl Fn(&Tx<'_>, &O::Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (caller, path) = (self.caller.clone(), self.path.clone());
        let asking = move |tx: &Tx<'_>| {
            admit(tx, &caller, path.app_id())?;
            rule(tx, &path)
        };
        self.state.store.read(asking).await
    }

    /// Whether the caller may see the app: for a rule that runs neither by `read` nor by `write`.
    pub fn admit(&self, tx: &Tx<'_>) -> Result<()> {
        admit(tx, &self.caller, self.path.app_id())
    }
}

fn admit(tx: &Tx<'_>, caller: &Caller, app: Option<AppId>) -> Result<()> {
    match app {
        Some(app) if caller.scope() == Scope::Account => apps::admit(tx, caller, app),
        _ => Ok(()),
    }
}

/// What an operation asks of its requests, compiled when it is first called: few servers are asked for everything, and a
/// start need not wait for it.
#[derive(Default)]
pub struct LazyRules(OnceLock<Rules>);

impl LazyRules {
    /// For one operation. They stay for as long as the program runs, as the table of its operations does: no request has
    /// to count itself among those who look at them.
    pub fn lasting() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Those of this operation, which has them to itself.
    pub fn of<O: Operation>(&self) -> &Rules {
        self.0.get_or_init(Rules::of::<O>)
    }
}

/// An answer on its way out.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The JSON.
    pub body: Bytes,
    /// Who called, for the log.
    pub caller: Option<Caller>,
    /// Headers of its own: each replaces what the edge would say.
    pub headers: HeaderMap,
}

/// A future that a route answers with.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a route does with a request.
pub type Endpoint = Box<dyn Fn(State, Arc<Head>, Incoming) -> Answering + Send + Sync>;

/// Hangs a handler on its operation. Path, scopes, body and status come from the contract.
pub fn endpoint<O, F>(handler: fn(Call<O>) -> F) -> Endpoint
where
    O: Operation,
    F: Future<Output = Result<O::Reply>> + Send + 'static,
{
    answering(handler, |reply| written(&reply))
}

/// The same for a handler that writes its JSON itself, because it has it already.
pub fn raw_endpoint<O, F>(handler: fn(Call<O>) -> F) -> Endpoint
where
    O: Operation,
    F: Future<Output = Result<Bytes>> + Send + 'static,
{
    answering(handler, Ok)
}

/// A body that its handler reads itself, piece by piece: it is larger than anybody would hold in memory.
pub struct Streamed {
    /// The head of the request.
    pub head: Arc<Head>,
    /// What follows it.
    pub body: Incoming,
}

/// The same for a handler that reads the request's body itself. It is called once everything else is in order.
pub fn streamed_endpoint<O, F>(handler: fn(Call<O>, Streamed) -> F) -> Endpoint
where
    O: Operation,
    F: Future<Output = Result<O::Reply>> + Send + 'static,
{
    let rules = LazyRules::lasting();
    Box::new(move |state, head, body| {
        Box::pin(async move {
            let (mut caller, mut once) = (None, None);
            let outcome = match enter::<O>(rules.of::<O>(), state, Arc::clone(&head), None, &mut caller).await {
                Ok(call) => {
                    once.clone_from(&call.once);
                    handler(call, Streamed { head, body }).await
                }
                Err(error) => {
                    drain(body).await;
                    Err(error)
                }
            };
            leave::<O>(outcome.and_then(|reply| written(&reply)), caller, once.as_deref())
        })
    })
}

fn answering<O, F, T>(handler: fn(Call<O>) -> F, write: fn(T) -> Result<Bytes>) -> Endpoint
where
    O: Operation,
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let rules = LazyRules::lasting();
    Box::new(move |state, head, body| {
        Box::pin(async move {
            let mut body = body;
            let (mut caller, mut once) = (None, None);
            let outcome = match enter::<O>(rules.of::<O>(), state, head, Some(&mut body), &mut caller).await {
                Ok(call) => {
                    once.clone_from(&call.once);
                    handler(call).await.and_then(write)
                }
                Err(error) => {
                    drain(body).await;
                    Err(error)
                }
            };
            leave::<O>(outcome, caller, once.as_deref())
        })
    })
}

/// An answer's JSON, in a buffer that most answers fit into.
fn written(reply: &impl Serialize) -> Result<Bytes> {
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, reply)?;
    Ok(json.into())
}

fn leave<O: Operation>(outcome: Result<Bytes>, caller: Option<Caller>, once: Option<&Once>) -> Answer {
    let mut answer = match outcome {
        Ok(body) => {
            let status = StatusCode::from_u16(O::STATUS).unwrap_or(StatusCode::OK);
            Answer { status, body, caller: None, headers: HeaderMap::new() }
        }
        Err(error) => refusal(&error),
    };
    if let Some(end) = caller.as_ref().and_then(Caller::ends_soon) {
        answer.headers.insert(KEY_EXPIRES, end);
    }
    if let Some(once) = once {
        once.mark(&mut answer.headers);
    }
    answer.caller = caller;
    answer
}

/// Limits, then who, then whether, then what: nothing of the request is looked at before its caller is known. Without
/// a body here, the handler reads it.
async fn enter<O: Operation>(
    rules: &Rules,
    state: State,
    head: Arc<Head>,
    body: Option<&mut Incoming>,
    known: &mut Option<Caller>,
) -> Result<Call<O>> {
    let caller = authenticate(state, &head).await?;
    *known = Some(caller.clone());
    state.limits.admit_key(caller.key_id())?;
    if let Some(rate) = caller.rate() {
        state.limits.admit_own(caller.key_id(), rate)?;
    }
    if !O::SCOPES.contains(&caller.scope()) {
        return Err(Error::Forbidden("Forbidden"));
    }
    caller.may_call(O::ID)?;
    let raw_path = inner_path(head.uri.path());
    let path = O::Path::read(&segments(const { places(O::PATH) }, raw_path))?;
    if let Some(app) = path.app_id() {
        caller.bound_to(app)?;
    }
    if let Some(app) = path.app_id().or(caller.app()).filter(|_| state.limits.count_apps()) {
        // A service account without a grant is not to use up what is the app's.
        if caller.service_account().is_some() {
            let asker = caller.clone();
            state.store.read(move |tx| apps::admit(tx, &asker, app)).await?;
        }
        state.limits.admit_app(app)?;
    }
    let query = read_query::<O>(rules, head.uri.query().unwrap_or_default())?;
    let name = idempotency::name::<O>(&head.headers)?;
    let body = match body {
        Some(body) => read_body::<O>(rules, &head.headers, body).await?,
        None => typed(Value::Object(serde_json::Map::new()))?,
    };
    let once = name.map(|name| Once::new::<O>(name, caller.key_id(), &path, &query, &body)).transpose()?.map(Arc::new);
    Ok(Call { state, caller, path, query, body, head, once })
}

/// Where the contract's paths begin: everything also answers under `/sc`.
pub fn inner_path(path: &str) -> &str {
    match path.strip_prefix("/sc") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

pub(crate) fn read_query<O: Operation>(rules: &Rules, text: &str) -> Result<O::Query> {
    let Some(checker) = &rules.query else { return typed(Value::Object(serde_json::Map::new())) };
    let mut value = query::read(text);
    let problems = checker.check(&mut value);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems.into_iter().map(|p| query_title::<O>(p)).collect()));
    }
    typed(value)
}

/// The contract has one sentence for all that can be wrong with a page.
fn query_title<O: Operation>(problem: String) -> String {
    if problem.starts_with("page") { page_title(O::ID).to_owned() } else { problem }
}

/// That sentence: one list has words of its own.
pub fn page_title(operation: &str) -> &'static str {
    if operation == "ListIntegrations" { "Invalid query parameters" } else { "Invalid page query parameters" }
}

pub(crate) async fn read_body<O: Operation>(
    rules: &Rules,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<O::Body> {
    let bytes = collect(body).await?;
    if is_nothing::<O::Body>() {
        return typed(Value::Object(serde_json::Map::new()));
    }
    check_type(headers)?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { check_coding(headers).map(|()| &*bytes)? };
    let mut value: Value =
        serde_json::from_slice(text).map_err(|error| Error::invalid(format!("Invalid JSON: {error}")))?;
    if is_deeper(&value, MAX_DEPTH) {
        return Err(Error::invalid(format!("Invalid JSON: it should not be nested more than {MAX_DEPTH} levels deep")));
    }
    if let Some(checker) = &rules.body {
        let problems = checker.check(&mut value);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
    }
    typed(value)
}

/// Whether lists and objects lie in one another more than so many levels deep.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => levels == 0 || values.iter().any(|value| is_deeper(value, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|value| is_deeper(value, levels - 1)),
        _ => false,
    }
}

/// What the document allows, the type holds; if ever it does not, the caller is told what serde says.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::invalid(error.to_string()))
}

fn check_coding(headers: &HeaderMap) -> Result<()> {
    let coding = headers.get(CONTENT_ENCODING).map_or(&b""[..], |coding| coding.as_bytes());
    if coding.is_empty() || coding.eq_ignore_ascii_case(b"identity") {
        return Ok(());
    }
    Err(Error::UnsupportedMediaType("Content-Encoding should be identity"))
}

fn check_type(headers: &HeaderMap) -> Result<()> {
    let Some(header) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = header.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let json = essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json");
    if json { Ok(()) } else { Err(Error::UnsupportedMediaType("Content-Type should be application/json")) }
}

pub(crate) async fn collect(body: &mut Incoming) -> Result<Bytes> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let limited = Limited::new(body, BODY_LIMIT_BYTES);
    // In a box: a timer is aligned to a cache line, and every future that holds one would be, too.
    match Box::pin(tokio::time::timeout(BODY_TIMEOUT, limited.collect())).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::TooLarge { limit: BODY_LIMIT_BYTES }),
        Ok(Err(_)) => Err(Error::invalid("The request body broke off")),
        Err(_) => Err(Error::Slow),
    }
}

/// Reads what is left of a refused request: a connection with unread bytes could not be used again.
pub async fn drain(body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    let limited = Limited::new(body, BODY_LIMIT_BYTES);
    // Too much or too slow: then the connection closes, which is as it should be.
    let _ = Box::pin(tokio::time::timeout(DRAIN_TIMEOUT, limited.collect())).await;
}

/// What a refused caller is answered.
pub fn refusal(error: &Error) -> Answer {
    let (status, _) = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
    }
    let body = serde_json::to_vec(&error.problems()).unwrap_or_default().into();
    let mut headers = HeaderMap::new();
    if let Error::TooMany { retry_after } = error {
        headers.insert(RETRY_AFTER, (*retry_after).into());
    }
    Answer { status, body, caller: None, headers }
}
