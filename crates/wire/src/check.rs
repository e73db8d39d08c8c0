//! Holds a request's JSON against the schema that the document publishes, and says what is wrong in Ajv's words, which
//! clients of this API know: `should have required property 'displayName'`.
//!
//! Compiled once per operation. Checking also prepares the value for its Rust type: read-only fields are taken out
//! (clients send back what they received), `2.0` becomes `2` where an integer is wanted.

use regex_lite::Regex;
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// A refusal lists at most this many problems.
const MAX_PROBLEMS: usize = 10;

/// A compiled schema.
pub struct Checker {
    nodes: Vec<Node>,
    root: usize,
    coerce: bool,
}

/// One schema, its references resolved to places in the list of nodes.
#[derive(Default)]
struct Node {
    types: Vec<Type>,
    allowed: Vec<Value>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    unique: bool,
    pattern: Option<Regex>,
    format: Option<Format>,
    items: Option<usize>,
    properties: Vec<(String, usize)>,
    read_only: Vec<String>,
    required: Vec<String>,
    others: Option<usize>,
    all: Vec<usize>,
    any: Vec<usize>,
    one: Vec<usize>,
    by_tag: Option<(String, HashMap<String, usize>)>,
    /// What is said of a tag that no variant has, where the contract has its own words for that.
    unknown: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
    Null,
}

impl Type {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::String, "string"),
        (Self::Integer, "integer"),
        (Self::Number, "number"),
        (Self::Boolean, "boolean"),
        (Self::Object, "object"),
        (Self::Array, "array"),
        (Self::Null, "null"),
    ];
    fn parse(name: &Value) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| name == n).map(|(t, _)| *t)
    }
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(t, _)| *t == self).map_or("", |(_, n)| n)
    }
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Null => value.is_null(),
        }
    }
}

#[derive(Clone, Copy)]
enum Format {
    Uri,
    Email,
    DateTime,
}

impl Format {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "uri" => Some(Self::Uri),
            "email" => Some(Self::Email),
            "date-time" => Some(Self::DateTime),
            _ => None,
        }
    }
    const fn name(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Email => "email",
            Self::DateTime => "date-time",
        }
    }
    fn holds(self, text: &str) -> bool {
        match self {
            Self::Uri => text.split_once(':').is_some_and(|(scheme, rest)| {
                scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                    && !rest.is_empty()
                    && !rest.contains(char::is_whitespace)
            }),
            Self::Email => text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
            }),
            Self::DateTime => text.parse::<crate::time::Timestamp>().is_ok(),
        }
    }
}

impl Checker {
    /// Compiles `schema`, whose references point into `definitions`.
    pub fn compile(schema: &Value, definitions: &Map<String, Value>) -> Self {
        let mut compiler = Compiler { definitions, nodes: Vec::new(), named: HashMap::new() };
        let root = compiler.node(schema);
        Self { nodes: compiler.nodes, root, coerce: false }
    }

    /// For the values of a query, which arrive as text: `"10"` counts as the integer it spells.
    pub fn coercing(mut self) -> Self {
        self.coerce = true;
        self
    }

    /// Says what is wrong with `value`; nothing when all is well.
    pub fn check(&self, value: &mut Value) -> Vec<String> {
        let mut run = Run { checker: self, path: String::new(), problems: Vec::new() };
        run.visit(self.root, value);
        run.problems.truncate(MAX_PROBLEMS);
        run.problems
    }
}

struct Compiler<'d> {
    definitions: &'d Map<String, Value>,
    nodes: Vec<Node>,
    named: HashMap<&'d str, usize>,
}

