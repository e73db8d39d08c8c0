//! A request as all languages see it, wherever it comes from: an operation, a curl line, a Postman item.

use crate::{
    document::{Document, Operation},
    example, examples,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeMap;

/// The name of the file that samples upload.
pub const FILE: &str = "order.txt";

/// A request. Its texts may hold `{{names}}`, for which [`Request::fill`] puts values.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What it is called.
    pub title: String,
    /// What it does, in a sentence; '' if nobody said.
    pub about: String,
    /// The HTTP method.
    pub method: String,
    /// The server's address, without a closing slash.
    pub server: String,
    /// The path, percent-encoded.
    pub path: String,
    /// The query: names and values as they are meant, not yet percent-encoded.
    pub query: Vec<(String, String)>,
    /// Who calls.
    pub auth: Auth,
    /// Headers besides those that tell the credential and the body's type.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
    /// What is answered, as an example. None: nothing that a program could take apart.
    pub answer: Option<Value>,
    /// What an SDK calls it.
    pub known: Option<Known>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// Nobody in particular.
    None,
    /// A key.
    Basic {
        /// Its id.
        key_id: String,
        /// Its secret.
        secret: String,
    },
    /// A token.
    Bearer {
        /// The token.
        token: String,
    },
}

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// A text of another type.
    Text {
        /// Its media type.
        media: String,
        /// The text.
        text: String,
    },
    /// A form of several parts.
    Multipart(Vec<Part>),
}

/// A part of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The name of the field.
    pub name: String,
    /// A text, or the name of a file.
    pub value: String,
    /// Whether it is a file.
    pub is_file: bool,
}

/// An operation, as SDKs need to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The `operationId`.
    pub id: String,
    /// The group.
    pub tag: String,
    /// The values of the path, in order.
    pub path: Vec<String>,
    /// The name of the body's schema.
    pub body: Option<String>,
    /// The names of the query's parameters that must be given, in order.
    pub required: Vec<String>,
}

/// A `{{name}}`.
pub fn variable(name: &str) -> String {
    format!("{{{{{name}}}}}")
}

/// The variable that stands for a parameter of a path: parameters of one name may mean different things.
pub fn path_variable<'n>(path: &str, name: &'n str) -> &'n str {
    match name {
        "userIdOrExternalId" => "userId",
        "keyId" if path.contains("{integrationId}") => "integrationKeyId",
        "keyId" if path.contains("{appId}") => "appKeyId",
        "keyId" => "otherKeyId",
        "clientId" if path.contains("/oauthClients/") => "oauthClientId",
        name => name,
    }
}

impl Auth {
    /// A key that the reader fills in.
    pub fn basic() -> Self {
        Self::Basic { key_id: variable("keyId"), secret: variable("secret") }
    }

    /// A token that the reader fills in.
    pub fn bearer() -> Self {
        Self::Bearer { token: variable("token") }
    }
}

impl Request {
    /// The example request of an operation. `auth` is who calls, if it asks for anybody.
    pub fn of(document: Document<'_>, operation: Operation<'_>, auth: Auth) -> Self {
        let open = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => variable(path_variable(operation.path, name)),
            None => part.to_owned(),
        };
        let path = operation.path.split('/').map(open).collect::<Vec<_>>().join("/");
        Self {
            title: operation.title(),
            about: operation.summary().to_owned(),
            method: operation.method.to_owned(),
            server: variable("url"),
            query: examples::query(operation),
            auth: if operation.scopes().is_empty() { Auth::None } else { auth },
            headers: Vec::new(),
            body: body(document, operation),
            answer: example::answer(document, operation),
            known: Some(Known::of(operation, &path)),
            path,
        }
    }

    /// Finds out which operation a request that was given is, if it is one: SDKs know it then, and an answer.
    #[must_use]
    pub fn recognise(mut self, document: Document<'_>) -> Self {
        // What stands before the version is where the server is.
        if let Some(at) = self.path.find("/v2/").filter(|at| *at > 0) {
            self.server += &self.path[..at];
            self.path.drain(..at);
        }
        let found = document.operations().find(|o| o.method == self.method && matches(o.path, &self.path));
        if let Some(operation) = found {
            self.title = operation.title();
            self.about = operation.summary().to_owned();
            self.answer = self.answer.take().or_else(|| example::answer(document, operation));
            self.known = Some(Known::of(operation, &self.path));
        }
        self
    }

    /// The whole address, percent-encoded.
    pub fn url(&self) -> String {
        let pair = |(name, value): &(String, String)| format!("{}={}", encode(name), encode(value));
        let query: Vec<String> = self.query.iter().map(pair).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{}", self.server, self.path, query.join("&"))
    }

    /// The media type of the body, where the caller says it. (That of a form tells where its parts end: whoever writes
    /// the form says it.)
    pub fn media(&self) -> Option<&str> {
        match &self.body {
            Body::Json(_) => Some("application/json"),
            Body::Text { media, .. } => Some(media),
            Body::None | Body::Multipart(_) => None,
        }
    }

    /// Puts values for the names that are known, and leaves the others.
    #[must_use]
    pub fn fill(mut self, values: &BTreeMap<String, String>) -> Self {
        let raw = |text: &mut String| *text = filled(text, values, str::to_owned);
        raw(&mut self.server);
        self.path = filled(&self.path, values, |value| utf8_percent_encode(value, KEPT).to_string());
        self.query.iter_mut().chain(&mut self.headers).for_each(|(_, value)| raw(value));
        match &mut self.auth {
            Auth::None => {}
            Auth::Basic { key_id, secret } => [key_id, secret].into_iter().for_each(raw),
            Auth::Bearer { token } => raw(token),
        }
        match &mut self.body {
            Body::None => {}
            Body::Json(value) => fill_json(value, values),
            Body::Text { text, .. } => raw(text),
            Body::Multipart(parts) => parts.iter_mut().for_each(|part| raw(&mut part.value)),
        }
        if let Some(known) = &mut self.known {
            known.path.iter_mut().for_each(raw);
        }
        self
    }
}

