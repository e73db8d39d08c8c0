//! An operation's page.

use super::{
    errors,
    fields::{Side, fields, kind, limits},
    frame::{Frame, block, group, inline, prose},
    samples::samples,
};
use crate::{
    document::{Document, Operation},
    names::words,
    postman,
    request::{Auth, Body, Request},
    text::pretty,
};
use maud::{Markup, html};
use serde_json::{Value, json};

/// The page.
pub fn page(document: Document<'_>, operation: Operation<'_>) -> Markup {
    let request = Request::of(document, operation, Auth::basic());
    let names = open_names(&request);
    let (title, slug) = (operation.title(), operation.slug());
    let frame = Frame { title: &title, about: operation.summary(), place: &slug, root: "../", names: &names };
    let content = html! {
        p.crumb { (group(operation.tag())) }
        h1 { (title) }
        p.line { (method(operation)) " " code { (breakable(operation.path)) } }
        (prose(operation.about()))
        (frame.values())
        (jumps(operation))
        div.halves {
            div {
                (who(operation))
                (parameters(document, operation))
                (body(document, operation))
                (answer(document, operation, &request))
                (refusals(operation))
            }
            div.side {
                (samples(|auth| Request::of(document, operation, auth)))
                (attempt(document, operation, &request))
            }
        }
    };
    frame.around(document, &content)
}

/// The names that are left open, save those of the credential and the server.
fn open_names(request: &Request) -> Vec<String> {
    let body = if let Body::Json(value) = &request.body { value.to_string() } else { String::new() };
    let query: String = request.query.iter().map(|(_, value)| value.as_str()).collect();
    let text = format!("{}{query}{body}", request.path);
    let mut names = Vec::new();
    for name in text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(name, _)| name.to_owned())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The method, in its colour.
pub fn method(operation: Operation<'_>) -> Markup {
    html! { span.method data-method=(operation.method) { (operation.method) } }
}

/// A path that may go on in the next line after each of its parts.
fn breakable(path: &str) -> Markup {
    html! { @for part in path.split_inclusive('/') { (part) wbr; } }
}

/// What there is on the page, for those who see one column of it.
fn jumps(operation: Operation<'_>) -> Markup {
    let parts = [
        ("parameters", "Parameters", operation.parameters().next().is_some()),
        ("body", "Body", operation.body().is_some()),
        ("answer", "Answer", true),
        ("errors", "Errors", true),
        ("samples", "Samples", true),
        ("attempt", "Try it", true),
    ];
    html! {
        nav.jumps aria-label="On this page" {
            @for (place, title, _) in parts.iter().filter(|(_, _, there)| *there) {
                a href={ "#" (place) } { (title) }
            }
        }
    }
}

fn who(operation: Operation<'_>) -> Markup {
    let scopes = operation.scopes();
    html! {
        h2 #scopes { "Who may call it" }
        @if scopes.is_empty() {
            p { "Anybody. Needs no credential." }
        } @else {
            p { "A key or token of the scope "
                @for (at, scope) in scopes.iter().enumerate() {
                    @if at > 0 { @if at + 1 == scopes.len() { " or " } @else { ", " } }
                    code { (scope) }
                }
                "." }
        }
    }
}

fn parameters(document: Document<'_>, operation: Operation<'_>) -> Markup {
    let all: Vec<_> = operation.parameters().collect();
    html! {
        @if !all.is_empty() {
            h2 #parameters { "Parameters" }
            dl.fields {
                @for parameter in all {
                    @let schema = document.resolve(parameter.schema);
                    dt {
                        code { (parameter.name) } " "
                        span.kind { (kind(&schema, None)) ", in the " (parameter.place) }
                        @if parameter.required { " " span.required { "required" } }
                    }
                    dd {
                        (prose(&schema.text("description").map_or_else(|| meaning(parameter.name), str::to_owned)))
                        @let limits = limits(&schema);
                        @if !limits.is_empty() { p.limits { (limits.join("; ")) } }
                        @if !schema.properties().is_empty() {
                            (fields(document, parameter.schema, Side::Sent))
                            @let (name, _) = schema.properties()[0];
                            p.small { "Written as " code { (parameter.name) "[" (name) "]=…" } }
                        }
                    }
                }
            }
        }
    }
}

/// What stands in a path is told nowhere else.
fn meaning(name: &str) -> String {
    match name {
        "integrationId" => "The integration's id. Where webhooks are concerned also `me`: the caller's own.".to_owned(),
        "userIdOrExternalId" => "The user's id, or the id the user has elsewhere.".to_owned(),
        "zendeskId" => "The user's id in Zendesk.".to_owned(),
        name => format!("The {}'s id.", words(name.trim_end_matches("Id")).join(" ")),
    }
}

fn body(document: Document<'_>, operation: Operation<'_>) -> Markup {
    html! {
        @if let Some((media, schema)) = operation.body() {
            h2 #body { "Body" }
            p { code { (media) } @if media == "application/json" { ", at most 100 kB." } @else { ", the file at most 50 MB." } }
            (fields(document, schema, Side::Sent))
        }
    }
}

fn answer(document: Document<'_>, operation: Operation<'_>, request: &Request) -> Markup {
    html! {
        h2 #answer { "Answer" }
        p { "Status " code { (operation.status()) } "." }
        @match operation.reply() {
            Some(schema) => {
                (fields(document, schema, Side::Received))
                @if let Some(answer) = &request.answer {
                    h3 { "An example" }
                    (block("An example answer", None, &pretty(answer)))
                }
            },
            None => { p { "The header " code { "Location" } " says where to go on." } },
        }
    }
}

fn refusals(operation: Operation<'_>) -> Markup {
    html! {
        h2 #errors { "Errors" }
        p { (inline("A refusal's body is `{\"errors\": [{\"code\", \"title\"}]}`: a word for programs, a sentence for people.")) }
        table.errors {
            thead { tr { th scope="col" { "Status" } th scope="col" { "Code and title" } } }
            tbody {
                @for (status, code, title) in errors::of(operation) {
                    tr { td { (status) } td { code { (code) } " " span { (title) } } }
                }
            }
        }
    }
}

/// The form that sends the request from this page.
fn attempt(document: Document<'_>, operation: Operation<'_>, request: &Request) -> Markup {
    let query: Vec<Value> = request.query.iter().map(|(name, value)| json!([name, value])).collect();
    let captures: Vec<Value> =
        postman::kept(document, operation).into_iter().map(|(name, place)| json!([name, place])).collect();
    html! {
        section.attempt aria-labelledby="attempt" {
            h2 #attempt { "Try it" }
            form #try data-method=(request.method) data-path=(request.path) data-query=(Value::from(query))
                data-keeps=(Value::from(captures)) data-open=[(request.auth == Auth::None).then_some("true")] {
                @for (name, value) in &request.query {
                    label.field { span { (name) } input type="text" data-query-name=(name) value=(value) autocomplete="off"; }
                }
                @match &request.body {
                    Body::Json(value) => {
                        @let text = pretty(value);
                        label.field { span { "Body" }
                            textarea #sent rows=(text.lines().count().clamp(3, 12)) spellcheck="false" { (text) } }
                    },
                    Body::Multipart(parts) => {
                        @for part in parts.iter().filter(|part| part.is_file) {
                            label.field { span { (part.name) } input type="file" data-part=(part.name); }
                        }
                    },
                    Body::None | Body::Text { .. } => {},
                }
                button.first type="submit" { "Send" }
            }
            div #outcome aria-live="polite" {}
        }
    }
}
