//! Keys of a custom integration.

use crate::{
    call::Call,
    error::{Error, Result},
    integrations, key_policy,
    keys::{self, Kept, Owner},
    router::Builder,
};
use heliograph_store::Tx;
use heliograph_wire::{
    id::{AppId, IntegrationId, IntegrationKeyId},
    integration_keys::*,
    integration_types::CUSTOM,
    op::Nothing,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(delete);
}

async fn create(call: Call<CreateCustomIntegrationKey>) -> Result<IntegrationKeyReply> {
    call.write(|tx, call| {
        let owner = custom(tx, call.path.app_id, call.path.integration_id)?;
        let id = IntegrationKeyId::new(tx.id()).to_string();
        let kept = keys::create(tx, call.state, &owner, id, &call.body.display_name)?;
        Ok(IntegrationKeyReply { key: show(kept)? })
    })
    .await
}

async fn list(call: Call<ListCustomIntegrationKeys>) -> Result<IntegrationKeyList> {
    call.read(|tx, call| {
        let owner = custom(tx, call.path.app_id, call.path.integration_id)?;
        let mode = key_policy::of_app(tx, call.state, call.path.app_id)?;
        let kept = keys::list(tx, &call.state.vault, &owner)?;
        Ok(IntegrationKeyList { keys: kept.into_iter().map(|kept| show(kept.shown_in(mode))).collect::<Result<_>>()? })
    })
    .await
}

async fn get(call: Call<GetCustomIntegrationKey>) -> Result<IntegrationKeyReply> {
    call.read(|tx, call| {
        let owner = custom(tx, call.path.app_id, call.path.integration_id)?;
        let mode = key_policy::of_app(tx, call.state, call.path.app_id)?;
        let kept = keys::find(tx, &call.state.vault, &owner, call.path.key_id.text().as_str())?;
        Ok(IntegrationKeyReply { key: show(kept.shown_in(mode))? })
    })
    .await
}

async fn delete(call: Call<DeleteCustomIntegrationKey>) -> Result<Nothing> {
    call.write(|tx, call| {
        let owner = custom(tx, call.path.app_id, call.path.integration_id)?;
        keys::delete(tx, call.state, &owner, call.path.key_id.text().as_str())?;
        Ok(Nothing {})
    })
    .await
}

// ---- Rules

/// Only custom integrations have keys: the others are channels, and nobody calls on their behalf.
fn custom(tx: &Tx<'_>, app: AppId, integration: IntegrationId) -> Result<Owner> {
    if integrations::kind(tx, app, integration)? != CUSTOM {
        return Err(Error::invalid("API keys are available only for custom integrations"));
    }
    Ok(Owner::integration(app, integration))
}

fn show(kept: Kept) -> Result<IntegrationKey> {
    let id = kept.id.parse().map_err(|_| Error::Internal("an integration's key has a strange id".into()))?;
    Ok(IntegrationKey { id, display_name: kept.display_name, secret: kept.secret.to_string() })
}
