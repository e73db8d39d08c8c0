//! What only some channels know. This server speaks to no channel itself, so it gives out what whoever runs one has
//! reported, and takes events for those that an app has an integration of.

use crate::{
    call::Call,
    conversations,
    error::{Error, Result},
    participants,
    router::Builder,
    users,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    channels::*,
    id::{AppId, ConversationId, IntegrationId},
    problem::Missing,
};
use sha2::{Digest, Sha256};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(download).on(convert);
}

async fn download(call: Call<DownloadMessageRef>) -> Result<Downloaded> {
    call.read(fetch).await
}

async fn convert(call: Call<PostConversionEvents>) -> Result<ConversionEventsReply> {
    call.read(take).await
}

// ---- Rules

fn fetch(tx: &Tx<'_>, call: &Call<DownloadMessageRef>) -> Result<Downloaded> {
    let (app, conversation) = (call.path.app_id, call.path.conversation_id);
    conversations::find(tx, app, conversation)?;
    let user = users::named(tx, app, Some(&call.body.user_id), None, None, "")?;
    participants::of_user(tx, app, conversation, user.key.id)?.ok_or(Missing::MEMBER)?;
    let Some(apple) = &call.body.apple else {
        return Err(Error::invalid("should have required property 'apple'"));
    };
    data(tx, app, conversation, &apple.interactive_data_ref)?
        .ok_or_else(|| Error::invalid("No data was reported for this interactiveDataRef in the conversation"))
}

fn take(tx: &Tx<'_>, call: &Call<PostConversionEvents>) -> Result<ConversionEventsReply> {
    let app = call.path.app_id;
    conversations::find(tx, app, call.path.conversation_id)?;
    let NewConversionEvents { messenger, instagram, whatsapp } = &call.body;
    let given = [("messenger", messenger), ("instagram", instagram), ("whatsapp", whatsapp)];
    let mut given = given.into_iter().filter_map(|(channel, events)| Some((channel, events.as_ref()?)));
    let (Some((channel, events)), None) = (given.next(), given.next()) else {
        return Err(Error::invalid("should have exactly one of messenger, instagram and whatsapp"));
    };
    let integration = first_of(tx, app, channel)?
        .ok_or_else(|| Error::invalid(format!("The app has no integration of type {channel}")))?;
    Ok(ConversionEventsReply {
        conversion_events: ConversionEvents {
            dataset_id: integration.to_string(),
            events_received: events.payload.data.len(),
        },
    })
}

// ---- Rows

/// What a reference is found by: it holds a key and a signature, which are nobody's business here.
fn digest(reference: &InteractiveDataRef) -> Result<String> {
    Ok(BASE64.encode(Sha256::digest(serde_json::to_vec(reference)?)))
}

/// Keeps the data that a channel's message refers to.
pub fn keep(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    reference: &InteractiveDataRef,
    data: &Downloaded,
) -> Result<()> {
    tx.execute(
        "INSERT INTO message_ref (app_id, conversation_id, digest, data) VALUES ($1, $2, $3, $4)
         ON CONFLICT (app_id, conversation_id, digest) DO UPDATE SET data = excluded.data",
        args![app.text().as_str(), conversation.text().as_str(), &digest(reference)?, &serde_json::to_string(data)?],
    )?;
    Ok(())
}

fn data(
    tx: &Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    reference: &InteractiveDataRef,
) -> Result<Option<Downloaded>> {
    let rows = tx.query(
        "SELECT data FROM message_ref WHERE app_id = $1 AND conversation_id = $2 AND digest = $3",
        args![app.text().as_str(), conversation.text().as_str(), &digest(reference)?],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(serde_json::from_str(row.text(0)?)?))
}

/// Has what is kept of a conversation belong to another.
pub fn move_to(tx: &mut Tx<'_>, app: AppId, from: ConversationId, to: ConversationId) -> Result<()> {
    tx.execute(
        "INSERT INTO message_ref (app_id, conversation_id, digest, data)
         SELECT app_id, CAST($3 AS TEXT), digest, data FROM message_ref
         WHERE app_id = $1 AND conversation_id = $2 ON CONFLICT DO NOTHING",
        args![app.text().as_str(), from.text().as_str(), to.text().as_str()],
    )?;
    Ok(())
}

/// The oldest integration of a type.
fn first_of(tx: &Tx<'_>, app: AppId, channel: &str) -> Result<Option<IntegrationId>> {
    let rows = tx.query(
        "SELECT id FROM integration WHERE app_id = $1 AND type = $2 ORDER BY id LIMIT 1",
        args![app.text().as_str(), channel],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}
