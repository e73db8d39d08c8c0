//! What the signer mints, judged by a well-known library.

use heliograph_client::jwt::Signer;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

const SECRET: &str = "Ck1LjzzlUzvlCTtqAdQ2z1QukuBTrN3TIx";

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.leeway = 0;
    validation
}

fn claims(token: &str, secret: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let key = DecodingKey::from_secret(secret.as_bytes());
    decode::<Value>(token, &key, &validation()).map(|data| data.claims)
}

#[test]
fn the_scope_follows_from_the_key() {
    for (prefix, scope) in [("act_", "account"), ("svc_", "account"), ("app_", "app"), ("int_", "integration")] {
        let key_id = format!("{prefix}65f1c0ffee65f1c0ffee65f1");
        let token = Signer::new(key_id.clone(), SECRET).expect("a signer").mint();
        let header = decode_header(&token).expect("a header");
        assert_eq!((header.kid, header.typ.as_deref()), (Some(key_id), Some("JWT")));
        let claims = claims(&token, SECRET).expect("a valid token");
        assert_eq!(claims["scope"], scope);
        assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|iat| iat + 3600));
    }
}

#[test]
fn a_token_ends_when_it_was_told_to() {
    let signer = Signer::new("int_65f1c0ffee65f1c0ffee65f1", SECRET).expect("a signer");
    let past = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert!(claims(&signer.mint_at(past), SECRET).is_err(), "expired");
    let endless = signer.lifetime(None).mint_at(past);
    assert_eq!(claims(&endless, SECRET).expect("a valid token")["exp"], Value::Null);
}

#[test]
fn another_secret_does_not_verify_it() {
    let token = Signer::new("app_65f1c0ffee65f1c0ffee65f1", SECRET).expect("a signer").mint();
    assert!(claims(&token, "another").is_err());
    assert!(claims(&token.replace('.', ".e"), SECRET).is_err());
    let long = "s".repeat(500);
    let token = Signer::new("app_65f1c0ffee65f1c0ffee65f1", &long).expect("a signer").mint();
    assert!(claims(&token, &long).is_ok(), "a secret longer than a block of the hash");
}
