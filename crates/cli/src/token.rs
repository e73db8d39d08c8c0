//! `heliograph token`: signs a token with a key, without asking any server.

use crate::{
    connection,
    output::{self, Outcome},
};
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// Prints a token.
#[derive(Args)]
pub struct Token {
    #[command(flatten)]
    connection: connection::Flags,
    /// How long it is valid: a number with s, m, h or d after it, or `never` for a token that ends only when its key is
    /// deleted.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = expiry)]
    expires_in: Expiry,
    /// Prints JSON: {"token", "keyId", "scope", "expiresIn"}.
    #[arg(long)]
    json: bool,
}

/// How long a token is valid, if it ever ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expiry(Option<Duration>);

/// Runs the command.
pub fn run(token: Token) -> Outcome {
    let Expiry(lifetime) = token.expires_in;
    let signer = token.connection.signer()?.lifetime(lifetime);
    if !token.json {
        return output::print(&signer.mint());
    }
    let expires_in = lifetime.map(|lifetime| lifetime.as_secs());
    output::json(&json!({
        "token": signer.mint(),
        "keyId": signer.key_id(),
        "scope": signer.scope().name(),
        "expiresIn": expires_in,
    }))
}

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry(None));
    }
    let form = || "a number with s, m, h or d after it, such as 90s or 1h, or never".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(form()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.filter(|seconds| *seconds > 0).map(|seconds| Expiry(Some(Duration::from_secs(seconds)))).ok_or_else(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = |text| expiry(text).map(|expiry| expiry.0.map(|lifetime| lifetime.as_secs()));
        for (text, wanted) in [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(Some(wanted)));
        }
        assert_eq!(seconds("never"), Ok(None));
        for text in ["", "h", "1", "1w", "0s", "-1h", "1.5h", "99999999999999999999d", "1 h", "é"] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
