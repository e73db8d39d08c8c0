//! Requests that somebody brings along: a curl line, or an item of a Postman collection.

use crate::request::{Auth, Body, Part, Request, read_query, take_apart, variable};
use serde_json::Value;

impl Request {
    /// Reads a curl line.
    pub fn from_curl(line: &str) -> Result<Self, String> {
        let words = shell_words(line)?;
        let mut words = words.into_iter();
        if words.next().as_deref() != Some("curl") {
            return Err("the line does not begin with curl".to_owned());
        }
        let mut curl = Curl::default();
        while let Some(word) = words.next() {
            match long_and_value(&word) {
                (flag, _) if !flag.starts_with('-') || flag == "-" => curl.url = Some(word),
                (flag, given) if TAKING.iter().any(|(short, long)| flag == *short || flag == *long) => {
                    let value = given.map(str::to_owned).or_else(|| words.next());
                    let value = value.ok_or_else(|| format!("{flag} is given nothing"))?;
                    curl.take(&flag, value)?;
                }
                (flag, _) if flag == "-G" || flag == "--get" => curl.in_query = true,
                (flag, _) if flag == "-I" || flag == "--head" => curl.method = Some("HEAD".to_owned()),
                // What is left tells curl how to behave, not what to send.
                _ => {}
            }
        }
        curl.finish()
    }

    /// Reads an item of a Postman collection.
    pub fn from_postman(text: &str) -> Result<Self, String> {
        let item: Value = serde_json::from_str(text).map_err(|error| format!("the item is no JSON: {error}"))?;
        let request = item.get("request").ok_or("the item holds no \"request\"")?;
        let url = request["url"]["raw"].as_str().or(request["url"].as_str()).ok_or("the request names no address")?;
        let url = address(url)?;
        let (server, path, query) = take_apart(url);
        let mut made = blank(item["name"].as_str().unwrap_or("Request"), server, path, query);
        made.method = method(request["method"].as_str().unwrap_or("GET"))?;
        let about = request["description"].as_str().or(request["description"]["content"].as_str());
        made.about = about.unwrap_or_default().split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned();
        made.auth = postman_auth(&request["auth"]);
        for header in request["header"].as_array().into_iter().flatten().filter(|header| header["disabled"] != true) {
            let text = |name: &str| header[name].as_str().unwrap_or_default().to_owned();
            made.headers.push((text("key"), text("value")));
        }
        made.body = postman_body(&request["body"]);
        made.settle();
        let answers = item["response"].as_array().into_iter().flatten();
        made.answer = answers
            .filter(|a| a["code"].as_u64().is_none_or(|code| code < 400))
            .find_map(|answer| serde_json::from_str(answer["body"].as_str()?).ok());
        Ok(made)
    }

    /// Takes out of the headers what has a place of its own.
    fn settle(&mut self) {
        let mut media = None;
        let headers = std::mem::take(&mut self.headers);
        for (name, value) in headers {
            match name.to_lowercase().as_str() {
                "content-type" => media = Some(value),
                "authorization" => match value.split_once(' ') {
                    Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                        self.auth = Auth::Bearer { token: token.trim().to_owned() };
                    }
                    _ => self.headers.push((name, value)),
                },
                _ => self.headers.push((name, value)),
            }
        }
        let Body::Text { media: own, text } = &mut self.body else { return };
        if let Some(media) = media {
            *own = media;
        }
        if own.contains("json")
            && let Ok(value) = serde_json::from_str(text)
        {
            self.body = Body::Json(value);
        }
    }
}

/// A method is a word: it stands in programs as it is, and whoever brought the request might have written more.
fn method(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
    if is_word { Ok(text.to_uppercase()) } else { Err(format!("{text:?} is no method")) }
}

