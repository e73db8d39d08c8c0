//! The OpenAPI document, read off the contract: operation ids, scopes, statuses and bodies cannot disagree with the
//! server, because they are what the server runs by.

use crate::{
    check::Checker,
    contract,
    op::{Description, Scope},
    openapi_webhooks::webhooks,
    problem::Problems,
    schema::{self, tidy},
};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// The whole document, in OpenAPI 3.1. `server` is the address the reader's programs call.
pub fn document(server: &str) -> Value {
    let mut generator = schema::generator();
    let refusal = generator.subschema_for::<Problems>().to_value();
    let mut paths = Map::new();
    for operation in contract() {
        let described = describe(&operation, &mut generator, &refusal);
        paths.entry(operation.path).or_insert_with(|| json!({}))[operation.method.as_str().to_lowercase()] = described;
    }
    let webhooks = webhooks(&mut generator);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Heliograph",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A self-hosted server for the Sunshine Conversations API, version 2.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": server }],
        "security": [{ "basicAuth": [] }, { "bearerAuth": [] }],
        "tags": tags(),
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": {
                "basicAuth": { "type": "http", "scheme": "basic",
                    "description": "A key's id as the user name, its secret as the password." },
                "bearerAuth": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A JSON Web Token, signed by HS256 with a key's secret. The header's `kid` is the key's id; \
                        the body's `scope` is that of the key: account, app or integration." },
            },
            "schemas": generator.take_definitions(false),
        },
    });
    tidy(&mut document["paths"]);
    tidy(&mut document["webhooks"]);
    tidy(&mut document["components"]["schemas"]);
    admit_no_body(&mut document);
    document
}

/// No body is read as an empty object, so where that is in order the body is not required.
fn admit_no_body(document: &mut Value) {
    let schemas = document["components"]["schemas"].take();
    let empty = Map::new();
    let definitions = schemas.as_object().unwrap_or(&empty);
    let operations = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in operations.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        let Some(body) = operation.get_mut("requestBody") else { continue };
        let schema = &body["content"]["application/json"]["schema"];
        if schema.is_object() && admits_nothing(schema, definitions) {
            body["required"] = false.into();
        }
    }
    document["components"]["schemas"] = schemas;
}

/// Whether an empty object is in order. Some bodies demand none of their fields, but one of them: their schema says so,
/// and their rules say it in better words than the check could.
fn admits_nothing(schema: &Value, definitions: &Map<String, Value>) -> bool {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let named = name.and_then(|name| definitions.get(name)).unwrap_or(schema);
    named["minProperties"].is_null() && Checker::compile(schema, definitions).check(&mut json!({})).is_empty()
}

fn tags() -> Vec<Value> {
    let mut names: Vec<&str> = contract().iter().map(|o| o.tag).collect();
    names.dedup();
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn describe(operation: &Description, generator: &mut SchemaGenerator, refusal: &Value) -> Value {
    let (summary, _) = operation.about.split_once(". ").unwrap_or((operation.about, ""));
    let mut item = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": summary.trim_end_matches('.'),
        "description": format!("{}\n\n{}", operation.about, who(operation.scopes)),
        "x-scopes": scope_names(operation.scopes),
        "parameters": parameters(operation, generator),
        "responses": responses(operation, generator, refusal),
    });
    if operation.scopes.is_empty() {
        item["security"] = json!([]);
    }
    if let Some(body) = operation.body {
        item["requestBody"] = json!({ "required": true, "content": request_content(body(generator).to_value()) });
    }
    item
}

fn who(scopes: &[Scope]) -> String {
    match scopes {
        [] => "Needs no credential.".to_owned(),
        _ => format!("Scopes: {}.", scope_names(scopes).join(", ")),
    }
}

/// A body is JSON, unless its schema says otherwise.
fn request_content(mut schema: Value) -> Value {
    let media = schema.as_object_mut().and_then(|object| object.remove("x-media-type"));
    json!({ media.as_ref().and_then(Value::as_str).unwrap_or("application/json"): { "schema": schema } })
}

fn scope_names(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().map(|s| s.name()).collect()
}

fn parameters(operation: &Description, generator: &mut SchemaGenerator) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = operation.query.map(|query| query_parameters(&query(generator).to_value()));
    in_path.chain(in_query.into_iter().flatten()).collect()
}

fn query_parameters(query: &Value) -> Vec<Value> {
    let properties = query["properties"].as_object().into_iter().flatten();
    let required = |name: &str| query["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    properties
        .map(|(name, schema)| {
            let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
            if name == "page" || name == "filter" {
                parameter["style"] = "deepObject".into();
                parameter["explode"] = true.into();
            }
            if required(name) {
                parameter["required"] = true.into();
            }
            if let Some(about) = schema["description"].as_str() {
                parameter["description"] = about.into();
            }
            parameter
        })
        .collect()
}

fn responses(operation: &Description, generator: &mut SchemaGenerator, refusal: &Value) -> Value {
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    let success = match operation.status {
        // A browser is sent elsewhere: what it is told is in the header.
        302 => json!({
            "description": "Found.",
            "headers": { "Location": { "description": "Where to go on.", "schema": { "type": "string" } } },
            "content": { "text/plain": { "schema": { "type": "string" } } },
        }),
        _ => json!({ "description": "Done.", "content": content((operation.reply)(generator).to_value()) }),
    };
    let mut responses = json!({ operation.status.to_string(): success });
    // Beside what is particular to it, any operation may meet these.
    let common: &[u16] =
        if operation.body.is_some() { &[400, 401, 403, 408, 413, 415, 429] } else { &[400, 401, 403, 429] };
    // Who needs no credential is not refused for one, and not counted by it.
    let open = operation.scopes.is_empty();
    let common = common.iter().filter(|status| !(open && [401, 403, 429].contains(*status)));
    // Two different requests under one Idempotency-Key.
    let named = operation.method == http::Method::POST && !open;
    for &status in operation.refusals.iter().chain(common).chain(named.then_some(&422)) {
        let description =
            http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Refused");
        responses[status.to_string()] = json!({ "description": description, "content": content(refusal.clone()) });
    }
    responses
}

/// The parameters of an operation that stand in its query, as the schema of one object.
pub fn query_schema(parameters: &Value) -> Option<Value> {
    let in_query = parameters.as_array()?.iter().filter(|p| p["in"] == "query");
    let properties: Map<String, Value> =
        in_query.map(|p| (p["name"].as_str().unwrap_or_default().to_owned(), p["schema"].clone())).collect();
    let required: Vec<&Value> = parameters
        .as_array()?
        .iter()
        .filter(|p| p["in"] == "query" && p["required"] == true)
        .map(|p| &p["name"])
        .collect();
    (!properties.is_empty()).then(|| json!({ "type": "object", "properties": properties, "required": required }))
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::check::Checker;

    #[test]
    fn every_reference_is_defined_and_no_rust_remains() {
        let document = document("http://127.0.0.1:8080");
        let text = document.to_string();
        let schemas = &document["components"]["schemas"];
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(schemas[name].is_object(), "{name}");
        }
        for mark in ["x-clearable", "uint", "int64", "$defs"] {
            assert!(!text.contains(mark), "{mark}");
        }
    }

    #[test]
    fn every_body_compiles() {
        let document = document("");
        let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
        let bodies = document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, item)| item.as_object().into_iter().flatten());
        let mut seen = 0;
        for (_, operation) in bodies {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_object() {
                Checker::compile(schema, &schemas);
                seen += 1;
            }
        }
        assert!(seen >= 14, "{seen}");
    }
}
