//! JSON Web Tokens: HS256 and nothing else, each defect with its own sentence.
//!
//! Our own, not a library's: one algorithm, so that no header can choose another; no critical extensions; times that
//! must be numbers. The tests hold it against a well-known library.

use super::KeyKind;
use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use heliograph_wire::{id::AppId, op::Scope};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use sha2::Sha256;
use std::borrow::Cow;

/// A key ready for signing: cloning it saves hashing the secret for each token.
pub type SigningKey = Hmac<Sha256>;

/// Makes a signing key. The printed characters of the secret are the key; they are not decoded.
pub fn signing_key(secret: &str) -> SigningKey {
    Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length")
}

/// What of a token's body is looked at.
#[derive(Default, Deserialize)]
pub struct Claims {
    #[serde(default, deserialize_with = "present")]
    scope: Option<Value>,
    /// When the token ends.
    #[serde(default, deserialize_with = "present")]
    pub exp: Option<Value>,
    /// When it begins.
    #[serde(default, deserialize_with = "present")]
    pub nbf: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<Value>,
    #[serde(default, rename = "appId", deserialize_with = "present")]
    app_id: Option<Value>,
}

/// A claim that is null is there all the same, and wrong.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A token that is well-formed and names its key; whether it is genuine is still to be seen.
pub struct Token<'t> {
    /// The id of the key it says it was signed with.
    pub key_id: Cow<'t, str>,
    /// The party the token says it was issued to.
    party: Option<Value>,
    signed: &'t str,
    body: &'t str,
    signature: [u8; 32],
}

#[derive(Deserialize)]
struct Header<'h> {
    #[serde(borrow, default)]
    alg: Option<Cow<'h, str>>,
    #[serde(borrow, default)]
    kid: Option<Cow<'h, str>>,
    #[serde(default)]
    azp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<Value>,
}

/// The defect of a token that its key did not sign.
pub fn unsigned() -> Error {
    defect("signature", "It does not match the secret of the key")
}

/// The defect of a token whose key is not there.
pub fn unknown_key() -> Error {
    defect("header", "Unknown key id (kid)")
}

/// What a stranger is told of either, so that nobody learns which keys there are.
pub fn not_genuine() -> Error {
    Error::InvalidToken("Invalid JWT. No known key (kid) has signed it".to_owned())
}

fn defect(part: &str, detail: &str) -> Error {
    Error::InvalidToken(format!("Invalid JWT {part}. {detail}"))
}

/// Takes a token apart.
pub fn parse(text: &str) -> Result<Token<'_>> {
    let mut parts = text.split('.');
    let (Some(header), Some(body), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::InvalidToken("Invalid JWT. Expected three parts separated by dots".to_owned()));
    };
    let decoded = BASE64.decode(header).map_err(|_| defect("header", "It is not base64url without padding"))?;
    let header_json: Header<'_> =
        object(&decoded).ok_or_else(|| defect("header", "It is not a JSON object with texts for alg and kid"))?;
    if header_json.alg.as_deref() != Some("HS256") {
        return Err(defect("header", "Algorithm (alg) should be HS256"));
    }
    if header_json.crit.is_some() {
        return Err(defect("header", "Critical extensions (crit) are not understood"));
    }
    let key_id = header_json.kid.ok_or_else(|| defect("header", "Missing key id (kid)"))?;
    let mut mac = [0; 32];
    match BASE64.decode_slice(signature, &mut mac) {
        Ok(32) => {}
        _ => return Err(defect("signature", "It is not 32 bytes in base64url without padding")),
    }
    let key_id = Cow::Owned(key_id.into_owned());
    Ok(Token { key_id, party: header_json.azp, signed: &text[..header.len() + 1 + body.len()], body, signature: mac })
}

