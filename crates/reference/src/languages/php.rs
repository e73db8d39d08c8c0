//! PHP 8, with its curl extension.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field},
    names::camel,
    request::{Auth, Body, Request},
    text::{Code, Literals, heading, single},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "php", title: "PHP", file: "sample.php", is_sdk: false, request, build, parse };

const LITERALS: Literals = Literals {
    object: ("[", "]"),
    pair: |name| single(name) + " => ",
    list: ("[", "]"),
    nested: "",
    text: single,
    words: ["null", "true", "false"],
    comma: ",",
    trailing: true,
    empty: ("new stdClass()", "[]"),
    unit: "    ",
};

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("    ");
    code.add("<?php").add(heading(&request.title, &request.about, "//"));
    match &request.body {
        Body::None => {}
        Body::Json(value) => {
            code.add(build(value).trim_end()).gap();
        }
        Body::Text { text, .. } => {
            code.add(format!("$body = {};", single(text))).gap();
        }
        Body::Multipart(parts) => {
            code.add("$body = [");
            code.inside(|code| {
                for part in parts {
                    let value = single(&part.value);
                    let value = if part.is_file { format!("new CURLFile({value})") } else { value };
                    code.add(format!("{} => {value},", single(&part.name)));
                }
            });
            code.add("];").gap();
        }
    }
    code.add(format!("$request = curl_init({});\n$headers = '';", single(&request.url())));
    code.add("curl_setopt_array($request, [");
    code.inside(|code| options(code, request));
    code.add("]);\n$answer = curl_exec($request);\nif ($answer === false) {");
    code.inside(|code| {
        code.add("fwrite(STDERR, curl_error($request) . \"\\n\");\nexit(1);");
    });
    code.add("}\n$status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);\necho \"Status: $status\\n\";");
    code.add("if ($status >= 400) {");
    code.inside(|code| {
        code.add("// What went wrong, with the headers.\nfwrite(STDERR, \"$headers$answer\\n\");\nexit(1);");
    });
    code.add("}");
    if let Some(answer) = &request.answer {
        code.gap().add("$data = json_decode($answer, true);");
        WALK.take_apart(&mut code, &answer::fields(answer), "$data");
    }
    Some(code.finish())
}

fn options(code: &mut Code, request: &Request) {
    code.add(format!("CURLOPT_CUSTOMREQUEST => {},\nCURLOPT_RETURNTRANSFER => true,", single(&request.method)));
    let mut headers: Vec<String> = Vec::new();
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            code.add(format!("CURLOPT_USERPWD => {},", single(&format!("{key_id}:{secret}"))));
        }
        Auth::Bearer { token } => headers.push(single(&format!("Authorization: Bearer {token}"))),
    }
    headers.extend(request.media().map(|media| single(&format!("Content-Type: {media}"))));
    headers.extend(request.headers.iter().map(|(name, value)| single(&format!("{name}: {value}"))));
    if !headers.is_empty() {
        code.add(format!("CURLOPT_HTTPHEADER => [{}],", headers.join(", ")));
    }
    match request.body {
        Body::None => {}
        Body::Json(_) => {
            code.add("CURLOPT_POSTFIELDS => json_encode($body),");
        }
        Body::Text { .. } | Body::Multipart(_) => {
            code.add("CURLOPT_POSTFIELDS => $body,");
        }
    }
    code.add("CURLOPT_HEADERFUNCTION => function ($request, $line) use (&$headers) {");
    code.inside(|code| {
        code.add("$headers .= $line;\nreturn strlen($line);");
    });
    code.add("},");
}

fn build(value: &Value) -> String {
    format!("$body = {};\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("<?php\n// $text is the answer's body.\n$data = json_decode($text, true);");
    WALK.take_apart(&mut code, fields, "$data");
    code.finish()
}

const WALK: Walk = Walk {
    name: |words| format!("${}", camel(words)),
    value: |name, from, path, _| {
        let shown = name.trim_start_matches('$');
        format!("{name} = {} ?? null;\necho '{shown}: ', var_export({name}, true), \"\\n\";", reach(from, path))
    },
    each: |item, from, path| format!("foreach ({} ?? [] as {item}) {{", reach(from, path)),
    end: "}",
};

/// `$data['key']['id']`
fn reach(from: &str, path: &[String]) -> String {
    from.to_owned() + &path.iter().map(|name| format!("[{}]", single(name))).collect::<String>()
}
