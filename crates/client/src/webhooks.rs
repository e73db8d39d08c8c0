//! Webhooks: their operations, and what a target needs that is called by one.
//!
//! Each call is signed as Standard Webhooks has it. [`verify`] says whether a call came from the server, is new and was
//! changed by nobody, and reads its events:
//!
//! ```
//! use heliograph_client::webhooks::{Payload, verify};
//!
//! fn receive(headers: &http::HeaderMap, body: &[u8]) -> u16 {
//!     let call = match verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body) {
//!         Ok(call) => call,
//!         Err(refusal) => {
//!             eprintln!("not from the server: {refusal}");
//!             return 401;
//!         }
//!     };
//!     for event in call.events {
//!         if let Payload::Message(payload) = event.payload {
//!             println!("{} in {}", payload.message.id, payload.conversation.id);
//!         }
//!     }
//!     200
//! }
//! ```

pub use crate::events::{Call, Event, Payload};
pub use heliograph_wire::webhooks::*;

use crate::{clock, error::Error};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_wire::webhook_signing::SECRET_PREFIX;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How far a call's time may be from ours, both ways, unless [`Verifier::tolerance`] says otherwise.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Checks a call with the signing secret of its webhook, and reads it. For more than one secret, or another tolerance,
/// see [`Verifier`].
pub fn verify(secret: &str, headers: &HeaderMap, body: &[u8]) -> Result<Call, Refusal> {
    Verifier::new(secret).map_err(|_| Refusal::Secret)?.verify(headers, body)
}

/// Checks calls. Keeps the secrets in the state of the hash, not as text.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Hmac<Sha256>>,
    tolerance: Duration,
}

/// Why a call is not believed. Tells nothing of the secret, nor of what the signature should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The secret to check with is none: it begins with `whsec_`, and base64 follows.
    #[error("the secret to check with is not a signing secret")]
    Secret,
    /// This header is missing, or not as it should be.
    #[error("the header {0} is missing or malformed")]
    Header(&'static str),
    /// It was made too long ago: it may have been recorded and sent again.
    #[error("the call is too old")]
    TooOld,
    /// Its time is in the future: one of the clocks is wrong.
    #[error("the call's time is in the future")]
    TooNew,
    /// No signature is right: it was made with another secret, or what is signed was changed.
    #[error("no signature is right")]
    Signature,
    /// It is signed well, but is not a call of the contract.
    #[error("the body is not a webhook's call")]
    Body,
}

impl Verifier {
    /// Checks with this secret, `whsec_…`.
    pub fn new(secret: &str) -> Result<Self, Error> {
        Self { keys: Vec::new(), tolerance: TOLERANCE }.or(secret)
    }

    /// Checks with this secret as well. What one of them has signed is believed.
    pub fn or(mut self, secret: &str) -> Result<Self, Error> {
        let key = BASE64.decode(secret.strip_prefix(SECRET_PREFIX).unwrap_or_default()).unwrap_or_default();
        if key.is_empty() {
            return Err(Error::Setup("a signing secret begins with whsec_, and base64 follows"));
        }
        self.keys.push(Hmac::new_from_slice(&key).map_err(|_| Error::Setup("the secret cannot sign"))?);
        Ok(self)
    }

    /// How far a call's time may be from ours, both ways: five minutes unless this is called.
    #[must_use]
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Checks a call that has just arrived, and reads it. The body has to be as it came, byte for byte.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Call, Refusal> {
        self.verify_at(clock::now(), headers, body)
    }

    /// Checks a call that arrived then.
    pub fn verify_at(&self, arrived: SystemTime, headers: &HeaderMap, body: &[u8]) -> Result<Call, Refusal> {
        let id = header(headers, "webhook-id")?;
        let time = header(headers, "webhook-timestamp")?;
        self.check_time(arrived, time)?;
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let mut right = false;
        for signature in header(headers, "webhook-signature")?.split(' ') {
            // Other versions are other schemes, which may come beside this one.
            let Some(signature) = signature.strip_prefix("v1,").and_then(|text| BASE64.decode(text).ok()) else {
                continue;
            };
            for key in &self.keys {
                let mac = signed.iter().fold(key.clone(), |mac, part| mac.chain_update(part));
                // Compares in constant time; and all are compared, whether or not one was right.
                right |= mac.verify_slice(&signature).is_ok();
            }
        }
        if right { Call::read(body).ok_or(Refusal::Body) } else { Err(Refusal::Signature) }
    }

