//! Integrations.

use crate::{
    call::{Call, page_title},
    client_rows,
    error::{Error, Result},
    keys::{self, Owner},
    oauth::removal,
    pages::{Window, links},
    router::Builder,
    state::State,
    switchboards::{self, Board},
    vault::{Place, Vault},
    webhooks,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    id::{AppId, IntegrationId, SwitchboardIntegrationId},
    integration_types::{CUSTOM, Field, IntegrationType},
    integrations::*,
    oauth_clients::OAuthClient,
    op::{Nothing, Operation},
    problem::Missing,
    secret,
    switchboard_integrations::DefaultResponder,
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
        let app = call.path.app_id;
        let kept = find(tx, app, call.path.integration_id)?;
        Ok(IntegrationReply { integration: kept.show(tx, call.state, app, Board::of(tx, app)?.as_ref())? })
    })
    .await
}

async fn update(call: Call<UpdateIntegration>) -> Result<IntegrationReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteIntegration>) -> Result<Nothing> {
    call.write(|tx, call| remove_whole(tx, call.state, call.path.app_id, call.path.integration_id)).await
}

// ---- Rules

/// An integration as the store keeps it: what may be shown, and credentials sealed.
struct Kept {
    id: IntegrationId,
    kind: &'static IntegrationType,
    /// The name of the type; a partner's is its id.
    r#type: String,
    status: String,
    display_name: Option<String>,
    fields: Map<String, Value>,
    secrets: Option<String>,
    default_responder: Option<SwitchboardIntegrationId>,
}

/// A field that all types but `custom` have.
const DISCLAIMER: &str = "showAIDisclaimer";
const RESPONDER_ID: &str = "defaultResponderId";
const RESPONDER: &str = "defaultResponder";

impl Kept {
    /// As the world sees it: of credentials a hint at most; for a custom one, its webhooks.
    fn show(self, tx: &Tx<'_>, state: State, app: AppId, board: Option<&Board>) -> Result<Integration> {
        let responder = board.filter(|_| self.is_channel()).and_then(|board| self.responder(board));
        let hints = hints(tx, &state.vault, app, &self)?;
        let mut fields = self.fields;
        fields.extend(hints);
        if self.kind.name == CUSTOM {
            let webhooks = webhooks::of_integration(tx, &state.vault, app, self.id)?;
            fields.insert("webhooks".to_owned(), serde_json::to_value(webhooks)?);
        } else if let Some(responder) = responder {
            fields.insert(RESPONDER.to_owned(), serde_json::to_value(responder)?);
        }
        Ok(Integration {
            id: Some(self.id),
            r#type: self.r#type,
            status: serde_json::from_value(self.status.into())?,
            display_name: self.display_name,
            fields,
        })
    }

    /// Whether users come by it; the others answer them.
    fn is_channel(&self) -> bool {
        !["", CUSTOM].contains(&self.kind.name)
    }

    /// Who answers first whoever comes by this channel: one of its own, or the switchboard's default.
    fn responder(&self, board: &Board) -> Option<DefaultResponder> {
        let own = self.default_responder.and_then(|id| board.part(id));
        let part = own.or_else(|| board.default_part())?;
        Some(DefaultResponder::of(part, own.is_none()))
    }
}

/// What comes by consent has no fields of its own.
static PARTNER: IntegrationType = IntegrationType { name: "", fields: &[] };

fn kind_of(name: &str) -> Result<&'static IntegrationType> {
    IntegrationType::find(name).ok_or_else(|| Error::invalid("Invalid integration type"))
}

