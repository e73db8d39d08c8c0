//! The client against a server that does what servers do on bad days.

mod support;

use heliograph_client::{
    Scope,
    apps::{AppsFilter, AppsQuery, CreateApp, DeleteApp, ListApps, NewApp},
    prelude::*,
    users::{BrandQuery, GetUser},
};
use http::StatusCode;
use std::time::{Duration, Instant};
use support::{Act, Fake};

const APP: &str = r#"{"app":{"id":"65f1c0ffee65f1c0ffee65f1","displayName":"Shop","settings":{},"new":1}}"#;
const LIST: &str = r#"{"apps":[],"meta":{"hasMore":false}}"#;
const MISSING: &str = r#"{"errors":[{"code":"app_not_found","title":"App not found"}]}"#;

fn ok(body: &'static str) -> Act {
    Act::Answer(200, Vec::new(), body)
}
fn refuse(status: u16) -> Act {
    Act::Answer(status, Vec::new(), "")
}
fn later(status: u16, wait: impl ToString) -> Act {
    Act::Answer(status, vec![("retry-after", wait.to_string())], "")
}
fn client(url: &str) -> Client {
    let builder = Client::builder(url).basic("act_1", "secret").backoff(Duration::from_millis(5));
    builder.deadline(Duration::from_secs(60)).build().expect("a client")
}
fn app_path() -> AppPath {
    AppPath { app_id: AppId::new([7; 12]) }
}
async fn create(client: &Client) -> Result<String, Error> {
    let new = NewApp { display_name: "Shop".to_owned(), settings: None, metadata: None };
    Ok(client.call::<CreateApp>(&Nothing {}, &Nothing {}, &new).await?.app.display_name)
}
async fn list(client: &Client) -> Result<usize, Error> {
    Ok(client.call::<ListApps>(&Nothing {}, &AppsQuery::default(), &Nothing {}).await?.apps.len())
}

