//! Holds a request's JSON against the schema that the document publishes, and says what is wrong in Ajv's words, which
//! clients of this API know: `should have required property 'displayName'`.
//!
//! `compile.rs` makes nodes of schemas, `run.rs` walks a value along them, `types.rs` says what a type or a format holds.
//!
//! Compiled once per operation. Checking also prepares the value for its Rust type: read-only fields are taken out
//! (clients send back what they received), `2.0` becomes `2` where an integer is wanted.

mod compile;
mod run;
mod types;

use compile::{Compiler, Node};
use run::Run;
use serde_json::{Map, Value};

/// A compiled schema.
pub struct Checker {
    nodes: Vec<Node>,
    root: usize,
    coerce: bool,
}

impl Checker {
    /// Compiles `schema`, whose references point into `definitions`.
    pub fn compile(schema: &Value, definitions: &Map<String, Value>) -> Self {
        let (nodes, root) = Compiler::run(schema, definitions);
        Self { nodes, root, coerce: false }
    }

    /// For the values of a query, which arrive as text: `"10"` counts as the integer it spells.
    pub fn coercing(mut self) -> Self {
        self.coerce = true;
        self
    }

    /// Says what is wrong with `value`; nothing when all is well.
    pub fn check(&self, value: &mut Value) -> Vec<String> {
        Run::over(self, value)
    }
}

#[cfg(test)]
mod tests {
    use super::Checker;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn problems(schema: Value, value: Value) -> Vec<String> {
        let definitions =
            json!({ "text": { "type": "object", "properties": { "text": { "type": "string", "maxLength": 3 } } } });
        let definitions = definitions.as_object().cloned().unwrap_or_default();
        Checker::compile(&schema, &definitions).check(&mut value.clone())
    }

    #[test]
    fn the_sentences_are_those_of_ajv() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "string", "minLength": 1, "maxLength": 2 }, "n": { "type": "integer", "minimum": 1, "maximum": 9 },
            "l": { "type": "array", "minItems": 1, "maxItems": 2, "items": { "enum": ["x"] } }, "u": { "type": "string", "format": "uri" } } });
        let cases = [
            (json!({}), "should have required property 'a'"),
            (json!([]), "should be object"),
            (json!({ "a": "" }), "a should NOT be shorter than 1 characters"),
            (json!({ "a": "ééé" }), "a should NOT be longer than 2 characters"),
            (json!({ "a": null }), "a should be string"),
            (json!({ "a": "a", "n": 0 }), "n should be >= 1"),
            (json!({ "a": "a", "n": 1.5 }), "n should be integer"),
            (json!({ "a": "a", "l": [] }), "l should NOT have fewer than 1 items"),
            (json!({ "a": "a", "l": ["y"] }), "l[0] should be equal to one of the allowed values"),
            (json!({ "a": "a", "u": "no" }), "u should match format \"uri\""),
        ];
        for (value, sentence) in cases {
            assert_eq!(problems(schema.clone(), value), [sentence]);
        }
        assert!(problems(schema, json!({ "a": "é", "n": 2.0, "extra": 1 })).is_empty());
    }

    #[test]
    fn whole_numbers_are_integers_however_they_are_written() {
        let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
        let checked = |text: &str| {
            let mut value: Value = serde_json::from_str(&format!("{{\"n\":{text}}}")).unwrap();
            let problems = Checker::compile(&schema, &serde_json::Map::new()).check(&mut value);
            problems.first().cloned().unwrap_or_else(|| value["n"].to_string())
        };
        for (text, outcome) in [
            ("1e16", "10000000000000000"),
            ("-2.0", "-2"),
            ("9007199254740993", "9007199254740993"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854774784.0", "9223372036854774784"),
            ("9223372036854775808", "n should be <= 9223372036854775807"),
            ("1e300", "n should be <= 9223372036854775807"),
            ("-1e19", "n should be >= -9223372036854775808"),
            ("1.5", "n should be integer"),
        ] {
            assert_eq!(checked(text), outcome, "{text}");
        }
    }

    #[test]
    fn a_null_character_is_found_wherever_it_is() {
        for (value, place) in [
            (json!({ "text": "a\0" }), "text "),
            (json!({ "more": [{ "of": ["", "\0"] }] }), "more[0].of[1] "),
            (json!({ "more": { "\0": 1 } }), "more "),
            (json!({ "\0": 1 }), ""),
        ] {
            let sentence = format!("{place}should NOT contain the character U+0000");
            assert_eq!(problems(json!({ "$ref": "#/components/schemas/text" }), value), [sentence]);
        }
    }

    #[test]
    fn a_tag_says_which_variant_is_meant() {
        let variant = |name: &str| {
            json!({ "allOf": [{ "$ref": "#/components/schemas/text" }, { "type": "object",
            "required": ["type"], "properties": { "type": { "const": name } } }] })
        };
        let schema =
            json!({ "type": "object", "properties": { "content": { "oneOf": [variant("text"), variant("file")] } } });
        let one = |content: Value| problems(schema.clone(), json!({ "content": content }));
        assert_eq!(
            one(json!({ "type": "text", "text": "long" })),
            ["content.text should NOT be longer than 3 characters"]
        );
        assert_eq!(one(json!({ "type": "nope" })), ["content.type should be equal to one of the allowed values"]);
        assert_eq!(one(json!({})), ["content should have required property 'type'"]);
        assert!(one(json!({ "type": "file" })).is_empty());
    }

    #[test]
    fn read_only_fields_are_taken_out_whatever_they_hold() {
        let schema = json!({ "type": "object", "properties": { "id": { "type": "string", "readOnly": true } } });
        let mut value = json!({ "id": 5, "other": true });
        assert!(Checker::compile(&schema, &serde_json::Map::new()).check(&mut value).is_empty());
        assert_eq!(value, json!({ "other": true }));
    }

    proptest! {
        #[test]
        fn no_json_whatever_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9.-]{0,60}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                problems(json!({ "$ref": "#/components/schemas/text" }), value);
            }
        }
    }
}
