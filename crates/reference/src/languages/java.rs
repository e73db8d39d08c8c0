//! Java 11 or later, with its own HTTP client, and Jackson for JSON.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field, Kind},
    names::camel,
    request::{Auth, Body, Part, Request},
    text::{Code, double, heading},
};
use serde_json::Value;
use std::collections::BTreeSet;

pub const LANGUAGE: Language =
    Language { id: "java", title: "Java", file: "Sample.java", is_sdk: false, request, build, parse };

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "//"));
    code.add("// It needs jackson-databind, with jackson-core and jackson-annotations.");
    for class in classes(request) {
        code.add(format!("import {class};"));
    }
    code.gap().add("public class Sample {");
    code.inside(|code| {
        code.add("public static void main(String[] args) throws Exception {");
        code.inside(|code| {
            if uses_json(request) {
                code.add("ObjectMapper json = new ObjectMapper();");
            }
            body(code, request);
            send(code, request);
            if let Some(answer) = &request.answer {
                code.gap().add("JsonNode data = json.readTree(response.body());");
                WALK.take_apart(code, &answer::fields(answer), "data");
            }
        });
        code.add("}");
    });
    code.add("}");
    Some(code.finish())
}

fn uses_json(request: &Request) -> bool {
    request.answer.is_some() || matches!(request.body, Body::Json(_))
}

fn classes(request: &Request) -> BTreeSet<&'static str> {
    let mut classes = BTreeSet::from([
        "java.net.URI",
        "java.net.http.HttpClient",
        "java.net.http.HttpRequest",
        "java.net.http.HttpResponse",
    ]);
    if uses_json(request) {
        classes.extend(["com.fasterxml.jackson.databind.ObjectMapper"]);
    }
    if request.answer.is_some() {
        classes.extend(["com.fasterxml.jackson.databind.JsonNode"]);
    }
    match &request.body {
        Body::Json(value) => {
            classes.insert("com.fasterxml.jackson.databind.node.ObjectNode");
            if build(value).contains("ArrayNode") {
                classes.insert("com.fasterxml.jackson.databind.node.ArrayNode");
            }
        }
        Body::Multipart(_) => {
            classes.extend(["java.io.ByteArrayOutputStream", "java.nio.file.Files", "java.nio.file.Path"]);
        }
        Body::None | Body::Text { .. } => {}
    }
    if matches!(request.auth, Auth::Basic { .. }) {
        classes.insert("java.util.Base64");
    }
    classes
}

fn body(code: &mut Code, request: &Request) {
    match &request.body {
        Body::None => {}
        Body::Json(value) => {
            code.add(build(value).trim_end()).gap();
        }
        Body::Text { text, .. } => {
            code.add(format!("String body = {};", double(text))).gap();
        }
        Body::Multipart(parts) => {
            code.add("String boundary = \"a-line-that-no-part-holds\";");
            code.add("ByteArrayOutputStream body = new ByteArrayOutputStream();");
            parts.iter().for_each(|part| form_part(code, part));
            code.add("body.write((\"--\" + boundary + \"--\\r\\n\").getBytes());").gap();
        }
    }
}

fn form_part(code: &mut Code, part: &Part) {
    let (file_name, kind) = match part.is_file {
        true => (format!("; filename=\"{}\"", part.value), "\r\nContent-Type: application/octet-stream"),
        false => (String::new(), ""),
    };
    let head = format!("\r\nContent-Disposition: form-data; name=\"{}\"{file_name}{kind}\r\n\r\n", part.name);
    code.add(format!("body.write((\"--\" + boundary + {}).getBytes());", double(&head)));
    code.add(match part.is_file {
        true => format!("body.write(Files.readAllBytes(Path.of({})));", double(&part.value)),
        false => format!("body.write({}.getBytes());", double(&part.value)),
    });
    code.add("body.write(\"\\r\\n\".getBytes());");
}

