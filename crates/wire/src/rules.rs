//! What an operation asks of its requests, compiled from the schemas that the document publishes of it.
//!
//! Compiled for one operation at a time, so that a server need not make the whole document before it can answer.

use crate::{
    check::Checker,
    op::{Description, Operation, describe},
    schema::{self, tidy},
};
use serde_json::{Map, Value, json};

/// What one operation asks of its requests.
pub struct Rules {
    /// Of the body.
    pub body: Option<Checker>,
    /// Of the query.
    pub query: Option<Checker>,
}

impl Rules {
    /// Compiles them.
    pub fn of<O: Operation>() -> Self {
        let Schemas { body, query, definitions } = Schemas::of(&describe::<O>("", ""));
        Self {
            body: body.map(|schema| Checker::compile(&schema, &definitions)),
            query: query.map(|schema| Checker::compile(&schema, &definitions).coercing()),
        }
    }
}

/// The schemas of one operation's requests, as the document has them.
struct Schemas {
    body: Option<Value>,
    query: Option<Value>,
    definitions: Map<String, Value>,
}

impl Schemas {
    fn of(operation: &Description) -> Self {
        let mut generator = schema::generator();
        let mut body = operation.body.map(|schema| schema(&mut generator).to_value());
        let mut query = operation.query.map(|schema| schema(&mut generator).to_value());
        let mut definitions = Value::Object(generator.take_definitions(false));
        body.iter_mut().chain(&mut query).for_each(tidy);
        tidy(&mut definitions);
        let Value::Object(definitions) = definitions else { unreachable!("it was made an object above") };
        Self { body: body.filter(is_json), query: query.map(|schema| parameters(&schema)), definitions }
    }
}

/// A body of another media type is read by its handler.
fn is_json(body: &Value) -> bool {
    body["x-media-type"].as_str().is_none_or(|media| media == "application/json")
}

/// A query's parameters: others are passed over.
fn parameters(query: &Value) -> Value {
    let required = query["required"].as_array().cloned().unwrap_or_default();
    json!({ "type": "object", "properties": query["properties"], "required": required })
}

#[cfg(test)]
mod tests {
    use super::Schemas;
    use crate::{contract, openapi};
    use serde_json::Value;

    #[test]
    fn what_is_asked_is_what_is_published() {
        let document = openapi::document("/");
        let (mut bodies, mut queries) = (0, 0);
        for operation in contract() {
            let published = &document["paths"][operation.path][operation.method.as_str().to_lowercase()];
            let Schemas { body, query, definitions } = Schemas::of(&operation);
            for (name, schema) in &definitions {
                assert_eq!(document["components"]["schemas"][name], *schema, "{}: {name}", operation.id);
            }
            let json = &published["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(body.as_ref().unwrap_or(&Value::Null), json, "{}", operation.id);
            bodies += usize::from(body.is_some());
            let in_query = published["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "query");
            let query = query.unwrap_or_default();
            let mut properties = query["properties"].as_object().cloned().unwrap_or_default();
            for parameter in in_query {
                let name = parameter["name"].as_str().unwrap_or_default();
                assert_eq!(properties.remove(name).as_ref(), Some(&parameter["schema"]), "{}: {name}", operation.id);
                let required = query["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
                assert_eq!(required, parameter["required"] == true, "{}: {name}", operation.id);
                queries += 1;
            }
            assert!(properties.is_empty(), "{}: {properties:?}", operation.id);
        }
        assert!(bodies > 30 && queries > 20, "{bodies} bodies, {queries} parameters");
    }
}
