//! C# on .NET 8 or later, with its standard library.

use super::{Language, walk::Walk};
use crate::{
    answer::{self, Field, Kind},
    names::camel,
    request::{Auth, Body, Request},
    text::{Code, Literals, double, heading},
};
use serde_json::Value;

pub const LANGUAGE: Language =
    Language { id: "csharp", title: "C#", file: "Sample.cs", is_sdk: false, request, build, parse };

const LITERALS: Literals = Literals {
    object: ("new JsonObject\n{", "}"),
    pair: |name| format!("[{}] = ", double(name)),
    list: ("new JsonArray(", ")"),
    nested: "",
    text: double,
    words: ["null", "true", "false"],
    comma: ",",
    trailing: false,
    empty: ("new JsonObject()", "new JsonArray()"),
    unit: "    ",
};

fn request(request: &Request) -> Option<String> {
    let mut code = Code::new("    ");
    code.add(heading(&request.title, &request.about, "//"));
    code.add(
        "using System;\nusing System.IO;\nusing System.Net.Http;\nusing System.Net.Http.Headers;\nusing System.Text;",
    );
    code.add("using System.Text.Json.Nodes;").gap();
    code.add("using var client = new HttpClient();");
    code.add(format!(
        "using var request = new HttpRequestMessage(new HttpMethod({}), {});",
        double(&request.method),
        double(&request.url())
    ));
    match &request.auth {
        Auth::None => {}
        Auth::Basic { key_id, secret } => {
            let pair = double(&format!("{key_id}:{secret}"));
            code.add(format!("var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes({pair}));"));
            code.add("request.Headers.Authorization = new AuthenticationHeaderValue(\"Basic\", credentials);");
        }
        Auth::Bearer { token } => {
            let token = double(token);
            code.add(format!("request.Headers.Authorization = new AuthenticationHeaderValue(\"Bearer\", {token});"));
        }
    }
    for (name, value) in &request.headers {
        code.add(format!("request.Headers.TryAddWithoutValidation({}, {});", double(name), double(value)));
    }
    body(&mut code, request);
    code.gap().add("using var response = await client.SendAsync(request);");
    code.add("var answer = await response.Content.ReadAsStringAsync();");
    code.add("Console.WriteLine($\"Status: {(int)response.StatusCode}\");\nif ((int)response.StatusCode >= 400)\n{");
    code.inside(|code| {
        code.add("// What went wrong, with the headers.\nConsole.Error.WriteLine(response.Headers);");
        code.add("Console.Error.WriteLine(answer);\nEnvironment.Exit(1);");
    });
    code.add("}");
    if let Some(answer) = &request.answer {
        code.gap().add("var data = JsonNode.Parse(answer);");
        WALK.take_apart(&mut code, &answer::fields(answer), "data");
    }
    Some(code.finish())
}

fn body(code: &mut Code, request: &Request) {
    match &request.body {
        Body::None => {}
        Body::Json(value) => {
            code.gap().add(build(value).trim_end());
            code.add("request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, \"application/json\");");
        }
        Body::Text { media, text } => {
            let (text, media) = (double(text), double(media));
            code.gap().add(format!("request.Content = new StringContent({text}, Encoding.UTF8, {media});"));
        }
        Body::Multipart(parts) => {
            code.gap().add("var form = new MultipartFormDataContent();");
            for part in parts {
                let (name, value) = (double(&part.name), double(&part.value));
                code.add(match part.is_file {
                    true => format!("form.Add(new ByteArrayContent(File.ReadAllBytes({value})), {name}, {value});"),
                    false => format!("form.Add(new StringContent({value}), {name});"),
                });
            }
            code.add("request.Content = form;");
        }
    }
}

fn build(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => format!("var body = {};\n", LITERALS.write(value)),
        other => format!("var body = JsonNode.Parse({});\n", double(&other.to_string())),
    }
}

fn parse(fields: &[Field]) -> String {
    let mut code = Code::new("    ");
    code.add("using System;\nusing System.Text.Json.Nodes;").gap();
    code.add("// text is the answer's body.\nvar data = JsonNode.Parse(text);");
    WALK.take_apart(&mut code, fields, "data");
    code.finish()
}

const WALK: Walk = Walk {
    name: camel,
    value: |name, from, path, kind| {
        let word = match kind {
            Kind::Text => "string",
            Kind::Integer => "long",
            Kind::Number => "double",
            Kind::Flag => "bool",
        };
        format!("var {name} = ({word}?){};\nConsole.WriteLine($\"{name}: {{{name}}}\");", reach(from, path))
    },
    each: |item, from, path| format!("foreach (var {item} in {}?.AsArray() ?? new JsonArray())\n{{", reach(from, path)),
    end: "}",
};

/// `data?["key"]?["id"]`: what is not there is null.
fn reach(from: &str, path: &[String]) -> String {
    from.to_owned() + &path.iter().map(|name| format!("?[{}]", double(name))).collect::<String>()
}
