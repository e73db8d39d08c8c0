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
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
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
    /// A folder into which the samples of all operations are written, a file each.
    #[arg(long, value_name = "FOLDER", group = "what")]
    all: Option<PathBuf>,
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
    let value = openapi::document(connection::DEFAULT_URL);
    let document = Document::new(&value);
    let auth = sample.auth(&known);
    if let Some(folder) = &sample.all {
        return write_all(document, language, &auth, &known, folder);
    }
    let request = match (&sample.curl, &sample.postman_item) {
        (Some(line), _) => Request::from_curl(line)?.recognise(document),
        (None, Some(path)) => Request::from_postman(&text(path)?)?.recognise(document),
        (None, None) => {
            let name = sample.operation.as_deref().unwrap_or_default();
            let operation = document.operation(name);
            let operation =
                operation.ok_or_else(|| format!("there is no operation {name}; see heliograph sample list"))?;
            Request::of(document, operation, auth)
        }
    };
    output::print(program(language, &request.fill(&known))?.trim_end())
}

impl Sample {
    fn auth(&self, known: &BTreeMap<String, String>) -> Auth {
        let by_token = known.contains_key("token") && !known.contains_key("keyId");
        match self.auth {
            Some(Scheme::Bearer) => Auth::bearer(),
            None if by_token => Auth::bearer(),
            Some(Scheme::Basic) | None => Auth::basic(),
        }
    }
}

/// Writes a file for each operation that can be said in the language.
fn write_all(
    document: Document<'_>,
    language: &Language,
    auth: &Auth,
    known: &BTreeMap<String, String>,
    folder: &Path,
) -> Outcome {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let secret = ["secret", "token"].iter().any(|name| known.contains_key(*name));
    let ending = language.file.rsplit('.').next().unwrap_or_default();
    for operation in document.operations() {
        let request = Request::of(document, operation, auth.clone()).fill(known);
        let Some(text) = (language.request)(&request) else { continue };
        let path = folder.join(format!("{}.{ending}", operation.slug()));
        write(&path, &text, secret).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Writes a file; for its owner alone if it holds what nobody else may see.
fn write(path: &Path, text: &str, secret: bool) -> io::Result<()> {
    let mode = if secret { 0o600 } else { 0o666 };
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    if secret {
        // It may have been there before.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.write_all(text.as_bytes())
}

fn program(language: &Language, request: &Request) -> Result<String, String> {
    let hint = if language.is_sdk { ": that client library does not know it" } else { "" };
    (language.request)(request).ok_or_else(|| format!("{} cannot be said in {}{hint}", request.title, language.title))
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
