//! The targets, by what they take apart.

pub mod credentials;
pub mod given;
pub mod requests;
pub mod webhooks;

use heliograph_server::probe::Refused;
use serde_json::Value;

/// Whatever is refused at the door is refused in the form and with the words of the contract.
fn check_refusal(refused: &Refused, status: u16, codes: &[&str]) {
    assert_eq!(refused.status, status);
    let body: Value = serde_json::from_slice(&refused.body).expect("a refusal is JSON");
    let errors = body["errors"].as_array().expect("errors");
    assert!(!errors.is_empty());
    for error in errors {
        let (code, title) = (error["code"].as_str().expect("a code"), error["title"].as_str().expect("a title"));
        assert!(codes.contains(&code), "{code}");
        // What a stranger sent does not come back.
        assert!((1..200).contains(&title.len()), "{title}");
    }
}
