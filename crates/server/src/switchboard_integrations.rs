//! Switchboard integrations.

use crate::{
    call::Call,
    error::{Error, Result},
    integrations,
    router::Builder,
    switchboards::{self, Board},
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    conversations::SwitchboardIntegrationSummary,
    id::{AppId, IntegrationId, SwitchboardIntegrationId},
    integration_types::{CUSTOM, IntegrationType},
    op::Nothing,
    patch::Patch,
    problem::Missing,
    switchboard_integrations::*,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(update).on(delete);
}

async fn create(call: Call<CreateSwitchboardIntegration>) -> Result<SwitchboardIntegrationReply> {
    call.write(make).await
}

async fn list(call: Call<ListSwitchboardIntegrations>) -> Result<SwitchboardIntegrationList> {
    call.read(|tx, call| {
        let board = Board::find(tx, call.path.app_id, call.path.switchboard_id)?;
        Ok(SwitchboardIntegrationList { switchboard_integrations: board.parts })
    })
    .await
}

async fn update(call: Call<UpdateSwitchboardIntegration>) -> Result<SwitchboardIntegrationReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteSwitchboardIntegration>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

fn make(tx: &mut Tx<'_>, call: &Call<CreateSwitchboardIntegration>) -> Result<SwitchboardIntegrationReply> {
    let app = call.path.app_id;
    let board = Board::find(tx, app, call.path.switchboard_id)?;
    if board.parts.len() >= MAX_PER_SWITCHBOARD {
        return Err(Error::Broken {
            code: "too_many_switchboard_integrations",
            title: format!(
                "Switchboard has reached the max number of switchboard integrations ({MAX_PER_SWITCHBOARD})"
            ),
        });
    }
    let new = call.body.clone();
    let (integration_id, integration_type) = linked(tx, app, new.integration_id, new.integration_type)?
        .ok_or_else(|| Error::invalid("should have exactly one of integrationId and integrationType"))?;
    let id = SwitchboardIntegrationId::new(tx.id());
    let mut part = SwitchboardIntegration {
        key: SwitchboardIntegrationSummary { id, name: new.name, integration_id, integration_type },
        deliver_standby_events: new.deliver_standby_events,
        next_switchboard_integration_id: None,
        message_history_count: new.message_history_count,
    };
    let next = new.next_switchboard_integration_id.map_or(Patch::Keep, Patch::Set);
    next_of(&board, next)?.apply(&mut part.next_switchboard_integration_id);
    check(&board, &part)?;
    insert(tx, app, &part)?;
    switchboards::route(tx, app)?;
    Ok(SwitchboardIntegrationReply { switchboard_integration: part })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateSwitchboardIntegration>) -> Result<SwitchboardIntegrationReply> {
    let app = call.path.app_id;
    let board = Board::find(tx, app, call.path.switchboard_id)?;
    let id = call.path.switchboard_integration_id;
    let mut part = board.part(id).cloned().ok_or(Missing::SWITCHBOARD_INTEGRATION)?;
    let update = call.body.clone();
    part.key.name = update.name.unwrap_or(part.key.name);
    if let Some(link) = linked(tx, app, update.integration_id, update.integration_type)? {
        (part.key.integration_id, part.key.integration_type) = link;
    }
    part.deliver_standby_events = update.deliver_standby_events.unwrap_or(part.deliver_standby_events);
    update.message_history_count.apply(&mut part.message_history_count);
    next_of(&board, update.next_switchboard_integration_id)?.apply(&mut part.next_switchboard_integration_id);
    check(&board, &part)?;
    save(tx, app, &part)?;
    switchboards::route(tx, app)?;
    Ok(SwitchboardIntegrationReply { switchboard_integration: part })
}

/// The integration that a body names, and its type. One that came by OAuth may be named by its type: there is one such.
fn linked(
    tx: &Tx<'_>,
    app: AppId,
    id: Option<String>,
    kind: Option<String>,
) -> Result<Option<(IntegrationId, String)>> {
    match (id, kind) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Error::invalid("should have only one of integrationId and integrationType")),
        (Some(id), None) => {
            let id = id.parse()?;
            let kind = integrations::kind(tx, app, id)?;
            if is_channel(&kind) {
                return Err(Error::invalid(format!("An integration of type {kind} cannot be part of a switchboard")));
            }
            Ok(Some((id, kind)))
        }
        (None, Some(kind)) if kind == CUSTOM => {
            Err(Error::invalid("A custom integration should be named by integrationId"))
        }
        (None, Some(kind)) if is_channel(&kind) => {
            Err(Error::invalid(format!("An integration of type {kind} cannot be part of a switchboard")))
        }
        (None, Some(kind)) => Ok(Some((integrations::of_kind(tx, app, &kind)?.ok_or(Missing::INTEGRATION)?, kind))),
    }
}