/// An address is in one line, and no option of curl.
fn address(text: &str) -> Result<&str, String> {
    let is_one = !text.starts_with(['-', '?', '#']) && !text.is_empty() && !text.contains(char::is_control);
    if is_one { Ok(text) } else { Err(format!("{text:?} is no address")) }
}

fn blank(title: &str, server: String, path: String, query: Vec<(String, String)>) -> Request {
    Request {
        title: title.to_owned(),
        about: String::new(),
        method: "GET".to_owned(),
        server,
        path,
        query,
        auth: Auth::None,
        headers: Vec::new(),
        body: Body::None,
        answer: None,
        known: None,
    }
}

/// The options of curl that are given something and say what is sent.
const TAKING: &[(&str, &str)] = &[
    ("-X", "--request"),
    ("-u", "--user"),
    ("-H", "--header"),
    ("-d", "--data"),
    ("-d", "--data-raw"),
    ("-d", "--data-binary"),
    ("-d", "--data-ascii"),
    ("--json", "--json"),
    ("--data-urlencode", "--data-urlencode"),
    ("-F", "--form"),
    ("--form-string", "--form-string"),
    ("--url", "--url"),
    ("-A", "--user-agent"),
    ("-e", "--referer"),
    ("-b", "--cookie"),
    ("--oauth2-bearer", "--oauth2-bearer"),
    // These say how, not what.
    ("-o", "--output"),
    ("-D", "--dump-header"),
    ("-w", "--write-out"),
    ("-m", "--max-time"),
    ("-x", "--proxy"),
    ("--connect-timeout", "--connect-timeout"),
    ("--retry", "--retry"),
    ("--cacert", "--cacert"),
];

/// An option and what stands directly behind it: `-XPOST`, `--request=POST`.
fn long_and_value(word: &str) -> (String, Option<&str>) {
    if let Some((flag, value)) = word.split_once('=')
        && flag.starts_with("--")
    {
        return (flag.to_owned(), Some(value));
    }
    let takes = |flag: &str| TAKING.iter().any(|(short, _)| *short == flag);
    match word.get(..2) {
        Some(flag) if word.len() > 2 && !word.starts_with("--") && takes(flag) => (flag.to_owned(), word.get(2..)),
        _ => (word.to_owned(), None),
    }
}

#[derive(Default)]
struct Curl {
    url: Option<String>,
    method: Option<String>,
    auth: Option<Auth>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    parts: Vec<Part>,
    in_query: bool,
    is_json: bool,
}

