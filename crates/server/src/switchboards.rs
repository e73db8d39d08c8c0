//! Switchboards.

use crate::{
    call::Call,
    error::{Error, Result},
    router::Builder,
    switchboard_integrations,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    conversations::SwitchboardIntegrationSummary,
    id::{AppId, IntegrationId, SwitchboardId, SwitchboardIntegrationId},
    op::Nothing,
    problem::Missing,
    switchboard_integrations::SwitchboardIntegration,
    switchboards::*,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(update).on(delete);
}

async fn create(call: Call<CreateSwitchboard>) -> Result<SwitchboardReply> {
    call.write(make).await
}

async fn list(call: Call<ListSwitchboards>) -> Result<SwitchboardList> {
    call.read(|tx, call| {
        let board = Board::of(tx, call.path.app_id)?;
        Ok(SwitchboardList { switchboards: board.map(|board| board.shown).into_iter().collect() })
    })
    .await
}

async fn update(call: Call<UpdateSwitchboard>) -> Result<SwitchboardReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteSwitchboard>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// An app's switchboard with all its parts.
pub struct Board {
    /// As the world sees it.
    pub shown: Switchboard,
    /// Its parts, oldest first.
    pub parts: Vec<SwitchboardIntegration>,
}

impl Board {
    /// The switchboard of an app, which is there.
    pub fn of(tx: &Tx<'_>, app: AppId) -> Result<Option<Self>> {
        let rows = rows(tx, app)?;
        let first = rows.first().ok_or(Missing::APP)?;
        if first.opt_text(0)?.is_none() {
            return Ok(None);
        }
        let shown = Switchboard {
            id: first.parse(0)?,
            enabled: first.flag(1)?,
            default_switchboard_integration_id: first.opt_text(2)?.map(|_| first.parse(2)).transpose()?,
        };
        Ok(Some(Self { shown, parts: rows.iter().filter_map(|row| part(row).transpose()).collect::<Result<_>>()? }))
    }

    /// The switchboard with this id.
    pub fn find(tx: &Tx<'_>, app: AppId, id: SwitchboardId) -> Result<Self> {
        Ok(Self::of(tx, app)?.filter(|board| board.shown.id == id).ok_or(Missing::SWITCHBOARD)?)
    }

    /// The part with this id.
    pub fn part(&self, id: SwitchboardIntegrationId) -> Option<&SwitchboardIntegration> {
        self.parts.iter().find(|part| part.key.id == id)
    }

    /// The part that an id in a body or in a row names.
    pub fn named(&self, id: &str) -> Option<&SwitchboardIntegration> {
        self.part(id.parse().ok()?)
    }

    /// The part that stands for an integration.
    pub fn part_for(&self, integration: IntegrationId) -> Option<&SwitchboardIntegration> {
        self.parts.iter().find(|part| part.key.integration_id == integration)
    }

    /// The part that gets control of what nobody controls.
    pub fn default_part(&self) -> Option<&SwitchboardIntegration> {
        self.part(self.shown.default_switchboard_integration_id?)
    }
}

fn make(tx: &mut Tx<'_>, call: &Call<CreateSwitchboard>) -> Result<SwitchboardReply> {
    let app = call.path.app_id;
    crate::apps::require(tx, app)?;
    let id = SwitchboardId::new(tx.id());
    let made = tx.execute(
        "INSERT INTO switchboard (app_id, id, enabled, created_at) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING",
        args![app.text().as_str(), id.text().as_str(), tx.now()],
    )?;
    if made == 0 {
        return Err(Error::invalid("Only one switchboard can be created per app"));
    }
    Ok(SwitchboardReply { switchboard: Switchboard { id, enabled: false, default_switchboard_integration_id: None } })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateSwitchboard>) -> Result<SwitchboardReply> {
    let app = call.path.app_id;
    let board = Board::find(tx, app, call.path.switchboard_id)?;
    let mut switchboard = board.shown.clone();
    if let Some(id) = &call.body.default_switchboard_integration_id {
        let part = board.named(id).ok_or(Missing::SWITCHBOARD_INTEGRATION)?;
        switchboard.default_switchboard_integration_id = Some(part.key.id);
    }
    switchboard.enabled = call.body.enabled.unwrap_or(switchboard.enabled);
    if switchboard.enabled && switchboard.default_switchboard_integration_id.is_none() {
        return Err(Error::invalid("Enabled switchboard must have an associated default switchboardIntegration"));
    }
    save(tx, app, &switchboard)?;
    route(tx, app)?;
    Ok(SwitchboardReply { switchboard })
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteSwitchboard>) -> Result<Nothing> {
    let app = call.path.app_id;
    let board = Board::find(tx, app, call.path.switchboard_id)?;
    for part in &board.parts {
        switchboard_integrations::take_out(tx, app, part.key.id)?;
    }
    tx.execute("DELETE FROM switchboard WHERE app_id = $1", args![app.text().as_str()])?;
    route(tx, app)?;
    Ok(Nothing {})
}