/// A channel is where users are; what answers them is custom, or came by OAuth with a type of its own.
fn is_channel(kind: &str) -> bool {
    kind != CUSTOM && IntegrationType::find(kind).is_some()
}

fn next_of(board: &Board, given: Patch<String>) -> Result<Patch<SwitchboardIntegrationId>> {
    Ok(match given {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(id) => Patch::Set(board.named(&id).ok_or(Missing::SWITCHBOARD_INTEGRATION)?.key.id),
    })
}

/// No two parts share a name, or an integration: whether an integration has control has one answer.
fn check(board: &Board, part: &SwitchboardIntegration) -> Result<()> {
    let mut others = board.parts.iter().filter(|other| other.key.id != part.key.id);
    if others.clone().any(|other| other.key.name == part.key.name) {
        return Err(Error::invalid("name should be unique in the switchboard"));
    }
    if others.any(|other| other.key.integration_id == part.key.integration_id) {
        return Err(Error::invalid("The integration is part of the switchboard already"));
    }
    Ok(())
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteSwitchboardIntegration>) -> Result<Nothing> {
    let app = call.path.app_id;
    let board = Board::find(tx, app, call.path.switchboard_id)?;
    let id = call.path.switchboard_integration_id;
    board.part(id).ok_or(Missing::SWITCHBOARD_INTEGRATION)?;
    if board.shown.default_switchboard_integration_id == Some(id) {
        return Err(Error::invalid(
            "The default switchboardIntegration cannot be deleted; choose another default first",
        ));
    }
    let is_before = |other: &SwitchboardIntegration| other.next_switchboard_integration_id == Some(id);
    if let Some(other) = board.parts.iter().find(|other| other.key.id != id && is_before(other)) {
        let name = &other.key.name;
        return Err(Error::invalid(format!("The switchboardIntegration cannot be deleted: it is the next of {name}")));
    }
    take_out(tx, app, id)?;
    switchboards::route(tx, app)?;
    Ok(Nothing {})
}

// ---- Rows

fn insert(tx: &mut Tx<'_>, app: AppId, part: &SwitchboardIntegration) -> Result<()> {
    tx.execute(
        "INSERT INTO switchboard_integration (app_id, id, name, integration_id, integration_type,
         deliver_standby_events, next_id, message_history_count, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            app.text().as_str(),
            part.key.id.text().as_str(),
            &part.key.name,
            part.key.integration_id.text().as_str(),
            &part.key.integration_type,
            part.deliver_standby_events,
            &part.next_switchboard_integration_id.map(|id| id.to_string()),
            part.message_history_count,
            tx.now()
        ],
    )?;
    Ok(())
}

fn save(tx: &mut Tx<'_>, app: AppId, part: &SwitchboardIntegration) -> Result<()> {
    tx.execute(
        "UPDATE switchboard_integration SET name = $3, integration_id = $4, integration_type = $5,
         deliver_standby_events = $6, next_id = $7, message_history_count = $8 WHERE app_id = $1 AND id = $2",
        args![
            app.text().as_str(),
            part.key.id.text().as_str(),
            &part.key.name,
            part.key.integration_id.text().as_str(),
            &part.key.integration_type,
            part.deliver_standby_events,
            &part.next_switchboard_integration_id.map(|id| id.to_string()),
            part.message_history_count
        ],
    )?;
    Ok(())
}

/// Deletes a part, and all that names it but conversations: those notice at their next activity.
pub fn take_out(tx: &mut Tx<'_>, app: AppId, id: SwitchboardIntegrationId) -> Result<()> {
    let (app, id) = (app.text(), id.text());
    for statement in [
        "DELETE FROM switchboard_integration WHERE app_id = $1 AND id = $2",
        "UPDATE switchboard_integration SET next_id = NULL WHERE app_id = $1 AND next_id = $2",
        "UPDATE integration SET default_responder_id = NULL WHERE app_id = $1 AND default_responder_id = $2",
    ] {
        tx.execute(statement, args![app.as_str(), id.as_str()])?;
    }
    Ok(())
}
