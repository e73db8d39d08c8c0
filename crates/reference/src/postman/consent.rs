//! What a person at a browser does between Authorize and Get token: signs in, is asked, says yes. These are the pages that
//! the server shows, sent as the browser sends them; so a run has a code that is right.

use super::script;
use serde_json::{Value, json};

const QUERY: &str = "client_id={{oauthClientId}}&response_type=code&state=where-i-was";
/// What the page's form has hidden, so that no other page can send it.
const MARK: &str = r#"pm.response.text().match(/name="mark" value="([^"]*)"/)[1]"#;
/// The partner gets it in the address to which the browser is led back.
const CODE: &str = r#"pm.response.headers.get("Location").match(/[?&]code=([^&]*)/)[1]"#;

/// The requests.
pub fn items() -> [Value; 3] {
    let page = "What the person's browser sends. It is no operation, but a page of the server's.";
    [
        item(
            "Sign in (a person, with the account's key)",
            "sign-in",
            page,
            Some(&[("key_id", "{{keyId}}"), ("secret", "{{secret}}")]),
            (303, &[]),
        ),
        item("Be asked (a person)", "consent", page, None, (200, &[("mark", MARK)])),
        item(
            "Allow (a person)",
            "consent",
            page,
            Some(&[("mark", "{{mark}}"), ("app", "{{appId}}"), ("decision", "allow")]),
            (303, &[("code", CODE)]),
        ),
    ]
}

type Outcome<'o> = (u16, &'o [(&'o str, &'o str)]);

fn item(name: &str, path: &str, about: &str, form: Option<&[(&str, &str)]>, (status, keeps): Outcome<'_>) -> Value {
    let pair = |(key, value): &(&str, &str)| json!({ "key": key, "value": value });
    let query: Vec<Value> = QUERY.split('&').filter_map(|one| one.split_once('=')).map(|one| pair(&one)).collect();
    let mut request = json!({
        "method": if form.is_some() { "POST" } else { "GET" },
        "header": [],
        "auth": { "type": "noauth" },
        "url": {
            "raw": format!("{{{{url}}}}/oauth/{path}?{QUERY}"), "host": ["{{url}}"], "path": ["oauth", path], "query": query,
        },
        "description": about,
    });
    if let Some(form) = form {
        request["body"] = json!({ "mode": "urlencoded", "urlencoded": form.iter().map(pair).collect::<Vec<_>>() });
    }
    let keeps: Vec<(String, String)> =
        keeps.iter().map(|(name, read)| ((*name).to_owned(), (*read).to_owned())).collect();
    json!({
        "name": name,
        "event": [script(status, &keeps)],
        "request": request,
        "response": [],
        "protocolProfileBehavior": { "followRedirects": false },
    })
}
