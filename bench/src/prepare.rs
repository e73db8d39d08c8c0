//! What is there before anything is measured, made over the API; and the requests that are measured.

use crate::{
    Outcome,
    child::{Child, Server},
    http::{self, Connection},
    sink::{self, Sink},
};
use bytes::Bytes;
use heliograph_client::jwt::Signer;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// How many users, and conversations, each connection has to itself.
const EACH: usize = 16;
/// How many conversations are listed.
const LISTED: usize = 64;
/// How many messages each of them holds.
const LISTED_MESSAGES: usize = 25;
/// Under how many addresses each is listed that the server cannot remember all: their pages take over 50 MB.
const ADDRESSES: usize = 64;
/// How many keys the contract allows an integration.
const KEYS_PER_INTEGRATION: usize = 10;
const NEW_KEY: &str = r#"{"displayName":"My custom key"}"#;
/// Longer than any run.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// What the requests need to know.
pub struct Prepared {
    /// The Authorization of all requests: a token signed with the app's key.
    pub authorization: String,
    /// That key: id and secret.
    pub key: (String, String),
    /// What a request for a user is answered.
    pub user: String,
    /// All conversations, the listed ones last.
    pub conversations: Vec<String>,
    /// Fetch a user.
    pub gets: Arc<[Bytes]>,
    /// Post a message; `EACH` for each connection.
    pub posts: Arc<[Bytes]>,
    /// List a conversation.
    pub lists: Arc<[Bytes]>,
    /// The same, each time under an address that was not asked for lately.
    pub lists_anew: Arc<[Bytes]>,
    app: String,
    key_apps: Vec<KeyApp>,
}

/// An app for the keys that one connection creates.
#[derive(Clone)]
struct KeyApp {
    id: String,
    authorization: String,
}

/// Paths, and what is posted there.
type Posts = Vec<(String, String)>;

impl Prepared {
    /// Makes users, conversations and messages, and last the webhook.
    pub async fn on(server: &Server, child: &Child, sink: &Sink, connections: usize) -> Outcome<Self> {
        let address = child.address;
        let (id, secret) = server.first_key()?;
        let account = bearer(&id, &secret)?;
        let app = json!({ "displayName": "Measured", "settings": { "multiConvoEnabled": true } });
        let app = id_of(&post(address, &account, "/v2/apps", &app).await?["app"])?;
        let key = app_key(address, &account, &app).await?;
        let authorization = bearer(&key.0, &key.1)?;
        let key_apps = key_apps(address, &account, connections).await?;

        let count = connections * EACH;
        let users = post_all(address, &authorization, users(&app, count + LISTED)).await?;
        let ids = users.iter().map(|user| id_of(&user["user"])).collect::<Outcome<Vec<_>>>()?;
        let made = post_all(address, &authorization, conversations(&app, &ids)).await?;
        let conversations = made.iter().map(|made| id_of(&made["conversation"])).collect::<Outcome<Vec<_>>>()?;
        let path = |conversation: &str| messages_path(&app, conversation);
        let all = ids[..count].iter().map(|user| format!("/v2/apps/{app}/users/{user}"));
        let gets = all.map(|path| http::request("GET", &path, &authorization, None)).collect();
        let all = conversations[..count].iter().enumerate();
        let posts = all.map(|(n, id)| http::request("POST", &path(id), &authorization, Some(&message(n / EACH))));
        let all = conversations[count..].iter();
        let list = |path: &str| http::request("GET", path, &authorization, None);
        let lists = all.clone().map(|id| list(&path(id))).collect();
        let anew = (0..ADDRESSES).flat_map(|n| all.clone().map(move |id| (id, n)));
        let lists_anew = anew.map(|(id, n)| list(&format!("{}?address={n}", path(id)))).collect();
        let (user, posts) = (users[0].to_string(), posts.collect());
        let prepared = Self { authorization, key, user, conversations, gets, posts, lists, lists_anew, app, key_apps };
        prepared.fill_listed(address).await?;
        prepared.add_webhook(address, sink).await?;
        Ok(prepared)
    }

