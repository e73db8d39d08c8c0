//! Bringing users in line with their records in Zendesk, and making one of two users who turn out to be the same.

use crate::{
    apps,
    call::Call,
    error::Result,
    events::{self, Subscribers},
    router::Builder,
    state::State,
    user_merge::merge,
    users,
};
use heliograph_store::Tx;
use heliograph_wire::{
    events::EventUser, id::AppId, messages::Source, problem::Missing, user_events::*, users::*, webhooks::Trigger,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(sync);
}

async fn sync(call: Call<SyncUser>) -> Result<UserReply> {
    call.write(|tx, call| Ok(UserReply { user: synchronise(tx, call)? })).await
}

// ---- Rules

/// What a change of several users needs to know and to tell.
pub struct Place {
    /// The server.
    pub state: State,
    /// The app.
    pub app: AppId,
    /// The webhooks of the app.
    pub subscribers: Subscribers,
}

fn synchronise(tx: &mut Tx<'_>, call: &Call<SyncUser>) -> Result<User> {
    let app = call.path.app_id;
    apps::require(tx, app)?;
    let place = Place { state: call.state, app, subscribers: Subscribers::of(tx, app)? };
    let found = users::by_zendesk_id(tx, app, &call.path.zendesk_id.0)?.ok_or(Missing::USER)?;
    let user = outlive(tx, &place, found, call.body.surviving_zendesk_id.as_deref())?;
    let was_known = user.key.authenticated;
    let user = take_over(tx, &place, user, &call.body)?;
    if user.key.authenticated && !was_known {
        events::record(tx, place.state, &place.subscribers, Trigger::UserUpdate, None, |to| UserUpdatePayload {
            user: EventUser::of(&user, to.full_user),
            reason: UserUpdateReason::Authentication,
            source: Source::api(),
        })?;
    }
    Ok(user)
}

/// Two records were merged: so are their users. If nobody has the surviving record, the user gets it.
fn outlive(tx: &mut Tx<'_>, place: &Place, mut user: User, surviving: Option<&str>) -> Result<User> {
    let Some(surviving) = surviving.filter(|id| user.key.zendesk_id.as_deref() != Some(id)) else { return Ok(user) };
    match users::by_zendesk_id(tx, place.app, surviving)? {
        Some(survivor) => merge(tx, place, survivor, user),
        None => {
            user.key.zendesk_id = Some(surviving.to_owned());
            users::save(tx, place.app, &user)?;
            Ok(user)
        }
    }
}

/// Puts the record into the user. Whoever has the record's external id or address gives it up.
fn take_over(tx: &mut Tx<'_>, place: &Place, mut user: User, record: &UserSync) -> Result<User> {
    let app = place.app;
    if let Some(external_id) = &record.external_id {
        let other = users::by_external_id(tx, app, external_id, user.key.brand_id.as_deref())?;
        user = yields(tx, place, user, other, |other| {
            other.key.external_id = None;
            other.key.authenticated = false;
        })?;
        user.key.external_id = Some(external_id.clone());
        user.key.authenticated = true;
    }
    if let Some(email) = &record.email {
        let other = users::by_identity(tx, app, Identity::EMAIL, email, user.key.brand_id.as_deref())?;
        user = yields(tx, place, user, other, |other| other.identities.retain(|i| !is_address(i, email)))?;
        // A record has one primary address: the one before it goes.
        let replaced = |i: &Identity| i.verification.as_deref() == Some(Identity::SSO) || is_address(i, email);
        user.identities.retain(|identity| identity.r#type != Identity::EMAIL || !replaced(identity));
        user.identities.push(Identity::email(email));
    }
    user.profile.given_name = record.given_name.clone().or(user.profile.given_name);
    user.profile.surname = record.surname.clone().or(user.profile.surname);
    users::save(tx, app, &user)?;
    users::save_identities(tx, app, &user)?;
    Ok(user)
}

fn is_address(identity: &Identity, email: &str) -> bool {
    identity.r#type == Identity::EMAIL && identity.value.to_lowercase() == email.to_lowercase()
}

/// Another user has what a record says is this user's. Without a record of their own they are the same person;
/// otherwise they lose it.
fn yields(
    tx: &mut Tx<'_>,
    place: &Place,
    user: User,
    other: Option<User>,
    give_up: impl Fn(&mut User),
) -> Result<User> {
    match other.filter(|other| other.key.id != user.key.id) {
        None => Ok(user),
        Some(other) if other.key.zendesk_id.is_none() => merge(tx, place, user, other),
        Some(mut other) => {
            give_up(&mut other);
            users::save(tx, place.app, &other)?;
            users::save_identities(tx, place.app, &other)?;
            Ok(user)
        }
    }
}