impl<'d> Compiler<'d> {
    fn node(&mut self, schema: &'d Value) -> usize {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            return self.definition(name);
        }
        let place = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[place] = self.build(schema);
        place
    }

    /// A named schema is compiled once; its place is known before its contents, for it may refer to itself.
    fn definition(&mut self, name: &str) -> usize {
        let Some((name, schema)) = self.definitions.get_key_value(name) else {
            return self.node(&Value::Bool(true));
        };
        if let Some(&place) = self.named.get(name.as_str()) {
            return place;
        }
        let place = self.nodes.len();
        self.nodes.push(Node::default());
        self.named.insert(name, place);
        self.nodes[place] = self.build(schema);
        place
    }

    fn build(&mut self, schema: &'d Value) -> Node {
        let length = |name: &str| schema[name].as_u64().map(|n| n as usize);
        let mut node = Node {
            types: match &schema["type"] {
                Value::Array(names) => names.iter().filter_map(Type::parse).collect(),
                name => Type::parse(name).into_iter().collect(),
            },
            allowed: match (&schema["enum"], &schema["const"]) {
                (Value::Array(values), _) => values.clone(),
                (_, Value::Null) => Vec::new(),
                (_, value) => vec![value.clone()],
            },
            min_length: length("minLength"),
            max_length: length("maxLength"),
            minimum: schema["minimum"].as_f64(),
            maximum: schema["maximum"].as_f64(),
            min_items: length("minItems"),
            max_items: length("maxItems"),
            unique: schema["uniqueItems"] == true,
            // A pattern that is not a regular expression would be caught by the test that compiles every operation.
            pattern: schema["pattern"].as_str().and_then(|p| Regex::new(p).ok()),
            format: schema["format"].as_str().and_then(Format::parse),
            items: schema["items"].is_object().then(|| self.node(&schema["items"])),
            others: schema["additionalProperties"].is_object().then(|| self.node(&schema["additionalProperties"])),
            all: self.list(&schema["allOf"]),
            any: self.list(&schema["anyOf"]),
            one: self.list(&schema["oneOf"]),
            required: texts(&schema["required"]),
            unknown: schema["x-unknown"].as_str().map(str::to_owned),
            ..Node::default()
        };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["readOnly"] == true {
                node.read_only.push(name.clone());
            } else {
                let place = self.node(property);
                node.properties.push((name.clone(), place));
            }
        }
        // A request is not asked for what only the server sets.
        node.required.retain(|name| !node.read_only.contains(name));
        node.by_tag = self.tagged(&node.one);
        node
    }

    fn list(&mut self, schemas: &'d Value) -> Vec<usize> {
        // A request is not held against a variant that only answers have.
        let variants = schemas.as_array().into_iter().flatten().filter(|schema| schema["readOnly"] != true);
        variants.map(|schema| self.node(schema)).collect()
    }

    /// If every variant demands one constant of the same property, that property says which variant is meant.
    fn tagged(&self, variants: &[usize]) -> Option<(String, HashMap<String, usize>)> {
        let tag = self.constants(*variants.first()?).into_iter().next()?.0;
        let value =
            |place: usize| self.constants(place).into_iter().find(|(name, _)| *name == tag).map(|(_, v)| (v, place));
        let by_value: Option<HashMap<_, _>> = variants.iter().map(|&place| value(place)).collect();
        by_value.map(|map| (tag, map))
    }

    fn constants(&self, place: usize) -> Vec<(String, String)> {
        let node = &self.nodes[place];
        let own =
            node.properties.iter().filter_map(|(name, property)| match self.nodes[*property].allowed.as_slice() {
                [Value::String(value)] => Some((name.clone(), value.clone())),
                _ => None,
            });
        own.chain(node.all.iter().flat_map(|&part| self.constants(part))).collect()
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

/// One walk over a value.
struct Run<'c> {
    checker: &'c Checker,
    path: String,
    problems: Vec<String>,
}

