//! The way in without a credential: the few operations that need none, and pages for people.
//!
//! What comes by a form is read like JSON. What goes out is whatever the handler makes: a redirect, a page, JSON.

use crate::{
    call::{Answer, Endpoint, LazyRules, collect, drain, read_body, read_query, refusal, typed},
    error::{Error, Result},
    head::Head,
    state::State,
};
use bytes::Bytes;
use heliograph_wire::{op::Operation, query, rules::Rules};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::Value;
use std::{future::Future, net::IpAddr, sync::Arc};

/// A call of an operation that needs no credential.
pub struct Visit<O: Operation> {
    /// What the server has.
    pub state: State,
    /// What stands in the query.
    pub query: O::Query,
    /// The query as it was written.
    pub query_text: String,
    /// What stands in the body.
    pub body: O::Body,
    /// The head of the request.
    pub head: Arc<Head>,
}

/// A visit of a page: what its link and its form say.
pub struct PageVisit {
    /// What the server has.
    pub state: State,
    /// The head of the request.
    pub head: Arc<Head>,
    /// The address it comes from.
    pub address: IpAddr,
    /// The query as it was written.
    pub query_text: String,
    /// The fields of the form, if one was sent.
    pub form: Value,
}

impl PageVisit {
    /// A field of the form; '' if it is not there.
    pub fn field(&self, name: &str) -> &str {
        self.form[name].as_str().unwrap_or_default()
    }
}

/// Hangs a handler on an operation that needs no credential.
pub fn open_endpoint<O, F>(handler: fn(Visit<O>) -> F) -> Endpoint
where
    O: Operation,
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    let rules = LazyRules::lasting();
    Box::new(move |state, head, body| {
        Box::pin(async move {
            let mut body = body;
            let outcome = match enter::<O>(rules.of::<O>(), state, head, &mut body).await {
                Ok(visit) => handler(visit).await,
                Err(error) => {
                    drain(body).await;
                    Err(error)
                }
            };
            outcome.unwrap_or_else(|error| refusal(&error))
        })
    })
}

/// Makes a page of a handler; `refused` makes one of what goes wrong.
pub fn page_endpoint<F>(handler: fn(PageVisit) -> F, refused: fn(&Error) -> Answer) -> Endpoint
where
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    Box::new(move |state, head, body| {
        Box::pin(async move {
            let mut body = body;
            let query_text = head.uri.query().unwrap_or_default().to_owned();
            let outcome = match collect(&mut body).await {
                Ok(bytes) => {
                    let form = if is_form(&head.headers) { read_form(&bytes) } else { Value::Null };
                    let address = state.proxies.client(&head);
                    handler(PageVisit { state, head, address, query_text, form }).await
                }
                Err(error) => Err(error),
            };
            outcome.unwrap_or_else(|error| refused(&error))
        })
    })
}

async fn enter<O: Operation>(rules: &Rules, state: State, head: Arc<Head>, body: &mut Incoming) -> Result<Visit<O>> {
    let query_text = head.uri.query().unwrap_or_default().to_owned();
    let query = read_query::<O>(rules, &query_text)?;
    let body = if is_form(&head.headers) {
        let mut form = read_form(&collect(body).await?);
        let problems = rules.body.as_ref().map(|checker| checker.check(&mut form)).unwrap_or_default();
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        typed(form)?
    } else {
        read_body::<O>(rules, &head.headers, body).await?
    };
    Ok(Visit { state, query, query_text, body, head })
}

fn is_form(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default().split(';').next();
    essence.is_some_and(|e| e.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn read_form(bytes: &Bytes) -> Value {
    query::read(&String::from_utf8_lossy(bytes))
}

/// An answer in JSON.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Answer> {
    Ok(Answer { status, body: serde_json::to_vec(value)?.into(), caller: None, headers: HeaderMap::new() })
}

/// Sends a browser elsewhere.
pub fn redirect(status: StatusCode, location: &str) -> Result<Answer> {
    let value = HeaderValue::from_str(location).map_err(|_| Error::invalid("An address holds strange characters"))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, const { HeaderValue::from_static("text/plain; charset=utf-8") });
    headers.insert(LOCATION, value);
    let body = format!("Found. Redirecting to {location}").into();
    Ok(Answer { status, body, caller: None, headers })
}
