//! The OpenAPI document as this crate reads it: operations, and schemas whose parts are put together.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The document.
#[derive(Clone, Copy)]
pub struct Document<'d>(&'d Value);

/// An operation of the document.
#[derive(Clone, Copy)]
pub struct Operation<'d> {
    /// Its method, in capitals as HTTP has it.
    pub method: &'static str,
    /// Its path template.
    pub path: &'d str,
    item: &'d Value,
}

/// A parameter of an operation.
#[derive(Clone, Copy)]
pub struct Parameter<'d> {
    /// Its name.
    pub name: &'d str,
    /// Where it stands: `path` or `query`.
    pub place: &'d str,
    /// Whether it must be given.
    pub required: bool,
    /// What it may be.
    pub schema: &'d Value,
}

const METHODS: [(&str, &str); 5] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];

impl<'d> Document<'d> {
    /// Reads a document.
    pub fn new(document: &'d Value) -> Self {
        Self(document)
    }

    /// The whole document.
    pub fn value(self) -> &'d Value {
        self.0
    }

    /// All operations, in its order.
    pub fn operations(self) -> impl Iterator<Item = Operation<'d>> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            let of = move |(name, method)| item.get(name).map(|item| Operation { method, path, item });
            METHODS.into_iter().filter_map(of)
        })
    }

    /// The names of the groups, in its order.
    pub fn tags(self) -> impl Iterator<Item = &'d str> {
        self.0["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str())
    }

    /// An operation by its id or slug, however it is written: `CreateWebhook`, `createWebhook`, `create-webhook`.
    pub fn operation(self, name: &str) -> Option<Operation<'d>> {
        let bare = |text: &str| text.replace(['-', '_', ' '], "").to_lowercase();
        let wanted = bare(name);
        self.operations().find(|o| bare(o.id()) == wanted || bare(&o.slug()) == wanted)
    }

    /// What a schema is once references are followed and its parts are put together.
    pub fn resolve(self, schema: &'d Value) -> Schema<'d> {
        let mut whole = Schema::default();
        self.gather(schema, &mut whole);
        whole
    }

    fn gather(self, schema: &'d Value, whole: &mut Schema<'d>) {
        // What stands outside speaks of this very place, so it goes before what is referred to.
        for (name, value) in schema.as_object().into_iter().flatten() {
            match name.as_str() {
                "properties" => {
                    value.as_object().into_iter().flatten().for_each(|(n, s)| whole.add(n, s));
                }
                "required" => {
                    whole.required.extend(value.as_array().into_iter().flatten().filter_map(Value::as_str));
                }
                "oneOf" | "anyOf" => self.choose(value, whole),
                "$ref" | "allOf" => {}
                name => {
                    whole.rest.entry(name).or_insert(value);
                }
            }
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            whole.names.push(name);
            self.gather(&self.0["components"]["schemas"][name], whole);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, whole);
        }
    }

    /// One of several. That it may be `null` is no choice of its own.
    fn choose(self, variants: &'d Value, whole: &mut Schema<'d>) {
        let real: Vec<&Value> = variants.as_array().into_iter().flatten().filter(|v| v["type"] != "null").collect();
        match real.as_slice() {
            [only] => self.gather(only, whole),
            _ => whole.variants.extend(real),
        }
    }
}