/// What becomes of the switchboard when an integration goes: its part goes too. If that was the default, nothing is left
/// to begin with, so the switchboard is disabled.
pub fn without_integration(tx: &mut Tx<'_>, app: AppId, integration: IntegrationId) -> Result<()> {
    let Some(board) = Board::of(tx, app)? else { return Ok(()) };
    let Some(part) = board.part_for(integration) else { return Ok(()) };
    let id = part.key.id;
    if board.shown.default_switchboard_integration_id == Some(id) {
        save(tx, app, &Switchboard { enabled: false, default_switchboard_integration_id: None, ..board.shown })?;
    }
    switchboard_integrations::take_out(tx, app, id)?;
    route(tx, app)
}

// ---- Rows

/// One row for each part, and one if there are none; no row if the app is not there.
fn rows(tx: &Tx<'_>, app: AppId) -> Result<Vec<Row>> {
    Ok(tx.query(
        "SELECT s.id, s.enabled, s.default_id, p.id, p.name, p.integration_id, p.integration_type,
         p.deliver_standby_events, p.next_id, p.message_history_count
         FROM app a LEFT JOIN switchboard s ON s.app_id = a.id LEFT JOIN switchboard_integration p ON p.app_id = s.app_id
         WHERE a.id = $1 ORDER BY p.id",
        args![app.text().as_str()],
    )?)
}

fn part(row: &Row) -> Result<Option<SwitchboardIntegration>> {
    if row.opt_text(3)?.is_none() {
        return Ok(None);
    }
    Ok(Some(SwitchboardIntegration {
        key: SwitchboardIntegrationSummary {
            id: row.parse(3)?,
            name: row.text(4)?.to_owned(),
            integration_id: row.parse(5)?,
            integration_type: row.text(6)?.to_owned(),
        },
        deliver_standby_events: row.flag(7)?,
        next_switchboard_integration_id: row.opt_text(8)?.map(|_| row.parse(8)).transpose()?,
        message_history_count: row.opt_int(9)?.and_then(|count| count.try_into().ok()),
    }))
}

fn save(tx: &mut Tx<'_>, app: AppId, switchboard: &Switchboard) -> Result<()> {
    let default = switchboard.default_switchboard_integration_id.map(|id| id.to_string());
    tx.execute(
        "UPDATE switchboard SET enabled = $2, default_id = $3 WHERE app_id = $1",
        args![app.text().as_str(), switchboard.enabled, &default],
    )?;
    Ok(())
}

/// Notes at the app's webhooks which of them are told of a conversation only while their integration controls it.
pub fn route(tx: &mut Tx<'_>, app: AppId) -> Result<()> {
    tx.execute(
        "UPDATE webhook SET only_in_control = CASE WHEN EXISTS (
           SELECT 1 FROM switchboard s JOIN switchboard_integration p ON p.app_id = s.app_id
           WHERE s.app_id = webhook.app_id AND s.enabled = 1
           AND p.integration_id = webhook.integration_id AND p.deliver_standby_events = 0) THEN 1 ELSE 0 END
         WHERE app_id = $1",
        args![app.text().as_str()],
    )?;
    Ok(())
}
