//! Signatures, as Standard Webhooks (version 1) has them: over id, time and body of a call, with each secret that is in
//! force. Pure: the time is given.

use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::BytesMut;
use heliograph_wire::{id::EventId, webhook_signing::SECRET_PREFIX};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// How long one is, with what stands before it.
const SIGNATURE_LEN: usize = " v1,".len() + 44;

/// Signs the calls of one webhook.
#[derive(Clone)]
pub struct Signatures(Vec<Hmac<Sha256>>);

impl Signatures {
    /// With these secrets.
    pub fn with<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Result<Self> {
        let keys = secrets.into_iter().map(|secret| {
            let key = secret.strip_prefix(SECRET_PREFIX).and_then(|key| BASE64.decode(key).ok());
            let mac = key.and_then(|key| Hmac::new_from_slice(&key).ok());
            mac.ok_or_else(|| Error::Internal("a signing secret is none".to_owned()))
        });
        Ok(Self(keys.collect::<Result<_>>()?))
    }

    /// Puts the headers of a call onto it: `now_ms` is when this attempt is made.
    pub fn put(&self, headers: &mut HeaderMap, id: &str, now_ms: i64, body: &[u8]) {
        let time = (now_ms / 1000).to_string();
        let mut signatures = String::with_capacity(SIGNATURE_LEN * self.0.len());
        for key in &self.0 {
            let mac = key.clone().chain_update(id).chain_update(".").chain_update(&time).chain_update(".");
            signatures.push_str(if signatures.is_empty() { "v1," } else { " v1," });
            BASE64.encode_string(mac.chain_update(body).finalize().into_bytes(), &mut signatures);
        }
        // In one piece of memory, which the log's copy of the headers shares.
        let mut text = BytesMut::with_capacity(id.len() + time.len() + signatures.len());
        for (name, value) in [(ID, id), (TIMESTAMP, time.as_str()), (SIGNATURE, signatures.as_str())] {
            text.extend_from_slice(value.as_bytes());
            // Ids, digits and base64 are always values.
            if let Ok(value) = HeaderValue::from_maybe_shared(text.split().freeze()) {
                headers.insert(name, value);
            }
        }
    }
}

/// What a call is known by: its event's id, or for several events one that these very events always have together.
pub fn call_id(events: impl ExactSizeIterator<Item = EventId>) -> EventId {
    let mut events = events.peekable();
    if let (1, Some(only)) = (events.len(), events.peek()) {
        return *only;
    }
    let texts: Vec<String> = events.map(|id| id.to_string()).collect();
    let digest = Sha256::digest(texts.join(" "));
    EventId::new(std::array::from_fn(|place| digest[place]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn the_published_example() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let mut headers = HeaderMap::new();
        let signatures = Signatures::with([secret]).unwrap();
        signatures.put(&mut headers, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_999, br#"{"test": 2432232314}"#);
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        let two = Signatures::with([secret, "whsec_c2VjcmV0"]).unwrap();
        two.put(&mut headers, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_999, br#"{"test": 2432232314}"#);
        let both = headers["webhook-signature"].to_str().unwrap();
        assert!(both.starts_with("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,"), "{both}");
        assert!(Signatures::with(["c2VjcmV0"]).is_err() && Signatures::with(["whsec_?"]).is_err());
    }

    #[test]
    fn a_call_is_known_by_its_events() {
        let [a, b, c] = [1, 2, 3].map(|n| EventId::new([n; 12]));
        let known_by = |events: &[EventId]| call_id(events.iter().copied());
        assert_eq!(known_by(&[a]), a);
        let (ab, ba, abc) = (known_by(&[a, b]), known_by(&[b, a]), known_by(&[a, b, c]));
        assert_eq!(ab, known_by(&[a, b]));
        assert!(ab != ba && ab != abc && ba != abc, "{ab} {ba} {abc}");
    }
}
