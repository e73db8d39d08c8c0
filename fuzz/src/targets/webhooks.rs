//! Webhooks: the addresses that others name, and the signature of a call as its receiver checks it.

use heliograph_client::webhooks::Verifier;
use heliograph_http::parse_target;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

/// The secret that signed the examples, and the moment at which they arrive.
static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret"));
const ARRIVED: u64 = 1_764_000_000;

/// An address that is taken is http or https, names a host and a port that there can be, and nobody's credential.
pub fn address(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match parse_target(text) {
        Ok(uri) => {
            assert!(matches!(uri.scheme_str(), Some("http" | "https")));
            let authority = uri.authority().expect("an authority").as_str();
            assert!(!authority.contains('@') && !uri.host().unwrap_or_default().is_empty());
            assert_ne!(uri.port_u16(), Some(0));
            assert_eq!(parse_target(&uri.to_string()).ok(), Some(uri));
        }
        Err(rule) => assert!(rule.starts_with("should ")),
    }
}

/// A call: its id, its time and its signatures in a line each, then its body. What is believed is not believed any more
/// once anything of it was changed.
pub fn signature(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let Some(Ok(value)) = parts.next().map(HeaderValue::from_bytes) else { return };
        headers.insert(HeaderName::from_static(name), value);
    }
    let body = parts.next().unwrap_or_default();
    let arrived = UNIX_EPOCH + Duration::from_secs(ARRIVED);
    let check = |headers: &HeaderMap, body: &[u8]| VERIFIER.verify_at(arrived, headers, body);
    match check(&headers, body) {
        Ok(call) => {
            let _ = format!("{call:?}");
            assert!(check(&headers, &[body, b" "].concat()).is_err());
            headers.insert("webhook-id", HeaderValue::from_static("another"));
            assert!(check(&headers, body).is_err());
        }
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}
