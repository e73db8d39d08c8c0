//! OAuth: a person lets a partner's program into an app, and it gets an integration of its own there.
//!
//! `clients.rs` are the partners; `request.rs` what a partner asks for; `consent.rs` the pages on which a person signs
//! in (`session.rs`) and answers (`html.rs` draws them); `secrets.rs` the codes and links that work once. Here is the
//! exchange of a code for a token, and the end of it all.

pub mod clients;
mod consent;
mod html;
pub mod removal;
mod request;
pub mod secrets;
mod session;

use crate::{
    apps, audit,
    auth::token::access_token,
    call::{Answer, Call},
    error::{Error, Result},
    idempotency::{self, Once},
    integrations, keys,
    open::{Visit, json, redirect},
    router::Builder,
    state::State,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use heliograph_store::{Tx, clock};
use heliograph_wire::{
    audit::AuditActor,
    oauth::*,
    oauth_clients::OAuthClient,
    op::{Nothing, Operation},
};
use http::StatusCode;
use request::Request;
use sha2::{Digest, Sha256};
use std::{net::IpAddr, sync::Arc};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

// ---- Handlers

/// The operations of this folder, and its pages.
pub fn routes(on: &mut Builder<'_>) {
    on.on_open(authorize).on_open(token).on(revoke);
    clients::routes(on);
    consent::routes(on);
}

/// Whatever the partner asked, the person sees no error page of ours unless it is not known where to send them back.
async fn authorize(visit: Visit<Authorize>) -> Result<Answer> {
    let Visit { state, query, query_text, .. } = visit;
    let request = state.store.read(move |tx| Request::read(tx, &query)).await?;
    match request.defect() {
        Some(defect) => redirect(StatusCode::FOUND, &request.back_with_error(defect)),
        // Beside this path, so that it is right behind a proxy and under /sc as well.
        None => redirect(StatusCode::FOUND, &format!("consent?{query_text}")),
    }
}

async fn token(visit: Visit<GetToken>) -> Result<Answer> {
    let Visit { state, body, head, .. } = visit;
    let address = state.proxies.client(&head);
    let name = idempotency::name::<GetToken>(&head.headers)?;
    let once = name.map(|name| Once::new::<GetToken>(name, &body.client_id, &Nothing {}, &Nothing {}, &body));
    let once = once.transpose()?.map(Arc::new);
    let asked = once.clone();
    let (id, secret) = (body.client_id.clone(), Zeroizing::new(body.client_secret.clone()));
    // Strangers are counted, and do not wait for a turn to write.
    if state.store.read(move |tx| clients::with_secret(tx, &id, &secret)).await?.is_none() {
        return Err(state.failures.count(address, None, Error::Unauthorized));
    }
    let exchanging = move |tx: &mut Tx<'_>| {
        // Before anything is said of the name: it is the partner's alone.
        let client = clients::with_secret(tx, &body.client_id, &body.client_secret)?.ok_or(Error::Unauthorized)?;
        let exchange = |tx: &mut Tx<'_>| exchange(tx, state, &client, &body, address);
        match &asked {
            Some(once) => once.run(tx, &state.vault, exchange),
            None => exchange(tx),
        }
    };
    let mut answer = json(StatusCode::OK, &state.store.write(exchanging).await?)?;
    if let Some(once) = once {
        once.mark(&mut answer.headers);
    }
    Ok(answer)
}

async fn revoke(call: Call<RevokeAccess>) -> Result<Nothing> {
    call.write(|tx, call| {
        let (app, integration) = (call.caller.app(), call.caller.integration());
        // A custom integration was not let in by consent: it is deleted by its owner.
        let (Some(app), Some(integration), Some(_)) = (app, integration, call.caller.oauth_client()) else {
            return Err(Error::Forbidden("Forbidden"));
        };
        integrations::remove_whole(tx, call.state, app, integration)
    })
    .await
}

// ---- Rules

/// A code becomes a token. What is wrong with either is not said: the partner knows its own part, and nobody else
/// should learn anything.
fn exchange(
    tx: &mut Tx<'_>,
    state: State,
    client: &OAuthClient,
    asked: &TokenRequest,
    address: IpAddr,
) -> Result<AccessToken> {
    let consent = secrets::redeem_code(tx, &asked.code)?.ok_or(Error::Unauthorized)?;
    let same_address = asked.redirect_uri.as_ref().is_none_or(|uri| *uri == consent.redirect_uri);
    if consent.client_id != client.id || !same_address || !proves(asked, consent.challenge.as_deref()) {
        return Err(Error::Unauthorized);
    }
    apps::require(tx, consent.app)?;
    let integration = integrations::of_partner(tx, consent.app, client)?;
    let key = keys::of_oauth(tx, &state.vault, consent.app, integration, &client.id)?;
    let actor = AuditActor {
        kind: "OAuth client".to_owned(),
        id: Some(client.id.clone()),
        service_account_id: None,
        address: Some(address.to_string()),
    };
    let subject = Some(integration.to_string());
    let change = audit::Change { operation: GetToken::ID, actor, subject, ..audit::Change::default() };
    audit::record(tx, &state.vault, consent.app.text().as_str(), &change)?;
    let token = access_token(&key.id, &key.secret, &client.id, consent.app, clock::now_ms());
    Ok(AccessToken { access_token: token, token_type: "Bearer".to_owned() })
}

/// PKCE: whoever began is who goes on. A verifier without a challenge is refused too: somebody took the challenge out.
fn proves(asked: &TokenRequest, challenge: Option<&str>) -> bool {
    match (challenge, &asked.code_verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let hashed = BASE64.encode(Sha256::digest(verifier.as_bytes()));
            hashed.as_bytes().ct_eq(challenge.as_bytes()).into()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(verifier: Option<&str>) -> TokenRequest {
        TokenRequest {
            code: String::new(),
            grant_type: String::new(),
            client_id: String::new(),
            client_secret: String::new(),
            redirect_uri: None,
            code_verifier: verifier.map(str::to_owned),
        }
    }

    #[test]
    fn the_example_of_the_standard_and_its_neighbours() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(proves(&asked(Some(verifier)), Some(challenge)));
        assert!(proves(&asked(None), None));
        for (verifier, challenge) in [(Some("other"), Some(challenge)), (None, Some(challenge)), (Some(verifier), None)]
        {
            assert!(!proves(&asked(verifier), challenge));
        }
    }
}
