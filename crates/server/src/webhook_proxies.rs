//! Proxies by which webhooks are called.

use crate::{
    call::Call,
    error::{Error, Result},
    router::Builder,
    vault::{Place, Vault},
    webhooks,
};
use heliograph_http::Proxy;
use heliograph_store::{Tx, args};
use heliograph_wire::{
    op::{Nothing, Operation},
    path::AppWebhookPath,
    problem::Missing,
    webhook_proxies::*,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(get).on(set).on(delete);
}

async fn get(call: Call<GetWebhookProxy>) -> Result<WebhookProxyReply> {
    operator(&call)?;
    call.read(|tx, call| Ok(show(find(tx, &call.state.vault, &call.path)?.ok_or(Missing::RESOURCE)?))).await
}

async fn set(call: Call<SetWebhookProxy>) -> Result<WebhookProxyReply> {
    operator(&call)?;
    call.write(|tx, call| {
        webhooks::require(tx, call.path.app_id, call.path.webhook_id)?;
        check(&call.body)?;
        save(tx, &call.state.vault, &call.path, Some(&call.body))?;
        webhooks::forget_targets_after_commit(tx, call.state);
        Ok(show(call.body.clone()))
    })
    .await
}

async fn delete(call: Call<DeleteWebhookProxy>) -> Result<Nothing> {
    operator(&call)?;
    call.write(|tx, call| {
        find(tx, &call.state.vault, &call.path)?.ok_or(Missing::RESOURCE)?;
        save(tx, &call.state.vault, &call.path, None)?;
        webhooks::forget_targets_after_commit(tx, call.state);
        Ok(Nothing {})
    })
    .await
}

/// A proxy stands where the guard would stand, and its own address is not guarded: that is for the server's operator to
/// decide, and a service account is none.
fn operator<O: Operation>(call: &Call<O>) -> Result<()> {
    if call.caller.service_account().is_some() { Err(Error::Forbidden("Forbidden")) } else { Ok(()) }
}

// ---- Rules

fn check(proxy: &NewWebhookProxy) -> Result<()> {
    if proxy.username.is_some() != proxy.password.is_some() {
        return Err(Error::invalid("username and password should be given together"));
    }
    of(proxy).map(drop).map_err(|rule| Error::invalid(format!("url {rule}")))
}

fn of(proxy: &NewWebhookProxy) -> Result<Proxy, &'static str> {
    Proxy::new(&proxy.url, proxy.username.as_deref().zip(proxy.password.as_deref()))
}

fn show(proxy: NewWebhookProxy) -> WebhookProxyReply {
    WebhookProxyReply { proxy: WebhookProxy { url: proxy.url, username: proxy.username } }
}

/// The proxy that a webhook's row names, if any.
pub fn opened(tx: &Tx<'_>, vault: &Vault, at: (&str, &str), sealed: Option<&str>) -> Result<Option<Proxy>> {
    let proxy = read(tx, vault, at, sealed)?.map(|proxy| of(&proxy));
    proxy.transpose().map_err(|rule| Error::Internal(format!("a proxy {rule}")))
}

// ---- Rows

fn place<'a>(app: &'a str, webhook: &'a str) -> Place<'a> {
    Place { table: "webhook.proxy", app, row: webhook }
}

fn read(tx: &Tx<'_>, vault: &Vault, at: (&str, &str), sealed: Option<&str>) -> Result<Option<NewWebhookProxy>> {
    let Some(sealed) = sealed else { return Ok(None) };
    Ok(Some(serde_json::from_str(&vault.open(tx, place(at.0, at.1), sealed)?)?))
}

fn find(tx: &Tx<'_>, vault: &Vault, path: &AppWebhookPath) -> Result<Option<NewWebhookProxy>> {
    let (app, webhook): (_, _) = (path.app_id.text(), path.webhook_id.text());
    let rows =
        tx.query("SELECT proxy FROM webhook WHERE app_id = $1 AND id = $2", args![app.as_str(), webhook.as_str()])?;
    read(tx, vault, (app.as_str(), webhook.as_str()), rows.first().ok_or(Missing::RESOURCE)?.opt_text(0)?)
}

fn save(tx: &mut Tx<'_>, vault: &Vault, path: &AppWebhookPath, proxy: Option<&NewWebhookProxy>) -> Result<()> {
    let (app, webhook) = (path.app_id.text(), path.webhook_id.text());
    let at = place(app.as_str(), webhook.as_str());
    let sealed = proxy.map(|proxy| vault.seal(tx, at, &serde_json::to_string(proxy)?)).transpose()?;
    tx.execute(
        "UPDATE webhook SET proxy = $3 WHERE app_id = $1 AND id = $2",
        args![app.as_str(), webhook.as_str(), &sealed],
    )?;
    Ok(())
}
