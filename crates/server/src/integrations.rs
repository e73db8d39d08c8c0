//! Integrations.

use crate::{
    apps,
    call::{Call, page_title},
    error::{Error, Result},
    keys::{self, Owner},
    pages::{Window, links},
    router::Builder,
    state::State,
    vault::{Place, Vault},
    webhooks,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    id::{AppId, IntegrationId},
    integration_types::{CUSTOM, Field, IntegrationType},
    integrations::*,
    op::{Nothing, Operation},
    problem::Missing,
    webhooks::NewWebhook,
};
use serde_json::{Map, Value};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(update).on(delete);
}

async fn create(call: Call<CreateIntegration>) -> Result<IntegrationReply> {
    call.write(make).await
}

async fn list(call: Call<ListIntegrations>) -> Result<IntegrationList> {
    call.read(page).await
}

async fn get(call: Call<GetIntegration>) -> Result<IntegrationReply> {
    call.read(|tx, call| {
        let kept = find(tx, call.path.app_id, call.path.integration_id)?;
        Ok(IntegrationReply { integration: kept.show(tx, &call.state, call.path.app_id)? })
    })
    .await
}

async fn update(call: Call<UpdateIntegration>) -> Result<IntegrationReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteIntegration>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// An integration as the store keeps it: what may be shown, and credentials sealed.
struct Kept {
    id: IntegrationId,
    kind: &'static IntegrationType,
    status: String,
    display_name: Option<String>,
    fields: Map<String, Value>,
    secrets: Option<String>,
}

/// A field that all types but `custom` have.
const DISCLAIMER: &str = "showAIDisclaimer";
const RESPONDER: &str = "defaultResponderId";

impl Kept {
    /// As the world sees it: no credentials; for a custom one, its webhooks.
    fn show(self, tx: &Tx<'_>, state: &State, app: AppId) -> Result<Integration> {
        let mut fields = self.fields;
        if self.kind.name == CUSTOM {
            let webhooks = webhooks::of_integration(tx, &state.vault, app, self.id)?;
            fields.insert("webhooks".to_owned(), serde_json::to_value(webhooks)?);
        }
        Ok(Integration {
            id: Some(self.id),
            r#type: self.kind.name.to_owned(),
            status: serde_json::from_value(self.status.into())?,
            display_name: self.display_name,
            fields,
        })
    }
}

fn kind_of(name: &str) -> Result<&'static IntegrationType> {
    IntegrationType::find(name).ok_or_else(|| Error::invalid("Invalid integration type"))
}

fn make(tx: &mut Tx<'_>, call: &Call<CreateIntegration>) -> Result<IntegrationReply> {
    let app = call.path.app_id;
    apps::require(tx, app)?;
    let body = &call.body;
    let kind = kind_of(&body.r#type)?;
    check_together(kind, &body.fields)?;
    let mut kept = Kept {
        id: IntegrationId::new(tx.id()),
        kind,
        status: "active".to_owned(),
        display_name: body.display_name.clone(),
        fields: defaults(kind),
        secrets: None,
    };
    put(tx, &call.state.vault, app, &mut kept, &body.fields, |_| true)?;
    insert(tx, app, &kept)?;
    if kind.name == CUSTOM {
        let new: Vec<NewWebhook> = serde_json::from_value(body.fields.get("webhooks").cloned().unwrap_or_default())?;
        for webhook in &new {
            webhooks::make(tx, &call.state, app, kept.id, webhook, "webhooks[0].target")?;
        }
    }
    Ok(IntegrationReply { integration: kept.show(tx, &call.state, app)? })
}

/// Rules that are about several fields.
fn check_together(kind: &IntegrationType, given: &Map<String, Value>) -> Result<()> {
    let has = |name: &str| given.get(name).is_some_and(|v| !v.is_null());
    if kind.name == "twilio" && !has("phoneNumberSid") && !has("messagingServiceSid") {
        return Err(Error::invalid("should have required property 'phoneNumberSid' or 'messagingServiceSid'"));
    }
    // The schema cannot say it: an integration is answered without webhooks when its one was deleted.
    if kind.name == CUSTOM && given.get("webhooks").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        return Err(Error::invalid("webhooks should NOT have fewer than 1 items"));
    }
    check_responder(given)
}

/// A default responder is a part of a switchboard.
fn check_responder(given: &Map<String, Value>) -> Result<()> {
    match given.get(RESPONDER) {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Error::invalid("defaultResponderId should be the id of a switchboard integration of the app")),
    }
}

/// What the fields are that were not given.
fn defaults(kind: &IntegrationType) -> Map<String, Value> {
    let own = kind.fields.iter().filter_map(|f| Some((f.name.to_owned(), f.default?.value())));
    let common = (kind.name != CUSTOM).then(|| (DISCLAIMER.to_owned(), true.into()));
    own.chain(common).collect()
}

/// Puts the given fields of the type into what is kept, credentials sealed; `null` takes one away. What is not a field
/// of the type, or may not be set, is ignored: clients send back what they received.
fn put(
    tx: &Tx<'_>,
    vault: &Vault,
    app: AppId,
    kept: &mut Kept,
    given: &Map<String, Value>,
    may_set: fn(&Field) -> bool,
) -> Result<()> {
    let mut secrets = open_secrets(tx, vault, app, kept)?;
    for field in kept.kind.fields.iter().filter(|f| !f.read_only && may_set(f)) {
        let Some(value) = given.get(field.name) else { continue };
        let into = if field.secret { &mut secrets } else { &mut kept.fields };
        if value.is_null() {
            into.remove(field.name)
        } else {
            into.insert(field.name.to_owned(), value.clone())
        };
    }
    if let Some(value) = given.get(DISCLAIMER).filter(|_| kept.kind.name != CUSTOM) {
        kept.fields.insert(DISCLAIMER.to_owned(), value.clone());
    }
    kept.secrets = match secrets.is_empty() {
        true => None,
        false => {
            let (app, id) = (app.text(), kept.id.text());
            Some(vault.seal(tx, place(app.as_str(), id.as_str()), &serde_json::to_string(&secrets)?)?)
        }
    };
    Ok(())
}

