//! From Rust types to the JSON Schema that is published and enforced.
//!
//! Two rules tie the two together: an `Option` field may be left out but not be `null`; a [`crate::patch::Patch`] field
//! may be both.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Where the document keeps the schemas that have a name.
pub const DEFINITIONS: &str = "/components/schemas";

/// A generator whose references point into an OpenAPI document.
pub fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = DEFINITIONS.into();
    settings.meta_schema = None;
    settings.into_generator()
}

/// Applies the two rules, and tidies what schemars adds for Rust alone.
pub fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(object) => {
            object.values_mut().for_each(tidy);
            list_constants(object);
            drop_option_null(object);
            admit_null(object);
            drop_rust_formats(object);
            split_reference(object);
        }
        _ => {}
    }
}

/// A choice of constants is an `enum`: generators make one type of it, and Ajv has a sentence for it. What each constant
/// means goes into the description.
fn list_constants(object: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = object.get("oneOf") else { return };
    let Some(names) = variants.iter().map(|v| v["const"].as_str()).collect::<Option<Vec<_>>>() else { return };
    let meanings = variants.iter().zip(&names).filter_map(|(v, name)| Some((name, v["description"].as_str()?)));
    let mut about = object.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (at, (name, meaning)) in meanings.enumerate() {
        about += if at == 0 { "\n\n" } else { "\n" };
        about += &format!("- `{name}`: {meaning}");
    }
    let names = json!(names);
    object.remove("oneOf");
    object.extend([("type".to_owned(), "string".into()), ("enum".to_owned(), names)]);
    object.insert("description".to_owned(), about.trim_start().into());
}

/// An `Option` may be left out; it is not `null`.
fn drop_option_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let is_null = |schema: &Value| *schema == json!({ "type": "null" });
    if let Some(Value::Array(variants)) = object.get("anyOf")
        && let [kept, null] = variants.as_slice()
        && is_null(null)
        && let Value::Object(kept) = kept.clone()
    {
        object.remove("anyOf");
        for (name, value) in kept {
            object.entry(name).or_insert(value);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|v| !v.is_null());
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}

/// A `Patch` may be `null`.
fn admit_null(object: &mut Map<String, Value>) {
    if object.remove("x-clearable").is_none() {
        return;
    }
    match object.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {
            if let Some(reference) = object.remove("$ref") {
                object.insert("anyOf".to_owned(), json!([{ "$ref": reference }, { "type": "null" }]));
            }
        }
    }
}

/// `uint32` and its like say nothing to a reader of JSON.
fn drop_rust_formats(object: &mut Map<String, Value>) {
    let rust = |format: &str| format.starts_with("int") || format.starts_with("uint") || format == "double";
    if object.get("format").and_then(Value::as_str).is_some_and(rust) {
        object.remove("format");
    }
}

/// A reference with anything beside it becomes an `allOf`: not every reader merges the two.
fn split_reference(object: &mut Map<String, Value>) {
    if object.len() < 2 || !object.contains_key("$ref") {
        return;
    }
    let mut parts = vec![json!({ "$ref": object.remove("$ref") })];
    if object.contains_key("properties") {
        parts.push(std::mem::take(object).into());
    }
    object.insert("allOf".to_owned(), parts.into());
}

/// Says which fields are required outside the object that lists them, as the public contract does for some bodies, so
/// that generators make the same types from both.
pub fn required_outside(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let (required, description) = (object.remove("required"), object.remove("description"));
    let inner = std::mem::take(object);
    object.extend([("allOf".to_owned(), json!([inner]))]);
    object.extend(required.map(|r| ("required".to_owned(), r)));
    object.extend(description.map(|d| ("description".to_owned(), d)));
}
