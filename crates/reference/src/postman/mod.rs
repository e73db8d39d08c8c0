//! The Postman collection (version 2.1): every operation, in an order that works from top to bottom on an empty server.
//!
//! What an answer brings (ids, secrets) goes into variables for what follows; what was made is deleted in the end.

mod consent;
mod order;

use crate::{
    document::{Document, Operation},
    example,
    request::{Auth, Body, FILE, Request, variable},
    text::{double, pretty},
};
use order::{Step, steps};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// The line between the parts of the form that uploads a file.
const LINE: &str = "a-line-that-no-part-holds";
/// What stands in a variable as long as no answer put anything there: an id that nothing has.
const NOBODY: &str = "000000000000000000000000";

/// What answers bring beyond the ids that paths name: operation, variable, and where in the answer it is.
const CAPTURES: &[(&str, &str, &str)] = &[
    ("CreateAppKey", "appKeySecret", "key.secret"),
    ("CreateCustomIntegrationKey", "integrationKeySecret", "key.secret"),
    ("ListWebhooks", "webhookId", "webhooks[0].id"),
    ("UploadAttachment", "mediaUrl", "attachment.mediaUrl"),
    ("CreateOAuthClient", "oauthClientSecret", "secret"),
    ("AnnounceDevice", "deviceId", "device.id"),
    ("ListDeliveries", "deliveryId", "deliveries[0].id"),
    ("GetToken", "token", "access_token"),
];

/// What is refused on every server, with which status, and why.
const REFUSED: &[(&str, u16, &str)] =
    &[("DownloadMessageRef", 400, "no user has a client of Apple's channel, which this server does not speak to")];

/// Values that no answer brings.
const VALUES: &[(&str, &str)] = &[("zendeskId", "35436")];

/// The collection of a document. Its variable `url` is the server that the document names.
pub fn collection(document: &Value) -> Value {
    let document = Document::new(document);
    let server = document.value()["servers"][0]["url"].as_str().unwrap_or_default().trim_end_matches('/');
    let folders: Vec<Value> = steps(document)
        .into_iter()
        .map(|(name, steps)| {
            let items: Vec<Value> = steps.iter().flat_map(|step| items(document, step)).collect();
            json!({ "name": name, "item": items })
        })
        .collect();
    let variables = variables(&folders, server);
    json!({
        "info": {
            "name": "Heliograph",
            "description": "All operations. Set the variables keyId and secret to an account's key (`act_…`), then run \
                the collection from top to bottom: what one request makes, the next ones use, and the last folder \
                deletes it.",
            "schema": SCHEMA,
        },
        "auth": basic("keyId", "secret"),
        "variable": variables,
        "item": folders,
    })
}

/// All variables that are used, with what they begin with.
fn variables(folders: &[Value], server: &str) -> Vec<Value> {
    let text = Value::from(folders.to_vec()).to_string();
    let mut names: BTreeSet<&str> = names(&text);
    ["url", "keyId", "secret"].iter().for_each(|name| {
        names.remove(name);
    });
    let first = [("url", server), ("keyId", ""), ("secret", "")].into_iter();
    let rest = names.into_iter().map(|name| {
        let given = VALUES.iter().find(|(known, _)| *known == name);
        (name, given.map_or(NOBODY, |(_, value)| value))
    });
    first.chain(rest).map(|(name, value)| json!({ "key": name, "value": value })).collect()
}

/// The names in braces in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let named = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(name, _)| name));
    named.filter(|name| name.chars().all(char::is_alphanumeric)).collect()
}

fn basic(key_id: &str, secret: &str) -> Value {
    json!({ "type": "basic", "basic": [
        { "key": "username", "value": variable(key_id), "type": "string" },
        { "key": "password", "value": variable(secret), "type": "string" },
    ] })
}

/// A request, and what a person does after it.
fn items(document: Document<'_>, step: &Step<'_>) -> Vec<Value> {
    let mut items = vec![item(document, step)];
    if step.operation.id() == "Authorize" {
        items.extend(consent::items());
    }
    items
}