impl Curl {
    fn take(&mut self, flag: &str, value: String) -> Result<(), String> {
        match flag {
            "-X" | "--request" => self.method = Some(method(&value)?),
            "--url" => self.url = Some(value),
            "-u" | "--user" => {
                let (key_id, secret) = value.split_once(':').unwrap_or((&value, ""));
                self.auth = Some(Auth::Basic { key_id: key_id.to_owned(), secret: secret.to_owned() });
            }
            "--oauth2-bearer" => self.auth = Some(Auth::Bearer { token: value }),
            "-H" | "--header" => {
                let (name, value) = value.split_once(':').ok_or_else(|| format!("no header: {value}"))?;
                self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            "-A" | "--user-agent" => self.headers.push(("User-Agent".to_owned(), value)),
            "-e" | "--referer" => self.headers.push(("Referer".to_owned(), value)),
            "-b" | "--cookie" => self.headers.push(("Cookie".to_owned(), value)),
            "-F" | "--form" | "--form-string" => {
                let (name, value) = value.split_once('=').ok_or_else(|| format!("no field of a form: {value}"))?;
                let file = value.strip_prefix('@').filter(|_| flag != "--form-string");
                let text = file.unwrap_or(value).split(';').next().unwrap_or_default();
                let value = if flag == "--form-string" { value } else { text };
                self.parts.push(Part { name: name.to_owned(), value: value.to_owned(), is_file: file.is_some() });
            }
            "--data-urlencode" => {
                let (name, value) = value.split_once('=').unwrap_or(("", &value));
                let encoded = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
                self.data.push(format!("{name}={encoded}"));
            }
            "--json" => {
                self.is_json = true;
                self.data.push(value);
            }
            "-d" | "--data" | "--data-ascii" | "--data-binary" if value.starts_with('@') => {
                return Err(format!("the body is in the file {}: give it in the line", &value[1..]));
            }
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii" => self.data.push(value),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Request, String> {
        let url = self.url.ok_or("the line names no address")?;
        let (server, path, mut query) = take_apart(address(&url)?);
        let data = self.data.join("&");
        let mut body = match (self.parts.is_empty(), self.data.is_empty()) {
            (false, _) => Body::Multipart(self.parts),
            (true, false) => Body::Text { media: "application/x-www-form-urlencoded".to_owned(), text: data.clone() },
            (true, true) => Body::None,
        };
        if self.in_query {
            query.extend(read_query(&data));
            body = Body::None;
        }
        if let (true, Body::Text { media, .. }) = (self.is_json, &mut body) {
            *media = "application/json".to_owned();
        }
        let method = self.method.unwrap_or_else(|| if body == Body::None { "GET" } else { "POST" }.to_owned());
        let mut made = blank("Request", server, path, query);
        made.title = format!("{method} {}", made.path);
        made.method = method;
        made.auth = self.auth.unwrap_or(Auth::None);
        made.headers = self.headers;
        made.body = body;
        made.settle();
        Ok(made)
    }
}

/// The words of a line as a shell sees them: quotes, backslashes, lines that go on.
fn shell_words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some('\r') => drop(letters.next_if_eq(&'\n')),
                Some(letter) => word.get_or_insert_default().push(letter),
            },
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        None => return Err(format!("a {letter} is not closed")),
                        Some(end) if end == letter => break,
                        Some('\\') if letter == '"' => match letters.next() {
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some('\n') | None => {}
                            Some(other) => word.extend(['\\', other]),
                        },
                        Some(inner) => word.push(inner),
                    }
                }
            }
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Without a word on it, an item is called as its collection says: by a key that the reader fills in.
fn postman_auth(auth: &Value) -> Auth {
    let of = |scheme: &str, key: &str| {
        let found = auth[scheme].as_array().into_iter().flatten().find(|one| one["key"] == key);
        found.and_then(|one| one["value"].as_str()).unwrap_or_default().to_owned()
    };
    match auth["type"].as_str() {
        Some("basic") => Auth::Basic { key_id: of("basic", "username"), secret: of("basic", "password") },
        Some("bearer") => Auth::Bearer { token: of("bearer", "token") },
        Some("noauth") => Auth::None,
        _ => Auth::Basic { key_id: variable("keyId"), secret: variable("secret") },
    }
}

