//! From a schema to nodes that a value can be held against quickly.

use super::types::{Format, Type};
use regex_lite::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// One schema, its references resolved to places in the list of nodes.
#[derive(Default)]
pub(super) struct Node {
    pub(super) types: Vec<Type>,
    pub(super) allowed: Vec<Value>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) min_items: Option<usize>,
    pub(super) max_items: Option<usize>,
    pub(super) unique: bool,
    pub(super) pattern: Option<Regex>,
    pub(super) format: Option<Format>,
    pub(super) items: Option<usize>,
    pub(super) properties: Vec<(String, usize)>,
    pub(super) read_only: Vec<String>,
    pub(super) required: Vec<String>,
    pub(super) others: Option<usize>,
    pub(super) all: Vec<usize>,
    pub(super) any: Vec<usize>,
    pub(super) one: Vec<usize>,
    pub(super) by_tag: Option<(String, HashMap<String, usize>)>,
    /// What is said of a tag that no variant has, where the contract has its own words for that.
    pub(super) unknown: Option<String>,
}

/// Makes nodes of schemas.
pub(super) struct Compiler<'d> {
    definitions: &'d Map<String, Value>,
    nodes: Vec<Node>,
    named: HashMap<&'d str, usize>,
}

impl<'d> Compiler<'d> {
    /// The nodes of a schema, and its own place among them.
    pub(super) fn run(schema: &'d Value, definitions: &'d Map<String, Value>) -> (Vec<Node>, usize) {
        let mut compiler = Self { definitions, nodes: Vec::new(), named: HashMap::new() };
        let root = compiler.node(schema);
        (compiler.nodes, root)
    }

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
