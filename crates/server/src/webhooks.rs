//! Webhooks.

use crate::{
    auth::Caller,
    call::Call,
    error::{Error, Result},
    integrations,
    router::Builder,
    state::State,
    switchboards,
    vault::{Place, Vault},
    webhook_proxies, webhook_signing,
};
use heliograph_http::{Proxy, parse_target};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    events::VERSION,
    id::{AppId, IntegrationId, WebhookId},
    integration_types::{CUSTOM, IntegrationType},
    op::Nothing,
    path::{AppWebhookPath, IntegrationRef},
    problem::Missing,
    webhooks::*,
};
use std::fmt::Write;
use zeroize::Zeroizing;

/// Stands in the place of an integration for the webhook that an app's notices go by.
pub const OF_THE_APP: &str = "";
/// How many random bytes a webhook's secret has, printed as hexadecimal digits.
const SECRET_BYTES: usize = 16;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(update).on(delete);
}

async fn create(call: Call<CreateWebhook>) -> Result<WebhookReply> {
    call.write(add).await
}

async fn list(call: Call<ListWebhooks>) -> Result<WebhookList> {
    call.read(|tx, call| {
        let integration = owner(tx, &call.caller, call.path.app_id, call.path.integration_id)?;
        Ok(WebhookList { webhooks: of_integration(tx, &call.state.vault, call.path.app_id, integration)? })
    })
    .await
}

async fn get(call: Call<GetWebhook>) -> Result<WebhookReply> {
    call.read(|tx, call| {
        let integration = owner(tx, &call.caller, call.path.app_id, call.path.integration_id)?;
        Ok(WebhookReply { webhook: find(tx, &call.state.vault, call.path.app_id, integration, call.path.webhook_id)? })
    })
    .await
}

async fn update(call: Call<UpdateWebhook>) -> Result<WebhookReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteWebhook>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// The integration whose webhooks are spoken of: an integration's key speaks of its own alone.
fn owner(tx: &Tx<'_>, caller: &Caller, app: AppId, named: IntegrationRef) -> Result<IntegrationId> {
    let id = match named {
        IntegrationRef::Me => caller.own_integration()?,
        IntegrationRef::Id(id) => id,
    };
    if caller.integration().is_some_and(|own| own != id) {
        return Err(Error::Forbidden("Forbidden"));
    }
    integrations::kind(tx, app, id)?;
    Ok(id)
}

fn add(tx: &mut Tx<'_>, call: &Call<CreateWebhook>) -> Result<WebhookReply> {
    let app = call.path.app_id;
    let integration = owner(tx, &call.caller, app, call.path.integration_id)?;
    let kind = integrations::kind(tx, app, integration)?;
    if kind != CUSTOM && IntegrationType::find(&kind).is_some() {
        // Channels are not told of anything.
        return Err(Error::Forbidden("Forbidden"));
    }
    // A partner may have several.
    if kind == CUSTOM && !of_integration(tx, &call.state.vault, app, integration)?.is_empty() {
        return Err(Error::invalid("A custom integration can have only one webhook; update the one it has"));
    }
    let webhook = make(tx, call.state, app, integration, &call.body, "target")?;
    switchboards::route(tx, app)?;
    Ok(WebhookReply { webhook })
}

/// Makes a webhook. `field` names the target in a refusal.
pub fn make(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    integration: IntegrationId,
    new: &NewWebhook,
    field: &str,
) -> Result<Webhook> {
    check_target(&new.target, field)?;
    if count(tx, app)? >= MAX_PER_APP as i64 {
        return Err(Error::invalid(format!("The app has reached the maximum number of webhooks ({MAX_PER_APP})")));
    }
    let webhook = made(tx, new);
    insert(tx, &state.vault, app, integration.text().as_str(), &webhook)?;
    webhook_signing::give(tx, &state.vault, app, webhook.id)?;
    Ok(webhook)
}

fn made(tx: &Tx<'_>, new: &NewWebhook) -> Webhook {
    Webhook {
        id: WebhookId::new(tx.id()),
        version: VERSION.to_owned(),
        target: new.target.clone(),
        triggers: once_each(&new.triggers),
        secret: hexadecimal(&tx.random::<SECRET_BYTES>()),
        include_full_user: new.include_full_user,
        include_full_source: new.include_full_source,
    }
}

/// Makes the webhook that an app's notices go by. It is called for nothing else.
pub fn make_for_the_app(tx: &mut Tx<'_>, state: State, app: AppId, target: &str) -> Result<()> {
    check_target(target, "target")?;
    let target = target.to_owned();
    let new = NewWebhook { target, triggers: Vec::new(), include_full_user: false, include_full_source: false };
    let webhook = made(tx, &new);
    insert(tx, &state.vault, app, OF_THE_APP, &webhook)?;
    webhook_signing::give(tx, &state.vault, app, webhook.id)
}

