//! The languages: for each a file that writes a request, the code that builds a body, and the code that takes an answer
//! apart.

mod csharp;
mod curl;
mod go;
mod java;
mod javascript;
mod javascript_sdk;
mod php;
mod powerbuilder;
mod powerbuilder_json;
mod powershell;
mod python;
mod python_sdk;
mod ruby;
mod rust;
mod walk;

use crate::{answer::Field, request::Request};
use serde_json::Value;

/// A language in which samples are written.
pub struct Language {
    /// Its name in commands and addresses.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What a file with the sample is called.
    pub file: &'static str,
    /// Whether it is what a client library of the API offers: it knows operations, not any request.
    pub is_sdk: bool,
    /// Writes a whole program that sends a request. None: it cannot be said in this language.
    pub request: fn(&Request) -> Option<String>,
    /// Writes the code that builds a body.
    pub build: fn(&Value) -> String,
    /// Writes the code that takes an answer apart.
    pub parse: fn(&[Field]) -> String,
}

/// All languages, in the order in which they are offered.
pub const ALL: &[Language] = &[
    curl::LANGUAGE,
    python::LANGUAGE,
    python_sdk::LANGUAGE,
    javascript::LANGUAGE,
    javascript_sdk::LANGUAGE,
    rust::LANGUAGE,
    go::LANGUAGE,
    java::LANGUAGE,
    csharp::LANGUAGE,
    php::LANGUAGE,
    ruby::LANGUAGE,
    powershell::LANGUAGE,
    powerbuilder::LANGUAGE,
];

/// A language by its id.
pub fn find(id: &str) -> Option<&'static Language> {
    ALL.iter().find(|language| language.id == id)
}
