//! `heliograph token`: signs a token with a key, without asking any server. `heliograph token explain`: asks a server what
//! it makes of one.

use crate::{
    connection,
    output::{self, Outcome},
};
use clap::{Args, Subcommand};
use heliograph_client::{Nothing, id::AppId, token_explain::*};
use serde_json::{Value, json};
use std::{io, time::Duration};
use tokio::runtime::Builder;

/// Prints a token.
#[derive(Args)]
pub struct Token {
    #[command(flatten)]
    connection: connection::Flags,
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How long it is valid: a number with s, m, h or d after it, or `never` for a token that ends only when its key is
    /// deleted.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = expiry)]
    expires_in: Expiry,
    /// Prints JSON: {"token", "keyId", "scope", "expiresIn"}.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Lists every check that a token goes through, with its outcome. Ends with an error if it would be refused.
    Explain(Explain),
}

#[derive(Args)]
struct Explain {
    /// The token that is to be explained. Others on the machine can see it here: `-` takes it from stdin.
    // An id of its own: under `token` it would be taken for the global flag --token, the caller's credential.
    #[arg(id = "subject", value_name = "TOKEN")]
    token: String,
    /// The operation it is to call, by its operationId.
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// The app it is to call it in.
    #[arg(long, value_name = "ID", value_parser = crate::api::id::<heliograph_client::id::App>)]
    app: Option<AppId>,
}

/// How long something is valid, if it ever ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(pub Option<Duration>);

/// Runs the command.
pub fn run(token: Token) -> Outcome {
    if let Some(Verb::Explain(asked)) = token.verb {
        return explain(token.connection, asked, token.json);
    }
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

/// Who has no credential shows the token itself: that is enough if it is genuine.
fn explain(connection: connection::Flags, asked: Explain, as_json: bool) -> Outcome {
    let token = if asked.token == "-" { io::read_to_string(io::stdin())?.trim().to_owned() } else { asked.token };
    let client = connection.client_or_token(&token)?;
    let question = TokenQuestion { token, operation: asked.operation, app_id: asked.app };
    let none = Nothing {};
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(client.send::<ExplainToken>(&none, &none, &question))?;
    let answer: Value = answer.decode()?;
    output::list(as_json, &answer, "checks", &[("CHECK", "/check"), ("OUTCOME", "/outcome"), ("DETAIL", "/detail")])?;
    if answer["accepted"] == true { Ok(()) } else { Err("the token would be refused".into()) }
}

/// Reads a time with a unit, or `never`.
pub fn expiry(text: &str) -> Result<Expiry, String> {
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