fn make(tx: &mut Tx<'_>, call: &Call<CreateIntegration>) -> Result<IntegrationReply> {
    let app = call.path.app_id;
    let board = Board::of(tx, app)?;
    let body = &call.body;
    let kind = kind_of(&body.r#type)?;
    check_together(kind, &body.fields)?;
    let mut kept = Kept {
        id: IntegrationId::new(tx.id()),
        kind,
        r#type: kind.name.to_owned(),
        status: "active".to_owned(),
        display_name: body.display_name.clone(),
        fields: defaults(kind),
        secrets: None,
        default_responder: None,
    };
    respond_by(board.as_ref(), &mut kept, &body.fields)?;
    put(tx, &call.state.vault, app, &mut kept, &body.fields, |_| true)?;
    insert(tx, app, &kept)?;
    if kind.name == CUSTOM {
        let new: Vec<NewWebhook> = serde_json::from_value(body.fields.get("webhooks").cloned().unwrap_or_default())?;
        for webhook in &new {
            webhooks::make(tx, call.state, app, kept.id, webhook, "webhooks[0].target")?;
        }
    }
    Ok(IntegrationReply { integration: kept.show(tx, call.state, app, board.as_ref())? })
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
    Ok(())
}

/// A channel's own default responder is a part of the switchboard.
fn respond_by(board: Option<&Board>, kept: &mut Kept, given: &Map<String, Value>) -> Result<()> {
    match given.get(RESPONDER_ID).filter(|_| kept.is_channel()) {
        None => {}
        Some(Value::String(id)) => {
            let part = board.and_then(|board| board.named(id)).ok_or(Missing::SWITCHBOARD_INTEGRATION)?;
            kept.default_responder = Some(part.key.id);
        }
        Some(_) => kept.default_responder = None,
    }
    Ok(())
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
            into.insert(field.name.to_owned(), field.kept(value)?)
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

/// Of the credentials that answers have to have, what may be shown.
fn hints(tx: &Tx<'_>, vault: &Vault, app: AppId, kept: &Kept) -> Result<Map<String, Value>> {
    if !kept.kind.fields.iter().any(|field| field.hinted) {
        return Ok(Map::new());
    }
    let mut secrets = open_secrets(tx, vault, app, kept)?;
    secrets.retain(|name, _| kept.kind.field(name).is_some_and(|field| field.hinted));
    for value in secrets.values_mut() {
        *value = secret::hint(value.as_str().unwrap_or_default()).into();
    }
    Ok(secrets)
}

fn page(tx: &Tx<'_>, call: &Call<ListIntegrations>) -> Result<IntegrationList> {
    let app = call.path.app_id;
    let window = Window::of(call.query.page.as_ref(), page_title(ListIntegrations::ID))?;
    let types = call.query.filter.as_ref().and_then(|f| f.types.as_deref());
    let sheet = window.sheet(all(tx, app, types, &window)?, |i| i.id.to_string());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    let board = Board::of(tx, app)?;
    let integrations =
        sheet.rows.into_iter().map(|kept| kept.show(tx, call.state, app, board.as_ref())).collect::<Result<_>>()?;
    Ok(IntegrationList { integrations, meta: sheet.meta, links })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateIntegration>) -> Result<IntegrationReply> {
    let app = call.path.app_id;
    let mut kept = find(tx, app, call.path.integration_id)?;
    call.body.display_name.clone().apply(&mut kept.display_name);
    let board = Board::of(tx, app)?;
    respond_by(board.as_ref(), &mut kept, &call.body.fields)?;
    put(tx, &call.state.vault, app, &mut kept, &call.body.fields, |field| field.updatable)?;
    save(tx, app, &kept)?;
    Ok(IntegrationReply { integration: kept.show(tx, call.state, app, board.as_ref())? })
}

/// Deletes an integration, which is there, with everything it has.
pub fn remove_whole(tx: &mut Tx<'_>, state: State, app: AppId, id: IntegrationId) -> Result<Nothing> {
    kind(tx, app, id)?;
    erase(tx, app, id)?;
    forget_after_commit(tx, state);
    Ok(Nothing {})
}

/// Deletes the rows of an integration and of everything it has. A partner that had it may want to be told.
pub fn erase(tx: &mut Tx<'_>, app: AppId, id: IntegrationId) -> Result<()> {
    removal::note(tx, app, id)?;
    tx.execute(
        "DELETE FROM integration WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    switchboards::without_integration(tx, app, id)?;
    webhooks::remove_all(tx, app, id)?;
    keys::delete_all(tx, &Owner::integration(app, id))?;
    client_rows::delete_of_integration(tx, app, id)?;
    Ok(())
}

/// Has what is held in memory of integrations' keys and webhooks read anew, and partners told that they are out, once this
/// transaction is durable.
pub fn forget_after_commit(tx: &mut Tx<'_>, state: State) {
    keys::forget_after_commit(tx, state);
    webhooks::forget_targets_after_commit(tx, state);
    removal::tell_after_commit(tx, state);
}

/// The integration of a partner in an app, made when its consent is first exchanged.
pub fn of_partner(tx: &mut Tx<'_>, app: AppId, client: &OAuthClient) -> Result<IntegrationId> {
    if let Some(id) = of_kind(tx, app, &client.id)? {
        return Ok(id);
    }
    let kept = Kept {
        id: IntegrationId::new(tx.id()),
        kind: &PARTNER,
        r#type: client.id.clone(),
        status: "active".to_owned(),
        display_name: Some(client.display_name.clone()),
        fields: Map::new(),
        secrets: None,
        default_responder: None,
    };
    insert(tx, app, &kept)?;
    Ok(kept.id)
}

// ---- Rows

fn place<'a>(app: &'a str, id: &'a str) -> Place<'a> {
    Place { table: "integration", app, row: id }
}

fn insert(tx: &mut Tx<'_>, app: AppId, kept: &Kept) -> Result<()> {
    let fields = serde_json::to_string(&kept.fields)?;
    tx.append(
        "INSERT INTO integration (app_id, id, type, status, display_name, fields, secrets,
         default_responder_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            app.text().as_str(),
            kept.id.text().as_str(),
            &kept.r#type,
            &kept.status,
            &kept.display_name,
            &fields,
            &kept.secrets,
            &kept.default_responder.map(|id| id.to_string()),
            tx.now()
        ],
    )?;
    Ok(())
}

fn save(tx: &mut Tx<'_>, app: AppId, kept: &Kept) -> Result<()> {
    let fields = serde_json::to_string(&kept.fields)?;
    tx.execute(
        "UPDATE integration SET display_name = $3, fields = $4, secrets = $5, default_responder_id = $6
         WHERE app_id = $1 AND id = $2",
        args![
            app.text().as_str(),
            kept.id.text().as_str(),
            &kept.display_name,
            &fields,
            &kept.secrets,
            &kept.default_responder.map(|id| id.to_string())
        ],
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

/// The oldest integration of a type.
pub fn of_kind(tx: &Tx<'_>, app: AppId, kind: &str) -> Result<Option<IntegrationId>> {
    let rows = tx.query(
        "SELECT id FROM integration WHERE app_id = $1 AND type = $2 ORDER BY id LIMIT 1",
        args![app.text().as_str(), kind],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}

/// The integrations of a type in all apps.
pub fn of_type(tx: &Tx<'_>, r#type: &str) -> Result<Vec<(AppId, IntegrationId)>> {
    let rows = tx.query("SELECT app_id, id FROM integration WHERE type = $1", args![r#type])?;
    rows.iter().map(|row| Ok((row.parse(0)?, row.parse(1)?))).collect()
}

fn find(tx: &Tx<'_>, app: AppId, id: IntegrationId) -> Result<Kept> {
    let rows = tx.query(
        "SELECT id, type, status, display_name, fields, secrets, default_responder_id FROM integration WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    kept(rows.first().ok_or(Missing::INTEGRATION)?)
}

/// `types` is a list with commas; the statement looks each type up in it.
fn all(tx: &Tx<'_>, app: AppId, types: Option<&str>, window: &Window) -> Result<Vec<Kept>> {
    let types = types.map(|list| format!(",{},", list.replace(' ', "")));
    let app = app.text();
    // REPLACE, because LIKE knows wildcards, and on SQLite no difference between large and small letters.
    let rows = match window.before() {
        Some(id) => tx.query(
            "SELECT id, type, status, display_name, fields, secrets, default_responder_id FROM integration WHERE app_id = $1 AND id < $2
             AND (CAST($3 AS TEXT) IS NULL OR REPLACE(CAST($3 AS TEXT), ',' || type || ',', '') <> CAST($3 AS TEXT)) ORDER BY id DESC LIMIT $4",
            args![app.as_str(), id, types.as_deref(), window.limit()],
        ),
        None => tx.query(
            "SELECT id, type, status, display_name, fields, secrets, default_responder_id FROM integration WHERE app_id = $1 AND id > $2
             AND (CAST($3 AS TEXT) IS NULL OR REPLACE(CAST($3 AS TEXT), ',' || type || ',', '') <> CAST($3 AS TEXT)) ORDER BY id LIMIT $4",
            args![app.as_str(), window.after(), types.as_deref(), window.limit()],
        ),
    }?;
    rows.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<Kept> {
    Ok(Kept {
        id: row.parse(0)?,
        kind: IntegrationType::find(row.text(1)?).unwrap_or(&PARTNER),
        r#type: row.text(1)?.to_owned(),
        status: row.text(2)?.to_owned(),
        display_name: row.opt_text(3)?.map(str::to_owned),
        fields: serde_json::from_str(row.text(4)?)?,
        secrets: row.opt_text(5)?.map(str::to_owned),
        default_responder: row.opt_text(6)?.map(|_| row.parse(6)).transpose()?,
    })
}