    fn check_time(&self, arrived: SystemTime, time: &str) -> Result<(), Refusal> {
        const WRONG: Refusal = Refusal::Header("webhook-timestamp");
        if time.is_empty() || !time.bytes().all(|b| b.is_ascii_digit()) {
            return Err(WRONG);
        }
        let sent = Duration::from_secs(time.parse().map_err(|_| WRONG)?);
        let now = arrived.duration_since(UNIX_EPOCH).unwrap_or_default();
        if now.saturating_sub(sent) > self.tolerance {
            Err(Refusal::TooOld)
        } else if sent.saturating_sub(now) > self.tolerance {
            Err(Refusal::TooNew)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} secrets, {:?})", self.keys.len(), self.tolerance)
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Refusal> {
    let mut found = headers.get_all(name).iter();
    match (found.next().and_then(|value| value.to_str().ok()), found.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        _ => Err(Refusal::Header(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
    const BODY: &str = r#"{"app":{"id":"65f1c0ffee65f1c0ffee65f1"},"webhook":{"id":"65f1c0ffee65f1c0ffee65f2","version":"v2"},"events":[]}"#;
    const AT: u64 = 1_764_000_000;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// As the server signs: written down a second time, so that one cannot hide what is wrong with the other.
    fn sign(secret: &str, id: &str, time: &str, body: &str) -> String {
        let key = BASE64.decode(&secret[6..]).expect("base64");
        let mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key").chain_update(format!("{id}.{time}.{body}"));
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    fn headers(id: &str, time: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)] {
            headers.insert(name, value.parse().expect("a value"));
        }
        headers
    }

    fn checked(headers: &HeaderMap, body: &str) -> Option<Refusal> {
        let verifier = Verifier::new(SECRET).expect("a secret");
        verifier.verify_at(at(AT), headers, body.as_bytes()).err()
    }

    #[test]
    fn the_published_example_is_signed_well() {
        let signed =
            headers("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let verifier = Verifier::new(SECRET).expect("a secret");
        let body = br#"{"test": 2432232314}"#;
        // It is no call of ours, but that is asked last.
        assert_eq!(verifier.verify_at(at(1_614_265_330), &signed, body).err(), Some(Refusal::Body));
        assert_eq!(verifier.verify_at(at(1_614_265_330), &signed, b"{}").err(), Some(Refusal::Signature));
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        let time = AT.to_string();
        let (good, bad) = (sign(SECRET, "1", &time, BODY), sign(OTHER, "1", &time, BODY));
        for list in [good.clone(), format!("{bad} {good}"), format!("v2,x v1,? {good} {bad}")] {
            assert_eq!(checked(&headers("1", &time, &list), BODY), None, "{list}");
        }
        for list in
            [bad.clone(), good.replace("v1,", "v1a,"), good.replace("v1,", ""), "v1,".to_owned(), " ".to_owned()]
        {
            assert!(checked(&headers("1", &time, &list), BODY).is_some(), "{list}");
        }
        let both = Verifier::new(SECRET).and_then(|verifier| verifier.or(OTHER)).expect("two secrets");
        assert!(both.verify_at(at(AT), &headers("1", &time, &bad), BODY.as_bytes()).is_ok());
    }

    #[test]
    fn nothing_that_is_signed_can_be_changed() {
        let time = AT.to_string();
        let signature = sign(SECRET, "1", &time, BODY);
        let later = (AT + 1).to_string();
        assert_eq!(checked(&headers("2", &time, &signature), BODY), Some(Refusal::Signature));
        assert_eq!(checked(&headers("1", &later, &signature), BODY), Some(Refusal::Signature));
        assert_eq!(checked(&headers("1", &time, &signature), &BODY.replace("v2", "v3")), Some(Refusal::Signature));
        assert_eq!(checked(&headers("1", &time, &signature[..20]), BODY), Some(Refusal::Signature));
    }

    #[test]
    fn the_time_is_five_minutes_around_ours() {
        let verdict = |time: u64| {
            let time = time.to_string();
            checked(&headers("1", &time, &sign(SECRET, "1", &time, BODY)), BODY)
        };
        assert_eq!([verdict(AT - 300), verdict(AT), verdict(AT + 300)], [None; 3]);
        assert_eq!([verdict(AT - 301), verdict(0)], [Some(Refusal::TooOld); 2]);
        assert_eq!([verdict(AT + 301), verdict(u64::MAX)], [Some(Refusal::TooNew); 2]);
        for time in ["soon", "-1", "+1", "1e9", "99999999999999999999"] {
            let refusal = checked(&headers("1", time, &sign(SECRET, "1", time, BODY)), BODY);
            assert_eq!(refusal, Some(Refusal::Header("webhook-timestamp")), "{time}");
        }
    }

    #[test]
    fn a_header_stands_there_once() {
        let time = AT.to_string();
        let good = headers("1", &time, &sign(SECRET, "1", &time, BODY));
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let (mut without, mut twice) = (good.clone(), good.clone());
            without.remove(name);
            twice.append(name, "x".parse().expect("a value"));
            assert_eq!(checked(&without, BODY), Some(Refusal::Header(name)));
            assert_eq!(checked(&twice, BODY), Some(Refusal::Header(name)));
        }
    }

    #[test]
    fn a_secret_is_never_shown_and_has_to_be_one() {
        for text in ["", "whsec_", "whsec_?", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(Verifier::new(text).is_err(), "{text}");
            assert_eq!(verify(text, &HeaderMap::new(), b"").err(), Some(Refusal::Secret));
        }
        let shown = format!("{:?}", Verifier::new(SECRET));
        assert!(!shown.contains("MfKQ"), "{shown}");
    }
}
