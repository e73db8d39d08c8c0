//! The pages: sign in, then allow or deny. They need no script, and no form of another page can answer them.

use super::{
    html,
    request::Request,
    secrets::{Consent, hash, is_login, issue_code, redeem_login},
    session::{Person, Session, SignedIn, farewell},
};
use crate::{
    audit::{self, Change},
    auth,
    call::{Answer, typed},
    error::{Error, Result},
    open::{PageVisit, page_endpoint, redirect},
    router::Builder,
    state::State,
};
use heliograph_store::Tx;
use heliograph_wire::{id::AppId, oauth::AuthorizeQuery, query};
use http::{HeaderMap, Method, StatusCode, header::SET_COOKIE};
use serde_json::json;
use subtle::ConstantTimeEq;

/// The pages of this file. Their forms name each other by the last part of the path alone.
pub fn routes(on: &mut Builder<'_>) {
    on.hang(Method::GET, "/oauth/consent", "ConsentPage", page_endpoint(show, html::refused));
    on.hang(Method::POST, "/oauth/consent", "Consent", page_endpoint(decide, html::refused));
    on.hang(Method::POST, "/oauth/sign-in", "SignIn", page_endpoint(sign_in, html::refused));
    on.hang(Method::GET, "/oauth/login", "LoginPage", page_endpoint(show_login, html::refused));
    on.hang(Method::POST, "/oauth/login", "Login", page_endpoint(login, html::refused));
}

// ---- Handlers

async fn show(visit: PageVisit) -> Result<Answer> {
    let request = request(&visit).await?;
    if let Some(defect) = request.defect() {
        return redirect(StatusCode::SEE_OTHER, &request.back_with_error(defect));
    }
    let Some((session, person)) = Session::of(visit.state, &visit.head.headers, visit.address).await? else {
        return Ok(html::sign_in(StatusCode::OK, &request.client, &visit.query_text, None));
    };
    let choice = visit.state.store.read(move |tx| person.choice(tx)).await?;
    Ok(html::consent(&request, &visit.query_text, &session.mark, &choice))
}

async fn sign_in(visit: PageVisit) -> Result<Answer> {
    from_our_own_page(&visit.head.headers)?;
    let request = request(&visit).await?;
    // What is pasted often has a blank at its end.
    let (id, secret) = (visit.field("key_id").trim(), visit.field("secret").trim());
    let caller = auth::sign_in(visit.state, (&visit.head.headers, visit.address), id, secret).await?;
    let Some(caller) = caller.filter(Person::may_sign_in) else {
        let refused = "There is no key of an account or an app with this id and secret.";
        return Ok(html::sign_in(StatusCode::UNAUTHORIZED, &request.client, &visit.query_text, Some(refused)));
    };
    let back = format!("consent?{}", visit.query_text);
    let how = SignedIn::Key { id: caller.key_id().to_owned(), secret: hash(secret) };
    signed_in(visit.state, how, redirect(StatusCode::SEE_OTHER, &back)?).await
}

async fn decide(visit: PageVisit) -> Result<Answer> {
    from_our_own_page(&visit.head.headers)?;
    let request = request(&visit).await?;
    let Some((session, person)) = Session::of(visit.state, &visit.head.headers, visit.address).await? else {
        // It took too long: sign in once more.
        return redirect(StatusCode::SEE_OTHER, &format!("consent?{}", visit.query_text));
    };
    if !bool::from(session.mark.as_bytes().ct_eq(visit.field("mark").as_bytes())) {
        return Err(Error::Forbidden("Forbidden"));
    }
    let back = match (request.defect(), visit.field("decision")) {
        (Some(defect), _) => request.back_with_error(defect),
        (None, "allow") => allow(&visit, &request, person).await?,
        (None, _) => request.back_with_error(("access_denied", "Access was denied")),
    };
    let mut answer = redirect(StatusCode::SEE_OTHER, &back)?;
    answer.headers.insert(SET_COOKIE, farewell(visit.state)?);
    Ok(answer)
}

/// The link alone does nothing: programs that look at links before people do would use it up.
async fn show_login(visit: PageVisit) -> Result<Answer> {
    let asked = query::read(&visit.query_text);
    Ok(html::login(asked["token"].as_str().unwrap_or_default()))
}

async fn login(visit: PageVisit) -> Result<Answer> {
    from_our_own_page(&visit.head.headers)?;
    let token = visit.field("token").to_owned();
    let (state, address) = (visit.state, visit.address);
    let shown = token.clone();
    // Strangers do not wait for a turn to write.
    if !state.store.read(move |tx| is_login(tx, &shown)).await? {
        return match state.failures.count(address, None, Error::Unauthorized) {
            Error::Unauthorized => Ok(html::stale_link()),
            too_many => Err(too_many),
        };
    }
    let redeem = move |tx: &mut Tx<'_>| -> Result<Option<Option<AppId>>> {
        let redeemed = redeem_login(tx, &token)?;
        if let Some(app) = redeemed {
            let (actor, subject) = (Person::Operator(app).actor(address), app.map(|app| app.to_string()));
            let change = Change { operation: "Login", actor, subject, ..Change::default() };
            audit::record(tx, &state.vault, audit::SERVER, &change)?;
        }
        Ok(redeemed)
    };
    let redeemed = visit.state.store.write(redeem).await?;
    match redeemed {
        Some(app) => signed_in(visit.state, SignedIn::Link(app), html::welcome()).await,
        None => Ok(html::stale_link()),
    }
}

// ---- Rules

async fn request(visit: &PageVisit) -> Result<Request> {
    let asked = query::read(&visit.query_text);
    for name in ["client_id", "response_type"] {
        if !asked[name].is_string() {
            return Err(Error::invalid(format!("should have required property '{name}'")));
        }
    }
    let asked: AuthorizeQuery = typed(asked)?;
    visit.state.store.read(move |tx| Request::read(tx, &asked)).await
}

async fn allow(visit: &PageVisit, request: &Request, person: Person) -> Result<String> {
    let app: AppId = visit.field("app").trim().parse()?;
    let consent = Consent {
        app,
        client_id: request.client.id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.challenge().map(str::to_owned),
    };
    let (state, address) = (visit.state, visit.address);
    let admitted = move |tx: &mut Tx<'_>| {
        person.admit(tx, app)?;
        let (actor, subject) = (person.actor(address), Some(consent.client_id.clone()));
        let after = Some(json!({ "redirectUri": consent.redirect_uri }));
        let change = Change { operation: "Consent", actor, subject, before: None, after };
        audit::record(tx, &state.vault, app.text().as_str(), &change)?;
        issue_code(tx, &consent)
    };
    Ok(request.back_with_code(&visit.state.store.write(admitted).await?))
}

/// An answer that also begins a session.
async fn signed_in(state: State, how: SignedIn, mut answer: Answer) -> Result<Answer> {
    let cookie = state.store.read(move |tx| Session::begin(tx, how.clone()).cookie(tx, state)).await?;
    answer.headers.insert(SET_COOKIE, cookie);
    Ok(answer)
}

/// Browsers say which page a form comes from; what does not say it is no browser, and has no cookie to misuse.
fn from_our_own_page(headers: &HeaderMap) -> Result<()> {
    match headers.get("sec-fetch-site").map(|h| h.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Error::Forbidden("Forbidden")),
    }
}
