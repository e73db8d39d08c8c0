//! The client: any operation of the contract, sent and answered.

use crate::{
    answer::Answer,
    connect::{Pool, Sending, pool},
    credentials::Credentials,
    error::{Error, TransportError},
    jwt::Signer,
    retry::Policy,
};
use bytes::Bytes;
use heliograph_wire::{
    op::{Operation, is_nothing},
    path::{PathParams, fill},
    query,
};
use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
    request,
};
use http_body_util::{BodyExt, Full, Limited};
use serde::Serialize;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How many bytes an answer may have.
const MAX_ANSWER_BYTES: usize = 64 << 20;
const UNWRITABLE: Error = Error::Setup("the request cannot be written");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("heliograph-client/", env!("CARGO_PKG_VERSION")));

/// Calls one server with one credential. Cheap to clone: the clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    base: String,
    credentials: Credentials,
    pool: Pool,
    policy: Policy,
    names_posts: bool,
    deadline: Duration,
}

/// What a client is built from.
#[derive(Debug)]
pub struct Builder {
    base: String,
    credentials: Option<Result<Credentials, Error>>,
    policy: Policy,
    names_posts: bool,
    deadline: Duration,
}

/// A request that can be sent several times.
struct Outgoing {
    method: Method,
    target: Uri,
    body: Option<Bytes>,
    /// The name of a POST, the same for all its attempts: the server carries it out once.
    name: Option<HeaderValue>,
}

impl Client {
    /// Starts to build a client for the server at this address, such as `http://127.0.0.1:8080` or
    /// `https://example.zendesk.com/sc`.
    pub fn builder(base_url: impl Into<String>) -> Builder {
        Builder {
            base: base_url.into(),
            credentials: None,
            policy: Policy::default(),
            names_posts: true,
            deadline: Duration::from_secs(60),
        }
    }

    /// Calls an operation: what stands in its path, its query and its body go in, its reply comes out.
    pub async fn call<O: Operation>(
        &self,
        path: &O::Path,
        query: &O::Query,
        body: &O::Body,
    ) -> Result<O::Reply, Error> {
        self.send::<O>(path, query, body).await?.decode()
    }

    /// Calls an operation and hands back the answer as it came, for those who want its status, its headers, or fields
    /// that the contract does not know.
    pub async fn send<O: Operation>(&self, path: &O::Path, query: &O::Query, body: &O::Body) -> Result<Answer, Error> {
        self.run(self.outgoing::<O>(path, query, body)?).await.map_err(Error::of::<O>)
    }

    fn outgoing<O: Operation>(&self, path: &O::Path, query: &O::Query, body: &O::Body) -> Result<Outgoing, Error> {
        let body = (!is_nothing::<O::Body>()).then(|| serde_json::to_vec(body)).transpose();
        Ok(Outgoing {
            method: O::METHOD,
            target: self.target(O::PATH, path, query)?,
            body: body.map_err(|_| UNWRITABLE)?.map(Bytes::from),
            name: (self.0.names_posts && O::METHOD == Method::POST).then(fresh_name).transpose()?,
        })
    }

    /// The address of an operation.
    pub(crate) fn target(&self, template: &str, path: &impl PathParams, query: &impl Serialize) -> Result<Uri, Error> {
        let query = serde_json::to_value(query).map_err(|_| UNWRITABLE)?;
        let path = fill(template, &path.write());
        format!("{}{path}{}", self.0.base, query::write(&query)).parse().map_err(|_| UNWRITABLE)
    }

    async fn run(&self, outgoing: Outgoing) -> Result<Answer, Error> {
        let limit = self.0.deadline;
        let late = |_| Error::Transport(TransportError::Deadline(limit));
        timeout(limit, self.attempts(&outgoing)).await.map_err(late)?
    }

    async fn attempts(&self, outgoing: &Outgoing) -> Result<Answer, Error> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            let error = match self.attempt(outgoing).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(pause) = self.0.policy.pause(outgoing.harmless(), attempt, &error) else { return Err(error) };
            // Better the reason now than a deadline later.
            if started.elapsed().saturating_add(pause) >= self.0.deadline {
                return Err(error);
            }
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Result<Answer, Error> {
        let mut request = Request::builder().method(&outgoing.method).uri(&outgoing.target);
        if outgoing.body.is_some() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        if let Some(name) = &outgoing.name {
            request = request.header(IDEMPOTENCY_KEY, name);
        }
        let body = Full::new(outgoing.body.clone().unwrap_or_default());
        self.exchange(request, body.map_err(|never| match never {}).boxed_unsync()).await
    }

