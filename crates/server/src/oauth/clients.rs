//! OAuth clients: the partners.

use crate::{
    call::Call,
    error::{Error, Result},
    integrations,
    oauth::secrets::hash,
    router::Builder,
    vault,
};
use heliograph_http::parse_target;
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    id::EventId, integration_types::IntegrationType, oauth_clients::*, op::Nothing, op::Operation, problem::Missing,
};
use subtle::ConstantTimeEq;

/// How many addresses a partner may name.
const MAX_ADDRESSES: usize = 10;
const MAX_NAME: usize = 100;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(update).on(delete);
}

async fn create(call: Call<CreateOAuthClient>) -> Result<NewOAuthClientReply> {
    operator(&call)?;
    call.write(|tx, call| make(tx, &call.body)).await
}

async fn list(call: Call<ListOAuthClients>) -> Result<OAuthClientList> {
    operator(&call)?;
    call.read(|tx, _| Ok(OAuthClientList { oauth_clients: all(tx)? })).await
}

async fn get(call: Call<GetOAuthClient>) -> Result<OAuthClientReply> {
    operator(&call)?;
    call.read(|tx, call| Ok(OAuthClientReply { oauth_client: known(tx, &call.path.client_id)? })).await
}

async fn update(call: Call<UpdateOAuthClient>) -> Result<OAuthClientReply> {
    operator(&call)?;
    call.write(change).await
}

async fn delete(call: Call<DeleteOAuthClient>) -> Result<Nothing> {
    operator(&call)?;
    call.write(|tx, call| {
        remove(tx, &call.path.client_id)?;
        integrations::forget_after_commit(tx, call.state);
        Ok(Nothing {})
    })
    .await
}

/// A partner is every app's: what a service account may see of the server does not reach so far.
fn operator<O: Operation>(call: &Call<O>) -> Result<()> {
    if call.caller.service_account().is_some() { Err(Error::Forbidden("Forbidden")) } else { Ok(()) }
}

// ---- Rules

/// Registers a partner. Its secret is in the answer and kept nowhere.
pub fn make(tx: &mut Tx<'_>, new: &NewOAuthClient) -> Result<NewOAuthClientReply> {
    let client = OAuthClient {
        id: new.id.clone().unwrap_or_else(|| EventId::new(tx.id()).to_string()),
        display_name: new.display_name.clone(),
        redirect_uris: new.redirect_uris.clone(),
        remove_url: new.remove_url.clone(),
    };
    if !is_client_id(&client.id) || IntegrationType::find(&client.id).is_some() {
        return Err(Error::invalid("id should be 2 to 64 letters, digits, dots, dashes, and no type of integration"));
    }
    check(&client)?;
    let secret = vault::secret(tx);
    if !insert(tx, &client, &hash(&secret))? {
        return Err(Error::Conflict("OAuth client already exists"));
    }
    Ok(NewOAuthClientReply { oauth_client: client, secret: secret.to_string() })
}

/// The rules of a partner's fields: the schema has most of them, but the command line does not ask the schema.
fn check(client: &OAuthClient) -> Result<()> {
    if !(1..=MAX_NAME).contains(&client.display_name.chars().count()) {
        return Err(Error::invalid(format!("displayName should have 1 to {MAX_NAME} characters")));
    }
    if !(1..=MAX_ADDRESSES).contains(&client.redirect_uris.len()) {
        return Err(Error::invalid(format!("redirectUris should have 1 to {MAX_ADDRESSES} items")));
    }
    for (at, uri) in client.redirect_uris.iter().enumerate() {
        check_address(&format!("redirectUris[{at}]"), uri)?;
    }
    client.remove_url.as_ref().map_or(Ok(()), |url| check_address("removeUrl", url))
}

/// Also without a fragment, before which no code could be added.
fn check_address(field: &str, text: &str) -> Result<()> {
    if text.contains('#') {
        return Err(Error::invalid(format!("{field} should have no fragment")));
    }
    parse_target(text).map(drop).map_err(|rule| Error::invalid(format!("{field} {rule}")))
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateOAuthClient>) -> Result<OAuthClientReply> {
    let mut client = known(tx, &call.path.client_id)?;
    let OAuthClientUpdate { display_name, redirect_uris, remove_url } = call.body.clone();
    client.display_name = display_name.unwrap_or(client.display_name);
    client.redirect_uris = redirect_uris.unwrap_or(client.redirect_uris);
    remove_url.apply(&mut client.remove_url);
    check(&client)?;
    save(tx, &client)?;
    Ok(OAuthClientReply { oauth_client: client })
}

/// Deletes a partner with all it has in any app.
pub fn remove(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    known(tx, id)?;
    // Before the partner's own row, which says where it wants to be told of it.
    for (app, integration) in integrations::of_type(tx, id)? {
        integrations::erase(tx, app, integration)?;
    }
    tx.execute("DELETE FROM oauth_code WHERE client_id = $1", args![id])?;
    tx.execute("DELETE FROM oauth_client WHERE id = $1", args![id])?;
    Ok(())
}

/// The partner with this id.
pub fn known(tx: &Tx<'_>, id: &str) -> Result<OAuthClient> {
    Ok(find(tx, id)?.ok_or(Missing::RESOURCE)?.0)
}

/// The partner with this id, if it has this secret.
pub fn with_secret(tx: &Tx<'_>, id: &str, secret: &str) -> Result<Option<OAuthClient>> {
    let right = |kept: &str| bool::from(kept.as_bytes().ct_eq(hash(secret).as_bytes()));
    Ok(find(tx, id)?.filter(|(_, kept)| right(kept)).map(|(client, _)| client))
}

// ---- Rows

/// Answers whether the id was free.
fn insert(tx: &mut Tx<'_>, client: &OAuthClient, secret_hash: &str) -> Result<bool> {
    let uris = serde_json::to_string(&client.redirect_uris)?;
    let made = tx.execute(
        "INSERT INTO oauth_client (id, display_name, redirect_uris, remove_url, secret_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        args![&client.id, &client.display_name, &uris, &client.remove_url, secret_hash, tx.now()],
    )?;
    Ok(made > 0)
}

fn save(tx: &mut Tx<'_>, client: &OAuthClient) -> Result<()> {
    let uris = serde_json::to_string(&client.redirect_uris)?;
    tx.execute(
        "UPDATE oauth_client SET display_name = $2, redirect_uris = $3, remove_url = $4 WHERE id = $1",
        args![&client.id, &client.display_name, &uris, &client.remove_url],
    )?;
    Ok(())
}

/// A partner, and the hash of its secret.
fn find(tx: &Tx<'_>, id: &str) -> Result<Option<(OAuthClient, String)>> {
    // What cannot be an id is not asked for: a text with U+0000 would be refused by the store itself.
    if !is_client_id(id) {
        return Ok(None);
    }
    let rows = tx.query(
        "SELECT id, display_name, redirect_uris, remove_url, secret_hash FROM oauth_client WHERE id = $1",
        args![id],
    )?;
    rows.first().map(|row| Ok((kept(row)?, row.text(4)?.to_owned()))).transpose()
}

/// All partners, by id.
pub fn all(tx: &Tx<'_>) -> Result<Vec<OAuthClient>> {
    let rows = tx.query("SELECT id, display_name, redirect_uris, remove_url FROM oauth_client ORDER BY id", args![])?;
    rows.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<OAuthClient> {
    Ok(OAuthClient {
        id: row.text(0)?.to_owned(),
        display_name: row.text(1)?.to_owned(),
        redirect_uris: serde_json::from_str(row.text(2)?)?,
        remove_url: row.opt_text(3)?.map(str::to_owned),
    })
}
