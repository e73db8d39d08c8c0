//! The first page.

use super::{
    frame::{Frame, GUIDES, group},
    operation::method,
};
use crate::document::Document;
use maud::{Markup, html};

/// The page.
pub fn page(document: Document<'_>) -> Markup {
    let about = "The API of this server: every operation, with samples that run.";
    let frame = Frame { title: "API reference", about, place: "", root: "docs/", names: &[] };
    let content = html! {
        h1 { "API reference" }
        p.lead {
            "This server speaks the Sunshine Conversations REST API, version 2. Every operation has a page here: what it \
            does, who may call it, what goes in and comes out, and a program for it in many languages, filled in with \
            your own values. Nothing on these pages asks any other server."
        }
        div.cards {
            @for (slug, title, about) in GUIDES { a href={ "docs/guides/" (slug) } { (title) span.small { (about) } } }
        }
        (frame.values())
        h2 { "How it is called" }
        ul {
            li { "Requests and answers are JSON in UTF-8; a body has at most 100 kB. Files go as a form." }
            li { "A credential is a key, by Basic authentication (its id and its secret), or a token signed with the key's \
                secret, by Bearer." }
            li { "A key's scope says what it may do: " code { "account" } " (ids with " code { "act_" } " and "
                code { "svc_" } "), " code { "app" } " (" code { "app_" } ") or " code { "integration" } " ("
                code { "int_" } ")." }
            li { "Long lists come in pages: " code { "page[size]" } ", " code { "page[after]" } ", " code { "page[before]" }
                "; the answer's " code { "meta" } " and " code { "links" } " lead on." }
            li { "A refusal has a status of 400 or more and the body " code { "{\"errors\": [{\"code\", \"title\"}]}" } "." }
            li { "Every answer has the header " code { "X-Request-Id" } ": the server's log knows the request by it." }
            li { "All paths also answer under " code { "/sc" } "." }
            li { "All of it as a file: the OpenAPI document in " a href="openapi.json" { "JSON" } " and "
                a href="openapi.yaml" { "YAML" } ", and a " a href="postman_collection.json" { "Postman collection" }
                " that runs from top to bottom." }
        }
        h2 { "On your own machine" }
        p { "The same programs come from the command line: "
            code { "heliograph sample create-integration-key --lang powerbuilder" } ". It also turns a curl line or a \
            Postman item of yours into any of the languages (" code { "--curl" } ", " code { "--postman-item" } "), and \
            JSON into the code that builds it or takes it apart (" code { "--json-build" } ", " code { "--json-parse" } ")." }
        h2 { "All operations" }
        @for tag in document.tags() {
            h3 { (group(tag)) }
            ul.operations {
                @for operation in document.operations().filter(|o| o.tag() == tag) {
                    li {
                        (method(operation)) " "
                        a href={ "docs/operations/" (operation.slug()) } { (operation.title()) }
                        " " span.small { (operation.summary()) "." }
                    }
                }
            }
        }
    };
    frame.around(document, &content)
}