impl Token<'_> {
    /// Whether this key signed it. Nothing of the body is believed before.
    pub fn is_signed_with(&self, key: &SigningKey) -> bool {
        let mut mac = key.clone();
        mac.update(self.signed.as_bytes());
        mac.verify((&self.signature).into()).is_ok()
    }

    /// The claims of a genuine token, if they are in order.
    pub fn checked_claims(&self, kind: KeyKind, rule: LifetimeRule, now_ms: i64) -> Result<Claims> {
        let claims = self.claims()?;
        check_expiry(&claims, now_ms)?;
        check_begin(&claims, now_ms)?;
        check_lifetime(&claims, rule, now_ms)?;
        check_scope(&claims, kind)?;
        Ok(claims)
    }

    /// The claims, whatever they say.
    pub fn claims(&self) -> Result<Claims> {
        let decoded = BASE64.decode(self.body).map_err(|_| defect("body", "It is not base64url without padding"))?;
        object(&decoded).ok_or_else(|| defect("body", "It is not a JSON object"))
    }

    /// Checks that an access token is for this client and this app, as its key is.
    pub fn check_party(&self, claims: &Claims, client: &str, app: Option<AppId>) -> Result<()> {
        if self.party.as_ref().and_then(Value::as_str) != Some(client) {
            return Err(defect("header", "Authorized party (azp) should be the OAuth client of the key"));
        }
        let named = claims.app_id.as_ref().and_then(Value::as_str).and_then(|id| id.parse().ok());
        if named.is_none() || named != app {
            return Err(defect("body", "appId should be the app of the key"));
        }
        Ok(())
    }
}

/// How long the tokens of a key may be valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifetimeRule {
    /// Whether they have to expire at all.
    pub must_expire: bool,
    /// For how many seconds they may be valid, from `iat` to `exp`.
    pub max_seconds: Option<i64>,
}

/// How far the clock of whoever signs may be ahead of ours, in seconds.
const CLOCK_SKEW: f64 = 60.0;

/// A time among the claims, in seconds.
pub fn time(claim: Option<&Value>, name: &str) -> Result<Option<f64>> {
    let not_a_time = || defect("body", &format!("{name} should be a number of seconds"));
    claim.map(|value| value.as_f64().ok_or_else(not_a_time)).transpose()
}

/// A token ends at its `exp`.
pub fn check_expiry(claims: &Claims, now_ms: i64) -> Result<()> {
    match time(claims.exp.as_ref(), "exp")? {
        Some(exp) if exp <= seconds(now_ms) => Err(defect("body", "Token expired (exp)")),
        _ => Ok(()),
    }
}

/// A token begins at its `nbf`.
pub fn check_begin(claims: &Claims, now_ms: i64) -> Result<()> {
    match time(claims.nbf.as_ref(), "nbf")? {
        Some(nbf) if nbf > seconds(now_ms) => Err(defect("body", "Token is not valid yet (nbf)")),
        _ => Ok(()),
    }
}

/// A token is valid no longer than its key allows. Its `iat` is not believed if it lies ahead: it would make a long life
/// look short.
pub fn check_lifetime(claims: &Claims, rule: LifetimeRule, now_ms: i64) -> Result<()> {
    if rule == LifetimeRule::default() {
        return Ok(());
    }
    let exp = time(claims.exp.as_ref(), "exp")?
        .ok_or_else(|| defect("body", "This key requires tokens that expire (exp)"))?;
    let Some(max) = rule.max_seconds else { return Ok(()) };
    let iat = time(claims.iat.as_ref(), "iat")?
        .ok_or_else(|| defect("body", "This key requires tokens that say when they were issued (iat)"))?;
    if iat > seconds(now_ms) + CLOCK_SKEW {
        return Err(defect("body", "Token was issued in the future (iat)"));
    }
    if exp - iat > max as f64 {
        return Err(defect("body", &format!("This key allows tokens for {max} seconds at most (exp - iat)")));
    }
    Ok(())
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// Writes an access token: as a partner of an app would sign one, if it had the key.
pub fn access_token(key_id: &str, secret: &str, client: &str, app: AppId, now_ms: i64) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": key_id, "azp": client });
    let body = json!({ "scope": Scope::Integration.name(), "appId": app, "iat": now_ms / 1000 });
    let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(body.to_string()));
    let mut mac = signing_key(secret);
    mac.update(signed.as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    format!("{signed}.{signature}")
}

/// What a JSON object holds: derived code would take a list of its members' values, too. As text first: JSON is UTF-8
/// (RFC 8725, 3.7), also in members that nobody looks at.
fn object<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Option<T> {
    let text = str::from_utf8(json).ok().filter(|text| text.trim_start().starts_with('{'))?;
    serde_json::from_str(text).ok()
}

