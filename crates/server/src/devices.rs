//! Devices. An SDK announces them; this API reads them.

use crate::{call::Call, client_rows::word, error::Result, router::Builder, users};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    devices::*,
    id::{AppId, DeviceId, UserId},
    problem::Missing,
    time::Timestamp,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(list).on(get);
}

async fn list(call: Call<ListDevices>) -> Result<DeviceList> {
    call.read(|tx, call| {
        let user = users::find(tx, call.path.app_id, &call.path.user, call.query.brand_id.as_deref())?;
        Ok(DeviceList { devices: of_user(tx, call.path.app_id, user.key.id)? })
    })
    .await
}

async fn get(call: Call<GetDevice>) -> Result<DeviceReply> {
    call.read(|tx, call| {
        let user = users::find(tx, call.path.app_id, &call.path.user, call.query.brand_id.as_deref())?;
        Ok(DeviceReply { device: find(tx, call.path.app_id, user.key.id, call.path.device_id)? })
    })
    .await
}

// ---- Rows

fn of_user(tx: &Tx<'_>, app: AppId, user: UserId) -> Result<Vec<Device>> {
    let rows = tx.query(
        "SELECT id, type, guid, client_id, status, integration_id, last_seen, push_notification_token, info, app_version
         FROM device WHERE app_id = $1 AND user_id = $2 ORDER BY last_seen DESC, id DESC",
        args![app.text().as_str(), user.text().as_str()],
    )?;
    rows.iter().map(kept).collect()
}

fn find(tx: &Tx<'_>, app: AppId, user: UserId, id: DeviceId) -> Result<Device> {
    let rows = tx.query(
        "SELECT id, type, guid, client_id, status, integration_id, last_seen, push_notification_token, info, app_version
         FROM device WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![app.text().as_str(), user.text().as_str(), id.text().as_str()],
    )?;
    kept(rows.first().ok_or(Missing::DEVICE)?)
}

fn kept(row: &Row) -> Result<Device> {
    Ok(Device {
        id: row.parse(0)?,
        r#type: word(row.text(1)?)?,
        guid: row.text(2)?.to_owned(),
        client_id: row.parse(3)?,
        status: word(row.text(4)?)?,
        integration_id: row.parse(5)?,
        last_seen: Timestamp(row.int(6)?),
        push_notification_token: row.opt_text(7)?.map(str::to_owned),
        info: row.opt_text(8)?.map(serde_json::from_str).transpose()?,
        app_version: row.opt_text(9)?.map(str::to_owned),
    })
}
