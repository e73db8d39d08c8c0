//! Python, with the library `requests`.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field},
    names::snake,
    request::{Auth, Body, Request},
    text::{Code, Literals, double, heading},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "python", title: "Python", file: "sample.py", is_sdk: false, request, build, parse };

/// JSON as Python writes it.
pub const LITERALS: Literals = Literals {
    object: ("{", "}"),
    pair: |name| double(name) + ": ",
    list: ("[", "]"),
    nested: "",
    text: double,
    words: ["None", "True", "False"],
    comma: ",",
    trailing: true,
    empty: ("{}", "[]"),
    unit: "    ",
};

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "#"));
    code.add("# It needs: pip install requests").add("import requests").gap();
    match &request.body {
        Body::Json(value) => code.add(build(value).trim_end()).gap(),
        Body::Text { text, .. } => code.add(format!("body = {}", double(text))).gap(),
        Body::None | Body::Multipart(_) => &mut code,
    };
    code.add("response = requests.request(");
    code.inside(|code| {
        code.add(format!("{},\n{},", double(&request.method), double(&request.url())));
        arguments(request).iter().for_each(|argument| {
            code.add(format!("{argument},"));
        });
        code.add("timeout=30,");
    });
    code.add(")\nprint(\"Status:\", response.status_code)\nif response.status_code >= 400:");
    code.inside(|code| {
        code.add("# What went wrong, with the headers.\nfor name, value in response.headers.items():");
        code.inside(|code| {
            code.add("print(f\"{name}: {value}\")");
        });
        code.add("raise SystemExit(response.text)");
    });
    if let Some(answer) = &request.answer {
        code.gap().add("data = response.json()");
        WALK.take_apart(&mut code, &answer::fields(answer), "data");
    }
    Some(code.finish())
}

fn arguments(request: &Request) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut headers: Vec<(String, String)> = request.headers.clone();
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => arguments.push(format!("auth=({}, {})", double(key_id), double(secret))),
        Auth::Bearer { token } => headers.push(("Authorization".to_owned(), format!("Bearer {token}"))),
    }
    match &request.body {
        Body::None => {}
        // It sets the header by itself.
        Body::Json(_) => arguments.push("json=body".to_owned()),
        Body::Text { media, .. } => {
            headers.push(("Content-Type".to_owned(), media.clone()));
            arguments.push("data=body.encode()".to_owned());
        }
        Body::Multipart(parts) => {
            let part = |file: bool| parts.iter().filter(move |part| part.is_file == file);
            let files: Vec<String> =
                part(true).map(|p| format!("{}: open({}, \"rb\")", double(&p.name), double(&p.value))).collect();
            let texts: Vec<String> =
                part(false).map(|p| format!("{}: {}", double(&p.name), double(&p.value))).collect();
            arguments.push(format!("files={{{}}}", files.join(", ")));
            if !texts.is_empty() {
                arguments.push(format!("data={{{}}}", texts.join(", ")));
            }
        }
    }
    if !headers.is_empty() {
        let headers: Vec<String> = headers.iter().map(|(n, v)| format!("{}: {}", double(n), double(v))).collect();
        arguments.push(format!("headers={{{}}}", headers.join(", ")));
    }
    arguments
}

fn build(value: &Value) -> String {
    format!("body = {}\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("import json").gap().add("# `text` is the answer's body.\ndata = json.loads(text)");
    WALK.take_apart(&mut code, fields, "data");
    code.finish()
}

/// How Python takes an answer apart.
pub const WALK: Walk = Walk {
    name: snake,
    value: |name, from, path, _| format!("{name} = {}\nprint(\"{name}:\", {name})", reach(from, path, "")),
    each: |item, from, path| format!("for {item} in {}:", reach(from, path, ", []")),
    end: "",
};

/// `data.get("key", {}).get("id")`: what is not there is None.
fn reach(from: &str, path: &[String], default: &str) -> String {
    let last = path.len().saturating_sub(1);
    let step =
        |(at, name): (usize, &String)| format!(".get({}{})", double(name), if at < last { ", {}" } else { default });
    from.to_owned() + &path.iter().enumerate().map(step).collect::<String>()
}