/// A token names the scope of its key.
pub fn check_scope(claims: &Claims, kind: KeyKind) -> Result<()> {
    let scope = match &claims.scope {
        None => return Err(defect("body", "Missing scope")),
        Some(Value::String(scope)) => scope,
        Some(_) => return Err(defect("body", "scope should be a text")),
    };
    if scope == kind.scope().name() {
        return Ok(());
    }
    // What a caller wrote goes into the answer only if it is a word of the contract.
    let word = ["account", "app", "integration", "user"].into_iter().find(|word| word == scope).unwrap_or("an unknown");
    Err(defect("body", &format!("Cannot use {word} scope with {} secret key", kind.noun())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header as Head, Validation, decode, encode};
    use proptest::prelude::*;

    const SECRET: &str = "5XJ85yjUtRcaQu_pDINblPZb0m1cXlwJp3bV6Hq0e2Y1ab";
    const NOW: i64 = 1_800_000_000_000;

    fn accepts(token: &str) -> Result<()> {
        let token = parse(token)?;
        if !token.is_signed_with(&signing_key(SECRET)) {
            return Err(unsigned());
        }
        token.checked_claims(KeyKind::App, LifetimeRule::default(), NOW).map(drop)
    }

    fn mint(claims: &Value) -> String {
        let header = Head { kid: Some("app_0123456789abcdef01234567".into()), ..Head::new(Algorithm::HS256) };
        encode(&header, claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn by_hand(header: &str, body: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(body));
        let mut mac = signing_key(SECRET);
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn what_a_well_known_library_signs_is_accepted() {
        for claims in [json!({ "scope": "app" }), json!({ "scope": "app", "exp": 1_800_000_001, "nbf": 1, "iat": 9 })] {
            assert!(accepts(&mint(&claims)).is_ok(), "{claims}");
        }
    }

    #[test]
    fn each_defect_has_its_sentence() {
        let good = r#"{"alg":"HS256","kid":"k"}"#;
        let cases = [
            (by_hand(r#"{"alg":"none","kid":"k"}"#, "{}"), "header. Algorithm (alg) should be HS256"),
            (by_hand(r#"{"alg":"hs256","kid":"k"}"#, "{}"), "header. Algorithm (alg) should be HS256"),
            (by_hand(r#"{"kid":"k"}"#, "{}"), "header. Algorithm (alg) should be HS256"),
            (by_hand(r#"{"alg":"HS256"}"#, "{}"), "header. Missing key id (kid)"),
            (by_hand(r#"["HS256","k"]"#, "{}"), "header. It is not a JSON object with texts for alg and kid"),
            (
                by_hand(r#"{"alg":"HS256","kid":"k","crit":null}"#, "{}"),
                "header. Critical extensions (crit) are not understood",
            ),
            (by_hand(r#"{"alg":"HS256","kid":7}"#, "{}"), "header. It is not a JSON object with texts for alg and kid"),
            (
                by_hand(r#"{"alg":"HS256","kid":"k","crit":["b64"],"b64":false}"#, "{}"),
                "header. Critical extensions (crit) are not understood",
            ),
            (by_hand(good, "[]"), "body. It is not a JSON object"),
            (by_hand(good, "{}"), "body. Missing scope"),
            (by_hand(good, r#"{"scope":["app"]}"#), "body. scope should be a text"),
            (by_hand(good, r#"{"scope":"account"}"#), "body. Cannot use account scope with app secret key"),
            (by_hand(good, r#"{"scope":"<x>"}"#), "body. Cannot use an unknown scope with app secret key"),
            (by_hand(good, r#"{"scope":"app","exp":1800000000}"#), "body. Token expired (exp)"),
            (by_hand(good, r#"{"scope":"app","exp":"9999999999"}"#), "body. exp should be a number of seconds"),
            (by_hand(good, r#"{"scope":"app","exp":null}"#), "body. exp should be a number of seconds"),
            (by_hand(good, r#"{"scope":"app","nbf":1800000001}"#), "body. Token is not valid yet (nbf)"),
        ];
        for (token, sentence) in cases {
            let error = accepts(&token).unwrap_err().to_string();
            assert_eq!(error, format!("Invalid JWT {sentence}"), "{token}");
        }
        assert_eq!(accepts("a.b").unwrap_err().to_string(), "Invalid JWT. Expected three parts separated by dots");
    }

    #[test]
    fn an_access_token_is_its_clients_and_its_apps_alone() {
        let (app, other) = (AppId::new([1; 12]), AppId::new([2; 12]));
        let written = access_token("app_0123456789abcdef01234567", SECRET, "shoplifter", app, NOW);
        let token = parse(&written).unwrap();
        assert!(token.is_signed_with(&signing_key(SECRET)));
        let rule = LifetimeRule::default();
        let claims = token.checked_claims(KeyKind::OAuth, rule, NOW).unwrap();
        assert!(token.check_party(&claims, "shoplifter", Some(app)).is_ok());
        assert!(token.check_party(&claims, "another", Some(app)).is_err());
        assert!(token.check_party(&claims, "shoplifter", Some(other)).is_err());
        assert!(token.check_party(&Claims::default(), "shoplifter", None).is_err());
        // An ordinary key of an app signs none.
        assert!(token.checked_claims(KeyKind::App, rule, NOW).is_err());
    }

    #[test]
    fn a_key_may_require_short_lives() {
        let check = |claims: Value, rule| {
            let outcome = check_lifetime(&object(claims.to_string().as_bytes()).unwrap(), rule, NOW);
            outcome.map_err(|error| error.to_string().trim_start_matches("Invalid JWT body. ").to_owned())
        };
        let must = LifetimeRule { must_expire: true, max_seconds: None };
        let short = LifetimeRule { must_expire: false, max_seconds: Some(60) };
        let now = NOW / 1000;
        assert!(check(json!({}), LifetimeRule::default()).is_ok());
        assert!(check(json!({ "exp": now + 9_999_999 }), must).is_ok());
        assert!(check(json!({ "exp": now + 60, "iat": now }), short).is_ok());
        for (claims, rule, title) in [
            (json!({}), must, "This key requires tokens that expire (exp)"),
            (json!({ "iat": now }), short, "This key requires tokens that expire (exp)"),
            (json!({ "exp": now + 1 }), short, "This key requires tokens that say when they were issued (iat)"),
            (
                json!({ "exp": now + 61, "iat": now }),
                short,
                "This key allows tokens for 60 seconds at most (exp - iat)",
            ),
            (json!({ "exp": now + 3600, "iat": now + 3590 }), short, "Token was issued in the future (iat)"),
            (json!({ "exp": now + 1, "iat": "now" }), short, "iat should be a number of seconds"),
        ] {
            assert_eq!(check(claims, rule), Err(title.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn one_changed_character_is_refused(at in 0usize..200, to in "[A-Za-z0-9_.=-]") {
            let token = mint(&json!({ "scope": "app", "exp": 1_900_000_000 }));
            let at = at % token.len();
            let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
            // The last character of a signature has two bits that say nothing; strict base64url refuses them set.
            prop_assert!(changed == token || accepts(&changed).is_err());
        }

        #[test]
        fn no_text_whatever_makes_it_panic(text in "\\PC{0,80}") {
            prop_assert!(accepts(&text).is_err());
        }

        #[test]
        fn what_is_accepted_the_library_accepts_too(header in "\\{\"alg\":\"(HS256|none|HS512)\",\"kid\":\"k\"\\}", scope in "(app|account)", exp in 1_799_999_990i64..1_800_000_010) {
            let token = by_hand(&header, &json!({ "scope": scope, "exp": exp }).to_string());
            let mut validation = Validation::new(Algorithm::HS256);
            validation.validate_exp = false;
            let library = decode::<Value>(&token, &DecodingKey::from_secret(SECRET.as_bytes()), &validation);
            prop_assert!(accepts(&token).is_err() || library.is_ok());
            let ours = header.contains("HS256") && scope == "app" && exp > 1_800_000_000;
            prop_assert_eq!(accepts(&token).is_ok(), ours);
        }
    }
}