impl<'d> Operation<'d> {
    /// Its `operationId`.
    pub fn id(self) -> &'d str {
        self.item["operationId"].as_str().unwrap_or_default()
    }

    /// Its name in addresses: `create-integration-key`. (That a key is a custom integration's, no other has any, goes
    /// without saying.)
    pub fn slug(self) -> String {
        self.words().replace(' ', "-")
    }

    /// Its name for people: `Create integration key`.
    pub fn title(self) -> String {
        let words = self.words().replace("oauth", "OAuth");
        let (first, rest) = words.split_at(words.len().min(1));
        first.to_uppercase() + rest
    }

    fn words(self) -> String {
        let words = crate::names::words(&self.id().replace("OAuth", "Oauth"));
        words.into_iter().filter(|word| word != "custom").collect::<Vec<_>>().join(" ")
    }

    /// The group it belongs to.
    pub fn tag(self) -> &'d str {
        self.item["tags"][0].as_str().unwrap_or_default()
    }

    /// What it does. Without the line on scopes, which [`Self::scopes`] tells.
    pub fn about(self) -> &'d str {
        self.item["description"].as_str().unwrap_or_default().split("\n\nScopes:").next().unwrap_or_default()
    }

    /// What it does, in a sentence.
    pub fn summary(self) -> &'d str {
        self.item["summary"].as_str().unwrap_or_default()
    }

    /// Whose credential may call it. Empty: anybody, without one.
    pub fn scopes(self) -> Vec<&'d str> {
        self.item["x-scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What stands in its path and query.
    pub fn parameters(self) -> impl Iterator<Item = Parameter<'d>> {
        self.item["parameters"].as_array().into_iter().flatten().map(|parameter| Parameter {
            name: parameter["name"].as_str().unwrap_or_default(),
            place: parameter["in"].as_str().unwrap_or_default(),
            required: parameter["required"] == true,
            schema: &parameter["schema"],
        })
    }

    /// The media type and schema of its body.
    pub fn body(self) -> Option<(&'d str, &'d Value)> {
        let (media, content) = self.item["requestBody"]["content"].as_object()?.iter().next()?;
        Some((media, &content["schema"]))
    }

    /// The name of its body's schema.
    pub fn body_name(self) -> Option<&'d str> {
        self.body()?.1["$ref"].as_str()?.rsplit('/').next()
    }

    /// The status of success.
    pub fn status(self) -> u16 {
        self.statuses().find(|status| *status < 400).unwrap_or(200)
    }

    /// The statuses of refusal, in order.
    pub fn refusals(self) -> BTreeSet<u16> {
        self.statuses().filter(|status| *status >= 400).collect()
    }

    fn statuses(self) -> impl Iterator<Item = u16> {
        self.item["responses"].as_object().into_iter().flatten().filter_map(|(status, _)| status.parse().ok())
    }

    /// The schema of its answer, if that is JSON.
    pub fn reply(self) -> Option<&'d Value> {
        self.item["responses"][self.status().to_string()]["content"]["application/json"].get("schema")
    }
}

/// A schema with all its parts.
#[derive(Default)]
pub struct Schema<'d> {
    properties: Vec<(&'d str, &'d Value)>,
    /// The names of the properties that must be there.
    pub required: BTreeSet<&'d str>,
    /// What it may be one of.
    pub variants: Vec<&'d Value>,
    /// By which names it was referred to.
    pub names: Vec<&'d str>,
    rest: BTreeMap<&'d str, &'d Value>,
}

impl<'d> Schema<'d> {
    fn add(&mut self, name: &'d str, schema: &'d Value) {
        if !self.properties.iter().any(|(n, _)| *n == name) {
            self.properties.push((name, schema));
        }
    }

    /// Its properties, in order.
    pub fn properties(&self) -> &[(&'d str, &'d Value)] {
        &self.properties
    }

    /// A word of it, such as `maxLength`.
    pub fn get(&self, word: &str) -> Option<&'d Value> {
        self.rest.get(word).copied()
    }

    /// A word of it that is a text.
    pub fn text(&self, word: &str) -> Option<&'d str> {
        self.get(word)?.as_str()
    }

    /// Whether a word of it is true.
    pub fn is(&self, word: &str) -> bool {
        self.get(word).is_some_and(|value| value == true)
    }

    /// Its type. With several, the first that is not `null`.
    pub fn kind(&self) -> &'d str {
        let one = |value: &'d Value| value.as_str().filter(|kind| *kind != "null");
        let named = match self.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().find_map(one),
            Some(kind) => one(kind),
            None => None,
        };
        named.unwrap_or(if self.properties.is_empty() && self.variants.is_empty() { "any" } else { "object" })
    }

    /// The texts it may be, if they are listed.
    pub fn choices(&self) -> Vec<&'d Value> {
        match (self.get("const"), self.get("enum")) {
            (Some(only), _) => vec![only],
            (None, listed) => listed.and_then(Value::as_array).into_iter().flatten().collect(),
        }
    }
}
