//! The rows of clients, and of which conversations they take part in.

use crate::{error::Result, pages::Window};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    clients::{Client, ClientLink},
    id::{AppId, ClientId, ConversationId, IntegrationId, UserId},
    participants::ClientAssociation,
    problem::Missing,
    time::Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Writes a client down. `address` is what its link was asked for with.
pub fn insert(tx: &mut Tx<'_>, app: AppId, user: UserId, client: &Client, address: Option<&str>) -> Result<()> {
    let (info, raw) = (json(&client.info)?, json(&client.raw)?);
    tx.append(
        "INSERT INTO client (app_id, user_id, id, type, status, integration_id, address, external_id, last_seen, linked_at,
         display_name, avatar_url, info, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        args![
            app.text().as_str(),
            user.text().as_str(),
            client.id.text().as_str(),
            &text_of(&client.r#type)?,
            &text_of(&client.status)?,
            &client.integration_id.map(|id| id.to_string()),
            address,
            &client.external_id,
            client.last_seen.map(|t| t.0),
            client.linked_at.map(|t| t.0),
            &client.display_name,
            &client.avatar_url,
            &info,
            &raw
        ],
    )?;
    Ok(())
}

/// Writes down what may change of a client. What its link was asked for with is of no use once that is settled.
pub fn save(tx: &mut Tx<'_>, app: AppId, user: UserId, client: &Client) -> Result<()> {
    let (info, raw) = (json(&client.info)?, json(&client.raw)?);
    tx.execute(
        "UPDATE client SET status = $4, external_id = $5, last_seen = $6, linked_at = $7, display_name = $8,
         avatar_url = $9, info = $10, raw = $11, link = CASE WHEN $4 = 'pending' THEN link END
         WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![
            app.text().as_str(),
            user.text().as_str(),
            client.id.text().as_str(),
            &text_of(&client.status)?,
            &client.external_id,
            client.last_seen.map(|t| t.0),
            client.linked_at.map(|t| t.0),
            &client.display_name,
            &client.avatar_url,
            &info,
            &raw
        ],
    )?;
    Ok(())
}

fn json<T: Serialize>(value: &Option<T>) -> Result<Option<String>> {
    Ok(value.as_ref().map(serde_json::to_string).transpose()?)
}

/// A client of a user, with the address its link was asked for with.
pub fn find(tx: &Tx<'_>, app: AppId, user: UserId, id: ClientId) -> Result<(Client, Option<String>)> {
    let rows = tx.query(
        "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw,
         address FROM client WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![app.text().as_str(), user.text().as_str(), id.text().as_str()],
    )?;
    let row = rows.first().ok_or(Missing::CLIENT)?;
    Ok((kept(row)?, row.opt_text(11)?.map(str::to_owned)))
}

/// A page of a user's clients, in the order in which they were made.
pub fn all(tx: &Tx<'_>, app: AppId, user: UserId, window: &Window) -> Result<Vec<Client>> {
    let (app, user) = (app.text(), user.text());
    let rows = match window.before() {
        None => tx.query(
            "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw
             FROM client WHERE app_id = $1 AND user_id = $2 AND id > $3 ORDER BY id LIMIT $4",
            args![app.as_str(), user.as_str(), window.after(), window.limit()],
        ),
        Some(before) => tx.query(
            "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw
             FROM client WHERE app_id = $1 AND user_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
            args![app.as_str(), user.as_str(), before, window.limit()],
        ),
    }?;
    rows.iter().map(kept).collect()
}

/// The client that all SDKs of a user share.
pub fn sdk(tx: &Tx<'_>, app: AppId, user: UserId) -> Result<Option<Client>> {
    let rows = tx.query(
        "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw
         FROM client WHERE app_id = $1 AND user_id = $2 AND type = 'sdk'",
        args![app.text().as_str(), user.text().as_str()],
    )?;
    rows.first().map(kept).transpose()
}

/// The client by which an integration reaches a user, the latest if there are several.
pub fn of_integration(tx: &Tx<'_>, app: AppId, user: UserId, integration: IntegrationId) -> Result<Option<Client>> {
    let rows = tx.query(
        "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw
         FROM client WHERE app_id = $1 AND user_id = $2 AND integration_id = $3 AND status <> 'pending'
         ORDER BY id DESC LIMIT 1",
        args![app.text().as_str(), user.text().as_str(), integration.text().as_str()],
    )?;
    rows.first().map(kept).transpose()
}

/// Whether a user has a client, or one that is being linked, for an address.
pub fn is_linked(tx: &Tx<'_>, app: AppId, user: UserId, integration: IntegrationId, address: &str) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM client WHERE app_id = $1 AND user_id = $2 AND integration_id = $3
         AND (external_id = $4 OR address = $4)",
        args![app.text().as_str(), user.text().as_str(), integration.text().as_str(), address],
    )?;
    Ok(!rows.is_empty())
}