    /// Sends a request, with the credential, and takes its answer.
    pub(crate) async fn exchange(&self, request: request::Builder, body: Sending) -> Result<Answer, Error> {
        let request = request
            .header(AUTHORIZATION, self.0.credentials.header()?)
            .header(ACCEPT, JSON)
            .header(USER_AGENT, AGENT)
            .body(body)
            .map_err(|_| UNWRITABLE)?;
        let response = self.0.pool.request(request).await.map_err(|error| match error.is_connect() {
            true => TransportError::Connect { to: self.0.base.clone(), source: error.into() },
            false => TransportError::Exchange(error.into()),
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(TransportError::Exchange)?.to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }.granted()
    }
}

impl Outgoing {
    /// Whether the request may arrive twice: it would change nothing the second time, or the server knows it again.
    fn harmless(&self) -> bool {
        self.name.is_some() || self.method.is_idempotent()
    }
}

/// A name that no other request has.
fn fresh_name() -> Result<HeaderValue, Error> {
    const FAILED: Error = Error::Setup("there is no randomness to name a request with");
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| FAILED)?;
    HeaderValue::from_str(&format!("{:032x}", u128::from_be_bytes(random))).map_err(|_| FAILED)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.0.base).field("credentials", &self.0.credentials).finish()
    }
}

impl Builder {
    /// Shows a key's id and secret with every call.
    #[must_use]
    pub fn basic(self, key_id: &str, secret: &str) -> Self {
        Self { credentials: Some(Credentials::basic(key_id, secret)), ..self }
    }

    /// Shows a token made elsewhere with every call.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { credentials: Some(Credentials::token(token)), ..self }
    }

    /// Signs a fresh token for every call. The secret itself then never leaves the program.
    #[must_use]
    pub fn signer(self, signer: Signer) -> Self {
        Self { credentials: Some(Ok(Credentials::Signed(signer))), ..self }
    }

    /// How often a failed call is repeated: 3 unless this is called. Repeated are refusals that pass (429, 5xx) and
    /// broken connections, but a PATCH only where the first attempt certainly did nothing. What creates something (POST)
    /// carries an `Idempotency-Key`, by which a server of ours does it once, however often it arrives; for other servers
    /// see [`without_idempotency_keys`](Self::without_idempotency_keys). A repeated deletion whose first answer was lost
    /// reports that there is nothing to delete.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.policy.retries = retries;
        self
    }

    /// The longest pause before the first repetition: a quarter of a second unless this is called. It doubles with each
    /// repetition; the actual pause is random below it, after what `Retry-After` asks for.
    #[must_use]
    pub fn backoff(mut self, longest_first: Duration) -> Self {
        self.policy.backoff = longest_first;
        self
    }

    /// Leaves the `Idempotency-Key` out, for a server that does not know it: a POST is then repeated as carefully as a
    /// PATCH. Nothing public says that the original service knows it: call this for that one, or a message whose answer
    /// was lost may be posted twice.
    #[must_use]
    pub fn without_idempotency_keys(self) -> Self {
        Self { names_posts: false, ..self }
    }

    /// How long a call may take, with all its repetitions: a minute unless this is called.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The client.
    pub fn build(self) -> Result<Client, Error> {
        let (base, secure) = base(&self.base)?;
        let credentials = self.credentials.ok_or(Error::Setup("a client needs a key or a token"))??;
        let inner = Inner {
            base,
            credentials,
            pool: pool(secure)?,
            policy: self.policy,
            names_posts: self.names_posts,
            deadline: self.deadline,
        };
        Ok(Client(Arc::new(inner)))
    }
}

/// The address without a closing slash, and whether it asks for TLS.
fn base(url: &str) -> Result<(String, bool), Error> {
    let uri: Uri = url.trim().parse().map_err(|_| Error::Setup("the server's address is not a URL"))?;
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(Error::Setup("the server's address begins with http:// or https://")),
    };
    // A user name in the address would look like a credential, but would not be sent.
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@'))
        || uri.query().is_some()
        || url.contains('#')
    {
        return Err(Error::Setup("the server's address holds a host and perhaps a path, nothing else"));
    }
    Ok((url.trim().trim_end_matches('/').to_owned(), secure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(base("http://127.0.0.1:8080/").ok(), Some(("http://127.0.0.1:8080".to_owned(), false)));
        assert_eq!(base("https://a.example/sc").ok(), Some(("https://a.example/sc".to_owned(), true)));
        for url in [
            "",
            "127.0.0.1:8080",
            "ftp://a.example",
            "http://u:p@a.example",
            "http://a.example/?q=1",
            "http://a.example#f",
            "http://",
        ] {
            assert!(base(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_client_never_shows_its_credential() {
        let start = || Client::builder("http://127.0.0.1:1");
        let signer = Signer::new("int_65f1c0ffee65f1c0ffee65f1", "hush-hush").expect("a signer");
        let mut shown = String::new();
        for builder in [start().basic("act_1", "hush-hush"), start().token("hush-hush"), start().signer(signer)] {
            shown += &format!("{builder:?}");
            shown += &format!("{:?}", builder.build());
        }
        assert!(shown.contains("Basic") && shown.contains("Bearer") && shown.contains("int_65f1"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("aHVz"), "{shown}");
    }

    #[test]
    fn what_cannot_work_is_refused_when_built() {
        let start = || Client::builder("http://127.0.0.1:1");
        for builder in
            [start(), start().basic("a:b", "s"), start().basic("", "s"), start().token(" "), start().token("a\nb")]
        {
            assert!(matches!(builder.build(), Err(Error::Setup(_))));
        }
        assert!(Signer::new("usr_1", "s").is_err() && Signer::new("act_1", "").is_err());
    }
}
