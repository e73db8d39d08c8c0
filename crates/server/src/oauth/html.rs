//! How the pages look: plain HTML with one style, under a policy that lets nothing else in.

use super::{request::Request, session::Choice};
use crate::{call::Answer, error::Error};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_wire::oauth_clients::OAuthClient;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;color:#1c2430;background:#f4f5f7;margin:0;overflow-wrap:anywhere}\
main{max-width:26rem;margin:8vh auto;padding:2rem;background:#fff;border-radius:12px;box-shadow:0 1px 4px #0002}\
h1{font-size:1.3rem;margin:0 0 1rem}label{display:block;margin:.6rem 0}\
input[type=text],input[type=password]{display:block;width:100%;box-sizing:border-box;padding:.5rem;font:inherit;\
border:1px solid #aab;border-radius:6px}\
button{font:inherit;padding:.55rem 1.2rem;margin:1rem .6rem 0 0;border:1px solid #aab;border-radius:6px;background:#fff;\
cursor:pointer}button.first{background:#0b5cad;border-color:#0b5cad;color:#fff}\
.wrong{color:#a4161a}.small{color:#5a6472;font-size:.9rem}\
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181f}main{background:#1e242d}\
input[type=text],input[type=password],button{background:#14181f;color:inherit}.wrong{color:#ff8f8f}.small{color:#a0a9b6}}";

/// Our own style, by its hash, and nothing else; in no frame.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    );
    HeaderValue::from_str(&policy).expect("a policy is ASCII")
});

/// The same for the page whose form ends at the partner's: browsers hold `form-action` against every address on the way
/// there, and it may lead over several.
static LEADING_AWAY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = POLICY.to_str().unwrap_or_default().replace("; form-action 'self'", "");
    HeaderValue::from_str(&policy).expect("a policy is ASCII")
});

fn page(status: StatusCode, title: &str, content: &Markup) -> Answer {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
    set(CONTENT_TYPE, const { HeaderValue::from_static("text/html; charset=utf-8") });
    set(CONTENT_SECURITY_POLICY, POLICY.clone());
    set(X_FRAME_OPTIONS, const { HeaderValue::from_static("DENY") });
    // What the partner sent along is nobody else's.
    set(REFERRER_POLICY, const { HeaderValue::from_static("same-origin") });
    Answer { status, body: document.into_string().into(), caller: None, headers }
}

/// Asks who the person is.
pub fn sign_in(status: StatusCode, client: &OAuthClient, query: &str, wrong: Option<&str>) -> Answer {
    let content = html! {
        p { strong { (client.display_name) } " asks to be let into one of your apps. Sign in to answer." }
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
        form method="post" action={ "sign-in?" (query) } {
            label { "Key id" input type="text" name="key_id" autocomplete="username" required autofocus; }
            label { "Secret" input type="password" name="secret" autocomplete="current-password" required; }
            button.first { "Sign in" }
        }
        p.small {
            "Use a key of an account or of the app. Without one at hand, the server's operator can make a link with "
            code { "heliograph admin login-link" } "; open it in this browser, then load this page again."
        }
    };
    page(status, "Sign in", &content)
}

/// Asks what the answer is.
pub fn consent(request: &Request, query: &str, mark: &str, choice: &Choice) -> Answer {
    let content = html! {
        p { strong { (request.client.display_name) } " asks to be let into an app. It would be able to:" }
        ul {
            li { "read and change the app's users and conversations" }
            li { "read all messages and write new ones" }
            li { "be told of what happens in the app, at addresses of its choice" }
        }
        p.small { "You are sent back to " (request.redirect_uri.split('?').next().unwrap_or_default()) }
        form method="post" action={ "consent?" (query) } {
            input type="hidden" name="mark" value=(mark);
            (apps(choice))
            @if !matches!(choice, Choice::Of(apps) if apps.is_empty()) {
                button.first name="decision" value="allow" { "Allow" }
            }
            button name="decision" value="deny" formnovalidate { "Deny" }
        }
    };
    let mut answer = page(StatusCode::OK, "Allow access?", &content);
    answer.headers.insert(CONTENT_SECURITY_POLICY, LEADING_AWAY.clone());
    answer
}

fn apps(choice: &Choice) -> Markup {
    match choice {
        Choice::Any => html! { label { "Id of the app" input type="text" name="app" required; } },
        Choice::Of(apps) if apps.is_empty() => html! { p.wrong { "There is no app yet that it could be let into." } },
        Choice::Of(apps) => html! {
            // Names need not differ.
            @for (id, name) in apps {
                label {
                    input type="radio" name="app" value=(id) required checked[apps.len() == 1];
                    " " (name) " " span.small { (id) }
                }
            }
        },
    }
}

/// Asks for one more click.
pub fn login(token: &str) -> Answer {
    let content = html! {
        p { "This link signs this browser in, once." }
        form method="post" action="login" {
            input type="hidden" name="token" value=(token);
            button.first { "Sign in" }
        }
    };
    page(StatusCode::OK, "Sign in", &content)
}

/// Says that a link worked.
pub fn welcome() -> Answer {
    let content =
        html! { p { "For ten minutes. Now go back to the page that asked you to sign in, and load it again." } };
    page(StatusCode::OK, "You are signed in", &content)
}

/// Says that a link did not work.
pub fn stale_link() -> Answer {
    let content = html! { p { "It works once, and for a quarter of an hour. Have a new one made." } };
    page(StatusCode::UNAUTHORIZED, "This link does not work", &content)
}

/// Says what went wrong.
pub fn refused(error: &Error) -> Answer {
    let (status, _) = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a page failed");
    }
    let titles = error.problems().errors;
    let content = html! { @for problem in &titles { p { (problem.title) } } };
    page(status, "This cannot go on", &content)
}
