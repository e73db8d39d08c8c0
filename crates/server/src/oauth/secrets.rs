//! What works once and not for long: codes, and links to sign in with. Only their hashes are kept.

use crate::error::Result;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use heliograph_store::{Tx, args};
use heliograph_wire::id::AppId;
use sha2::{Digest, Sha256};

/// How long a code works. Between a browser and a server nobody has to think.
const CODE_MS: i64 = 2 * 60 * 1000;
/// How long a link works.
const LINK_MS: i64 = 15 * 60 * 1000;
const SECRET_BYTES: usize = 32;

/// That a person let a partner into an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The app.
    pub app: AppId,
    /// The partner.
    pub client_id: String,
    /// Where the code is sent.
    pub redirect_uri: String,
    /// What whoever exchanges the code must prove.
    pub challenge: Option<String>,
}

/// Writes a consent down, and makes the code for it.
pub fn issue_code(tx: &mut Tx<'_>, consent: &Consent) -> Result<String> {
    let app = consent.app.to_string();
    let code = fresh(tx, &app);
    tx.execute("DELETE FROM oauth_code WHERE app_id = $1 AND expires_at <= $2", args![&app, tx.now()])?;
    tx.append(
        "INSERT INTO oauth_code (app_id, hash, client_id, redirect_uri, challenge, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![&app, &hash(&code), &consent.client_id, &consent.redirect_uri, &consent.challenge, tx.now() + CODE_MS],
    )?;
    Ok(code)
}

/// Takes a code, if it is one and still works. It does not any more.
pub fn redeem_code(tx: &mut Tx<'_>, code: &str) -> Result<Option<Consent>> {
    let Some((app, Ok(id))) = code.split_once('.').map(|(app, _)| (app, app.parse())) else { return Ok(None) };
    let rows = tx.query_mut(
        "DELETE FROM oauth_code WHERE app_id = $1 AND hash = $2 AND expires_at > $3
         RETURNING client_id, redirect_uri, challenge",
        args![app, &hash(code), tx.now()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Consent {
        app: id,
        client_id: row.text(0)?.to_owned(),
        redirect_uri: row.text(1)?.to_owned(),
        challenge: row.opt_text(2)?.map(str::to_owned),
    }))
}

/// Makes the token of a link to sign in with: for one app, or for all.
pub fn issue_login(tx: &mut Tx<'_>, app: Option<AppId>) -> Result<String> {
    let app = app.map(|id| id.to_string()).unwrap_or_default();
    let token = fresh(tx, &app);
    tx.execute("DELETE FROM oauth_login WHERE expires_at <= $1", args![tx.now()])?;
    tx.append(
        "INSERT INTO oauth_login (app_id, hash, expires_at) VALUES ($1, $2, $3)",
        args![&app, &hash(&token), tx.now() + LINK_MS],
    )?;
    Ok(token)
}

/// Takes the token of a link, and answers the app it lets into: `Some(None)` is all.
pub fn redeem_login(tx: &mut Tx<'_>, token: &str) -> Result<Option<Option<AppId>>> {
    let Some((prefix, app)) = login_app(token) else { return Ok(None) };
    let gone = tx.execute(
        "DELETE FROM oauth_login WHERE app_id = $1 AND hash = $2 AND expires_at > $3",
        args![prefix, &hash(token), tx.now()],
    )?;
    Ok((gone > 0).then_some(app))
}

/// Whether this is the token of a link that still works.
pub fn is_login(tx: &Tx<'_>, token: &str) -> Result<bool> {
    let Some((prefix, _)) = login_app(token) else { return Ok(false) };
    let rows = tx.query(
        "SELECT 1 FROM oauth_login WHERE app_id = $1 AND hash = $2 AND expires_at > $3",
        args![prefix, &hash(token), tx.now()],
    )?;
    Ok(!rows.is_empty())
}

/// What a link's token begins with, and the app that it stands for; none is all. Nothing if it is no token.
fn login_app(token: &str) -> Option<(&str, Option<AppId>)> {
    match token.split_once('.')? {
        ("", _) => Some(("", None)),
        (app, _) => Some((app, Some(app.parse().ok()?))),
    }
}

/// The app stands in front, so that a row is found by its key alone.
fn fresh(tx: &Tx<'_>, app: &str) -> String {
    format!("{app}.{}", BASE64.encode(tx.random::<SECRET_BYTES>()))
}

/// What is kept of a secret that is long and random.
pub fn hash(secret: &str) -> String {
    BASE64.encode(Sha256::digest(secret.as_bytes()))
}