fn item(document: Document<'_>, step: &Step<'_>) -> Value {
    let operation = step.operation;
    let mut request = Request::of(document, operation, Auth::basic());
    if let Some(body) = &step.body {
        request.body = Body::Json(body.clone());
    }
    let mut title = step.title.map_or_else(|| request.title.clone(), str::to_owned);
    let mut status = operation.status();
    if let Some((_, refusal, why)) = REFUSED.iter().find(|(id, ..)| *id == operation.id()) {
        status = *refusal;
        title += &format!(" (refused: {why})");
    }
    let mut sent = json!({
        "method": request.method,
        "header": headers(&request),
        "url": url(&request),
        "description": description(operation),
    });
    if let Some(body) = body(&request) {
        sent["body"] = body;
    }
    if let Some(auth) = auth(operation) {
        sent["auth"] = auth;
    }
    let keeps: Vec<(String, String)> = captures(document, step)
        .into_iter()
        .map(|(name, place)| (name, format!("pm.response.json().{place}")))
        .collect();
    let mut item = json!({
        "name": title,
        "event": [script(status, &keeps)],
        "request": sent,
        "response": [answer(document, operation, &sent)],
    });
    if operation.status() == 302 {
        item["protocolProfileBehavior"] = json!({ "followRedirects": false });
    }
    item
}

fn description(operation: Operation<'_>) -> String {
    match operation.scopes().as_slice() {
        [] => format!("{} It needs no credential.", operation.about()),
        scopes => format!("{} Scopes: {}.", operation.about(), scopes.join(", ")),
    }
}

/// Who calls, if it cannot be the account's key.
fn auth(operation: Operation<'_>) -> Option<Value> {
    match operation.scopes().as_slice() {
        // Only what a partner was given can be given back.
        _ if operation.id() == "RevokeAccess" => {
            let token = json!({ "key": "token", "value": variable("token"), "type": "string" });
            Some(json!({ "type": "bearer", "bearer": [token] }))
        }
        [] => Some(json!({ "type": "noauth" })),
        scopes if scopes.contains(&"account") => None,
        scopes if scopes.contains(&"app") => Some(basic("appKeyId", "appKeySecret")),
        _ => Some(basic("integrationKeyId", "integrationKeySecret")),
    }
}

fn headers(request: &Request) -> Vec<Value> {
    let form = format!("multipart/form-data; boundary={LINE}");
    let media = if matches!(request.body, Body::Multipart(_)) { Some(form.as_str()) } else { request.media() };
    media.into_iter().map(|media| json!({ "key": "Content-Type", "value": media })).collect()
}

fn url(request: &Request) -> Value {
    let query: Vec<Value> = request.query.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let mut url = json!({
        "raw": request.url(),
        "host": [request.server],
        "path": request.path.split('/').skip(1).collect::<Vec<_>>(),
    });
    if !query.is_empty() {
        url["query"] = query.into();
    }
    url
}

fn body(request: &Request) -> Option<Value> {
    match &request.body {
        Body::None => None,
        Body::Json(value) => {
            Some(json!({ "mode": "raw", "raw": pretty(value), "options": { "raw": { "language": "json" } } }))
        }
        Body::Text { text, .. } => Some(json!({ "mode": "raw", "raw": text })),
        // The form itself, so that it can be sent without a file at hand.
        Body::Multipart(parts) => {
            let part = |part: &crate::request::Part| {
                let file = if part.is_file {
                    format!("; filename=\"{FILE}\"\r\nContent-Type: text/plain")
                } else {
                    String::new()
                };
                let text = if part.is_file { "Two pairs of shoes" } else { &part.value };
                format!("--{LINE}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n\r\n{text}\r\n", part.name)
            };
            let parts: String = parts.iter().map(part).collect();
            Some(json!({ "mode": "raw", "raw": format!("{parts}--{LINE}--\r\n") }))
        }
    }
}

/// Which variables the answer of an operation fills, and from where: `app.id`.
pub fn kept(document: Document<'_>, operation: Operation<'_>) -> Vec<(String, String)> {
    captures(document, &Step { operation, title: None, body: None, variable: None })
}

