//! Requests that somebody brings to `heliograph sample`: a curl line, an item of a Postman collection.

use heliograph_reference::{
    Document, Request,
    languages::{self, ALL},
};
use heliograph_wire::openapi;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document("http://localhost"));

/// Whatever was read can be said in every language; and said in curl, what is above the program is a comment, and the
/// program sends the same.
fn check(request: Request) -> Option<(Request, Request)> {
    let request = request.recognise(Document::new(&DOCUMENT));
    for language in ALL {
        let _ = (language.request)(&request);
    }
    let curl = languages::find("curl").expect("curl is a language");
    let program = (curl.request)(&request)?;
    let (heading, program) = program.split_once("headers=$(mktemp)\n").expect("the beginning of the program");
    assert!(heading.lines().all(|line| line.starts_with('#')), "{heading}");
    let line = program.split_once("status=$(").expect("the call").1;
    let line = line.split_once(")\necho \"Status: $status\"\n").expect("the end of the call").0;
    let again = Request::from_curl(line).expect("what we say in curl is a curl line");
    assert_eq!(again.method, request.method, "{line}");
    Some((request, again.recognise(Document::new(&DOCUMENT))))
}

/// A curl line.
pub fn curl(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Request::from_curl(text) {
        Ok(request) => {
            let Some((first, again)) = check(request) else { return };
            assert_eq!((&again.server, &again.path), (&first.server, &first.path));
            assert_eq!((again.query, again.auth), (first.query, first.auth));
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

/// An item of a Postman collection.
pub fn postman(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Request::from_postman(text) {
        Ok(request) => drop(check(request)),
        Err(why) => assert!(!why.is_empty()),
    }
}
