//! Ruby, with its standard library.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field},
    names::snake,
    request::{Auth, Body, Request},
    text::{Code, Literals, double, heading},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "ruby", title: "Ruby", file: "sample.rb", is_sdk: false, request, build, parse };

const LITERALS: Literals = Literals {
    object: ("{", "}"),
    pair: |name| quote(name) + " => ",
    list: ("[", "]"),
    nested: "",
    text: quote,
    words: ["nil", "true", "false"],
    comma: ",",
    trailing: true,
    empty: ("{}", "[]"),
    unit: "  ",
};

/// In double quotes, where `#` could begin a piece of code.
fn quote(text: &str) -> String {
    double(text).replace('#', "\\#")
}

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("  ");
    code.add(heading(&request.title, &request.about, "#"));
    code.add("require \"json\"\nrequire \"net/http\"").gap();
    code.add(format!("uri = URI({})", quote(&request.url())));
    code.add(format!(
        "request = Net::HTTPGenericRequest.new({}, {}, true, uri)",
        quote(&request.method),
        has_body(request)
    ));
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            code.add(format!("request.basic_auth({}, {})", quote(key_id), quote(secret)));
        }
        Auth::Bearer { token } => {
            code.add(format!("request[\"Authorization\"] = {}", quote(&format!("Bearer {token}"))));
        }
    }
    for (name, value) in &request.headers {
        code.add(format!("request[{}] = {}", quote(name), quote(value)));
    }
    body(&mut code, request);
    code.gap().add("response = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == \"https\") do |http|");
    code.inside(|code| {
        code.add("http.request(request)");
    });
    code.add("end\nputs \"Status: #{response.code}\"\nif response.code.to_i >= 400");
    code.inside(|code| {
        code.add(
            "# What went wrong, with the headers.\nresponse.each_header { |name, value| warn \"#{name}: #{value}\" }",
        );
        code.add("abort response.body");
    });
    code.add("end");
    if let Some(answer) = &request.answer {
        code.gap().add("data = JSON.parse(response.body)");
        WALK.take_apart(&mut code, &answer::fields(answer), "data");
    }
    Some(code.finish())
}

fn has_body(request: &Request) -> bool {
    request.body != Body::None
}

fn body(code: &mut Code, request: &Request) {
    if let Some(media) = request.media() {
        code.add(format!("request[\"Content-Type\"] = {}", quote(media)));
    }
    match &request.body {
        Body::None => {}
        Body::Json(value) => {
            code.gap().add(build(value).trim_end()).add("request.body = JSON.generate(body)");
        }
        Body::Text { text, .. } => {
            code.add(format!("request.body = {}", quote(text)));
        }
        Body::Multipart(parts) => {
            let part = |part: &crate::request::Part| {
                let value = quote(&part.value);
                let value = if part.is_file { format!("File.open({value}, \"rb\")") } else { value };
                format!("[{}, {value}]", quote(&part.name))
            };
            let parts: Vec<String> = parts.iter().map(part).collect();
            code.add(format!("request.set_form([{}], \"multipart/form-data\")", parts.join(", ")));
        }
    }
}

fn build(value: &Value) -> String {
    format!("body = {}\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("  ");
    code.add("require \"json\"").gap().add("# text is the answer's body.\ndata = JSON.parse(text)");
    WALK.take_apart(&mut code, fields, "data");
    code.finish()
}

const WALK: Walk = Walk {
    name: snake,
    value: |name, from, path, _| format!("{name} = {}\nputs \"{name}: #{{{name}}}\"", reach(from, path)),
    each: |item, from, path| match path {
        [] => format!("{from}.each do |{item}|"),
        path => format!("({} || []).each do |{item}|", reach(from, path)),
    },
    end: "end",
};

/// `data.dig("key", "id")`: what is not there is nil.
fn reach(from: &str, path: &[String]) -> String {
    let names: Vec<String> = path.iter().map(|name| quote(name)).collect();
    match names.as_slice() {
        [] => from.to_owned(),
        [name] => format!("{from}[{name}]"),
        names => format!("{from}.dig({})", names.join(", ")),
    }
}
