//! `heliograph sample`: a program that sends a request, in one of many languages; or the code for a piece of JSON.

use crate::{
    connection,
    output::{self, Outcome},
};
use clap::{Args, ValueEnum};
use heliograph_reference::{
    Auth, Document, Request, answer,
    languages::{self, Language},
};
use heliograph_wire::openapi;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Prints a program that sends a request: one of the contract's operations, or one that is given.
///
/// What is known of the server and the credential, and every --set, stands in it; what is not known stands as {{name}}.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Sample {
    /// The operation: CreateWebhook or create-webhook. `list` lists them all.
    #[arg(value_name = "OPERATION", group = "what")]
    operation: Option<String>,
    /// A curl line whose request is wanted.
    #[arg(long, value_name = "LINE", group = "what")]
    curl: Option<String>,
    /// A file with an item of a Postman collection whose request is wanted; - for stdin.
    #[arg(long, value_name = "FILE", group = "what")]
    postman_item: Option<PathBuf>,
    /// A file with JSON; the code that builds it is wanted. - for stdin.
    #[arg(long, value_name = "FILE", group = "what")]
    json_build: Option<PathBuf>,
    /// A file with JSON; the code that takes such an answer apart is wanted. - for stdin.
    #[arg(long, value_name = "FILE", group = "what")]
    json_parse: Option<PathBuf>,
    /// The language.
    #[arg(long, value_name = "LANGUAGE", default_value = "curl", value_parser = language())]
    lang: String,
    /// How an operation is called. Default: by Basic, unless only a token is known.
    #[arg(long, value_enum)]
    auth: Option<Scheme>,
    /// The value of a name in braces: --set appId=65f1c0ffee65f1c0ffee65f1. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    connection: connection::Flags,
}

/// How an operation is called.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Scheme {
    /// With a key's id and secret.
    Basic,
    /// With a token.
    Bearer,
}

/// Runs the command.
pub fn run(sample: Sample) -> Outcome {
    let language = languages::find(&sample.lang).ok_or("there is no such language")?;
    if let Some(path) = &sample.json_build {
        return output::print((language.build)(&json(path)?).trim_end());
    }
    if let Some(path) = &sample.json_parse {
        return output::print((language.parse)(&answer::fields(&json(path)?)).trim_end());
    }
    if sample.operation.as_deref() == Some("list") {
        return list();
    }
    let mut known = sample.connection.clone().known()?;
    known.extend(sample.set.iter().cloned());
    let request = request(&sample, &known)?.fill(&known);
    output::print(program(language, &request)?.trim_end())
}

fn program(language: &Language, request: &Request) -> Result<String, String> {
    let hint = if language.is_sdk { ": that client library does not know it" } else { "" };
    (language.request)(request).ok_or_else(|| format!("{} cannot be said in {}{hint}", request.title, language.title))
}

fn request(sample: &Sample, known: &BTreeMap<String, String>) -> Result<Request, String> {
    if let Some(line) = &sample.curl {
        return Request::from_curl(line);
    }
    if let Some(path) = &sample.postman_item {
        return Request::from_postman(&text(path)?);
    }
    let name = sample.operation.as_deref().unwrap_or_default();
    let value = openapi::document(connection::DEFAULT_URL);
    let document = Document::new(&value);
    let operation = document.operation(name);
    let operation = operation.ok_or_else(|| format!("there is no operation {name}; see heliograph sample list"))?;
    let by_token = known.contains_key("token") && !known.contains_key("keyId");
    let auth = match sample.auth {
        Some(Scheme::Bearer) => Auth::bearer(),
        None if by_token => Auth::bearer(),
        Some(Scheme::Basic) | None => Auth::basic(),
    };
    Ok(Request::of(document, operation, auth))
}

fn list() -> Outcome {
    let value = openapi::document(connection::DEFAULT_URL);
    let lines = Document::new(&value).operations().map(|o| format!("{:36} {}", o.slug(), o.summary()));
    output::print(&lines.collect::<Vec<_>>().join("\n"))
}

fn language() -> clap::builder::PossibleValuesParser {
    languages::ALL.iter().map(|language| language.id).collect::<Vec<_>>().into()
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a name, =, and a value")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn json(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&text(path)?).map_err(|error| format!("{} is no JSON: {error}", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    let read = || {
        if path.as_os_str() != "-" {
            return fs::read_to_string(path);
        }
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|error| format!("{}: {error}", path.display()))
}
