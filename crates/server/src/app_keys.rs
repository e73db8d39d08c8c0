//! Keys of an app.

use crate::{
    call::Call,
    error::{Error, Result},
    key_policy,
    keys::{self, Kept, Owner},
    router::Builder,
};
use heliograph_wire::{app_keys::*, id::AppKeyId, op::Nothing};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(delete);
}

async fn create(call: Call<CreateAppKey>) -> Result<AppKeyReply> {
    call.write(|tx, call| {
        let id = AppKeyId::new(tx.id()).to_string();
        let kept = keys::create(tx, call.state, &Owner::app(call.path.app_id), id, &call.body.display_name)?;
        Ok(AppKeyReply { key: show(kept)? })
    })
    .await
}

async fn list(call: Call<ListAppKeys>) -> Result<AppKeyList> {
    call.read(|tx, call| {
        let mode = key_policy::of_app(tx, call.state, call.path.app_id)?;
        let kept = keys::list(tx, &call.state.vault, &Owner::app(call.path.app_id))?;
        Ok(AppKeyList { keys: kept.into_iter().map(|kept| show(kept.shown_in(mode))).collect::<Result<_>>()? })
    })
    .await
}

async fn get(call: Call<GetAppKey>) -> Result<AppKeyReply> {
    call.read(|tx, call| {
        let id = call.path.key_id.text();
        let mode = key_policy::of_app(tx, call.state, call.path.app_id)?;
        let kept = keys::find(tx, &call.state.vault, &Owner::app(call.path.app_id), id.as_str())?;
        Ok(AppKeyReply { key: show(kept.shown_in(mode))? })
    })
    .await
}

async fn delete(call: Call<DeleteAppKey>) -> Result<Nothing> {
    call.write(|tx, call| {
        let id = call.path.key_id.text();
        keys::delete(tx, call.state, &Owner::app(call.path.app_id), id.as_str())?;
        Ok(Nothing {})
    })
    .await
}

// ---- Rules

fn show(kept: Kept) -> Result<AppKey> {
    let id = kept.id.parse().map_err(|_| Error::Internal("an app's key has a strange id".into()))?;
    Ok(AppKey { id, display_name: kept.display_name, secret: kept.secret.to_string() })
}
