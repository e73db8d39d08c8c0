//! How secrets are shown and made: by the server's mode, or by one of the app's own.

use crate::{call::Call, error::Result, keys, router::Builder, state::State};
use heliograph_store::{Tx, args};
use heliograph_wire::{id::AppId, key_life::*, patch::Patch};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(get).on(update);
}

async fn get(call: Call<GetKeyPolicy>) -> Result<KeyPolicyReply> {
    call.read(|tx, call| show(tx, call.state, call.path.app_id)).await
}

async fn update(call: Call<UpdateKeyPolicy>) -> Result<KeyPolicyReply> {
    call.write(|tx, call| {
        let app = call.path.app_id;
        match call.body.mode {
            Patch::Keep => {}
            Patch::Clear => clear(tx, app)?,
            Patch::Set(mode) => save(tx, app, mode)?,
        }
        keys::forget_after_commit(tx, call.state);
        show(tx, call.state, app)
    })
    .await
}

// ---- Rules

/// The mode of an app.
pub fn of_app(tx: &Tx<'_>, state: State, app: AppId) -> Result<KeyMode> {
    mode(tx, state, app.text().as_str())
}

/// The mode of whatever has this app: '' are accounts, which have the server's.
pub fn mode(tx: &Tx<'_>, state: State, app: &str) -> Result<KeyMode> {
    Ok(own(tx, app)?.unwrap_or(state.key_mode))
}

fn show(tx: &Tx<'_>, state: State, app: AppId) -> Result<KeyPolicyReply> {
    let own = own(tx, app.text().as_str())?;
    Ok(KeyPolicyReply { key_policy: KeyPolicy { mode: own.unwrap_or(state.key_mode), inherited: own.is_none() } })
}

// ---- Rows

/// What the column of the mode says.
pub fn read(column: Option<&str>) -> Result<Option<KeyMode>> {
    Ok(column.map(|mode| serde_json::from_value(mode.into())).transpose()?)
}

fn own(tx: &Tx<'_>, app: &str) -> Result<Option<KeyMode>> {
    let rows = tx.query("SELECT mode FROM key_policy WHERE app_id = $1", args![app])?;
    read(rows.first().map(|row| row.text(0)).transpose()?)
}

fn save(tx: &mut Tx<'_>, app: AppId, mode: KeyMode) -> Result<()> {
    tx.execute(
        "INSERT INTO key_policy (app_id, mode) VALUES ($1, $2) ON CONFLICT (app_id) DO UPDATE SET mode = excluded.mode",
        args![app.text().as_str(), mode.name()],
    )?;
    Ok(())
}

fn clear(tx: &mut Tx<'_>, app: AppId) -> Result<()> {
    tx.execute("DELETE FROM key_policy WHERE app_id = $1", args![app.text().as_str()])?;
    Ok(())
}
