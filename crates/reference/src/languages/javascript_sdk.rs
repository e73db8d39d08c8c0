//! JavaScript, with the official client library.

use super::{
    Language,
    javascript::{self, LITERALS, WALK},
    python_sdk::{is_public, nested},
};
use crate::{
    answer,
    names::{camel, pascal, words},
    request::{Auth, Body, Known, Request},
    text::{Code, double, heading},
};
use serde_json::{Map, Value};

pub const LANGUAGE: Language = Language {
    id: "javascript-sdk",
    title: "JavaScript SDK",
    file: "sample_sdk.cjs",
    is_sdk: true,
    request,
    build: javascript::LANGUAGE.build,
    parse: javascript::LANGUAGE.parse,
};

/// What its last release does not know yet.
const LACKING: [&str; 3] = ["SyncUser", "PostConversionEvents", "GetTokenInfo"];
/// What it asks for by position although it may be left out.
const POSITIONAL: [(&str, &str); 1] = [("ListConversations", "filter")];

fn request(request: &Request) -> Option<String> {
    let known = request.known.as_ref().filter(|known| is_public(&request.path, &known.id, &LACKING))?;
    let mut code = Code::new("  ");
    code.add(heading(&request.title, &request.about, "//"));
    code.add("// It needs: npm install sunshine-conversations-client");
    if matches!(request.body, Body::Multipart(_)) {
        code.add("const fs = require(\"node:fs\");");
    }
    code.add("const sunshine = require(\"sunshine-conversations-client\");").gap();
    code.add("const client = new sunshine.ApiClient();");
    code.add(format!("client.basePath = {};", double(&request.server)));
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            code.add(format!("client.authentications.basicAuth.username = {};", double(key_id)));
            code.add(format!("client.authentications.basicAuth.password = {};", double(secret)));
        }
        Auth::Bearer { token } => {
            code.add(format!("client.authentications.bearerAuth.accessToken = {};", double(token)));
        }
    }
    let tag = pascal(&words(&known.tag.replace("OAuth", "Oauth"))).replace("Oauth", "OAuth");
    code.add(format!("const api = new sunshine.{tag}Api(client);")).gap();
    if let Body::Json(value) = &request.body {
        code.add(format!("const body = {};", LITERALS.write(value))).gap();
    }
    let call = format!("api.{}({})", camel(&words(&known.id)), arguments(request, known).join(", "));
    code.add("async function run() {");
    code.inside(|code| {
        let data = if request.answer.is_some() { "const data = " } else { "" };
        code.add(format!("{data}await {call};"));
        if let Some(answer) = &request.answer {
            WALK.take_apart(code, &answer::fields(answer), "data");
        }
    });
    code.add("}").gap().add("run().catch((error) => {");
    code.inside(|code| {
        code.add("if (!error.response) throw error;\n// What went wrong, with the headers.");
        code.add("console.error(\"Status:\", error.status);\nconsole.error(error.response.headers);");
        code.add("console.error(error.response.text);\nprocess.exit(1);");
    });
    code.add("});");
    Some(code.finish())
}

/// Path, what must be given, body, and the rest in an object.
fn arguments(request: &Request, known: &Known) -> Vec<String> {
    let mut arguments: Vec<String> = known.path.iter().map(|value| double(value)).collect();
    let mut rest = nested(&request.query);
    let by_position = POSITIONAL.iter().filter(|(id, _)| *id == known.id).map(|(_, name)| *name);
    for name in known.required.iter().map(String::as_str).chain(by_position) {
        arguments.extend(rest.shift_remove(name).map(|value| short(&value)));
    }
    match &request.body {
        Body::Json(_) => arguments.push("body".to_owned()),
        Body::Multipart(parts) => {
            arguments.extend(parts.iter().map(|part| match part.is_file {
                true => format!("fs.createReadStream({})", double(&part.value)),
                false => double(&part.value),
            }));
        }
        Body::None | Body::Text { .. } => {}
    }
    if !rest.is_empty() {
        arguments.push(short(&Value::Object(rest)));
    }
    arguments
}

/// In one line.
fn short(value: &Value) -> String {
    let fields = |fields: &Map<String, Value>| {
        let field = |(name, value): (&String, &Value)| (LITERALS.pair)(name) + &short(value);
        format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
    };
    value.as_object().map_or_else(|| value.to_string(), fields)
}
