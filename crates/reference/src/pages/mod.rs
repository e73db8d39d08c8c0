//! The pages under `/docs`: plain HTML, made when they are asked for, with one style and one script of our own.
//!
//! They ask nothing of any other server, and work under a policy that lets nothing else in. All links are relative, so
//! that the pages also work below a proxy's path.

pub mod errors;
mod fields;
mod frame;
mod guides;
mod operation;
mod overview;
mod samples;

use crate::document::Document;
use maud::Markup;

/// What browsers are told to let a page do: its own style, its own script, calls to its own server.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is sent.
pub struct Page {
    /// Its media type.
    pub media: &'static str,
    /// Its text.
    pub text: String,
}

/// What is at a path, from `/docs` on. None: nothing.
pub fn page(document: Document<'_>, path: &str) -> Option<Page> {
    let asset = |media, text: &str| Some(Page { media, text: text.to_owned() });
    let html = |markup: Markup| Some(Page { media: "text/html; charset=utf-8", text: markup.into_string() });
    let rest = path.strip_prefix("/docs")?;
    match rest.trim_start_matches('/').split_once('/') {
        _ if rest == "/docs.css" => asset("text/css; charset=utf-8", include_str!("assets/docs.css")),
        _ if rest == "/docs.js" => asset("text/javascript; charset=utf-8", include_str!("assets/docs.js")),
        _ if rest == "/docs.svg" => asset("image/svg+xml", include_str!("assets/docs.svg")),
        _ if rest.is_empty() => html(overview::page(document)),
        Some(("operations", name)) => html(operation::page(document, document.operation(name)?)),
        Some(("guides", name)) => html(guides::page(document, name)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliograph_wire::openapi;

    #[test]
    fn every_operation_has_a_page_with_its_samples() {
        let value = openapi::document("/");
        let document = Document::new(&value);
        for operation in document.operations() {
            let slug = operation.slug();
            let page = page(document, &format!("/docs/operations/{slug}")).expect("a page").text;
            assert!(page.contains(&operation.title()) && page.contains(operation.path), "{slug}");
            assert!(
                page.contains("PowerBuilder") && page.contains("Needs no") == operation.scopes().is_empty(),
                "{slug}"
            );
            assert!(!page.contains("://") || !page.contains("src=\"http"), "{slug}");
        }
        assert!(page(document, "/docs").is_some() && page(document, "/docs/operations/nothing").is_none());
        assert!(page(document, "/docs/guides/first-key").is_some() && page(document, "/docsy").is_none());
    }
}
