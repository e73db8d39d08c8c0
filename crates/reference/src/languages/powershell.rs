//! PowerShell 7 or later.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field},
    names::camel,
    request::{Auth, Body, Request},
    text::{Code, Literals, heading, is_plain},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "powershell", title: "PowerShell", file: "sample.ps1", is_sdk: false, request, build, parse };

const LITERALS: Literals = Literals {
    object: ("[ordered]@{", "}"),
    pair: |name| if is_plain(name) { format!("{name} = ") } else { quote(name) + " = " },
    list: ("@(", ")"),
    nested: ", ",
    text: quote,
    words: ["$null", "$true", "$false"],
    comma: "",
    trailing: false,
    empty: ("@{}", "@()"),
    unit: "    ",
};

/// In single quotes, where only they themselves mean anything.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "#"));
    if let Body::Json(value) = &request.body {
        code.add(build(value).trim_end()).gap();
    }
    code.add("$arguments = @{");
    code.inside(|code| {
        code.add(format!("Method = {}\nUri = {}", quote(&request.method), quote(&request.url())));
        headers(code, request);
        match &request.body {
            Body::None => {}
            Body::Json(_) => {
                code.add("ContentType = 'application/json'\nBody = ConvertTo-Json $body -Depth 20");
            }
            Body::Text { media, text } => {
                code.add(format!("ContentType = {}", quote(media))).add_as_is(format!("Body = {}", quote(text)));
            }
            Body::Multipart(parts) => {
                code.add("Form = @{");
                code.inside(|code| {
                    for part in parts {
                        let value = quote(&part.value);
                        let value = if part.is_file { format!("Get-Item -Path {value}") } else { value };
                        code.add(format!("{} = {value}", quote(&part.name)));
                    }
                });
                code.add("}");
            }
        }
    });
    code.add("}\n$response = Invoke-WebRequest @arguments -SkipHttpErrorCheck");
    code.add("Write-Output \"Status: $($response.StatusCode)\"\nif ($response.StatusCode -ge 400) {");
    code.inside(|code| {
        code.add("# What went wrong, with the headers.\n$response.Headers | Out-String | Write-Output");
        code.add("Write-Output $response.Content\nexit 1");
    });
    code.add("}");
    if let Some(answer) = &request.answer {
        code.gap().add("$data = $response.Content | ConvertFrom-Json");
        WALK.take_apart(&mut code, &answer::fields(answer), "$data");
    }
    Some(code.finish())
}

fn headers(code: &mut Code, request: &Request) {
    let mut headers: Vec<(String, String)> = request.headers.clone();
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            let pair = quote(&format!("{key_id}:{secret}"));
            let encoded = format!("[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes({pair}))");
            code.add("Headers = @{");
            code.inside(|code| {
                code.add(format!("Authorization = 'Basic ' + {encoded}"));
                headers.iter().for_each(|(name, value)| {
                    code.add(format!("{} = {}", quote(name), quote(value)));
                });
            });
            code.add("}");
            return;
        }
        Auth::Bearer { token } => headers.insert(0, ("Authorization".to_owned(), format!("Bearer {token}"))),
    }
    if !headers.is_empty() {
        let headers: Vec<String> = headers.iter().map(|(n, v)| format!("{} = {}", quote(n), quote(v))).collect();
        code.add(format!("Headers = @{{ {} }}", headers.join("; ")));
    }
}

fn build(value: &Value) -> String {
    format!("$body = {}\n", LITERALS.write(value))
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("# $text is the answer's body.\n$data = $text | ConvertFrom-Json");
    WALK.take_apart(&mut code, fields, "$data");
    code.finish()
}

const WALK: Walk = Walk {
    name: |words| format!("${}", camel(words)),
    value: |name, from, path, _| {
        let shown = name.trim_start_matches('$');
        format!("{name} = {}\nWrite-Output \"{shown}: {name}\"", reach(from, path))
    },
    each: |item, from, path| format!("foreach ({item} in {}) {{", reach(from, path)),
    end: "}",
};

/// `$data.key.id`: what is not there is $null.
fn reach(from: &str, path: &[String]) -> String {
    let step = |name: &String| if is_plain(name) { format!(".{name}") } else { format!(".{}", quote(name)) };
    from.to_owned() + &path.iter().map(step).collect::<String>()
}
