//! Who calls: tokens, Basic authentication, secrets that can be recognised.

use super::check_refusal;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use heliograph_server::probe;
use heliograph_wire::secret;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::Value;

/// The secret that signed the examples.
const SECRET: &str = "the-secret-that-signed-the-examples-of-the-corpus";
/// The moment at which they are looked at.
const NOW_MS: i64 = 1_800_000_000_000;

/// A token is three parts in strict base64url, of which the header names HS256 and a key. Nothing that is not signed is
/// genuine, and whatever is wrong is 401 with a sentence of ours.
pub fn token(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match probe::token(text, SECRET, NOW_MS) {
        Ok(token) => {
            let parts: Vec<&str> = text.split('.').collect();
            assert_eq!(parts.len(), 3);
            for part in [parts[0], parts[2]] {
                let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
                assert_eq!(URL_SAFE_NO_PAD.encode(bytes), part);
            }
            let header = URL_SAFE_NO_PAD.decode(parts[0]).expect("base64url");
            if let Ok(header) = serde_json::from_slice::<Value>(&header) {
                assert_eq!(header["alg"], "HS256");
                assert_eq!(header["kid"], token.key_id.as_str());
            }
            assert!(!probe::token(text, "another secret", NOW_MS).is_ok_and(|token| token.is_genuine));
            if let Err(refused) = token.claims {
                check_refusal(&refused, 401, &["invalid_auth"]);
            } else {
                let body = URL_SAFE_NO_PAD.decode(parts[1]).expect("base64url");
                // A number that nobody looks at may be larger than any that this reader knows.
                let Ok(body) = serde_json::from_slice::<Value>(&body) else { return };
                assert_eq!(body["scope"], "app");
                assert!(body.get("exp").is_none_or(|exp| exp.as_f64().is_some_and(|exp| exp > 1.8e9)));
            }
        }
        Err(refused) => check_refusal(&refused, 401, &["invalid_auth"]),
    }
}

/// What Basic authentication shows is an id and a secret, and the header that they make is the one that was read.
pub fn basic(data: &[u8]) {
    let mut headers = HeaderMap::new();
    // Lines, so that there can be two headers.
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(AUTHORIZATION, value);
    }
    match probe::basic(&headers) {
        Ok(Some((id, secret))) => {
            assert!(!id.contains(':'));
            assert_eq!(headers.len(), 1);
            let shown = headers[AUTHORIZATION].to_str().expect("text");
            let encoded = STANDARD.encode(format!("{id}:{secret}"));
            assert_eq!(shown.split_once(' ').map(|(_, credential)| credential.trim()), Some(encoded.as_str()));
        }
        Ok(None) => {}
        Err(refused) => check_refusal(&refused, 401, &["unauthorized"]),
    }
}

/// A secret is found where it lies, and a hint tells nothing but its form.
pub fn secret(data: &[u8]) {
    for (at, id) in secret::find_all(data) {
        let text = str::from_utf8(&data[at..at + secret::LENGTH]).expect("letters");
        assert_eq!(secret::key_id(text), Some(id));
        assert!(secret::claims_form(text));
        let hint = secret::hint(text);
        assert_eq!(hint.len(), text.len());
        assert!(secret::key_id(&hint).is_none() && hint.matches('*').count() >= 40);
    }
    let Ok(text) = str::from_utf8(data) else { return };
    assert_eq!(secret::hint(text).chars().count(), text.chars().count());
    assert_eq!(secret::key_id(text).is_some(), text.len() == secret::LENGTH && secret::find_all(data).len() == 1);
}