impl Run<'_> {
    fn problem(&mut self, sentence: impl std::fmt::Display) {
        let space = if self.path.is_empty() { "" } else { " " };
        self.problems.push(format!("{}{space}{sentence}", self.path));
    }

    fn inside(&mut self, step: std::fmt::Arguments<'_>, place: usize, value: &mut Value) {
        let length = self.path.len();
        use std::fmt::Write;
        // Writing into a String cannot fail.
        let _ = self.path.write_fmt(step);
        self.visit(place, value);
        self.path.truncate(length);
    }

    fn visit(&mut self, place: usize, value: &mut Value) {
        let checker = self.checker;
        let node = &checker.nodes[place];
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        if checker.coerce {
            coerce(node, value);
        }
        if !node.types.is_empty() && !node.types.iter().any(|t| t.holds(value)) {
            let names: Vec<_> = node.types.iter().map(|t| t.name()).collect();
            return self.problem(format_args!("should be {}", names.join(",")));
        }
        if !node.allowed.is_empty() && !node.allowed.contains(value) {
            return self.problem("should be equal to one of the allowed values");
        }
        match value {
            Value::String(text) => self.text(node, text),
            Value::Number(number) => {
                self.number(node, number.as_f64().unwrap_or_default());
                whole(node, value);
            }
            Value::Array(items) => self.array(node, items),
            Value::Object(object) => self.object(node, object),
            _ => {}
        }
        self.combined(node, value);
    }

    fn text(&mut self, node: &Node, text: &str) {
        // PostgreSQL keeps no such character, and nobody means it.
        if text.contains('\0') {
            self.problem("should NOT contain the character U+0000");
        }
        if node.min_length.is_some() || node.max_length.is_some() {
            let length = text.chars().count();
            if let Some(min) = node.min_length.filter(|&min| length < min) {
                self.problem(format_args!("should NOT be shorter than {min} characters"));
            }
            if let Some(max) = node.max_length.filter(|&max| length > max) {
                self.problem(format_args!("should NOT be longer than {max} characters"));
            }
        }
        if let Some(pattern) = node.pattern.as_ref().filter(|p| !p.is_match(text)) {
            self.problem(format_args!("should match pattern \"{}\"", pattern.as_str()));
        }
        if let Some(format) = node.format.filter(|f| !f.holds(text)) {
            self.problem(format_args!("should match format \"{}\"", format.name()));
        }
    }

    fn number(&mut self, node: &Node, number: f64) {
        if let Some(min) = node.minimum.filter(|&min| number < min) {
            self.problem(format_args!("should be >= {min}"));
        }
        if let Some(max) = node.maximum.filter(|&max| number > max) {
            self.problem(format_args!("should be <= {max}"));
        }
    }

    fn array(&mut self, node: &Node, items: &mut [Value]) {
        if let Some(min) = node.min_items.filter(|&min| items.len() < min) {
            self.problem(format_args!("should NOT have fewer than {min} items"));
        }
        if let Some(max) = node.max_items.filter(|&max| items.len() > max) {
            self.problem(format_args!("should NOT have more than {max} items"));
        }
        if node.unique && items.iter().enumerate().any(|(at, item)| items[..at].contains(item)) {
            self.problem("should NOT have duplicate items");
        }
        if let Some(place) = node.items {
            for (at, item) in items.iter_mut().enumerate() {
                self.inside(format_args!("[{at}]"), place, item);
            }
        }
    }

    fn object(&mut self, node: &Node, object: &mut Map<String, Value>) {
        for name in &node.read_only {
            object.remove(name);
        }
        for name in node.required.iter().filter(|name| !object.contains_key(*name)) {
            self.problem(format_args!("should have required property '{name}'"));
        }
        let dot = if self.path.is_empty() { "" } else { "." };
        for (name, place) in &node.properties {
            if let Some(value) = object.get_mut(name) {
                self.inside(format_args!("{dot}{name}"), *place, value);
            }
        }
        if let Some(place) = node.others {
            let known = |name: &String| node.properties.iter().any(|(known, _)| known == name);
            for (name, value) in object.iter_mut().filter(|(name, _)| !known(name)) {
                self.inside(format_args!("{dot}{name}"), place, value);
            }
        }
    }

    fn combined(&mut self, node: &Node, value: &mut Value) {
        for &place in &node.all {
            self.visit(place, value);
        }
        if let Some((tag, variants)) = &node.by_tag {
            return self.variant(node, tag, variants, value);
        }
        if !node.any.is_empty() && !node.any.iter().any(|&place| self.matches(place, value)) {
            // With one variant beside null its own problems say more than the name of the rule.
            match node.any.as_slice() {
                [place, null] if self.checker.nodes[*null].types == [Type::Null] => self.visit(*place, value),
                _ => self.problem("should match some schema in anyOf"),
            }
        }
        if !node.one.is_empty() && !node.one.iter().any(|&place| self.matches(place, value)) {
            self.problem("should match exactly one schema in oneOf");
        }
    }

    fn variant(&mut self, node: &Node, tag: &str, variants: &HashMap<String, usize>, value: &mut Value) {
        let dot = if self.path.is_empty() { "" } else { "." };
        match value.get(tag) {
            None if node.required.iter().any(|name| name == tag) => {}
            None => self.problem(format_args!("should have required property '{tag}'")),
            Some(Value::String(name)) => match variants.get(name) {
                Some(&place) => self.visit(place, value),
                None if node.unknown.is_some() => self.problems.extend(node.unknown.clone()),
                None => {
                    let path = format!("{}{dot}{tag}", self.path);
                    self.problems.push(format!("{path} should be equal to one of the allowed values"));
                }
            },
            Some(_) => self.problems.push(format!("{}{dot}{tag} should be string", self.path)),
        }
    }

    /// Tries a variant without keeping its problems.
    fn matches(&mut self, place: usize, value: &mut Value) -> bool {
        let mut trial = Run { checker: self.checker, path: String::new(), problems: Vec::new() };
        trial.visit(place, value);
        trial.problems.is_empty()
    }
}

/// Where an integer is wanted, `2.0` is written as `2`: a Rust integer takes no other spelling.
fn whole(node: &Node, value: &mut Value) {
    if node.types.contains(&Type::Integer)
        && let Some(number) = value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15)
    {
        *value = Number::from(number as i64).into();
    }
}

/// A query's text, as the number it spells where a number is wanted.
fn coerce(node: &Node, value: &mut Value) {
    if node.types == [Type::Integer]
        && let Some(number) = value.as_str().and_then(|text| text.parse::<i64>().ok())
    {
        *value = number.into();
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
