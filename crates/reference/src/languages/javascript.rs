//! JavaScript, with what Node.js 18 and browsers have: `fetch`.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field},
    names::camel,
    request::{Auth, Body, Request},
    text::{Code, Literals, double, heading, is_plain},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "javascript", title: "JavaScript", file: "sample.mjs", is_sdk: false, request, build, parse };

/// JSON as JavaScript writes it.
pub const LITERALS: Literals = Literals {
    object: ("{", "}"),
    pair: |name| if is_plain(name) { format!("{name}: ") } else { double(name) + ": " },
    list: ("[", "]"),
    nested: "",
    text: double,
    words: ["null", "true", "false"],
    comma: ",",
    trailing: true,
    empty: ("{}", "[]"),
    unit: "  ",
};

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("  ");
    code.add(heading(&request.title, &request.about, "//"));
    match &request.body {
        Body::None => {}
        Body::Json(value) => {
            code.add(build(value).trim_end()).gap();
        }
        Body::Text { text, .. } => {
            code.add(format!("const body = {};", double(text))).gap();
        }
        Body::Multipart(parts) => {
            code.add("import { readFile } from \"node:fs/promises\";").gap().add("const body = new FormData();");
            for part in parts {
                let (name, value) = (double(&part.name), double(&part.value));
                code.add(match part.is_file {
                    true => format!("body.append({name}, new Blob([await readFile({value})]), {value});"),
                    false => format!("body.append({name}, {value});"),
                });
            }
            code.gap();
        }
    }
    code.add(format!("const response = await fetch({}, {{", double(&request.url())));
    code.inside(|code| options(code, request));
    code.add("});\nconsole.log(\"Status:\", response.status);\nif (response.status >= 400) {");
    code.inside(|code| {
        code.add("// What went wrong, with the headers.\nconsole.error(Object.fromEntries(response.headers));");
        code.add("console.error(await response.text());\nprocess.exit(1);");
    });
    code.add("}");
    if let Some(answer) = &request.answer {
        code.gap().add("const data = await response.json();");
        WALK.take_apart(&mut code, &answer::fields(answer), "data");
    }
    Some(code.finish())
}

fn options(code: &mut Code, request: &Request) {
    code.add(format!("method: {},", double(&request.method)));
    let mut headers: Vec<(&str, String)> = Vec::new();
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            let pair = double(&format!("{key_id}:{secret}"));
            headers.push(("Authorization", format!("\"Basic \" + Buffer.from({pair}).toString(\"base64\")")));
        }
        Auth::Bearer { token } => headers.push(("Authorization", double(&format!("Bearer {token}")))),
    }
    headers.extend(request.media().map(|media| ("Content-Type", double(media))));
    headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), double(value))));
    if !headers.is_empty() {
        code.add("headers: {");
        code.inside(|code| {
            for (name, value) in &headers {
                code.add((LITERALS.pair)(name) + value + ",");
            }
        });
        code.add("},");
    }
    match request.body {
        Body::None => {}
        Body::Json(_) => {
            code.add("body: JSON.stringify(body),");
        }
        Body::Text { .. } | Body::Multipart(_) => {
            code.add("body,");
        }
    }
}

fn build(value: &Value) -> String {
    format!("const body = {};\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("  ");
    code.add("// `text` is the answer's body.\nconst data = JSON.parse(text);");
    WALK.take_apart(&mut code, fields, "data");
    code.finish()
}

/// How JavaScript takes an answer apart.
pub const WALK: Walk = Walk {
    name: camel,
    value: |name, from, path, _| format!("const {name} = {};\nconsole.log(\"{name}:\", {name});", reach(from, path)),
    each: |item, from, path| match path {
        [] => format!("for (const {item} of {from}) {{"),
        path => format!("for (const {item} of {} ?? []) {{", reach(from, path)),
    },
    end: "}",
};

/// `data.key?.id`: what is not there is undefined.
fn reach(from: &str, path: &[String]) -> String {
    let step = |(at, name): (usize, &String)| match (at, is_plain(name)) {
        (0, true) => format!(".{name}"),
        (_, true) => format!("?.{name}"),
        (0, false) => format!("[{}]", double(name)),
        (_, false) => format!("?.[{}]", double(name)),
    };
    from.to_owned() + &path.iter().enumerate().map(step).collect::<String>()
}
