//! Users.

use crate::{
    apps,
    call::Call,
    conversations,
    error::{Error, Result},
    events::{self, Subscribers},
    router::Builder,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    events::UserRemovePayload,
    id::{AppId, UserId},
    metadata::Metadata,
    op::Nothing,
    path::UserRef,
    problem::Missing,
    time::Timestamp,
    users::*,
    webhooks::Trigger,
};

/// The language of users who do not tell theirs.
const DEFAULT_LOCALE: &str = "en";
/// Where that comes from, in the contract's words.
const DEFAULT_LOCALE_ORIGIN: &str = "zendeskAccount";

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(get).on(update).on(delete);
}

async fn create(call: Call<CreateUser>) -> Result<UserReply> {
    call.write(make).await
}

async fn get(call: Call<GetUser>) -> Result<UserReply> {
    call.read(|tx, call| {
        Ok(UserReply { user: find(tx, call.path.app_id, &call.path.user, call.query.brand_id.as_deref())? })
    })
    .await
}

async fn update(call: Call<UpdateUser>) -> Result<UserReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteUser>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

fn make(tx: &mut Tx<'_>, call: &Call<CreateUser>) -> Result<UserReply> {
    let app = call.path.app_id;
    apps::require(tx, app)?;
    let new = call.body.clone();
    if let Some(external_id) = &new.external_id
        && by_external_id(tx, app, external_id, new.brand_id.as_deref())?.is_some()
    {
        return Err(Error::Conflict("User already exists"));
    }
    let mut profile = Profile {
        locale: Some(DEFAULT_LOCALE.to_owned()),
        locale_origin: Some(DEFAULT_LOCALE_ORIGIN.to_owned()),
        ..Profile::default()
    };
    merge(&mut profile, new.profile.unwrap_or_default());
    let user = User {
        key: UserTruncated {
            id: UserId::new(tx.id()),
            authenticated: new.external_id.is_some(),
            external_id: new.external_id,
            zendesk_id: None,
            brand_id: new.brand_id,
        },
        signed_up_at: new.signed_up_at.unwrap_or(Timestamp(tx.now())),
        to_be_retained: new.to_be_retained,
        has_payment_info: false,
        identities: Vec::new(),
        profile,
        metadata: checked(new.metadata.unwrap_or_default().without_nulls())?,
    };
    insert(tx, app, &user)?;
    Ok(UserReply { user })
}

fn checked(metadata: Metadata) -> Result<Metadata> {
    if metadata.too_large() {
        return Err(Error::invalid("User metadata is limited to 4096 bytes in size."));
    }
    Ok(metadata)
}

fn merge(profile: &mut Profile, given: ProfileUpdate) {
    let ProfileUpdate { given_name, surname, email, avatar_url, locale } = given;
    if !locale.is_keep() {
        // A language that was given comes from whoever gave it.
        profile.locale_origin = None;
    }
    given_name.apply(&mut profile.given_name);
    surname.apply(&mut profile.surname);
    email.apply(&mut profile.email);
    avatar_url.apply(&mut profile.avatar_url);
    locale.apply(&mut profile.locale);
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateUser>) -> Result<UserReply> {
    let app = call.path.app_id;
    let mut user = find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let UserUpdate { signed_up_at, to_be_retained, profile, metadata } = call.body.clone();
    user.signed_up_at = signed_up_at.unwrap_or(user.signed_up_at);
    user.to_be_retained = to_be_retained.or(user.to_be_retained);
    merge(&mut user.profile, profile.unwrap_or_default());
    user.metadata.merge(metadata);
    user.metadata = checked(user.metadata)?;
    save(tx, app, &user)?;
    Ok(UserReply { user })
}

/// A user goes with the personal conversations they had; groups go on without them.
fn remove(tx: &mut Tx<'_>, call: &Call<DeleteUser>) -> Result<Nothing> {
    let app = call.path.app_id;
    let user = find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let subscribers = Subscribers::of(tx, app)?;
    conversations::without_user(tx, &call.state, &subscribers, app, &user)?;
    tx.execute(
        "DELETE FROM app_user WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), user.key.id.text().as_str()],
    )?;
    events::record(tx, &call.state, &subscribers, Trigger::UserRemove, None, |_| UserRemovePayload {
        user: user.key.clone(),
    })?;
    Ok(Nothing {})
}

