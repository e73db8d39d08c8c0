//! Python, with the official client library.

use super::{
    Language,
    python::{self, LITERALS, WALK},
};
use crate::{
    answer,
    names::{pascal, snake, words},
    request::{Auth, Body, Known, Part, Request},
    text::{Code, double, heading},
};
use serde_json::{Map, Value};

pub const LANGUAGE: Language = Language {
    id: "python-sdk",
    title: "Python SDK",
    file: "sample_sdk.py",
    is_sdk: true,
    request,
    build: python::LANGUAGE.build,
    parse: python::LANGUAGE.parse,
};

/// Where the library has another name for a body than the document.
const BODIES: &[(&str, &str)] = &[
    ("CreateAppKey", "AppKeyCreateBody"),
    ("CreateCustomIntegrationKey", "IntegrationApiKey"),
    ("GetToken", "GetTokenRequest"),
    ("JoinConversation", "ParticipantJoinBody"),
];

/// What a parameter is called that has the name of a Python word.
fn parameter(name: &str) -> String {
    if name == "for" { "var_for".to_owned() } else { snake(&words(name)) }
}

fn request(request: &Request) -> Option<String> {
    let known = request.known.as_ref().filter(|known| is_public(&request.path, &known.id, &[]))?;
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "#"));
    code.add("# It needs: pip install sunshine-conversations-client\nimport sunshine_conversations_client as sunshine");
    code.add("from sunshine_conversations_client.exceptions import ApiException").gap();
    code.add(format!("configuration = sunshine.Configuration({})", configuration(request)));
    let tag = pascal(&words(&known.tag.replace("OAuth", "Oauth"))).replace("Oauth", "OAuth");
    code.add(format!("api = sunshine.{tag}Api(sunshine.ApiClient(configuration))"));
    let arguments = arguments(request, known, &mut code);
    code.gap().add("try:");
    code.inside(|code| {
        code.add(format!("reply = api.{}(", snake(&words(&known.id.replace("OAuth", "Oauth")))));
        code.inside(|code| {
            arguments.iter().for_each(|argument| {
                code.add(format!("{argument},"));
            });
        });
        code.add(")");
    });
    code.add("except ApiException as error:");
    code.inside(|code| {
        code.add("# What went wrong, with the headers.\nprint(\"Status:\", error.status)");
        code.add("for name, value in error.headers.items():");
        code.inside(|code| {
            code.add("print(f\"{name}: {value}\")");
        });
        code.add("raise SystemExit(error.body)");
    });
    if let Some(answer) = &request.answer {
        code.gap().add("data = reply.to_dict()");
        WALK.take_apart(&mut code, &answer::fields(answer), "data");
    }
    Some(code.finish())
}

/// Whether an official library knows an operation: one of the public contract, and none of those that it is `lacking`.
pub fn is_public(path: &str, id: &str, lacking: &[&str]) -> bool {
    let public = path.starts_with("/v2/") || path.starts_with("/oauth/");
    public && id != "ListUsers" && !lacking.contains(&id)
}

fn configuration(request: &Request) -> String {
    let host = format!("host={}", double(&request.server));
    match &request.auth {
        Auth::None => host,
        Auth::Basic { key_id, secret } => {
            format!("{host}, username={}, password={}", double(key_id), double(secret))
        }
        Auth::Bearer { token } => format!("{host}, access_token={}", double(token)),
    }
}

fn arguments(request: &Request, known: &Known, code: &mut Code) -> Vec<String> {
    let mut arguments: Vec<String> = known.path.iter().map(|value| double(value)).collect();
    match &request.body {
        Body::None | Body::Text { .. } => {}
        Body::Json(value) => {
            let class = BODIES.iter().find(|(id, _)| *id == known.id).map(|(_, class)| (*class).to_owned());
            let class = class.unwrap_or_else(|| pascal(&words(known.body.as_deref().unwrap_or_default())));
            code.gap().add(format!("body = sunshine.{class}.from_dict({})", LITERALS.write(value)));
            arguments.push("body".to_owned());
        }
        Body::Multipart(parts) => arguments.extend(parts.iter().map(part)),
    }
    let query = nested(&request.query);
    arguments.extend(query.iter().map(|(name, value)| format!("{}={}", parameter(name), LITERALS.write(value))));
    arguments
}

fn part(part: &Part) -> String {
    let (name, value) = (parameter(&part.name), double(&part.value));
    if part.is_file { format!("{name}=({value}, open({value}, \"rb\").read())") } else { format!("{name}={value}") }
}

/// `page[size]=10` as `{"page": {"size": 10}}`.
pub fn nested(query: &[(String, String)]) -> Map<String, Value> {
    let mut whole = Map::new();
    for (name, value) in query {
        let value: Value = value.parse::<i64>().map_or_else(|_| value.as_str().into(), Value::from);
        match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            None => drop(whole.insert(name.clone(), value)),
            Some((outer, inner)) => {
                let outer = whole.entry(outer).or_insert_with(|| Map::new().into());
                outer[inner] = value;
            }
        }
    }
    whole
}
