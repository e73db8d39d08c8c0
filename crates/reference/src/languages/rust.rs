//! Rust, with the client library of this server.

use super::{Language, python_sdk::nested, walk::Walk};
use crate::{
    answer::{self, Field, Kind},
    names::snake,
    request::{Auth, Body, Request},
    text::{Code, Literals, double, heading},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "rust", title: "Rust SDK", file: "sample.rs", is_sdk: true, request, build, parse };

/// JSON as the macro `json!` takes it.
const LITERALS: Literals = Literals {
    object: ("{", "}"),
    pair: |name| quote(name) + ": ",
    list: ("[", "]"),
    nested: "",
    text: quote,
    words: ["null", "true", "false"],
    comma: ",",
    trailing: false,
    empty: ("{}", "[]"),
    unit: "    ",
};

fn quote(text: &str) -> String {
    format!("{text:?}")
}

fn request(request: &Request) -> Option<String> {
    let known = request.known.as_ref()?;
    // Its rows are the contract's; it calls only with a credential.
    let row = heliograph_wire::contract().into_iter().find(|row| row.id == known.id)?;
    let is_upload = matches!(request.body, Body::Multipart(_));
    if request.auth == Auth::None || (is_upload && row.id != "UploadAttachment") {
        return None;
    }
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "//"));
    code.add(
        "// It needs the crates heliograph-client, serde_json, and tokio with its features macros and rt-multi-thread.",
    );
    let file = if is_upload { "Upload, " } else { "" };
    code.add(format!("use heliograph_client::{{Client, Error, {file}{}::{}, prelude::*}};", row.module, row.id));
    code.add("use serde_json::{Value, json};").gap();
    code.add("#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {");
    code.inside(|code| {
        let auth = match &request.auth {
            Auth::None => String::new(),
            Auth::Basic { key_id, secret } => format!(".basic({}, {})", quote(key_id), quote(secret)),
            Auth::Bearer { token } => format!(".token({})", quote(token)),
        };
        code.add(format!("let client = Client::builder({}){auth}.build()?;", quote(&request.server)));
        let values: Vec<String> = known.path.iter().map(|value| quote(value)).collect();
        code.add(match values.is_empty() {
            true => "let path = Nothing {};".to_owned(),
            false => format!("let path = PathParams::of(&[{}])?;", values.join(", ")),
        });
        let query = nested(&request.query);
        code.add(match query.is_empty() {
            true => "let query = serde_json::from_value(json!({}))?;".to_owned(),
            false => format!("let query = serde_json::from_value(json!({}))?;", LITERALS.write(&Value::Object(query))),
        });
        send(code, request, row.id);
        if let Some(answer) = &request.answer {
            code.add("let data: Value = answer.decode()?;");
            WALK.take_apart(code, &answer::fields(answer), "data");
        }
        code.add("Ok(())");
    });
    code.add("}");
    let text = code.finish();
    Some(if text.contains("json!(") { text } else { text.replace("{Value, json}", "Value") })
}

fn send(code: &mut Code, request: &Request, id: &str) {
    let call = match &request.body {
        Body::Json(value) => {
            code.add(format!("let body = serde_json::from_value(json!({}))?;", LITERALS.write(value)));
            format!("client.send::<{id}>(&path, &query, &body)")
        }
        Body::Multipart(parts) => {
            let name = parts.iter().find(|part| part.is_file).map(|part| quote(&part.value)).unwrap_or_default();
            code.add(format!("let file = Upload::open({name}).await?;"));
            format!("client.upload::<{id}>(&path, &query, file)")
        }
        Body::None | Body::Text { .. } => format!("client.send::<{id}>(&path, &query, &Nothing {{}})"),
    };
    code.gap().add(format!("let answer = match {call}.await {{"));
    code.inside(|code| {
        code.add("Ok(answer) => answer,\nErr(Error::Api(refusal)) => {");
        code.inside(|code| {
            code.add("// What went wrong, with the headers.\neprintln!(\"Status: {}\\n{:#?}\", refusal.status, refusal.headers);");
            code.add("return Err(String::from_utf8_lossy(&refusal.body).into());");
        });
        code.add("}\nErr(error) => return Err(error.into()),");
    });
    code.add("};\nprintln!(\"Status: {}\", answer.status);").gap();
}

fn build(value: &Value) -> String {
    format!("let body = serde_json::json!({});\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("// `text` is the answer's body.\nlet data: serde_json::Value = serde_json::from_str(text)?;");
    WALK.take_apart(&mut code, fields, "data");
    code.finish()
}

const WALK: Walk = Walk {
    name: snake,
    value: |name, from, path, kind| {
        let read = match kind {
            Kind::Text => "as_str",
            Kind::Integer => "as_i64",
            Kind::Number => "as_f64",
            Kind::Flag => "as_bool",
        };
        let place = reach(from, path);
        format!("let {name} = {place}.{read}().unwrap_or_default();\nprintln!(\"{name}: {{{name}}}\");")
    },
    each: |item, from, path| format!("for {item} in {}.as_array().into_iter().flatten() {{", reach(from, path)),
    end: "}",
};

/// `data["key"]["id"]`: what is not there is null.
fn reach(from: &str, path: &[String]) -> String {
    from.to_owned() + &path.iter().map(|name| format!("[{}]", double(name))).collect::<String>()
}