#[tokio::test]
async fn a_call_is_what_its_row_says() {
    let fake = Fake::start([Act::Answer(201, Vec::new(), APP), ok(LIST), refuse(404)]).await;
    let client = client(&format!("{}/sc/", fake.url));
    assert_eq!(create(&client).await.expect("an app"), "Shop");
    let query = AppsQuery {
        page: Some(Page { after: Some("a b".to_owned()), size: Some(2), ..Page::default() }),
        filter: Some(AppsFilter { service_account_id: Some("x".to_owned()) }),
    };
    client.call::<ListApps>(&Nothing {}, &query, &Nothing {}).await.expect("a list");
    let path = UserPath { app_id: AppId::new([7; 12]), user: UserRef("a/b?c#d é".to_owned()) };
    client.call::<GetUser>(&path, &BrandQuery::default(), &Nothing {}).await.expect_err("no user");

    let seen = fake.seen();
    assert_eq!(seen[0].line, "POST /sc/v2/apps");
    assert_eq!(seen[0].body, r#"{"displayName":"Shop"}"#);
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(seen[0].headers["authorization"], "Basic YWN0XzE6c2VjcmV0");
    let agent = seen[0].headers["user-agent"].to_str().expect("text");
    assert!(agent.starts_with("heliograph-client/"), "{agent}");
    assert_eq!(seen[1].line, "GET /sc/v2/apps?page[after]=a%20b&page[size]=2&filter[serviceAccountId]=x");
    assert!(seen[1].body.is_empty() && !seen[1].headers.contains_key("content-type"));
    assert!(seen[2].line.ends_with("/users/a%2Fb%3Fc%23d%20%C3%A9"), "{}", seen[2].line);
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said() {
    let headers = vec![("x-request-id", "req-1".to_owned()), ("retry-after", "2".to_owned())];
    let fake = Fake::start([Act::Answer(404, headers, MISSING), Act::Answer(401, Vec::new(), "<html>")]).await;
    let client = client(&fake.url);
    let error = client.call::<DeleteApp>(&app_path(), &Nothing {}, &Nothing {}).await.expect_err("a refusal");
    assert_eq!(error.to_string(), "404 app_not_found: App not found (request req-1)");
    assert_eq!((error.status(), error.code()), (Some(StatusCode::NOT_FOUND), Some("app_not_found")));
    assert_eq!((error.title(), error.request_id()), (Some("App not found"), Some("req-1")));
    let refusal = error.api().expect("a refusal");
    assert_eq!(refusal.scopes, [Scope::Account]);
    assert_eq!((refusal.retry_after, &refusal.body[..]), (Some(Duration::from_secs(2)), MISSING.as_bytes()));
    assert_eq!(list(&client).await.expect_err("a refusal").to_string(), "401 Unauthorized");
    assert_eq!(fake.seen().len(), 2, "neither is repeated");
}

#[tokio::test]
async fn reading_is_repeated_whatever_happens() {
    let acts = [refuse(500), Act::HangUp, later(429, 0), ok(LIST)];
    let fake = Fake::start(acts).await;
    assert_eq!(list(&client(&fake.url)).await.expect("a list"), 0);
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn creating_carries_one_name_through_all_attempts() {
    let fake =
        Fake::start([refuse(500), Act::HangUp, Act::Answer(201, Vec::new(), APP), Act::Answer(201, Vec::new(), APP)]);
    let fake = fake.await;
    let client = client(&fake.url);
    for _ in 0..2 {
        assert_eq!(create(&client).await.expect("an app"), "Shop");
    }
    let names: Vec<_> = fake.seen().into_iter().map(|seen| seen.headers["idempotency-key"].clone()).collect();
    assert_eq!(names.len(), 4);
    assert!(names[0].len() == 32 && names[0] == names[1] && names[1] == names[2] && names[2] != names[3], "{names:?}");
}

#[tokio::test]
async fn without_names_creating_is_repeated_only_where_nothing_was_made() {
    let client = |url: &str| {
        let quick = Client::builder(url).token("t").backoff(Duration::from_millis(1));
        quick.without_idempotency_keys().build().expect("a client")
    };
    for (acts, calls) in [(vec![refuse(500)], 1), (vec![Act::HangUp], 1), (vec![refuse(503)], 1)] {
        let fake = Fake::start(acts).await;
        create(&client(&fake.url)).await.expect_err("a failure");
        assert_eq!(fake.seen().len(), calls);
    }
    let fake = Fake::start([refuse(429), later(503, 0), Act::Answer(201, Vec::new(), APP)]).await;
    assert_eq!(create(&client(&fake.url)).await.expect("an app"), "Shop");
    let bodies: Vec<String> = fake.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, vec![r#"{"displayName":"Shop"}"#; 3]);
}

#[tokio::test]
async fn repetitions_end() {
    let fake = Fake::start(vec![refuse(502); 9]).await;
    assert_eq!(list(&client(&fake.url)).await.expect_err("a failure").status(), Some(StatusCode::BAD_GATEWAY));
    assert_eq!(fake.seen().len(), 4, "once, and three times again");
    let never = Client::builder(&fake.url).token("t").retries(0).build().expect("a client");
    list(&never).await.expect_err("a failure");
    assert_eq!(fake.seen().len(), 5);
    assert_eq!(fake.seen()[4].headers["authorization"], "Bearer t");
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let fake = Fake::start([later(429, 1), ok(LIST), later(429, 3600)]).await;
    let started = Instant::now();
    list(&client(&fake.url)).await.expect("a list");
    assert!(started.elapsed() >= Duration::from_secs(1));
    // An hour is more than the call may take: the reason is told at once.
    let started = Instant::now();
    let error = list(&client(&fake.url)).await.expect_err("a refusal");
    assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_call_ends_by_its_deadline() {
    let fake = Fake::start([Act::Silence]).await;
    let client = Client::builder(&fake.url).token("t").deadline(Duration::from_millis(100)).build().expect("a client");
    assert_eq!(list(&client).await.expect_err("too late").to_string(), "no answer within 100ms");
}

#[tokio::test]
async fn what_cannot_be_reached_says_so() {
    let error = list(&client("http://127.0.0.1:1")).await.expect_err("nobody listens");
    assert!(error.to_string().starts_with("cannot connect to http://127.0.0.1:1: "), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    let plain = Fake::start([]).await;
    let error = list(&client(&plain.url.replace("http:", "https:"))).await.expect_err("no TLS there");
    assert!(error.to_string().starts_with("cannot connect to https://127.0.0.1:"), "{error}");
    assert!(error.to_string().contains("nobody speaks TLS there"), "{error}");
}

#[tokio::test]
async fn an_answer_in_another_form_does_not_leak_into_the_error() {
    let fake = Fake::start([ok(r#"{"apps":"hush-hush","meta":{}}"#)]).await;
    let error = list(&client(&fake.url)).await.expect_err("another form");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    assert!(error.to_string().contains("line 1"), "{error}");
}
