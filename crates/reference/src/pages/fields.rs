//! The fields of a body or an answer, with their limits, from the schema that is enforced.

use super::frame::prose;
use crate::{
    document::{Document, Schema},
    text::double,
};
use maud::{Markup, html};
use serde_json::Value;

/// How deep fields are shown. Schemas may hold themselves.
const DEPTH: usize = 5;

/// Whether fields are sent or received.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    /// In a body.
    Sent,
    /// In an answer.
    Received,
}

/// The fields of a schema.
pub fn fields(document: Document<'_>, schema: &Value, side: Side) -> Markup {
    let schema = document.resolve(schema);
    match schema.properties().is_empty() && schema.variants.is_empty() {
        true => html! { p { @if schema.is("additionalProperties") { "Any object." } @else { "An empty object." } } },
        false => inside(document, &schema, side, DEPTH),
    }
}

fn inside(document: Document<'_>, schema: &Schema<'_>, side: Side, depth: usize) -> Markup {
    let hidden = |property: &Schema<'_>| match side {
        Side::Sent => property.is("readOnly"),
        Side::Received => property.is("writeOnly"),
    };
    html! {
        @if !schema.properties().is_empty() {
            dl.fields {
                @for (name, property) in schema.properties() {
                    @let property = document.resolve(property);
                    @if !hidden(&property) {
                        (field(document, name, &property, schema.required.contains(name), side, depth))
                    }
                }
            }
        }
        @for variant in &schema.variants {
            @let variant = document.resolve(variant);
            details {
                summary { (title(document, &variant)) }
                (inside(document, &variant, side, depth.saturating_sub(1)))
            }
        }
    }
}

fn field(document: Document<'_>, name: &str, schema: &Schema<'_>, required: bool, side: Side, depth: usize) -> Markup {
    let items = schema.get("items").map(|items| document.resolve(items));
    let inner = items.as_ref().unwrap_or(schema);
    let has_more = !inner.properties().is_empty() || !inner.variants.is_empty();
    html! {
        dt {
            code { (name) } " "
            span.kind { (kind(schema, items.as_ref())) }
            @if required && side == Side::Sent { " " span.required { "required" } }
        }
        dd {
            (prose(schema.text("description").unwrap_or_default()))
            @let limits = limits(schema);
            @if !limits.is_empty() { p.limits { (limits.join("; ")) } }
            @if has_more && depth > 0 {
                details {
                    summary { "Its fields" }
                    (inside(document, inner, side, depth - 1))
                }
            }
        }
    }
}

/// What a schema is, in a few words.
pub fn kind(schema: &Schema<'_>, items: Option<&Schema<'_>>) -> String {
    let may_be_null = schema.get("type").and_then(Value::as_array).is_some_and(|kinds| kinds.contains(&"null".into()));
    let word = match (schema.kind(), items) {
        ("array", Some(items)) => format!("list of {}s", items.kind()),
        ("any", _) => "anything".to_owned(),
        (kind, _) => kind.to_owned(),
    };
    if may_be_null { format!("{word} or null") } else { word }
}

/// What a variant is called: by the type that makes it one.
fn title(document: Document<'_>, variant: &Schema<'_>) -> Markup {
    let kind = variant.properties().iter().find(|(name, _)| *name == "type").map(|(_, kind)| document.resolve(kind));
    let kind = kind.and_then(|kind| kind.choices().first().and_then(|only| only.as_str().map(str::to_owned)));
    let about = variant.text("description").unwrap_or_default();
    html! {
        @match kind {
            Some(kind) => { "With type " code { (kind) } },
            None => { (variant.text("title").unwrap_or("One form")) },
        }
        @if !about.is_empty() { ": " (about) }
    }
}

/// What a value must keep to.
pub fn limits(schema: &Schema<'_>) -> Vec<String> {
    const WORDS: [(&str, &str, &str); 10] = [
        ("minLength", "at least ", " characters"),
        ("maxLength", "at most ", " characters"),
        ("minimum", "at least ", ""),
        ("maximum", "at most ", ""),
        ("minItems", "at least ", " items"),
        ("maxItems", "at most ", " items"),
        ("minProperties", "at least ", " fields"),
        ("format", "format ", ""),
        ("pattern", "pattern ", ""),
        ("default", "default ", ""),
    ];
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let limit = |(word, before, after): &(&str, &str, &str)| {
        let value = schema.get(word)?;
        let after = if *value == 1 { after.trim_end_matches('s') } else { after };
        Some(format!("{before}{}{after}", shown(value)))
    };
    let mut limits: Vec<String> = WORDS.iter().filter_map(limit).collect();
    let choices = schema.choices();
    if !choices.is_empty() {
        let choices: Vec<String> = choices.iter().map(|c| c.as_str().map_or_else(|| c.to_string(), double)).collect();
        limits.insert(0, format!("one of {}", choices.join(", ")));
    }
    limits
}