/// Has a webhook call another address.
pub fn retarget(tx: &mut Tx<'_>, state: State, app: AppId, id: WebhookId, target: &str) -> Result<()> {
    check_target(target, "target")?;
    point(tx, app, id, target)?;
    forget_targets_after_commit(tx, state);
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn check_target(target: &str, field: &str) -> Result<()> {
    parse_target(target).map(drop).map_err(|rule| Error::invalid(format!("{field} {rule}")))
}

fn once_each(triggers: &[Trigger]) -> Vec<Trigger> {
    let mut kept: Vec<Trigger> = Vec::with_capacity(triggers.len());
    for trigger in triggers {
        if !kept.contains(trigger) {
            kept.push(*trigger);
        }
    }
    kept
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateWebhook>) -> Result<WebhookReply> {
    let app = call.path.app_id;
    let integration = owner(tx, &call.caller, app, call.path.integration_id)?;
    let mut webhook = find(tx, &call.state.vault, app, integration, call.path.webhook_id)?;
    let WebhookUpdate { target, triggers, include_full_user, include_full_source } = call.body.clone();
    if let Some(target) = target {
        check_target(&target, "target")?;
        webhook.target = target;
    }
    webhook.triggers = triggers.map_or(webhook.triggers, |given| once_each(&given));
    webhook.include_full_user = include_full_user.unwrap_or(webhook.include_full_user);
    webhook.include_full_source = include_full_source.unwrap_or(webhook.include_full_source);
    save(tx, app, &webhook)?;
    forget_targets_after_commit(tx, call.state);
    Ok(WebhookReply { webhook })
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteWebhook>) -> Result<Nothing> {
    let app = call.path.app_id;
    let integration = owner(tx, &call.caller, app, call.path.integration_id)?;
    let (app, integration, id) = (app.text(), integration.text(), call.path.webhook_id.text());
    let gone = tx.execute(
        "DELETE FROM webhook WHERE app_id = $1 AND integration_id = $2 AND id = $3",
        args![app.as_str(), integration.as_str(), id.as_str()],
    )?;
    if gone == 0 {
        return Err(Missing::RESOURCE.into());
    }
    tx.execute("DELETE FROM delivery WHERE webhook_id = $1 AND app_id = $2", args![id.as_str(), app.as_str()])?;
    forget_targets_after_commit(tx, call.state);
    Ok(Nothing {})
}

/// Deletes the webhooks of an integration, with what waits for them.
pub fn remove_all(tx: &mut Tx<'_>, app: AppId, integration: IntegrationId) -> Result<()> {
    remove_of(tx, app, integration.text().as_str())
}

/// Deletes the webhook that an app's notices go by, with what waits for it.
pub fn remove_of_the_app(tx: &mut Tx<'_>, app: AppId) -> Result<()> {
    remove_of(tx, app, OF_THE_APP)
}

fn remove_of(tx: &mut Tx<'_>, app: AppId, integration: &str) -> Result<()> {
    let app = app.text();
    tx.execute(
        "DELETE FROM delivery WHERE app_id = $1 AND webhook_id IN
         (SELECT id FROM webhook WHERE app_id = $1 AND integration_id = $2)",
        args![app.as_str(), integration],
    )?;
    tx.execute("DELETE FROM webhook WHERE app_id = $1 AND integration_id = $2", args![app.as_str(), integration])?;
    Ok(())
}

/// Whether the caller may speak of this webhook: an integration's key speaks of its own integration's alone.
pub fn admit(tx: &Tx<'_>, caller: &Caller, path: &AppWebhookPath) -> Result<()> {
    let integration = require(tx, path.app_id, path.webhook_id)?;
    match caller.integration() {
        Some(own) if integration != Some(own) => Err(Error::Forbidden("Forbidden")),
        _ => Ok(()),
    }
}

/// The webhook exists; answers whose it is, unless it is the app's own.
pub fn require(tx: &Tx<'_>, app: AppId, id: WebhookId) -> Result<Option<IntegrationId>> {
    let rows = tx.query(
        "SELECT integration_id FROM webhook WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    let row = rows.first().ok_or(Missing::RESOURCE)?;
    Ok(if row.text(0)? == OF_THE_APP { None } else { Some(row.parse(0)?) })
}

/// Has targets and secrets read anew once this transaction is durable.
pub fn forget_targets_after_commit(tx: &mut Tx<'_>, state: State) {
    tx.after_commit(move || state.dispatcher.forget_targets());
}

// ---- Rows

fn place<'a>(app: &'a str, id: &'a str) -> Place<'a> {
    Place { table: "webhook", app, row: id }
}

fn insert(tx: &mut Tx<'_>, vault: &Vault, app: AppId, integration: &str, webhook: &Webhook) -> Result<()> {
    let (app, id) = (app.text(), webhook.id.text());
    let sealed = vault.seal(tx, place(app.as_str(), id.as_str()), &webhook.secret)?;
    let triggers = serde_json::to_string(&webhook.triggers)?;
    tx.append(
        "INSERT INTO webhook (app_id, id, integration_id, target, triggers, secret, include_full_user,
         include_full_source, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            app.as_str(),
            id.as_str(),
            integration,
            &webhook.target,
            &triggers,
            &sealed,
            webhook.include_full_user,
            webhook.include_full_source,
            tx.now()
        ],
    )?;
    Ok(())
}

fn save(tx: &mut Tx<'_>, app: AppId, webhook: &Webhook) -> Result<()> {
    let triggers = serde_json::to_string(&webhook.triggers)?;
    tx.execute(
        "UPDATE webhook SET triggers = $3, include_full_user = $4, include_full_source = $5
         WHERE app_id = $1 AND id = $2",
        args![
            app.text().as_str(),
            webhook.id.text().as_str(),
            &triggers,
            webhook.include_full_user,
            webhook.include_full_source
        ],
    )?;
    point(tx, app, webhook.id, &webhook.target)
}

/// Says where a webhook is called. That another target failed says nothing of this one.
fn point(tx: &mut Tx<'_>, app: AppId, id: WebhookId, target: &str) -> Result<()> {
    tx.execute(
        "UPDATE webhook SET target = $3, failing_since = NULL WHERE app_id = $1 AND id = $2 AND target <> $3",
        args![app.text().as_str(), id.text().as_str(), target],
    )?;
    Ok(())
}

/// The webhooks of an integration, oldest first.
pub fn of_integration(tx: &Tx<'_>, vault: &Vault, app: AppId, integration: IntegrationId) -> Result<Vec<Webhook>> {
    all_of(tx, vault, app, integration.text().as_str())
}

/// The webhook that an app's notices go by.
pub fn of_the_app(tx: &Tx<'_>, vault: &Vault, app: AppId) -> Result<Option<Webhook>> {
    Ok(all_of(tx, vault, app, OF_THE_APP)?.pop())
}

fn all_of(tx: &Tx<'_>, vault: &Vault, app: AppId, integration: &str) -> Result<Vec<Webhook>> {
    let rows = tx.query(
        "SELECT id, target, triggers, secret, include_full_user, include_full_source FROM webhook
         WHERE app_id = $1 AND integration_id = $2 ORDER BY id",
        args![app.text().as_str(), integration],
    )?;
    rows.iter().map(|row| kept(tx, vault, app, row)).collect()
}

fn find(tx: &Tx<'_>, vault: &Vault, app: AppId, integration: IntegrationId, id: WebhookId) -> Result<Webhook> {
    let rows = tx.query(
        "SELECT id, target, triggers, secret, include_full_user, include_full_source FROM webhook
         WHERE app_id = $1 AND integration_id = $2 AND id = $3",
        args![app.text().as_str(), integration.text().as_str(), id.text().as_str()],
    )?;
    kept(tx, vault, app, rows.first().ok_or(Missing::RESOURCE)?)
}

/// How a webhook is called.
pub struct Calling {
    /// Where.
    pub target: String,
    /// What is sent as `X-API-Key`.
    pub secret: Zeroizing<String>,
    /// With what it is signed.
    pub signing: Vec<Zeroizing<String>>,
    /// By which proxy, if it has one of its own.
    pub proxy: Option<Proxy>,
    /// How many events a call carries at most, if the webhook says so itself.
    pub events_per_call: Option<u32>,
    /// Since when nothing has arrived.
    pub failing_since: Option<i64>,
    /// Whether it is paused.
    pub paused: bool,
}

/// How a webhook is called: for its delivery.
pub fn calling(tx: &Tx<'_>, vault: &Vault, app: AppId, id: WebhookId) -> Result<Option<Calling>> {
    let (app, id) = (app.text(), id.text());
    let (app, id) = (app.as_str(), id.as_str());
    let rows = tx.query(
        "SELECT target, secret, signing_secret, former_signing_secret, former_signing_until, proxy, events_per_call,
         failing_since, paused_at FROM webhook WHERE app_id = $1 AND id = $2",
        args![app, id],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    let former = row.opt_text(3)?.zip(row.opt_int(4)?);
    Ok(Some(Calling {
        target: row.text(0)?.to_owned(),
        secret: vault.open(tx, place(app, id), row.text(1)?)?,
        signing: webhook_signing::in_force(tx, vault, (app, id), row.opt_text(2)?, former)?,
        proxy: webhook_proxies::opened(tx, vault, (app, id), row.opt_text(5)?)?,
        events_per_call: row.opt_int(6)?.and_then(|count| count.try_into().ok()),
        failing_since: row.opt_int(7)?,
        paused: row.opt_int(8)?.is_some(),
    }))
}

fn count(tx: &Tx<'_>, app: AppId) -> Result<i64> {
    let rows = tx.query(
        "SELECT COUNT(*) FROM webhook WHERE app_id = $1 AND integration_id <> $2",
        args![app.text().as_str(), OF_THE_APP],
    )?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?)
}

fn kept(tx: &Tx<'_>, vault: &Vault, app: AppId, row: &Row) -> Result<Webhook> {
    let id = row.text(0)?;
    let secret = vault.open(tx, place(app.text().as_str(), id), row.text(3)?)?;
    Ok(Webhook {
        id: row.parse(0)?,
        version: VERSION.to_owned(),
        target: row.text(1)?.to_owned(),
        triggers: serde_json::from_str(row.text(2)?)?,
        secret: secret.to_string(),
        include_full_user: row.flag(4)?,
        include_full_source: row.flag(5)?,
    })
}
