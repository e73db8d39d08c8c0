//! Users.

use crate::{
    apps,
    call::Call,
    client_rows, conversations,
    error::{Error, Result},
    events::{self, Subscribers},
    router::Builder,
};
use bytes::Bytes;
use heliograph_store::{Cells, Row, Tx, args};
use heliograph_wire::{
    events::UserRemovePayload,
    id::{AppId, UserId},
    metadata::Metadata,
    op::Nothing,
    patch::Patch,
    path::UserRef,
    problem::Missing,
    time::Timestamp,
    users::*,
    webhooks::Trigger,
};
use serde::Serialize;

/// The language of users who do not tell theirs.
const DEFAULT_LOCALE: &str = "en";
/// Where that comes from, in the contract's words.
const DEFAULT_LOCALE_ORIGIN: &str = "zendeskAccount";

/// What is answered to one who wants an id for a user that another user has.
const ALREADY_THERE: Error = Error::Conflict("User already exists");

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on_raw::<GetUser, _>(get).on(update).on(delete).on(forget);
}

async fn create(call: Call<CreateUser>) -> Result<UserReply> {
    call.write(make).await
}

async fn list(call: Call<ListUsers>) -> Result<UserList> {
    call.read(|tx, call| {
        let app = call.path.app_id;
        apps::require(tx, app)?;
        let found = by_identity(tx, app, Identity::EMAIL, &call.query.filter.email, call.query.brand_id.as_deref())?;
        Ok(UserList { users: found.into_iter().collect() })
    })
    .await
}

async fn get(call: Call<GetUser>) -> Result<Bytes> {
    call.read(|tx, call| answer(tx, call.path.app_id, &call.path.user, call.query.brand_id.as_deref())).await
}

async fn update(call: Call<UpdateUser>) -> Result<UserReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteUser>) -> Result<Nothing> {
    call.write(remove).await
}

async fn forget(call: Call<DeleteUserPersonalInformation>) -> Result<UserReply> {
    call.write(forget_person).await
}

// ---- Rules

fn make(tx: &mut Tx<'_>, call: &Call<CreateUser>) -> Result<UserReply> {
    let app = call.path.app_id;
    apps::require(tx, app)?;
    let new = call.body.clone();
    if let Some(external_id) = &new.external_id
        && by_external_id(tx, app, external_id, new.brand_id.as_deref())?.is_some()
    {
        return Err(ALREADY_THERE);
    }
    if let Some(zendesk_id) = &new.zendesk_id
        && by_zendesk_id(tx, app, zendesk_id)?.is_some()
    {
        return Err(ALREADY_THERE);
    }
    let mut user = fresh(tx);
    user.key.authenticated = new.external_id.is_some();
    (user.key.external_id, user.key.zendesk_id, user.key.brand_id) = (new.external_id, new.zendesk_id, new.brand_id);
    user.signed_up_at = new.signed_up_at.unwrap_or(user.signed_up_at);
    user.to_be_retained = new.to_be_retained;
    merge(&mut user.profile, new.profile.unwrap_or_default());
    user.metadata = checked(new.metadata.unwrap_or_default().without_nulls())?;
    insert(tx, app, &user)?;
    Ok(UserReply { user })
}

/// A user of whom nothing is known yet.
fn fresh(tx: &Tx<'_>) -> User {
    let profile = Profile {
        locale: Some(DEFAULT_LOCALE.to_owned()),
        locale_origin: Some(DEFAULT_LOCALE_ORIGIN.to_owned()),
        ..Profile::default()
    };
    User {
        key: UserTruncated {
            id: UserId::new(tx.id()),
            authenticated: false,
            external_id: None,
            zendesk_id: None,
            brand_id: None,
        },
        signed_up_at: Timestamp(tx.now()),
        to_be_retained: None,
        has_payment_info: false,
        identities: Vec::new(),
        profile,
        metadata: Metadata::default(),
    }
}