impl Known {
    /// An operation, called at this path.
    fn of(operation: Operation<'_>, path: &str) -> Self {
        let required = operation.parameters().filter(|p| p.place == "query" && p.required);
        let values = operation.path.split('/').zip(path.split('/')).filter(|(template, _)| template.starts_with('{'));
        Self {
            id: operation.id().to_owned(),
            tag: operation.tag().to_owned(),
            path: values.map(|(_, value)| decode(value)).collect(),
            body: operation.body_name().map(str::to_owned),
            required: required.map(|p| p.name.to_owned()).collect(),
        }
    }
}

/// Whether a path is one of a template.
fn matches(template: &str, path: &str) -> bool {
    let fits = |(template, part): (&str, &str)| template.starts_with('{') || template == part;
    template.split('/').count() == path.split('/').count() && template.split('/').zip(path.split('/')).all(fits)
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn body(document: Document<'_>, operation: Operation<'_>) -> Body {
    match operation.body() {
        None => Body::None,
        Some(("multipart/form-data", schema)) => {
            let schema = document.resolve(schema);
            let part = |(name, schema): &(&str, &Value)| {
                let is_file = schema["format"] == "binary";
                Part {
                    name: (*name).to_owned(),
                    value: if is_file { FILE.to_owned() } else { "text".to_owned() },
                    is_file,
                }
            };
            Body::Multipart(schema.properties().iter().map(part).collect())
        }
        Some(_) => Body::Json(example::body(document, operation)),
    }
}

fn fill_json(value: &mut Value, values: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => *text = filled(text, values, str::to_owned),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_json(item, values)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill_json(field, values)),
        _ => {}
    }
}

fn filled(text: &str, values: &BTreeMap<String, String>, write: impl Fn(&str) -> String) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else { break };
        out += before;
        out += &values.get(name).map_or_else(|| variable(name), |value| write(value));
        rest = behind;
    }
    out + rest
}

/// What stands in an address as it is; braces too, for the names in them.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'{').remove(b'}');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// Reads a query back: names and values, decoded.
pub fn read_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| decode(&text.replace('+', " "));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decode(n), decode(v))).collect()
}

/// An address as its server, its path and its query. A name in braces may stand for the server.
pub fn take_apart(url: &str) -> (String, String, Vec<(String, String)>) {
    let url = url.split('#').next().unwrap_or_default();
    let (front, query) = url.split_once('?').unwrap_or((url, ""));
    let host_at = front.find("://").map_or(0, |at| at + 3);
    let path_at = front[host_at..].find('/').map_or(front.len(), |at| host_at + at);
    let (server, path) = front.split_at(path_at);
    // What Postman writes as `:name` is a name too.
    let part = |part: &str| match part.strip_prefix(':') {
        Some(name) if !name.is_empty() => variable(name),
        _ => part.to_owned(),
    };
    let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
    (server.to_owned(), path, read_query(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let (server, path, query) =
            take_apart("https://domain.com/v2/apps/{{appId}}/keys/:keyId?page%5Bsize%5D=10&q=a+b");
        assert_eq!((server.as_str(), path.as_str()), ("https://domain.com", "/v2/apps/{{appId}}/keys/{{keyId}}"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(query, [pair("page[size]", "10"), pair("q", "a b")]);
        assert_eq!(take_apart("{{url}}/v2/apps").0, "{{url}}");
        assert_eq!(take_apart("http://h").1, "");
    }

    #[test]
    fn what_is_known_is_filled_in() {
        let values = BTreeMap::from([("a".to_owned(), "x/y".to_owned())]);
        assert_eq!(filled("{{a}}-{{b}}-{{a}} {{", &values, str::to_owned), "x/y-{{b}}-x/y {{");
    }
}