fn send(code: &mut Code, request: &Request) {
    if let Auth::Basic { key_id, secret } = &request.auth {
        let pair = double(&format!("{key_id}:{secret}"));
        code.add(format!("String credentials = Base64.getEncoder().encodeToString({pair}.getBytes());"));
    }
    code.add(format!("HttpRequest request = HttpRequest.newBuilder(URI.create({}))", double(&request.url())));
    code.inside(|code| {
        match &request.auth {
            Auth::None => {}
            Auth::Basic { .. } => {
                code.add(".header(\"Authorization\", \"Basic \" + credentials)");
            }
            Auth::Bearer { token } => {
                code.add(format!(".header(\"Authorization\", {})", double(&format!("Bearer {token}"))));
            }
        }
        if let Some(media) = request.media() {
            code.add(format!(".header(\"Content-Type\", {})", double(media)));
        }
        if matches!(request.body, Body::Multipart(_)) {
            code.add(".header(\"Content-Type\", \"multipart/form-data; boundary=\" + boundary)");
        }
        for (name, value) in &request.headers {
            code.add(format!(".header({}, {})", double(name), double(value)));
        }
        let publisher = match request.body {
            Body::None => "noBody()",
            Body::Json(_) => "ofString(json.writeValueAsString(body))",
            Body::Text { .. } => "ofString(body)",
            Body::Multipart(_) => "ofByteArray(body.toByteArray())",
        };
        code.add(format!(".method({}, HttpRequest.BodyPublishers.{publisher})", double(&request.method)));
        code.add(".build();");
    });
    code.add("HttpResponse<String> response =");
    code.inside(|code| {
        code.add("HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());");
    });
    code.add("System.out.println(\"Status: \" + response.statusCode());\nif (response.statusCode() >= 400) {");
    code.inside(|code| {
        code.add("// What went wrong, with the headers.\nSystem.err.println(response.headers().map());");
        code.add("System.err.println(response.body());\nSystem.exit(1);");
    });
    code.add("}");
}

fn build(value: &Value) -> String {
    let mut code = Code::new("    ");
    let mut number = 0;
    match value {
        Value::Object(_) => {
            code.add("ObjectNode body = json.createObjectNode();");
        }
        Value::Array(_) => {
            code.add("ArrayNode body = json.createArrayNode();");
        }
        other => {
            code.add(format!("JsonNode body = json.readTree({});", double(&other.to_string())));
        }
    }
    put(&mut code, "body", value, &mut number);
    code.finish()
}

/// Puts what is in an object or a list into the variable that stands for it.
fn put(code: &mut Code, into: &str, value: &Value, number: &mut usize) {
    let mut one = |name: Option<&String>, value: &Value| {
        let key = name.map(|name| double(name)).unwrap_or_default();
        let first = if name.is_some() { format!("{key}, ") } else { String::new() };
        let verb = if name.is_some() { "put" } else { "add" };
        match value {
            Value::Object(_) | Value::Array(_) => {
                *number += 1;
                let base = camel(&crate::names::words(name.map_or("item", String::as_str)));
                let inner = format!("{base}{number}");
                let kind = if value.is_object() { "Object" } else { "Array" };
                code.add(format!("{kind}Node {inner} = {into}.{verb}{kind}({key});"));
                put(code, &inner, value, number);
            }
            Value::Null => {
                code.add(format!("{into}.{verb}Null({key});"));
            }
            Value::String(text) => {
                code.add(format!("{into}.{verb}({first}{});", double(text)));
            }
            Value::Number(whole) if !whole.is_f64() => {
                let long = if whole.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) { "" } else { "L" };
                code.add(format!("{into}.{verb}({first}{whole}{long});"));
            }
            other => {
                code.add(format!("{into}.{verb}({first}{other});"));
            }
        }
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| one(Some(name), value)),
        Value::Array(items) => items.iter().for_each(|value| one(None, value)),
        _ => {}
    }
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("// text is the answer's body.\nJsonNode data = new ObjectMapper().readTree(text);");
    WALK.take_apart(&mut code, fields, "data");
    code.finish()
}

const WALK: Walk = Walk {
    name: camel,
    value: |name, from, path, kind| {
        let (word, read) = match kind {
            Kind::Text => ("String", "asText"),
            Kind::Integer => ("long", "asLong"),
            Kind::Number => ("double", "asDouble"),
            Kind::Flag => ("boolean", "asBoolean"),
        };
        let place = reach(from, path);
        format!("{word} {name} = {place}.{read}();\nSystem.out.println(\"{name}: \" + {name});")
    },
    each: |item, from, path| format!("for (JsonNode {item} : {}) {{", reach(from, path)),
    end: "}",
};

/// `data.path("key").path("id")`: what is not there is an empty text, zero or false.
fn reach(from: &str, path: &[String]) -> String {
    from.to_owned() + &path.iter().map(|name| format!(".path({})", double(name))).collect::<String>()
}