/// Writes down what a pending client was asked for with.
pub fn save_link(tx: &mut Tx<'_>, app: AppId, user: UserId, id: ClientId, link: &ClientLink) -> Result<()> {
    tx.execute(
        "UPDATE client SET link = $4 WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![app.text().as_str(), user.text().as_str(), id.text().as_str(), &serde_json::to_string(link)?],
    )?;
    Ok(())
}

/// What a client was asked for with, as long as it is pending.
pub fn link(tx: &Tx<'_>, app: AppId, user: UserId, id: ClientId) -> Result<Option<ClientLink>> {
    let rows = tx.query(
        "SELECT link FROM client WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![app.text().as_str(), user.text().as_str(), id.text().as_str()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(row.opt_text(0)?.map(serde_json::from_str).transpose()?)
}

/// The clients, whoever's, that wait to be linked to an address of a channel; the latest first.
pub fn waiting_for(
    tx: &Tx<'_>,
    app: AppId,
    integration: IntegrationId,
    address: &str,
) -> Result<Vec<(UserId, Client)>> {
    let rows = tx.query(
        "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw,
         user_id FROM client WHERE app_id = $1 AND integration_id = $2 AND address = $3 AND status = 'pending'
         ORDER BY id DESC",
        args![app.text().as_str(), integration.text().as_str(), address],
    )?;
    rows.iter().map(|row| Ok((row.parse(11)?, kept(row)?))).collect()
}

/// The clients, whoever's, that are linked to an address of a channel.
pub fn linked_to(
    tx: &Tx<'_>,
    app: AppId,
    integration: IntegrationId,
    external_id: &str,
) -> Result<Vec<(UserId, Client)>> {
    let rows = tx.query(
        "SELECT id, type, status, integration_id, external_id, last_seen, linked_at, display_name, avatar_url, info, raw,
         user_id FROM client WHERE app_id = $1 AND integration_id = $2 AND external_id = $3 AND status <> 'pending'",
        args![app.text().as_str(), integration.text().as_str(), external_id],
    )?;
    rows.iter().map(|row| Ok((row.parse(11)?, kept(row)?))).collect()
}

/// Has a client take part in a conversation.
pub fn subscribe(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    user: UserId,
    client: ClientId,
    used_at: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO client_conversation (app_id, conversation_id, client_id, user_id, used_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (app_id, conversation_id, client_id) DO UPDATE SET used_at = excluded.used_at",
        args![app.text().as_str(), conversation.text().as_str(), client.text().as_str(), user.text().as_str(), used_at],
    )?;
    Ok(())
}

/// Notes that a client is in use, where it is not to come last.
pub fn use_now(tx: &mut Tx<'_>, app: AppId, user: UserId, client: ClientId) -> Result<()> {
    tx.execute(
        "UPDATE client_conversation SET used_at = $4 WHERE app_id = $1 AND user_id = $2 AND client_id = $3 AND used_at > 0",
        args![app.text().as_str(), user.text().as_str(), client.text().as_str(), tx.now()],
    )?;
    Ok(())
}

/// Notes that a user was heard of by a client, now: it comes first in their conversations, and one that was left is in
/// use again.
pub fn seen_now(tx: &mut Tx<'_>, app: AppId, user: UserId, client: ClientId) -> Result<Timestamp> {
    tx.execute(
        "UPDATE client SET last_seen = $4, status = CASE WHEN status = 'inactive' THEN 'active' ELSE status END
         WHERE app_id = $1 AND user_id = $2 AND id = $3",
        args![app.text().as_str(), user.text().as_str(), client.text().as_str(), tx.now()],
    )?;
    tx.execute(
        "UPDATE client_conversation SET used_at = $4 WHERE app_id = $1 AND user_id = $2 AND client_id = $3",
        args![app.text().as_str(), user.text().as_str(), client.text().as_str(), tx.now()],
    )?;
    Ok(Timestamp(tx.now()))
}

/// The conversation that a client takes part in first.
pub fn first_conversation(tx: &Tx<'_>, app: AppId, user: UserId, client: ClientId) -> Result<Option<ConversationId>> {
    let rows = tx.query(
        "SELECT conversation_id FROM client_conversation WHERE app_id = $1 AND user_id = $2 AND client_id = $3
         ORDER BY used_at DESC, conversation_id LIMIT 1",
        args![app.text().as_str(), user.text().as_str(), client.text().as_str()],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}

/// The clients by which users take part in a conversation, each user's latest first. One that is still being linked
/// does not take part yet.
pub fn associations(tx: &Tx<'_>, app: AppId, conversation: ConversationId) -> Result<Vec<(UserId, ClientAssociation)>> {
    let rows = tx.query(
        "SELECT a.user_id, c.type, c.id FROM client_conversation a
         JOIN client c ON c.app_id = a.app_id AND c.user_id = a.user_id AND c.id = a.client_id
         WHERE a.app_id = $1 AND a.conversation_id = $2 AND c.status <> 'pending' ORDER BY a.used_at DESC, c.id",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    let association =
        |row: &Row| Ok((row.parse(0)?, ClientAssociation { r#type: word(row.text(1)?)?, client_id: row.parse(2)? }));
    rows.iter().map(association).collect()
}

/// Forgets what channels tell of a user.
pub fn forget_person(tx: &mut Tx<'_>, app: AppId, user: UserId) -> Result<()> {
    tx.execute(
        "UPDATE client SET display_name = NULL, avatar_url = NULL, info = NULL, raw = NULL
         WHERE app_id = $1 AND user_id = $2",
        args![app.text().as_str(), user.text().as_str()],
    )?;
    Ok(())
}

/// Has one client of SDKs take the place of another, which goes.
pub fn replace_sdk(tx: &mut Tx<'_>, app: AppId, user: UserId, old: ClientId, new: ClientId) -> Result<()> {
    let (app_id, user_id, old_id, new_id) = (app.text(), user.text(), old.text(), new.text());
    for statement in [
        "INSERT INTO client_conversation (app_id, conversation_id, client_id, user_id, used_at)
         SELECT app_id, conversation_id, CAST($4 AS TEXT), user_id, used_at FROM client_conversation
         WHERE app_id = $1 AND user_id = $2 AND client_id = $3 ON CONFLICT DO NOTHING",
        "UPDATE device SET client_id = $4 WHERE app_id = $1 AND user_id = $2 AND client_id = $3",
    ] {
        tx.execute(statement, args![app_id.as_str(), user_id.as_str(), old_id.as_str(), new_id.as_str()])?;
    }
    delete(tx, app, user, old)
}

/// Has another user be reached by all that one is reached by.
pub fn hand_over(tx: &mut Tx<'_>, app: AppId, from: UserId, to: UserId) -> Result<()> {
    for statement in [
        "UPDATE client_conversation SET user_id = $3 WHERE app_id = $1 AND user_id = $2",
        "UPDATE device SET user_id = $3 WHERE app_id = $1 AND user_id = $2",
        "UPDATE client SET user_id = $3 WHERE app_id = $1 AND user_id = $2",
    ] {
        tx.execute(statement, args![app.text().as_str(), from.text().as_str(), to.text().as_str()])?;
    }
    Ok(())
}

/// Deletes a client. (The SDKs' has devices, and goes with its user alone.)
pub fn delete(tx: &mut Tx<'_>, app: AppId, user: UserId, id: ClientId) -> Result<()> {
    let (app, user, id) = (app.text(), user.text(), id.text());
    for statement in [
        "DELETE FROM client_conversation WHERE app_id = $1 AND user_id = $2 AND client_id = $3",
        "DELETE FROM client WHERE app_id = $1 AND user_id = $2 AND id = $3",
    ] {
        tx.execute(statement, args![app.as_str(), user.as_str(), id.as_str()])?;
    }
    Ok(())
}

/// Deletes all that a user is reached by.
pub fn delete_of_user(tx: &mut Tx<'_>, app: AppId, user: UserId) -> Result<()> {
    for statement in [
        "DELETE FROM client_conversation WHERE app_id = $1 AND user_id = $2",
        "DELETE FROM device WHERE app_id = $1 AND user_id = $2",
        "DELETE FROM client WHERE app_id = $1 AND user_id = $2",
    ] {
        tx.execute(statement, args![app.text().as_str(), user.text().as_str()])?;
    }
    Ok(())
}

/// Deletes all that users are reached by through an integration.
pub fn delete_of_integration(tx: &mut Tx<'_>, app: AppId, integration: IntegrationId) -> Result<()> {
    for statement in [
        "DELETE FROM client_conversation WHERE app_id = $1 AND client_id IN
         (SELECT id FROM client WHERE app_id = $1 AND integration_id = $2)",
        "DELETE FROM device WHERE app_id = $1 AND integration_id = $2",
        "DELETE FROM client WHERE app_id = $1 AND integration_id = $2",
    ] {
        tx.execute(statement, args![app.text().as_str(), integration.text().as_str()])?;
    }
    Ok(())
}

fn kept(row: &Row) -> Result<Client> {
    Ok(Client {
        id: row.parse(0)?,
        r#type: word(row.text(1)?)?,
        status: word(row.text(2)?)?,
        integration_id: row.opt_text(3)?.and_then(|id| id.parse().ok()),
        external_id: row.opt_text(4)?.map(str::to_owned),
        last_seen: row.opt_int(5)?.map(Timestamp),
        linked_at: row.opt_int(6)?.map(Timestamp),
        display_name: row.opt_text(7)?.map(str::to_owned),
        avatar_url: row.opt_text(8)?.map(str::to_owned),
        info: row.opt_text(9)?.map(serde_json::from_str).transpose()?,
        raw: row.opt_text(10)?.map(serde_json::from_str).transpose()?,
    })
}

/// A value that is a word of the contract, as that word.
pub fn text_of<T: Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::from_value(serde_json::to_value(value)?)?)
}

/// A word of the contract, as its type.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T> {
    Ok(serde_json::from_value(Value::from(text))?)
}