    /// Posts what is listed later.
    pub async fn fill_listed(&self, address: SocketAddr) -> Outcome<()> {
        let listed = &self.conversations[self.conversations.len() - LISTED..];
        let each = (0..LISTED_MESSAGES).flat_map(|_| listed);
        let posts = each.map(|id| (messages_path(&self.app, id), message(9999))).collect();
        post_all(address, &self.authorization, posts).await.map(drop)
    }

    async fn add_webhook(&self, address: SocketAddr, sink: &Sink) -> Outcome<()> {
        let webhook =
            json!({ "target": format!("http://{}/webhook", sink.address), "triggers": ["conversation:message"] });
        let body = json!({ "type": "custom", "displayName": "Sink", "webhooks": [webhook] });
        post(address, &self.authorization, &format!("/v2/apps/{}/integrations", self.app), &body).await.map(drop)
    }

    /// The app, and the conversations that are posted to.
    pub fn posted(&self) -> (&str, &[String]) {
        (&self.app, &self.conversations[..self.conversations.len() - LISTED])
    }

    /// One connection's posts: its slot is in their text.
    pub fn posts_of(&self, connection: usize) -> Arc<[Bytes]> {
        self.posts[connection * EACH..(connection + 1) * EACH].into()
    }

    /// Makes integrations with room for `count` keys; the requests that create these, for each connection its own.
    pub async fn keys(&self, address: SocketAddr, count: usize) -> Outcome<Vec<Arc<[Bytes]>>> {
        let integrations = count.div_ceil(KEYS_PER_INTEGRATION * self.key_apps.len());
        let tasks = self.key_apps.iter().cloned().map(|app| tokio::spawn(app.make_room(address, integrations)));
        let mut requests = Vec::with_capacity(self.key_apps.len());
        for task in tasks.collect::<Vec<_>>() {
            requests.push(task.await??);
        }
        Ok(requests)
    }

    /// The request that a peer without integrations takes for the same.
    pub fn peer_key(&self) -> Arc<[Bytes]> {
        let path = format!("/v2/apps/{}/integrations/{}/keys", self.app, self.app);
        [http::request("POST", &path, &self.authorization, Some(NEW_KEY))].into()
    }
}

impl KeyApp {
    /// Makes integrations and takes away their webhooks, of which an app may have ten; the requests that create keys.
    async fn make_room(self, address: SocketAddr, integrations: usize) -> Outcome<Arc<[Bytes]>> {
        let path = format!("/v2/apps/{}/integrations", self.id);
        let webhook = json!({ "target": "http://127.0.0.1:9/", "triggers": ["user:remove"] });
        let integration = json!({ "type": "custom", "displayName": "Keys", "webhooks": [webhook] }).to_string();
        let make = http::request("POST", &path, &self.authorization, Some(&integration));
        let mut connection = Connection::open(address).await?;
        let mut requests = Vec::with_capacity(integrations * KEYS_PER_INTEGRATION);
        for _ in 0..integrations {
            let made: Value = serde_json::from_slice(&connection.insist(&make).await?)?;
            let made = &made["integration"];
            let (id, webhook) = (id_of(made)?, id_of(&made["webhooks"][0])?);
            let take_away = format!("{path}/{id}/webhooks/{webhook}");
            connection.insist(&http::request("DELETE", &take_away, &self.authorization, None)).await?;
            let key = http::request("POST", &format!("{path}/{id}/keys"), &self.authorization, Some(NEW_KEY));
            requests.extend(std::iter::repeat_n(key, KEYS_PER_INTEGRATION));
        }
        Ok(requests.into())
    }
}

