//! Go, with its standard library.

use super::Language;
use crate::{
    answer::{Field, Kind},
    names::{camel, pascal, words},
    request::{Auth, Body, Request},
    text::{Code, Literals, double, heading},
};
use serde_json::Value;
use std::collections::BTreeSet;

pub const LANGUAGE: Language =
    Language { id: "go", title: "Go", file: "sample.go", is_sdk: false, request, build, parse };

const LITERALS: Literals = Literals {
    object: ("map[string]any{", "}"),
    pair: |name| double(name) + ": ",
    list: ("[]any{", "}"),
    nested: "",
    text: double,
    words: ["nil", "true", "false"],
    comma: ",",
    trailing: true,
    empty: ("map[string]any{}", "[]any{}"),
    unit: "\t",
};

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("\t");
    code.add(heading(&request.title, &request.about, "//"));
    code.add("package main").gap().add("import (");
    code.inside(|code| {
        for package in packages(request) {
            code.add(double(package));
        }
    });
    code.add(")").gap().add("func main() {");
    code.inside(|code| {
        body(code, request);
        let sent = match request.body {
            Body::None => "nil",
            Body::Json(_) => "bytes.NewReader(text)",
            Body::Text { .. } => "strings.NewReader(body)",
            Body::Multipart(_) => "&body",
        };
        code.add(format!(
            "request, err := http.NewRequest({}, {}, {sent})",
            double(&request.method),
            double(&request.url())
        ));
        check(code);
        headers(code, request);
        code.add("response, err := http.DefaultClient.Do(request)");
        check(code);
        code.add("defer response.Body.Close()\nanswer, err := io.ReadAll(response.Body)");
        check(code);
        code.add("fmt.Println(\"Status:\", response.StatusCode)\nif response.StatusCode >= 400 {");
        code.inside(|code| {
            code.add(
                "// What went wrong, with the headers.\nresponse.Header.Write(os.Stderr)\nlog.Fatal(string(answer))",
            );
        });
        code.add("}");
        if let Some(answer) = &request.answer {
            take_apart(code, &crate::answer::fields(answer), "answer");
        }
    });
    code.add("}");
    Some(code.finish())
}

fn packages(request: &Request) -> BTreeSet<&'static str> {
    let mut packages = BTreeSet::from(["fmt", "io", "log", "net/http", "os"]);
    match request.body {
        Body::None => {}
        Body::Json(_) => packages.extend(["bytes", "encoding/json"]),
        Body::Text { .. } => packages.extend(["strings"]),
        Body::Multipart(_) => packages.extend(["bytes", "mime/multipart"]),
    }
    if request.answer.is_some() {
        packages.insert("encoding/json");
    }
    packages
}

fn check(code: &mut Code) {
    code.add("if err != nil {");
    code.inside(|code| {
        code.add("log.Fatal(err)");
    });
    code.add("}");
}

fn body(code: &mut Code, request: &Request) {
    match &request.body {
        Body::None => {}
        Body::Json(value) => {
            code.add(build(value).trim_end()).add("text, err := json.Marshal(body)");
            check(code);
        }
        Body::Text { text, .. } => {
            code.add(format!("body := {}", double(text)));
        }
        Body::Multipart(parts) => {
            code.add("var body bytes.Buffer\nform := multipart.NewWriter(&body)");
            for part in parts {
                let (name, value) = (double(&part.name), double(&part.value));
                if part.is_file {
                    code.add(format!("file, err := os.ReadFile({value})"));
                    check(code);
                    code.add(format!("part, err := form.CreateFormFile({name}, {value})"));
                    check(code);
                    code.add("part.Write(file)");
                } else {
                    code.add(format!("form.WriteField({name}, {value})"));
                }
            }
            code.add("form.Close()");
        }
    }
}

fn headers(code: &mut Code, request: &Request) {
    let mut set = |name: &str, value: &str| {
        code.add(format!("request.Header.Set({}, {value})", double(name)));
    };
    match &request.body {
        Body::Multipart(_) => set("Content-Type", "form.FormDataContentType()"),
        _ => request.media().into_iter().for_each(|media| set("Content-Type", &double(media))),
    }
    request.headers.iter().for_each(|(name, value)| set(name, &double(value)));
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            code.add(format!("request.SetBasicAuth({}, {})", double(key_id), double(secret)));
        }
        Auth::Bearer { token } => set("Authorization", &double(&format!("Bearer {token}"))),
    }
    code.gap();
}

fn build(value: &Value) -> String {
    format!("body := {}\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("\t");
    code.add("// text is the answer's body, of type []byte.");
    take_apart(&mut code, fields, "text");
    code.finish().replacen("\n\n", "\n", 1)
}

/// Go takes JSON apart by a type that has its fields.
fn take_apart(code: &mut Code, fields: &[Field], from: &str) {
    if let [Field::List { path, item, fields: inner }] = fields
        && path.is_empty()
    {
        code.gap().add(format!("var data []{}", of_item(inner)));
        decode(code, from);
        return each(code, "data", item, inner);
    }
    code.gap().add(format!("var data {}", structure(fields, 0)));
    decode(code, from);
    variables(code, fields, "data");
}

fn decode(code: &mut Code, from: &str) {
    code.add(format!("if err := json.Unmarshal({from}, &data); err != nil {{"));
    code.inside(|code| {
        code.add("log.Fatal(err)");
    });
    code.add("}");
}

fn path(field: &Field) -> &[String] {
    match field {
        Field::Value { path, .. } | Field::List { path, .. } => path,
    }
}

/// The type of what has these fields, whose paths count from `depth` on.
fn structure(fields: &[Field], depth: usize) -> String {
    let mut names: Vec<&String> = fields.iter().filter_map(|field| path(field).get(depth)).collect();
    names.dedup();
    let mut code = Code::new("\t");
    for name in names {
        let of_name: Vec<Field> = fields.iter().filter(|f| path(f).get(depth) == Some(name)).cloned().collect();
        let kind = match &of_name[0] {
            field if path(field).len() > depth + 1 => structure(&of_name, depth + 1),
            Field::Value { kind, .. } => word(*kind).to_owned(),
            Field::List { fields, .. } => format!("[]{}", of_item(fields)),
        };
        code.inside(|code| {
            code.add(format!("{} {kind} `json:\"{name}\"`", pascal(&words(name))));
        });
    }
    format!("struct {{\n{}}}", code.finish())
}

fn of_item(fields: &[Field]) -> String {
    match fields {
        [Field::Value { path, kind, .. }] if path.is_empty() => word(*kind).to_owned(),
        [Field::List { path, fields, .. }] if path.is_empty() => format!("[]{}", of_item(fields)),
        fields => structure(fields, 0),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Integer => "int64",
        Kind::Number => "float64",
        Kind::Flag => "bool",
    }
}

fn variables(code: &mut Code, fields: &[Field], from: &str) {
    for field in fields {
        let steps: String = path(field).iter().map(|name| format!(".{}", pascal(&words(name)))).collect();
        let place = format!("{from}{steps}");
        match field {
            Field::Value { name, .. } => {
                let name = camel(name);
                code.add(format!("{name} := {place}\nfmt.Println(\"{name}:\", {name})"));
            }
            Field::List { item, fields, .. } => each(code, &place, item, fields),
        }
    }
}

fn each(code: &mut Code, place: &str, item: &[String], fields: &[Field]) {
    let item = camel(item);
    code.add(format!("for _, {item} := range {place} {{"));
    code.inside(|code| variables(code, fields, &item));
    code.add("}");
}
