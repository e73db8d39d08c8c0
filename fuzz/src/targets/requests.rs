//! What callers ask: ids in paths, queries with their cursors, bodies. Of every operation of the contract.

use heliograph_wire::{
    check::Checker,
    contract,
    op::{Description, ReadJson},
    openapi,
    path::{fill, places, segments},
    query as queries,
};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// An operation, and its checks as the server compiles them.
struct Row {
    described: Description,
    query: Option<Checker>,
    body: Option<Checker>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let document = openapi::document("http://localhost");
    contract().into_iter().map(|described| Row::new(described, &document)).collect()
});

impl Row {
    fn new(described: Description, document: &Value) -> Self {
        let operation = &document["paths"][described.path][described.method.as_str().to_lowercase()];
        let none = Map::new();
        let schemas = document["components"]["schemas"].as_object().unwrap_or(&none);
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        Self {
            query: openapi::query_schema(&operation["parameters"])
                .map(|schema| Checker::compile(&schema, schemas).coercing()),
            body: body.is_object().then(|| Checker::compile(body, schemas)),
            described,
        }
    }
}

/// The first byte says of which operation.
fn row(data: &[u8]) -> Option<(&'static Row, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((&ROWS[usize::from(*first) % ROWS.len()], rest))
}

/// Ids that were read are written as they were, and a path that is filled with them leads to the same place.
pub fn path(data: &[u8]) {
    let Some((row, rest)) = row(data) else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    let template = row.described.path;
    let Ok(values) = (row.described.read_path)(&segments(places(template), text)) else { return };
    let filled = fill(template, &values);
    assert_eq!(filled.matches('/').count(), template.matches('/').count());
    assert!(filled.is_ascii());
    assert_eq!((row.described.read_path)(&segments(places(template), &filled)).ok(), Some(values));
}

/// What the schema of a query or a body lets pass, its type holds; what that writes is let pass again and is the same.
fn check(checker: &Checker, read: ReadJson, mut value: Value) -> Option<Value> {
    let problems = checker.check(&mut value);
    if !problems.is_empty() {
        assert!(problems.len() <= 10 && problems.iter().all(|title| !title.is_empty()));
        return None;
    }
    let mut read_once = read(value).expect("the type holds what the schema lets pass");
    let written = read_once.clone();
    let problems = checker.check(&mut read_once);
    assert!(problems.is_empty(), "{written} is not let pass: {problems:?}");
    assert_eq!(read(read_once).expect("the type holds what it wrote"), written);
    Some(written)
}

/// A query with its cursor, in any of the forms that clients send.
pub fn query(data: &[u8]) {
    let Some((row, rest)) = row(data) else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    let value = queries::read(text);
    let Some(checker) = &row.query else { return };
    if let Some(read) = check(checker, row.described.read_query, value) {
        let again = queries::read(queries::write(&read).trim_start_matches('?'));
        let (again, meant) = (check(checker, row.described.read_query, again).map(bare), bare(read.clone()));
        // Refused is what holds an object with nothing in it that is demanded.
        assert!(again.as_ref() == Some(&meant) || again.is_none() && meant != read, "{meant} became {again:?}");
    }
}

/// In a query there is no word for an object with nothing in it.
fn bare(mut query: Value) -> Value {
    if let Some(fields) = query.as_object_mut() {
        fields.retain(|_, value| value.as_object().is_none_or(|inner| !inner.is_empty()));
    }
    query
}

/// A body in JSON.
pub fn body(data: &[u8]) {
    let Some((row, rest)) = row(data) else { return };
    let (Ok(value), Some(checker)) = (serde_json::from_slice::<Value>(rest), &row.body) else { return };
    check(checker, row.described.read_body, value);
}
