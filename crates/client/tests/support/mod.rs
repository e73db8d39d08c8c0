//! A server of a few lines: it answers what it was told to, in order, and remembers what it was asked.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;

/// What the server does with one request.
#[derive(Clone)]
pub enum Act {
    /// Answers with a status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// Reads the request, then hangs up.
    HangUp,
    /// Reads the request, then says nothing.
    Silence,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: http::HeaderMap,
    pub body: String,
}

#[derive(Clone)]
pub struct Fake {
    pub url: String,
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let acts = Arc::new(Mutex::new(acts.into_iter().collect()));
        let fake = Self { url, acts, seen: Arc::default() };
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = serving.clone();
                let service = service_fn(move |request| fake.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        fake
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
        let line = format!("{} {}", request.method(), request.uri());
        let headers = request.headers().clone();
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { line, headers, body });
        let act = self.acts.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match act.unwrap_or(Act::Answer(418, Vec::new(), "")) {
            Act::HangUp => Err(HangUp),
            Act::Silence => {
                std::future::pending::<Infallible>().await;
                Err(HangUp)
            }
            Act::Answer(status, headers, body) => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(Full::from(body)).expect("a response"))
            }
        }
    }
}

/// Makes hyper close the connection without an answer.
#[derive(Debug)]
pub struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hanging up")
    }
}
impl std::error::Error for HangUp {}
