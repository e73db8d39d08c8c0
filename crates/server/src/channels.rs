//! What only some channels know. This server speaks to no channel itself, so it has nothing to fetch from one, and takes
//! events for those that an app has an integration of.

use crate::{
    call::Call,
    conversations,
    error::{Error, Result},
    participants,
    router::Builder,
    users,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    channels::*,
    id::{AppId, IntegrationId},
    problem::Missing,
};

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
    if call.body.apple.is_none() {
        return Err(Error::invalid("should have required property 'apple'"));
    }
    Err(Error::invalid("The user has no client of type apple in the conversation"))
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

/// The oldest integration of a type.
fn first_of(tx: &Tx<'_>, app: AppId, channel: &str) -> Result<Option<IntegrationId>> {
    let rows = tx.query(
        "SELECT id FROM integration WHERE app_id = $1 AND type = $2 ORDER BY id LIMIT 1",
        args![app.text().as_str(), channel],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}
