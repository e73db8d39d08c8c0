//! Devices: where a user's SDKs run.

use crate::{
    call::Call,
    channel_way::Channel,
    client_rows::{text_of, word},
    clients,
    error::{Error, Result},
    integrations,
    router::Builder,
    users,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    devices::*,
    id::{AppId, DeviceId, IntegrationId, UserId},
    problem::Missing,
    time::Timestamp,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(list).on(get).on(announce);
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

async fn announce(call: Call<AnnounceDevice>) -> Result<DeviceReply> {
    call.write(note).await
}

// ---- Rules

/// Notes the device on which a user is.
fn note(tx: &mut Tx<'_>, call: &Call<AnnounceDevice>) -> Result<DeviceReply> {
    let (app, new) = (call.path.app_id, call.body.clone());
    let user = users::find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let integration_id = new.integration_id.parse()?;
    let kind = text_of(&new.r#type)?;
    let channel = Channel { integration: integration_id, kind: integrations::kind(tx, app, integration_id)? };
    if ![kind.as_str(), "unity"].contains(&channel.kind.as_str()) {
        return Err(Error::invalid(format!(
            "integrationId should be the id of an integration of type {kind} or unity"
        )));
    }
    let theirs = of_user(tx, app, user.key.id)?;
    let known =
        theirs.iter().find(|one| one.guid == new.guid && one.integration_id == integration_id).map(|one| one.id);
    if known.is_none() && theirs.len() >= MAX_PER_USER {
        return Err(Error::invalid(format!("The user has reached the maximum number of devices ({MAX_PER_USER})")));
    }
    let device = Device {
        id: known.unwrap_or_else(|| DeviceId::new(tx.id())),
        r#type: new.r#type,
        guid: new.guid,
        client_id: clients::sdk_of(tx, call.state, app, &user, &channel.source())?,
        status: new.status.unwrap_or(DeviceStatus::Active),
        integration_id,
        last_seen: Timestamp(tx.now()),
        push_notification_token: new.push_notification_token,
        info: new.info,
        app_version: new.app_version,
    };
    put(tx, app, user.key.id, &device)?;
    Ok(DeviceReply { device })
}

// ---- Rows

fn put(tx: &mut Tx<'_>, app: AppId, user: UserId, device: &Device) -> Result<()> {
    let info = device.info.as_ref().map(serde_json::to_string).transpose()?;
    tx.execute(
        "INSERT INTO device (app_id, user_id, id, client_id, type, guid, status, integration_id, last_seen,
         push_notification_token, info, app_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (app_id, user_id, id) DO UPDATE SET client_id = excluded.client_id, type = excluded.type,
         status = excluded.status, last_seen = excluded.last_seen, info = excluded.info,
         push_notification_token = excluded.push_notification_token, app_version = excluded.app_version",
        args![
            app.text().as_str(),
            user.text().as_str(),
            device.id.text().as_str(),
            device.client_id.text().as_str(),
            &text_of(&device.r#type)?,
            &device.guid,
            &text_of(&device.status)?,
            device.integration_id.text().as_str(),
            device.last_seen.0,
            &device.push_notification_token,
            &info,
            &device.app_version
        ],
    )?;
    Ok(())
}

fn of_user(tx: &Tx<'_>, app: AppId, user: UserId) -> Result<Vec<Device>> {
    let rows = tx.query(
        "SELECT id, type, guid, client_id, status, integration_id, last_seen, push_notification_token, info, app_version
         FROM device WHERE app_id = $1 AND user_id = $2 ORDER BY last_seen DESC, id DESC",
        args![app.text().as_str(), user.text().as_str()],
    )?;
    rows.iter().map(kept).collect()
}

/// The device of an integration by which a user was last heard of.
pub fn latest(tx: &Tx<'_>, app: AppId, user: UserId, integration: IntegrationId) -> Result<Option<Device>> {
    let rows = tx.query(
        "SELECT id, type, guid, client_id, status, integration_id, last_seen, push_notification_token, info, app_version
         FROM device WHERE app_id = $1 AND user_id = $2 AND integration_id = $3 ORDER BY last_seen DESC, id DESC LIMIT 1",
        args![app.text().as_str(), user.text().as_str(), integration.text().as_str()],
    )?;
    rows.first().map(kept).transpose()
}

/// Notes that a user was heard of on a device, now.
pub fn seen_now(tx: &mut Tx<'_>, app: AppId, user: UserId, id: DeviceId) -> Result<Timestamp> {
    tx.execute(
        "UPDATE device SET last_seen = $4 WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![app.text().as_str(), user.text().as_str(), id.text().as_str(), tx.now()],
    )?;
    Ok(Timestamp(tx.now()))
}

/// A device of a user.
pub fn find(tx: &Tx<'_>, app: AppId, user: UserId, id: DeviceId) -> Result<Device> {
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
