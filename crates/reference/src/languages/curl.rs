//! curl, in a shell; jq takes the answer apart.

use super::Language;
use crate::{
    answer::Field,
    names::snake,
    request::{Auth, Body, Request},
    text::{Code, double, heading, is_plain, pretty},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "curl", title: "curl", file: "sample.sh", is_sdk: false, request, build, parse };

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("  ");
    code.add(heading(&request.title, &request.about, "#"));
    code.add("headers=$(mktemp)\nanswer=$(mktemp)");
    code.add(format!("status=$(curl -sS -X {} \\", request.method));
    code.inside(|code| {
        for option in options(request) {
            code.add_as_is(option + " \\");
        }
        code.add("-D \"$headers\" -o \"$answer\" -w '%{http_code}' \\");
        code.add(quote(&request.url()) + ")");
    });
    code.add("echo \"Status: $status\"");
    code.add("if [ \"$status\" -ge 400 ]; then");
    code.inside(|code| {
        code.add("# What went wrong, with the headers.\ncat \"$headers\" \"$answer\" >&2");
    });
    if let Some(answer) = &request.answer {
        code.add("else");
        code.inside(|code| fields(code, &crate::answer::fields(answer), None));
    }
    code.add("fi\nrm -f \"$headers\" \"$answer\"");
    // No `exit`: the lines may have been pasted into somebody's shell.
    code.add("# Fails if there was no answer (000), or a refusal.\n[ \"$status\" -ge 100 ] && [ \"$status\" -lt 400 ]");
    Some(code.finish())
}

fn options(request: &Request) -> Vec<String> {
    let header = |name: &str, value: &str| format!("-H {}", quote(&format!("{name}: {value}")));
    let mut options = Vec::new();
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => options.push(format!("-u {}", quote(&format!("{key_id}:{secret}")))),
        Auth::Bearer { token } => options.push(header("Authorization", &format!("Bearer {token}"))),
    }
    options.extend(request.media().map(|media| header("Content-Type", media)));
    options.extend(request.headers.iter().map(|(name, value)| header(name, value)));
    match &request.body {
        Body::None => {}
        Body::Json(value) => options.push(format!("-d {}", quote(&pretty(value)))),
        Body::Text { text, .. } => options.push(format!("--data-raw {}", quote(text))),
        Body::Multipart(parts) => options.extend(parts.iter().map(|part| {
            let (flag, at) = if part.is_file { ("-F", "@") } else { ("--form-string", "") };
            format!("{flag} {}", quote(&format!("{}={at}{}", part.name, part.value)))
        })),
    }
    options
}

/// What the shell leaves alone.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn build(value: &Value) -> String {
    format!("body={}\n", quote(&pretty(value)))
}

fn parse(fields_: &[Field]) -> String {
    let mut code = Code::new("  ");
    code.add("# The answer is in the file \"$answer\".");
    fields(&mut code, fields_, None);
    code.finish()
}

/// `from` is the variable that holds the JSON; none: the file.
fn fields(code: &mut Code, fields_: &[Field], from: Option<&str>) {
    let jq = |flags: &str, filter: &str| match from {
        None => format!("jq {flags} {} \"$answer\"", quote(filter)),
        Some(item) => format!("printf '%s' \"${item}\" | jq {flags} {}", quote(filter)),
    };
    for field in fields_ {
        match field {
            Field::Value { path, name, .. } => {
                let name = snake(name);
                code.add(format!("{name}=$({})", jq("-r", &filter(path))));
                code.add(format!("echo \"{name}: ${name}\""));
            }
            Field::List { path, item, fields: inner } => {
                let item = snake(item);
                let every = filter(path).trim_end_matches('.').to_owned() + "[]?";
                let every = if every.starts_with('.') { every } else { format!(".{every}") };
                code.add(format!("{} | while IFS= read -r {item}; do", jq("-c", &every)));
                code.inside(|code| fields(code, inner, Some(&item)));
                code.add("done");
            }
        }
    }
}

fn filter(path: &[String]) -> String {
    let step = |name: &String| if is_plain(name) { format!(".{name}") } else { format!(".{}", double(name)) };
    let steps: String = path.iter().map(step).collect();
    if steps.is_empty() { ".".to_owned() } else { steps }
}