/// The name that a user's messages show: their own, or one that tells them apart.
pub fn shown_name(user: &User) -> String {
    let Profile { given_name, surname, .. } = &user.profile;
    let name: Vec<&str> = [given_name, surname].into_iter().flatten().map(String::as_str).collect();
    if name.is_empty() { format!("User {}", user.key.id) } else { name.join(" ") }
}

// ---- Rows

fn insert(tx: &mut Tx<'_>, app: AppId, user: &User) -> Result<()> {
    tx.append(
        "INSERT INTO app_user (app_id, id, external_id, brand_id, zendesk_id, signed_up_at, to_be_retained, profile,
         metadata, identities, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![
            app.text().as_str(),
            user.key.id.text().as_str(),
            &user.key.external_id,
            user.key.brand_id.as_deref().unwrap_or_default(),
            &user.key.zendesk_id,
            user.signed_up_at.0,
            user.to_be_retained,
            &serde_json::to_string(&user.profile)?,
            &serde_json::to_string(&user.metadata)?,
            &serde_json::to_string(&user.identities)?,
            tx.now()
        ],
    )?;
    Ok(())
}

fn save(tx: &mut Tx<'_>, app: AppId, user: &User) -> Result<()> {
    tx.execute(
        "UPDATE app_user SET signed_up_at = $3, to_be_retained = $4, profile = $5, metadata = $6
         WHERE app_id = $1 AND id = $2",
        args![
            app.text().as_str(),
            user.key.id.text().as_str(),
            user.signed_up_at.0,
            user.to_be_retained,
            &serde_json::to_string(&user.profile)?,
            &serde_json::to_string(&user.metadata)?
        ],
    )?;
    Ok(())
}

/// A user by id or, failing that, by external id.
pub fn find(tx: &Tx<'_>, app: AppId, user: &UserRef, brand: Option<&str>) -> Result<User> {
    if let Some(id) = user.id()
        && let Some(found) = by_id(tx, app, id)?
    {
        return Ok(found);
    }
    by_external_id(tx, app, &user.0, brand)?.ok_or(Missing::USER.into())
}

/// A user named by exactly one of id and external id. `place` names them in a refusal.
pub fn named(
    tx: &Tx<'_>,
    app: AppId,
    id: Option<&str>,
    external_id: Option<&str>,
    brand: Option<&str>,
    place: &str,
) -> Result<User> {
    let found = match (id, external_id) {
        (Some(id), None) => id.parse().ok().map(|id| by_id(tx, app, id)).transpose()?.flatten(),
        (None, Some(external_id)) => by_external_id(tx, app, external_id, brand)?,
        _ => return Err(Error::invalid(format!("{place}should have exactly one of userId and userExternalId"))),
    };
    found.ok_or(Missing::USER.into())
}

/// A user by id.
pub fn by_id(tx: &Tx<'_>, app: AppId, id: UserId) -> Result<Option<User>> {
    let rows = tx.query(
        "SELECT id, external_id, brand_id, zendesk_id, signed_up_at, to_be_retained, profile, metadata, identities
         FROM app_user WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    rows.first().map(kept).transpose()
}

fn by_external_id(tx: &Tx<'_>, app: AppId, external_id: &str, brand: Option<&str>) -> Result<Option<User>> {
    let rows = tx.query(
        "SELECT id, external_id, brand_id, zendesk_id, signed_up_at, to_be_retained, profile, metadata, identities
         FROM app_user WHERE app_id = $1 AND external_id = $2 AND brand_id = $3",
        args![app.text().as_str(), external_id, brand.unwrap_or_default()],
    )?;
    rows.first().map(kept).transpose()
}

fn kept(row: &Row) -> Result<User> {
    let external_id = row.opt_text(1)?.map(str::to_owned);
    Ok(User {
        key: UserTruncated {
            id: row.parse(0)?,
            authenticated: external_id.is_some(),
            external_id,
            brand_id: Some(row.text(2)?).filter(|b| !b.is_empty()).map(str::to_owned),
            zendesk_id: row.opt_text(3)?.map(str::to_owned),
        },
        signed_up_at: Timestamp(row.int(4)?),
        to_be_retained: row.opt_int(5)?.map(|flag| flag != 0),
        has_payment_info: false,
        profile: serde_json::from_str(row.text(6)?)?,
        metadata: serde_json::from_str(row.text(7)?)?,
        identities: serde_json::from_str(row.text(8)?)?,
    })
}