fn open_secrets(tx: &Tx<'_>, vault: &Vault, app: AppId, kept: &Kept) -> Result<Map<String, Value>> {
    let Some(sealed) = &kept.secrets else { return Ok(Map::new()) };
    let (app, id) = (app.text(), kept.id.text());
    Ok(serde_json::from_str(&vault.open(tx, place(app.as_str(), id.as_str()), sealed)?)?)
}

fn page(tx: &Tx<'_>, call: &Call<ListIntegrations>) -> Result<IntegrationList> {
    let app = call.path.app_id;
    let window = Window::of(call.query.page.as_ref(), page_title(ListIntegrations::ID))?;
    let types = call.query.filter.as_ref().and_then(|f| f.types.as_deref());
    let sheet = window.sheet(all(tx, app, types, &window)?, |i| i.id.to_string());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    let integrations = sheet.rows.into_iter().map(|kept| kept.show(tx, &call.state, app)).collect::<Result<_>>()?;
    Ok(IntegrationList { integrations, meta: sheet.meta, links })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateIntegration>) -> Result<IntegrationReply> {
    let app = call.path.app_id;
    let mut kept = find(tx, app, call.path.integration_id)?;
    call.body.display_name.clone().apply(&mut kept.display_name);
    check_responder(&call.body.fields)?;
    put(tx, &call.state.vault, app, &mut kept, &call.body.fields, |field| field.updatable)?;
    save(tx, app, &kept)?;
    Ok(IntegrationReply { integration: kept.show(tx, &call.state, app)? })
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteIntegration>) -> Result<Nothing> {
    let (app, id) = (call.path.app_id, call.path.integration_id);
    let gone = tx.execute(
        "DELETE FROM integration WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    if gone == 0 {
        return Err(Missing::INTEGRATION.into());
    }
    webhooks::remove_all(tx, &call.state, app, id)?;
    keys::delete_all(tx, &call.state, &Owner::integration(app, id))?;
    Ok(Nothing {})
}

// ---- Rows

fn place<'a>(app: &'a str, id: &'a str) -> Place<'a> {
    Place { table: "integration", app, row: id }
}

fn insert(tx: &mut Tx<'_>, app: AppId, kept: &Kept) -> Result<()> {
    let fields = serde_json::to_string(&kept.fields)?;
    tx.append(
        "INSERT INTO integration (app_id, id, type, status, display_name, fields, secrets, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            app.text().as_str(),
            kept.id.text().as_str(),
            kept.kind.name,
            &kept.status,
            &kept.display_name,
            &fields,
            &kept.secrets,
            tx.now()
        ],
    )?;
    Ok(())
}

fn save(tx: &mut Tx<'_>, app: AppId, kept: &Kept) -> Result<()> {
    let fields = serde_json::to_string(&kept.fields)?;
    tx.execute(
        "UPDATE integration SET display_name = $3, fields = $4, secrets = $5 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), kept.id.text().as_str(), &kept.display_name, &fields, &kept.secrets],
    )?;
    Ok(())
}

/// The type of an integration, which is there.
pub fn kind(tx: &Tx<'_>, app: AppId, id: IntegrationId) -> Result<String> {
    let mut rows = tx.query(
        "SELECT type FROM integration WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    Ok(rows.first_mut().ok_or(Missing::INTEGRATION)?.take_text(0)?)
}

fn find(tx: &Tx<'_>, app: AppId, id: IntegrationId) -> Result<Kept> {
    let rows = tx.query(
        "SELECT id, type, status, display_name, fields, secrets FROM integration WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    kept(rows.first().ok_or(Missing::INTEGRATION)?)
}

/// `types` is a list with commas; the statement looks each type up in it.
fn all(tx: &Tx<'_>, app: AppId, types: Option<&str>, window: &Window) -> Result<Vec<Kept>> {
    let types = types.map(|list| format!(",{},", list.replace(' ', "")));
    let app = app.text();
    let rows = match window.before() {
        Some(id) => tx.query(
            "SELECT id, type, status, display_name, fields, secrets FROM integration WHERE app_id = $1 AND id < $2
             AND (CAST($3 AS TEXT) IS NULL OR CAST($3 AS TEXT) LIKE '%,' || type || ',%') ORDER BY id DESC LIMIT $4",
            args![app.as_str(), id, types.as_deref(), window.limit()],
        ),
        None => tx.query(
            "SELECT id, type, status, display_name, fields, secrets FROM integration WHERE app_id = $1 AND id > $2
             AND (CAST($3 AS TEXT) IS NULL OR CAST($3 AS TEXT) LIKE '%,' || type || ',%') ORDER BY id LIMIT $4",
            args![app.as_str(), window.after(), types.as_deref(), window.limit()],
        ),
    }?;
    rows.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<Kept> {
    Ok(Kept {
        id: row.parse(0)?,
        kind: kind_of(row.text(1)?)?,
        status: row.text(2)?.to_owned(),
        display_name: row.opt_text(3)?.map(str::to_owned),
        fields: serde_json::from_str(row.text(4)?)?,
        secrets: row.opt_text(5)?.map(str::to_owned),
    })
}