fn postman_body(body: &Value) -> Body {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    match body["mode"].as_str() {
        Some("raw") => {
            let media = if body["options"]["raw"]["language"] == "json" { "application/json" } else { "text/plain" };
            let text = text(&body["raw"]);
            Body::Text { media: media.to_owned(), text }
        }
        Some("urlencoded") => {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            };
            let pair = |one: &Value| format!("{}={}", encode(&text(&one["key"])), encode(&text(&one["value"])));
            let pairs: Vec<String> = listed("urlencoded").iter().map(pair).collect();
            Body::Text { media: "application/x-www-form-urlencoded".to_owned(), text: pairs.join("&") }
        }
        Some("formdata") => {
            let part = |one: &Value| {
                let is_file = one["type"] == "file";
                let value =
                    if is_file { one["src"].as_str().or(one["src"][0].as_str()) } else { one["value"].as_str() };
                Part { name: text(&one["key"]), value: value.unwrap_or_default().to_owned(), is_file }
            };
            Body::Multipart(listed("formdata").iter().map(part).collect())
        }
        _ => Body::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_would_be_more_than_a_request_is_refused() {
        for line in ["curl -X 'GET; rm -rf ~' http://h/", "curl -X '' http://h/", "curl 'http://h/\n-o x'", "curl '#'"]
        {
            assert!(Request::from_curl(line).is_err(), "{line}");
        }
        let item = |method: &str, url: &str| json!({ "request": { "method": method, "url": url } }).to_string();
        for (method, url) in [("$(id)", "http://h/"), ("GET", "--output=x"), ("GET", "")] {
            assert!(Request::from_postman(&item(method, url)).is_err(), "{method} {url}");
        }
        assert!(Request::from_postman(&item("m-search", "http://h/")).is_ok());
    }

    #[test]
    fn a_curl_line_is_read() {
        let line = "curl -XPOST \\\n -u 'act_1:it'\\''s' -H \"Content-Type: application/json\" -sS \\\n \
            --data '{\"displayName\": \"My key\"}' https://domain.com/v2/apps/{{appId}}/integrations/:integrationId/keys?a=1";
        let request = Request::from_curl(line).expect("a request");
        assert_eq!(request.method, "POST");
        assert_eq!(request.auth, Auth::Basic { key_id: "act_1".to_owned(), secret: "it's".to_owned() });
        assert_eq!(request.body, Body::Json(json!({ "displayName": "My key" })));
        assert_eq!(request.url(), "https://domain.com/v2/apps/{{appId}}/integrations/{{integrationId}}/keys?a=1");
        assert!(request.headers.is_empty());
        let value = heliograph_wire::openapi::document("");
        let request = request.recognise(crate::Document::new(&value));
        assert_eq!(request.title, "Create integration key");
        assert!(
            request.known.is_some_and(|k| k.path == ["{{appId}}", "{{integrationId}}"]) && request.answer.is_some()
        );

        let request = Request::from_curl("curl http://h/p -F source=@cat.png -F 'a=b' -H 'Authorization: Bearer t'");
        let request = request.expect("a request");
        assert_eq!((request.method.as_str(), request.auth), ("POST", Auth::Bearer { token: "t".to_owned() }));
        let Body::Multipart(parts) = request.body else { panic!("no form") };
        assert!(parts[0].is_file && parts[0].value == "cat.png" && !parts[1].is_file);

        let request = Request::from_curl("curl -G http://h/p -d 'page[size]=10' --request=GET").expect("a request");
        assert_eq!((request.url(), request.body), ("http://h/p?page%5Bsize%5D=10".to_owned(), Body::None));
        for line in ["", "wget http://h", "curl", "curl 'http://h", "curl http://h -d", "curl http://h -d @file"] {
            assert!(Request::from_curl(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_postman_item_is_read() {
        let item = json!({
            "name": "Create it",
            "request": {
                "method": "POST", "description": "Makes one. And more.",
                "header": [{ "key": "Content-Type", "value": "application/json" }, { "key": "X", "value": "y" }],
                "body": { "mode": "raw", "raw": "{\"a\":1}" },
                "url": { "raw": "{{url}}/v2/apps/:appId?q=1" },
            },
            "response": [{ "code": 404, "body": "{}" }, { "code": 201, "body": "{\"key\":{\"id\":\"1\"}}" }],
        });
        let request = Request::from_postman(&item.to_string()).expect("a request");
        assert_eq!((request.title.as_str(), request.about.as_str()), ("Create it", "Makes one"));
        assert_eq!(request.url(), "{{url}}/v2/apps/{{appId}}?q=1");
        assert_eq!(request.body, Body::Json(json!({ "a": 1 })));
        assert_eq!(request.headers, [("X".to_owned(), "y".to_owned())]);
        assert_eq!(request.answer, Some(json!({ "key": { "id": "1" } })));
        assert_eq!(request.auth, Auth::basic());
        assert!(Request::from_postman("{}").is_err() && Request::from_postman("x").is_err());
    }
}