async fn key_apps(address: SocketAddr, account: &str, count: usize) -> Outcome<Vec<KeyApp>> {
    let apps = vec![("/v2/apps".to_owned(), json!({ "displayName": "Keys" }).to_string()); count];
    let mut key_apps = Vec::with_capacity(count);
    for app in post_all(address, account, apps).await? {
        let id = id_of(&app["app"])?;
        let (key_id, secret) = app_key(address, account, &id).await?;
        key_apps.push(KeyApp { id, authorization: bearer(&key_id, &secret)? });
    }
    Ok(key_apps)
}

fn bearer(key_id: &str, secret: &str) -> Outcome<String> {
    Ok(format!("Bearer {}", Signer::new(key_id, secret)?.lifetime(TOKEN_LIFETIME).mint()))
}

async fn app_key(address: SocketAddr, account: &str, app: &str) -> Outcome<(String, String)> {
    let made = post(address, account, &format!("/v2/apps/{app}/keys"), &json!({ "displayName": "Load" })).await?;
    let secret = made["key"]["secret"].as_str().ok_or("a key without a secret")?;
    Ok((id_of(&made["key"])?, secret.to_owned()))
}

fn messages_path(app: &str, conversation: &str) -> String {
    format!("/v2/apps/{app}/conversations/{conversation}/messages")
}

/// A message that takes about 600 bytes when it is stored.
fn message(slot: usize) -> String {
    let text = format!("{} {}", sink::marker(slot), "Hello, how can I help you today? ".repeat(8));
    let author =
        json!({ "type": "business", "displayName": "Agent Smith", "avatarUrl": "https://www.example.org/a.png" });
    let metadata = json!({ "lang": "en-ca", "orderId": "A-1029384756" });
    json!({ "author": author, "content": { "type": "text", "text": text }, "metadata": metadata }).to_string()
}

fn users(app: &str, count: usize) -> Posts {
    let profile = json!({ "givenName": "Ada", "surname": "Lovelace", "email": "ada@example.org" });
    let user = |n| json!({ "externalId": format!("user-{n}"), "profile": profile, "metadata": { "plan": "gold" } });
    (0..count).map(|n| (format!("/v2/apps/{app}/users"), user(n).to_string())).collect()
}

fn conversations(app: &str, users: &[String]) -> Posts {
    let participant = |user| json!([{ "userId": user, "subscribeSDKClient": false }]);
    let body = |user| json!({ "type": "personal", "participants": participant(user) }).to_string();
    users.iter().map(|user| (format!("/v2/apps/{app}/conversations"), body(user))).collect()
}

fn id_of(noun: &Value) -> Outcome<String> {
    noun["id"].as_str().map(str::to_owned).ok_or_else(|| format!("an answer without an id: {noun}").into())
}

async fn post(address: SocketAddr, authorization: &str, path: &str, body: &Value) -> Outcome<Value> {
    let mut answers = post_all(address, authorization, vec![(path.to_owned(), body.to_string())]).await?;
    answers.pop().ok_or_else(|| "no answer".into())
}

/// Posts everything, over many connections side by side; the answers come in the order of what was posted.
async fn post_all(address: SocketAddr, authorization: &str, posts: Posts) -> Outcome<Vec<Value>> {
    const SIDE_BY_SIDE: usize = 64;
    let share = posts.len().div_ceil(SIDE_BY_SIDE).max(1);
    let tasks: Vec<_> = posts
        .chunks(share)
        .map(|posts| {
            let (posts, authorization) = (posts.to_vec(), authorization.to_owned());
            tokio::spawn(async move { post_in_turn(address, &authorization, posts).await })
        })
        .collect();
    let mut answers = Vec::with_capacity(posts.len());
    for task in tasks {
        answers.extend(task.await??);
    }
    Ok(answers)
}

async fn post_in_turn(address: SocketAddr, authorization: &str, posts: Posts) -> Outcome<Vec<Value>> {
    let mut connection = Connection::open(address).await?;
    let mut answers = Vec::with_capacity(posts.len());
    for (path, body) in posts {
        let answer = connection.insist(&http::request("POST", &path, authorization, Some(&body))).await?;
        answers.push(serde_json::from_slice(&answer)?);
    }
    Ok(answers)
}
