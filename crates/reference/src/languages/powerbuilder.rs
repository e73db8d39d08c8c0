//! PowerBuilder, with Chilkat's objects.

use super::{
    Language,
    powerbuilder_json::{build, declarations, fields, parse, put},
};
use crate::{
    request::{Auth, Body, Part, Request},
    text::{Code, heading, pretty},
};

pub const LANGUAGE: Language =
    Language { id: "powerbuilder", title: "PowerBuilder", file: "sample.txt", is_sdk: false, request, build, parse };

/// In double quotes, where `~` begins what cannot be typed.
pub fn quote(text: &str) -> String {
    let text = text.replace('~', "~~").replace('"', "~\"");
    format!("\"{}\"", text.replace('\n', "~n").replace('\r', "~r").replace('\t', "~t"))
}

/// An object of the sample: its variable, and of which of Chilkat's classes it is.
pub fn create(code: &mut Code, variable: &str, class: &str) {
    code.add(format!("{variable} = create oleobject\nli_rc = {variable}.ConnectToNewObject(\"Chilkat.{class}\")"));
}

fn request(request: &Request) -> Option<String> {
    let answer = request.answer.as_ref().map(crate::answer::fields).unwrap_or_default();
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "//"));
    code.add("// Chilkat must be unlocked before. Up to version 9.5 its names are Chilkat_9_5_0.Http and so on.");
    code.add("integer li_rc\noleobject loo_Http\noleobject loo_Resp\noleobject loo_SbAnswer\noleobject loo_JAnswer");
    for object in objects(request) {
        code.add(format!("oleobject {object}"));
    }
    code.add("integer li_Status").add(declarations(&answer).trim_end()).gap();
    create(&mut code, "loo_Http", "Http");
    code.add("if li_rc < 0 then");
    code.inside(|code| {
        code.add("destroy loo_Http\nMessageBox(\"Error\", \"Chilkat is not installed\")\nreturn");
    });
    code.add("end if").gap();
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            code.add("loo_Http.BasicAuth = 1").add(format!("loo_Http.Login = {}", quote(key_id)));
            code.add(format!("loo_Http.Password = {}", quote(secret))).gap();
        }
        Auth::Bearer { token } => {
            code.add(format!("loo_Http.AuthToken = {}", quote(token))).gap();
        }
    }
    send(&mut code, request);
    code.add("if loo_Http.LastMethodSuccess = 0 then");
    code.inside(|code| {
        code.add("Write-Debug loo_Http.LastErrorText").add(destroy(request, &["loo_Http"])).add("return");
    });
    code.add("end if").gap();
    read(&mut code, request);
    if !answer.is_empty() {
        fields(&mut code, &answer, "loo_JAnswer");
        code.gap();
    }
    code.add(destroy(request, &["loo_Resp", "loo_SbAnswer", "loo_JAnswer", "loo_Http"]));
    Some(code.finish())
}

/// The objects that only some requests need.
fn objects(request: &Request) -> Vec<&'static str> {
    match request.body {
        Body::Json(_) => vec!["loo_Json"],
        Body::Multipart(_) => vec!["loo_Req", "loo_Url"],
        Body::None | Body::Text { .. } => vec![],
    }
}

fn destroy(request: &Request, more: &[&str]) -> String {
    let all: Vec<String> = objects(request).iter().chain(more).map(|object| format!("destroy {object}")).collect();
    all.join("\n")
}

fn send(code: &mut Code, request: &Request) {
    let (method, url) = (quote(&request.method), quote(&request.url()));
    match &request.body {
        Body::Json(value) => {
            code.add("// What is sent:");
            code.add(pretty(value).lines().map(|line| format!("//   {line}")).collect::<Vec<_>>().join("\n"));
            create(code, "loo_Json", "JsonObject");
            put(code, "loo_Json", value);
            code.gap();
            set_headers(code, request);
            code.add("loo_Http.SetRequestHeader(\"Content-Type\", \"application/json\")");
            if request.method == "POST" {
                code.add(format!("loo_Resp = loo_Http.PostJson3({url}, \"application/json\", loo_Json)"));
            } else {
                let text = "loo_Json.Emit(), \"utf-8\", \"application/json\", 0, 0";
                code.add(format!("loo_Resp = loo_Http.PText({method}, {url}, {text})"));
            }
        }
        Body::Text { media, text } => {
            set_headers(code, request);
            let (text, media) = (quote(text), quote(media));
            code.add(format!("loo_Resp = loo_Http.PText({method}, {url}, {text}, \"utf-8\", {media}, 0, 0)"));
        }
        Body::None => {
            set_headers(code, request);
            code.add(format!("loo_Resp = loo_Http.QuickRequest({method}, {url})"));
        }
        Body::Multipart(parts) => {
            set_headers(code, request);
            form(code, request, parts);
        }
    }
}

fn set_headers(code: &mut Code, request: &Request) {
    for (name, value) in &request.headers {
        code.add(format!("loo_Http.SetRequestHeader({}, {})", quote(name), quote(value)));
    }
}

/// A form is a request of its own, sent to an address that says where it goes.
fn form(code: &mut Code, request: &Request, parts: &[Part]) {
    create(code, "loo_Req", "HttpRequest");
    code.add(format!("loo_Req.HttpVerb = {}\nloo_Req.ContentType = \"multipart/form-data\"", quote(&request.method)));
    for part in parts {
        let (name, value) = (quote(&part.name), quote(&part.value));
        let method = if part.is_file { "AddFileForUpload" } else { "AddParam" };
        code.add(format!("loo_Req.{method}({name}, {value})"));
    }
    create(code, "loo_Url", "Url");
    code.add(format!("loo_Url.ParseUrl({})\nloo_Req.Path = loo_Url.PathWithQueryParams", quote(&request.url())));
    code.gap().add("loo_Resp = loo_Http.SynchronousRequest(loo_Url.Host, loo_Url.Port, loo_Url.Ssl, loo_Req)");
}

/// The answer, and what is done when it is a refusal.
fn read(code: &mut Code, request: &Request) {
    create(code, "loo_SbAnswer", "StringBuilder");
    code.add("loo_Resp.GetBodySb(loo_SbAnswer)");
    create(code, "loo_JAnswer", "JsonObject");
    code.add("loo_JAnswer.LoadSb(loo_SbAnswer)\nloo_JAnswer.EmitCompact = 0");
    code.add("Write-Debug loo_JAnswer.Emit()").gap();
    code.add("li_Status = loo_Resp.StatusCode\nWrite-Debug \"Status: \" + string(li_Status)\nif li_Status >= 400 then");
    code.inside(|code| {
        code.add("// What went wrong stands in the answer above; here are the headers.\nWrite-Debug loo_Resp.Header");
        code.add(destroy(request, &["loo_Resp", "loo_SbAnswer", "loo_JAnswer", "loo_Http"])).add("return");
    });
    code.add("end if").gap();
}
