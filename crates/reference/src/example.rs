//! Examples of bodies and answers: what a schema says, in the words of the example bodies.

use crate::{
    document::{Document, Operation, Schema},
    examples,
    request::variable,
};
use serde_json::{Map, Value, json};

/// How deep an example goes where nothing says otherwise. Schemas may hold themselves.
const DEPTH: usize = 6;

/// The example body of an operation.
pub fn body(document: Document<'_>, operation: Operation<'_>) -> Value {
    let made = || operation.body().map(|(_, schema)| make(document, schema, Side::Body, None, "", DEPTH));
    examples::body(operation.id()).or_else(made).unwrap_or_else(|| json!({}))
}

/// The example answer of an operation, if there is anything in it.
pub fn answer(document: Document<'_>, operation: Operation<'_>) -> Option<Value> {
    let schema = operation.reply()?;
    // What was put in comes out again; of an operation that puts nothing in, what its neighbours put in.
    let own = operation.body().map(|_| body(document, operation));
    let makes_one = |o: &Operation<'_>| o.tag() == operation.tag() && o.method == "POST" && o.body().is_some();
    let neighbour = || document.operations().find(makes_one).map(|o| body(document, o));
    let hints = own.or_else(neighbour).map(|mut value| {
        settle(&mut value);
        value
    });
    let answer = make(document, schema, Side::Answer, hints.as_ref(), "", DEPTH);
    let is_empty = answer.as_object().is_none_or(Map::is_empty);
    (!is_empty).then_some(answer)
}

/// Whether fields are read or written.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Body,
    Answer,
}

fn make(document: Document<'_>, schema: &Value, side: Side, hint: Option<&Value>, name: &str, depth: usize) -> Value {
    let schema = document.resolve(schema);
    if !schema.variants.is_empty() {
        let chosen = variant(document, &schema, hint);
        let mut made = make(document, chosen, side, hint, name, depth);
        if !schema.properties().is_empty() {
            merge(&mut made, object(document, &schema, side, hint, depth));
        }
        return made;
    }
    // What was said of the thing is no value of a field.
    let same_kind = hint.filter(|hint| hint.get(examples::THING).is_none() && fits(&schema, hint));
    match schema.kind() {
        "object" if !schema.properties().is_empty() => object(document, &schema, side, hint, depth),
        "array" => array(document, &schema, side, hint, name, depth),
        _ if same_kind.is_some() => same_kind.cloned().unwrap_or_default(),
        "object" | "any" => json!({}),
        "integer" | "number" => schema.get("default").or(schema.get("minimum")).cloned().unwrap_or(json!(1)),
        "boolean" => schema.get("default").cloned().unwrap_or(json!(false)),
        // An id in a body is one that the reader has.
        _ if side == Side::Body && name.ends_with("Id") => variable(name).into(),
        _ => text(&schema, name),
    }
}

fn fits(schema: &Schema<'_>, hint: &Value) -> bool {
    let choices = schema.choices();
    let of_kind = match schema.kind() {
        "string" => hint.is_string(),
        "integer" | "number" => hint.is_number(),
        "boolean" => hint.is_boolean(),
        "object" => hint.is_object(),
        kind => kind == "any",
    };
    of_kind && (choices.is_empty() || choices.contains(&hint))
}

/// The variant whose constant the hint has; else the first.
fn variant<'d>(document: Document<'d>, schema: &Schema<'d>, hint: Option<&Value>) -> &'d Value {
    const NOTHING: &Value = &Value::Null;
    let wanted = hint.map_or(&Value::Null, |hint| &hint["type"]);
    let is_wanted = |variant: &&&Value| {
        let resolved = document.resolve(variant);
        let kind = resolved.properties().iter().find(|(name, _)| *name == "type");
        kind.is_some_and(|(_, kind)| document.resolve(kind).choices() == [wanted])
    };
    schema.variants.iter().find(is_wanted).or(schema.variants.first()).copied().unwrap_or(NOTHING)
}

fn object(document: Document<'_>, schema: &Schema<'_>, side: Side, hint: Option<&Value>, depth: usize) -> Value {
    let mut made = Map::new();
    for (name, property) in schema.properties() {
        let resolved = document.resolve(property);
        let hidden = if side == Side::Answer { resolved.is("writeOnly") } else { resolved.is("readOnly") };
        let given = hint_for(hint, name);
        let told = given.is_some() && !hidden;
        // By its id a thing is asked for again, and a secret is what one came for: whether or not they are promised.
        let known = side == Side::Answer && ["id", "secret"].contains(name);
        let needed = (schema.required.contains(name) || known) && !hidden;
        if (told || needed) && depth > 0 {
            made.insert((*name).to_owned(), make(document, property, side, given, name, depth - 1));
        }
    }
    made.into()
}

/// What is known of a property. A body speaks of the thing itself, its answer holds the thing under its name: what the
/// answer has around it is looked through.
fn hint_for<'v>(hint: Option<&'v Value>, name: &str) -> Option<&'v Value> {
    let hint = hint?.as_object()?;
    match hint.get(name) {
        Some(found) => Some(found),
        None if hint.contains_key(examples::THING) && !["meta", "links"].contains(&name) => hint.get(examples::THING),
        None => None,
    }
}

fn array(
    document: Document<'_>,
    schema: &Schema<'_>,
    side: Side,
    hint: Option<&Value>,
    name: &str,
    depth: usize,
) -> Value {
    let Some(items) = schema.get("items") else { return json!([]) };
    match hint {
        Some(Value::Array(given)) => {
            given.iter().map(|one| make(document, items, side, Some(one), name, depth)).collect()
        }
        hint if depth > 0 => json!([make(document, items, side, hint, name, depth - 1)]),
        _ => json!([]),
    }
}

fn text(schema: &Schema<'_>, name: &str) -> Value {
    if let Some(first) = schema.choices().first().or(schema.get("default").as_ref()) {
        return (*first).clone();
    }
    let pattern = schema.text("pattern").unwrap_or_default().trim_start_matches('^');
    let made = match (schema.text("format"), name) {
        (Some("date-time"), _) => "2026-01-02T03:04:05.678Z".to_owned(),
        (Some("uri"), _) | (_, "target") => "https://example.com/".to_owned(),
        _ if pattern.contains("[0-9a-f]{24}") => {
            let prefix = pattern.split('[').next().unwrap_or_default();
            format!("{prefix}{}", examples::ID)
        }
        (_, name) => examples::text(name).to_owned(),
    };
    made.into()
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        for (name, value) in more {
            into.entry(name).or_insert(value);
        }
    }
}

/// What is still to be filled in in a request, has a value in its answer. What was said of the thing stands under its
/// own name too.
fn settle(body: &mut Value) {
    fn put_values(value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with("{{") => *text = examples::ID.to_owned(),
            Value::Array(items) => items.iter_mut().for_each(put_values),
            Value::Object(fields) => fields.values_mut().for_each(put_values),
            _ => {}
        }
    }
    put_values(body);
    if let Some(fields) = body.as_object_mut() {
        let thing = Value::Object(fields.clone());
        fields.clear();
        fields.insert(examples::THING.to_owned(), thing);
    }
}
