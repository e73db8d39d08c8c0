//! What a person at a browser does between Authorize and Get token: signs in, is asked, says yes. These are the pages that
//! the server shows, asked for and answered as a browser does it; so a run has a code that is right.

use super::script;
use serde_json::{Value, json};

/// A page's request.
struct Step {
    name: &'static str,
    path: &'static str,
    /// The fields of its form. Empty: it is only shown.
    form: &'static [(&'static str, &'static str)],
    status: u16,
    /// The variable that takes something of the answer, and how it is read.
    keeps: &'static [(&'static str, &'static str)],
}

const STEPS: [Step; 3] = [
    Step {
        name: "Sign in (a person, with the account's key)",
        path: "sign-in",
        form: &[("key_id", "{{keyId}}"), ("secret", "{{secret}}")],
        status: 303,
        keeps: &[],
    },
    // What the form has hidden, so that no other page can send it.
    Step {
        name: "Be asked (a person)",
        path: "consent",
        form: &[],
        status: 200,
        keeps: &[("mark", r#"pm.response.text().match(/name="mark" value="([^"]*)"/)[1]"#)],
    },
    // The browser is led back to the partner, with the code in the address.
    Step {
        name: "Allow (a person)",
        path: "consent",
        form: &[("mark", "{{mark}}"), ("app", "{{appId}}"), ("decision", "allow")],
        status: 303,
        keeps: &[("code", r#"pm.response.headers.get("Location").match(/[?&]code=([^&]*)/)[1]"#)],
    },
];

const QUERY: [(&str, &str); 3] =
    [("client_id", "{{oauthClientId}}"), ("response_type", "code"), ("state", "where-i-was")];

/// The requests.
pub fn items() -> impl Iterator<Item = Value> {
    STEPS.iter().map(item)
}

fn item(step: &Step) -> Value {
    let pairs = |pairs: &[(&str, &str)]| -> Vec<Value> {
        pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
    };
    let query = QUERY.map(|(key, value)| format!("{key}={value}")).join("&");
    let mut request = json!({
        "method": if step.form.is_empty() { "GET" } else { "POST" },
        "header": [],
        "auth": { "type": "noauth" },
        "url": {
            "raw": format!("{{{{url}}}}/oauth/{}?{query}", step.path),
            "host": ["{{url}}"],
            "path": ["oauth", step.path],
            "query": pairs(&QUERY),
        },
        "description": "What the person's browser sends. It is no operation, but a page of the server's.",
    });
    if !step.form.is_empty() {
        request["body"] = json!({ "mode": "urlencoded", "urlencoded": pairs(step.form) });
    }
    json!({
        "name": step.name,
        "event": [script(step.status, step.keeps)],
        "request": request,
        "response": [],
        "protocolProfileBehavior": { "followRedirects": false },
    })
}