/// Makes a user of somebody who writes on a channel.
pub fn of_channel(tx: &mut Tx<'_>, app: AppId, name: Option<String>, avatar_url: Option<String>) -> Result<User> {
    let mut user = fresh(tx);
    (user.profile.given_name, user.profile.avatar_url) = (name, avatar_url);
    insert(tx, app, &user)?;
    Ok(user)
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
    let UserUpdate { zendesk_id, signed_up_at, to_be_retained, profile, metadata } = call.body.clone();
    if let Patch::Set(wanted) = &zendesk_id
        && by_zendesk_id(tx, app, wanted)?.is_some_and(|other| other.key.id != user.key.id)
    {
        return Err(ALREADY_THERE);
    }
    zendesk_id.apply(&mut user.key.zendesk_id);
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
    conversations::without_user(tx, call.state, &subscribers, app, &user)?;
    client_rows::delete_of_user(tx, app, user.key.id)?;
    delete_row(tx, app, user.key.id)?;
    events::record(tx, call.state, &subscribers, Trigger::UserRemove, None, |_| UserRemovePayload {
        user: user.key.clone(),
    })?;
    Ok(Nothing {})
}

/// The ids of a user stay, and so does what was said.
fn forget_person(tx: &mut Tx<'_>, call: &Call<DeleteUserPersonalInformation>) -> Result<UserReply> {
    let app = call.path.app_id;
    let mut user = find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    user.profile = Profile::default();
    user.metadata = Metadata::default();
    user.identities.clear();
    save(tx, app, &user)?;
    save_identities(tx, app, &user)?;
    client_rows::forget_person(tx, app, user.key.id)?;
    Ok(UserReply { user })
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

/// Writes down all that may change of a user. By what identities they are found is [`save_identities`].
pub fn save(tx: &mut Tx<'_>, app: AppId, user: &User) -> Result<()> {
    tx.execute(
        "UPDATE app_user SET signed_up_at = $3, to_be_retained = $4, profile = $5, metadata = $6, external_id = $7,
         zendesk_id = $8, identities = $9 WHERE app_id = $1 AND id = $2",
        args![
            app.text().as_str(),
            user.key.id.text().as_str(),
            user.signed_up_at.0,
            user.to_be_retained,
            &serde_json::to_string(&user.profile)?,
            &serde_json::to_string(&user.metadata)?,
            &user.key.external_id,
            &user.key.zendesk_id,
            &serde_json::to_string(&user.identities)?
        ],
    )?;
    Ok(())
}

/// Has a user found by the identities they have now, and by no others.
pub fn save_identities(tx: &mut Tx<'_>, app: AppId, user: &User) -> Result<()> {
    let (app, id) = (app.text(), user.key.id.text());
    tx.execute("DELETE FROM user_identity WHERE app_id = $1 AND user_id = $2", args![app.as_str(), id.as_str()])?;
    for identity in &user.identities {
        tx.execute(
            "INSERT INTO user_identity (app_id, brand_id, type, value, user_id) VALUES ($1, $2, $3, $4, $5)",
            args![
                app.as_str(),
                user.key.brand_id.as_deref().unwrap_or_default(),
                &identity.r#type,
                &identity.value.to_lowercase(),
                id.as_str()
            ],
        )?;
    }
    Ok(())
}

/// Deletes the user's own rows.
pub fn delete_row(tx: &mut Tx<'_>, app: AppId, id: UserId) -> Result<()> {
    for statement in [
        "DELETE FROM user_identity WHERE app_id = $1 AND user_id = $2",
        "DELETE FROM app_user WHERE app_id = $1 AND id = $2",
    ] {
        tx.execute(statement, args![app.text().as_str(), id.text().as_str()])?;
    }
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

/// The same, as it is answered.
fn answer(tx: &Tx<'_>, app: AppId, user: &UserRef, brand: Option<&str>) -> Result<Bytes> {
    let app = app.text();
    if let Some(id) = user.id()
        && let Some(json) = tx.each(BY_ID, args![app.as_str(), id.text().as_str()], json)?.pop()
    {
        return Ok(json);
    }
    let found = tx.each(BY_EXTERNAL_ID, args![app.as_str(), &user.0, brand.unwrap_or_default()], json)?.pop();
    found.ok_or(Missing::USER.into())
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

const BY_ID: &str = "SELECT id, external_id, brand_id, zendesk_id, signed_up_at, to_be_retained, profile, metadata,
    identities FROM app_user WHERE app_id = $1 AND id = $2";
const BY_EXTERNAL_ID: &str = "SELECT id, external_id, brand_id, zendesk_id, signed_up_at, to_be_retained, profile,
    metadata, identities FROM app_user WHERE app_id = $1 AND external_id = $2 AND brand_id = $3";

/// A user by id.
pub fn by_id(tx: &Tx<'_>, app: AppId, id: UserId) -> Result<Option<User>> {
    let rows = tx.query(BY_ID, args![app.text().as_str(), id.text().as_str()])?;
    rows.first().map(kept).transpose()
}

/// A user by external id, within their brand.
pub fn by_external_id(tx: &Tx<'_>, app: AppId, external_id: &str, brand: Option<&str>) -> Result<Option<User>> {
    let rows = tx.query(BY_EXTERNAL_ID, args![app.text().as_str(), external_id, brand.unwrap_or_default()])?;
    rows.first().map(kept).transpose()
}

/// A user by their id in Zendesk.
pub fn by_zendesk_id(tx: &Tx<'_>, app: AppId, zendesk_id: &str) -> Result<Option<User>> {
    let rows = tx.query(
        "SELECT id, external_id, brand_id, zendesk_id, signed_up_at, to_be_retained, profile, metadata, identities
         FROM app_user WHERE app_id = $1 AND zendesk_id = $2",
        args![app.text().as_str(), zendesk_id],
    )?;
    rows.first().map(kept).transpose()
}

/// The user to whom an identity belongs, in whatever case it is spelled.
pub fn by_identity(tx: &Tx<'_>, app: AppId, kind: &str, value: &str, brand: Option<&str>) -> Result<Option<User>> {
    let rows = tx.query(
        "SELECT u.id, u.external_id, u.brand_id, u.zendesk_id, u.signed_up_at, u.to_be_retained, u.profile, u.metadata,
         u.identities FROM user_identity i JOIN app_user u ON u.app_id = i.app_id AND u.id = i.user_id
         WHERE i.app_id = $1 AND i.brand_id = $2 AND i.type = $3 AND i.value = $4",
        args![app.text().as_str(), brand.unwrap_or_default(), kind, &value.to_lowercase()],
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

/// The columns of [`kept`] as the answer has them: what is JSON already is passed on, unread.
fn json(row: &Cells<'_>) -> Result<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'r> {
        id: &'r str,
        authenticated: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        external_id: Option<&'r str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        zendesk_id: Option<&'r str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        brand_id: Option<&'r str>,
        signed_up_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        to_be_retained: Option<bool>,
        has_payment_info: bool,
    }
    let external_id = row.opt_text(1)?;
    let head = Head {
        id: row.text(0)?,
        authenticated: external_id.is_some(),
        external_id,
        zendesk_id: row.opt_text(3)?,
        brand_id: Some(row.text(2)?).filter(|brand| !brand.is_empty()),
        signed_up_at: Timestamp(row.int(4)?),
        to_be_retained: row.opt_int(5)?.map(|flag| flag != 0),
        has_payment_info: false,
    };
    let mut json = Vec::with_capacity(1024);
    json.extend_from_slice(b"{\"user\":");
    serde_json::to_writer(&mut json, &head)?;
    // Its last brace.
    json.pop();
    for (name, column) in [(",\"identities\":", 8), (",\"profile\":", 6), (",\"metadata\":", 7)] {
        json.extend_from_slice(name.as_bytes());
        json.extend_from_slice(row.text(column)?.as_bytes());
    }
    json.extend_from_slice(b"}}");
    Ok(json.into())
}
