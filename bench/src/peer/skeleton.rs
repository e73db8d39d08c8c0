//! The skeleton: our hot paths with nothing around them. Typed JSON, a verified token, one SQLite writer with group
//! commit, reads on the thread that asks, calls of the webhook signed and handed over in memory. What it lacks is what a
//! product costs: checks with proper answers, look-ups, limits, sealed secrets, lanes, leases, retries, metrics, logs.

use super::{
    Config,
    bearer::{Keys, now_ms},
    skeleton_store::{Change, Store},
};
use crate::Outcome;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// How many calls of the webhook are made side by side.
const CALLERS: usize = 64;
/// How many messages a page holds.
const PAGE: usize = 25;

struct Skeleton {
    keys: Keys,
    conversations: HashSet<String>,
    store: Store,
    calls: flume::Sender<Call>,
    last_id: AtomicU64,
}

/// One call of the webhook.
struct Call {
    delivery: i64,
    body: Bytes,
}

type Shared = State<Arc<Skeleton>>;

/// The routes, with their callers of the webhook at work.
pub fn router(config: Config) -> Outcome<Router> {
    let (calls, waiting) = flume::unbounded();
    let skeleton = Arc::new(Skeleton {
        keys: Keys::of(config.key_id, &config.secret),
        store: Store::create(&config.folder, &config.conversations)?,
        conversations: config.conversations.into_iter().collect(),
        calls,
        last_id: AtomicU64::new(now_ms() << 20),
    });
    let signing = Hmac::new_from_slice(config.secret.as_bytes())?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(CALLERS).build(connector);
    for _ in 0..CALLERS {
        let target = format!("http://{}/webhook", config.sink);
        let delivering = deliver(Arc::clone(&skeleton), client.clone(), target, signing.clone(), waiting.clone());
        tokio::spawn(async {
            if let Err(error) = delivering.await {
                eprintln!("skeleton: a caller of the webhook gave up: {error}");
            }
        });
    }
    Ok(Router::new()
        .route("/v2/apps/{appId}/integrations/{integrationId}/keys", post(create_key))
        .route("/v2/apps/{appId}/conversations/{conversationId}/messages", post(post_message).get(list_messages))
        .with_state(skeleton))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewKey {
    display_name: String,
}

async fn create_key(
    State(skeleton): Shared,
    Path((_, integration)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !skeleton.keys.admit(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(NewKey { display_name: name }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !(1..=100).contains(&name.chars().count()) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut random = [0; 64];
    if getrandom::fill(&mut random).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let (id, secret) = (format!("int_{}", skeleton.id()), BASE64.encode(random));
    let answer = json!({ "key": { "id": id, "displayName": name, "secret": secret } }).to_string();
    match skeleton.store.write(Change::Key { id, integration, name, secret }).await {
        Ok(_) => json(StatusCode::CREATED, answer),
        Err(error) => failed(&*error),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Author {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Content {
    Text { text: String },
}

#[derive(Deserialize)]
struct NewMessage {
    author: Author,
    content: Content,
    #[serde(default)]
    metadata: Map<String, Value>,
}

#[derive(Serialize)]
struct Message<'m> {
    id: &'m str,
    received: &'m str,
    author: Author,
    content: Content,
    source: Value,
    metadata: Map<String, Value>,
}

async fn post_message(
    State(skeleton): Shared,
    Path((app, conversation)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !skeleton.keys.admit(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !skeleton.conversations.contains(&conversation) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(NewMessage { author, content, metadata }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (id, received, source) = (skeleton.id(), "2026-01-01T00:00:00.000Z", json!({ "type": "api:conversations" }));
    let message = Message { id: &id, received, author, content, source, metadata };
    let Ok(body) = serde_json::to_string(&message) else { return StatusCode::BAD_REQUEST.into_response() };
    let call = format!(
        r#"{{"app":{{"id":"{app}"}},"webhook":{{"id":"{app}","version":"v2"}},"events":[{{"id":"{id}","createdAt":"{received}","type":"conversation:message","payload":{{"conversation":{{"id":"{conversation}","type":"personal"}},"message":{body}}}}}]}}"#
    );
    let answer = format!(r#"{{"messages":[{body}]}}"#);
    let sent = Bytes::from(call.clone());
    match skeleton.store.write(Change::Message { conversation, id, at: now_ms() as i64, body, call }).await {
        Ok(delivery) => {
            // The callers live as long as the skeleton.
            let _ = skeleton.calls.send(Call { delivery, body: sent });
            json(StatusCode::CREATED, answer)
        }
        Err(error) => failed(&*error),
    }
}

async fn list_messages(
    State(skeleton): Shared,
    Path((_, conversation)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if !skeleton.keys.admit(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match skeleton.store.latest(&conversation, PAGE) {
        Ok(page) => json(StatusCode::OK, page),
        Err(error) => failed(&error),
    }
}

async fn deliver(
    skeleton: Arc<Skeleton>,
    client: Client<HttpConnector, Full<Bytes>>,
    target: String,
    signing: Hmac<Sha256>,
    waiting: flume::Receiver<Call>,
) -> Outcome<()> {
    while let Ok(Call { delivery, body }) = waiting.recv_async().await {
        let signature = BASE64.encode(signing.clone().chain_update(&body).finalize().into_bytes());
        let request = Request::post(&target).header(CONTENT_TYPE, "application/json").header("x-api-key", "secret");
        let request = request.header("x-signature", signature);
        let answer = client.request(request.body(Full::new(body))?).await?;
        let arrived = answer.status().is_success();
        answer.into_body().collect().await?;
        if arrived {
            skeleton.store.write_later(Change::Delivered { id: delivery });
        }
    }
    Ok(())
}

impl Skeleton {
    fn id(&self) -> String {
        format!("{:024x}", self.last_id.fetch_add(1, Relaxed))
    }
}

fn json(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.into()).into_response()
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    eprintln!("skeleton: {error}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