/// Which variables an answer fills, and from where.
fn captures(document: Document<'_>, step: &Step<'_>) -> Vec<(String, String)> {
    let operation = step.operation;
    // A step with a variable of its own makes another of the kind.
    let more = CAPTURES.iter().filter(|(id, ..)| *id == operation.id() && step.variable.is_none());
    let mut captures: Vec<(String, String)> =
        more.map(|(_, name, place)| ((*name).to_owned(), (*place).to_owned())).collect();
    let place = example::answer(document, operation).filter(|_| operation.method == "POST").and_then(|a| id_place(&a));
    let below = format!("{}/{{", operation.path);
    let child = document.operations().find_map(|o| {
        let name = o.path.strip_prefix(&below)?.strip_suffix('}').filter(|name| !name.contains('/'))?;
        Some(crate::request::path_variable(o.path, name))
    });
    if let Some(place) = place
        && let Some(name) = step.variable.or(child)
    {
        captures.push((name.to_owned(), place));
    }
    captures
}

/// Where an answer says the id of what it is about.
fn id_place(answer: &Value) -> Option<String> {
    answer.as_object()?.iter().find_map(|(name, value)| match value {
        Value::Object(thing) if thing.contains_key("id") => Some(format!("{name}.id")),
        Value::Array(things) if things.first().is_some_and(|thing| thing["id"].is_string()) => {
            Some(format!("{name}[0].id"))
        }
        _ => None,
    })
}

/// Says whether the status is right, and keeps what the answer brings: name of the variable, and how it is read.
fn script<T: AsRef<str>>(status: u16, keeps: &[(T, T)]) -> Value {
    let mut lines = vec![format!("pm.test(\"Status {status}\", () => pm.response.to.have.status({status}));")];
    if !keeps.is_empty() {
        lines.push(format!("if (pm.response.code === {status}) {{"));
        for (name, read) in keeps {
            lines.push(format!("  pm.collectionVariables.set({}, {});", double(name.as_ref()), read.as_ref()));
        }
        lines.push("}".to_owned());
    }
    json!({ "listen": "test", "script": { "type": "text/javascript", "exec": lines } })
}

/// An example answer.
fn answer(document: Document<'_>, operation: Operation<'_>, sent: &Value) -> Value {
    let status = operation.status();
    let name = http_reason(status);
    let mut answer = json!({ "name": name, "originalRequest": sent, "status": name, "code": status });
    if status == 302 {
        answer["header"] = json!([{ "key": "Location", "value": "/oauth/consent?…" }]);
    } else {
        answer["_postman_previewlanguage"] = "json".into();
        answer["header"] = json!([{ "key": "Content-Type", "value": "application/json; charset=utf-8" }]);
        answer["body"] = pretty(&example::answer(document, operation).unwrap_or_else(|| json!({}))).into();
    }
    answer
}

fn http_reason(status: u16) -> &'static str {
    match status {
        201 => "Created",
        204 => "No Content",
        302 => "Found",
        _ => "OK",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliograph_wire::openapi;

    /// The collection's requests, in order.
    fn requests(collection: &Value) -> Vec<&Value> {
        let folders = collection["item"].as_array().into_iter().flatten();
        folders.flat_map(|folder| folder["item"].as_array()).flatten().collect()
    }

    #[test]
    fn every_operation_is_in_it_and_nothing_is_asked_before_it_is_known() {
        let document = openapi::document("http://127.0.0.1:8080");
        let collection = collection(&document);
        let items = requests(&collection);
        for operation in Document::new(&document).operations() {
            let title = operation.title();
            let is_it = |item: &&Value| item["name"].as_str().is_some_and(|name| name.starts_with(&title));
            assert!(items.iter().any(is_it), "{}", operation.id());
        }
        let mut known: BTreeSet<String> = ["url", "keyId", "secret"].map(str::to_owned).into();
        known.extend(VALUES.iter().map(|(name, _)| (*name).to_owned()));
        for item in &items {
            let (asked, script) = (item["request"].to_string(), item["event"].to_string());
            let lacking: Vec<&str> = names(&asked).into_iter().filter(|name| !known.contains(*name)).collect();
            assert!(lacking.is_empty(), "{}: nothing before it brings {lacking:?}", item["name"]);
            let kept = script.split(r#"collectionVariables.set(\""#).skip(1);
            known.extend(kept.filter_map(|rest| rest.split('\\').next()).map(str::to_owned));
        }
        assert_eq!(collection["variable"][0]["value"], "http://127.0.0.1:8080");
        assert_eq!(items.last().map(|item| &item["name"]), Some(&json!("Delete app")));
    }
}
