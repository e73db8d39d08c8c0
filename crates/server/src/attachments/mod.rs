//! Attachments: files that are uploaded here, to be sent in messages.

mod download;
mod pieces;
mod sweep;
mod types;
mod upload;

pub use download::answer;
pub use sweep::{Files, Gone, finish, run};

use crate::{
    apps,
    blobs::Key,
    call::{Call, Streamed},
    conversations,
    error::{Error, Result},
    router::Builder,
    state::State,
};
use heliograph_store::{Error as StoreError, Row, Tx, args, clock::now_ms};
use heliograph_wire::{
    attachments::*,
    content::Content,
    id::{AppId, ConversationId, MessageId},
    op::Nothing,
    path::AppPath,
    problem::Missing,
};
use http::Uri;
use std::collections::HashMap;
use upload::Received;

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on_stream(upload).on(delete);
}

async fn upload(call: Call<UploadAttachment>, mut request: Streamed) -> Result<AttachmentReply> {
    let outcome = take_in(call, &mut request).await;
    if outcome.is_err() {
        upload::drain(request).await;
    }
    outcome
}

async fn delete(call: Call<DeleteAttachment>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// A file as the store knows it.
pub struct Kept {
    /// What it is found by.
    pub key: Key,
    /// What its sender called it.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
}

/// First the file is in its place, then its row says so: a row without a file is never seen. A request under a name that
/// was used before puts nothing anywhere: its file is looked at, and it is answered as it was then or refused.
async fn take_in(call: Call<UploadAttachment>, request: &mut Streamed) -> Result<AttachmentReply> {
    let (state, once) = (call.state, call.once());
    let (query, asked) = (call.query.clone(), once.clone());
    let look = move |tx: &Tx<'_>, path: &AppPath| {
        let conversation = named_conversation(tx, path.app_id, &query)?;
        Ok((conversation, asked.as_ref().map_or(Ok(false), |once| once.is_taken(tx))?))
    };
    let (conversation, taken) = call.ask(look).await?;
    let key = Key { app: call.path.app_id, id: AttachmentId::new(now_ms(), randomness()?) };
    let place = (!taken).then_some((&state.files.blobs, key));
    let file = upload::receive(upload::Intent { place, hash: once.is_some() }, request).await?;
    if let (Some(once), Some(hash)) = (&once, &file.hash) {
        once.read(hash);
    }
    let url = format!("{}{}", base(&call.url()), key.id.path(&file.name));
    let written = call.write(move |tx, call| {
        apps::require(tx, key.app)?;
        named_conversation(tx, key.app, &call.query)?;
        // What was kept under the name has had its time since: there is no file yet, and the next try will bring one.
        if taken {
            return Err(StoreError::Contention.into());
        }
        insert(tx, key, &file, call.query.container.is_some(), conversation)?;
        let attachment = Attachment { media_url: url.clone(), media_type: file.media_type.to_owned() };
        Ok(AttachmentReply { attachment })
    });
    let outcome = written.await;
    let in_use = match &outcome {
        Ok(reply) => AttachmentId::in_url(&reply.attachment.media_url) == Some(key.id),
        // The row may be there after all: the sweep looks at that.
        Err(Error::Store(_)) => true,
        Err(_) => false,
    };
    if !in_use && !taken {
        state.files.forget(Gone::File(key));
    }
    outcome
}

fn randomness() -> Result<[u8; 10]> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
    Ok(random)
}

/// The conversation an upload names, if it names one.
fn named_conversation(tx: &Tx<'_>, app: AppId, query: &UploadQuery) -> Result<Option<ConversationId>> {
    let Some(named) = &query.conversation_id else { return Ok(None) };
    let id: ConversationId = named.parse()?;
    conversations::find(tx, app, id)?;
    Ok(Some(id))
}

/// Where the contract's paths begin, as the caller of this address sees it.
fn base(url: &str) -> &str {
    url.rsplit_once("/v2/apps/").map_or(url, |(base, _)| base)
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteAttachment>) -> Result<Nothing> {
    let url = &call.body.media_url;
    if host(url).is_none_or(|host| Some(host) != self::host(&call.url())) {
        return Err(Error::invalid(format!("Unsupported media URL for attachment deletion: {url}")));
    }
    let key = Key { app: call.path.app_id, id: AttachmentId::in_url(url).ok_or(Missing::ATTACHMENT)? };
    let gone = tx.execute(
        "DELETE FROM attachment WHERE app_id = $1 AND id = $2",
        args![key.app.text().as_str(), &key.id.to_string()],
    )?;
    if gone == 0 {
        return Err(Missing::ATTACHMENT.into());
    }
    forget(tx, call.state, vec![key]);
    Ok(Nothing {})
}

/// Whose address it is.
fn host(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.scheme().filter(|scheme| ["http", "https"].contains(&scheme.as_str()))?;
    Some(uri.authority()?.as_str().to_ascii_lowercase())
}

/// Ties the files that a message carries to it, if they were uploaded for messages: they go with it. A file that is
/// sent again stays with the message that carried it first.
pub fn bind(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    message: MessageId,
    content: &Content,
) -> Result<()> {
    for id in media_urls(content).filter_map(AttachmentId::in_url) {
        tx.amend(
            "UPDATE attachment SET conversation_id = $3, message_id = $4
             WHERE app_id = $1 AND id = $2 AND for_message = 1 AND message_id IS NULL",
            args![app.text().as_str(), &id.to_string(), conversation.text().as_str(), message.text().as_str()],
        )?;
    }
    Ok(())
}

fn media_urls(content: &Content) -> impl Iterator<Item = &str> {
    let (one, items) = match content {
        Content::Image(image) => (Some(image.file.media_url.as_str()), None),
        Content::File(file) => (Some(file.media_url.as_str()), None),
        Content::Carousel(carousel) => (None, Some(&carousel.items)),
        Content::List(list) => (None, Some(&list.items)),
        _ => (None, None),
    };
    one.into_iter().chain(items.into_iter().flatten().filter_map(|item| item.media_url.as_deref()))
}

/// What those of these addresses lead to that are of this app's files: that needs no network.
pub async fn known(state: State, app: AppId, urls: &[String]) -> Result<HashMap<String, Kept>> {
    let named = |url: &String| Some((url.clone(), AttachmentId::in_url(url)?));
    let ours: Vec<(String, AttachmentId)> = urls.iter().filter_map(named).collect();
    if ours.is_empty() {
        return Ok(HashMap::new());
    }
    let look_up = move |tx: &Tx<'_>| -> Result<HashMap<String, Kept>> {
        let mut files = HashMap::new();
        for (url, id) in &ours {
            if let Some(file) = by_id(tx, *id)?.filter(|file| file.key.app == app) {
                files.insert(url.clone(), file);
            }
        }
        Ok(files)
    };
    state.store.read(look_up).await
}

/// Has the files of a conversation belong to another.
pub fn move_to(tx: &mut Tx<'_>, app: AppId, from: ConversationId, to: ConversationId) -> Result<()> {
    tx.execute(
        "UPDATE attachment SET conversation_id = $3 WHERE app_id = $1 AND conversation_id = $2",
        args![app.text().as_str(), from.text().as_str(), to.text().as_str()],
    )?;
    Ok(())
}

/// Removes what a message carried.
pub fn remove_with_message(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    conversation: ConversationId,
    message: MessageId,
) -> Result<()> {
    let rows = tx.query_mut(
        "DELETE FROM attachment WHERE app_id = $1 AND conversation_id = $2 AND message_id = $3 AND for_message = 1
         RETURNING id",
        args![app.text().as_str(), conversation.text().as_str(), message.text().as_str()],
    )?;
    forget(tx, state, keys(app, &rows)?);
    Ok(())
}

/// Removes what the messages of a conversation carried.
pub fn remove_with_messages(tx: &mut Tx<'_>, state: State, app: AppId, conversation: ConversationId) -> Result<()> {
    let rows = tx.query_mut(
        "DELETE FROM attachment WHERE app_id = $1 AND conversation_id = $2 AND message_id IS NOT NULL
         AND for_message = 1 RETURNING id",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    forget(tx, state, keys(app, &rows)?);
    Ok(())
}

/// Removes what was uploaded for the messages of a conversation, sent or not. What was not uploaded for a message
/// stays, and belongs to no conversation any more.
pub fn remove_with_conversation(tx: &mut Tx<'_>, state: State, app: AppId, conversation: ConversationId) -> Result<()> {
    let rows = tx.query_mut(
        "DELETE FROM attachment WHERE app_id = $1 AND conversation_id = $2 AND for_message = 1 RETURNING id",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    forget(tx, state, keys(app, &rows)?);
    tx.execute(
        "UPDATE attachment SET conversation_id = NULL WHERE app_id = $1 AND conversation_id = $2",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(())
}

fn keys(app: AppId, rows: &[Row]) -> Result<Vec<Key>> {
    rows.iter().map(|row| Ok(Key { app, id: row.text(0)?.parse()? })).collect()
}

fn forget(tx: &mut Tx<'_>, state: State, keys: Vec<Key>) {
    if keys.is_empty() {
        return;
    }
    tx.after_commit(move || keys.into_iter().for_each(|key| state.files.forget(Gone::File(key))));
}

// ---- Rows

fn insert(
    tx: &mut Tx<'_>,
    key: Key,
    file: &Received,
    for_message: bool,
    conversation: Option<ConversationId>,
) -> Result<()> {
    tx.append(
        "INSERT INTO attachment (app_id, id, name, media_type, size, for_message, conversation_id, message_id,
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            key.app.text().as_str(),
            &key.id.to_string(),
            &file.name,
            file.media_type,
            file.size.cast_signed(),
            for_message,
            &conversation.map(|id| id.to_string()),
            None::<&str>,
            tx.now()
        ],
    )?;
    Ok(())
}

/// The file with this id, in whatever app.
fn by_id(tx: &Tx<'_>, id: AttachmentId) -> Result<Option<Kept>> {
    let rows =
        tx.query("SELECT app_id, name, media_type, size FROM attachment WHERE id = $1", args![&id.to_string()])?;
    let kept = |row: &Row| -> Result<Kept> {
        Ok(Kept {
            key: Key { app: row.parse(0)?, id },
            name: row.text(1)?.to_owned(),
            media_type: row.text(2)?.to_owned(),
            size: row.int(3)?.cast_unsigned(),
        })
    };
    rows.first().map(kept).transpose()
}

/// Those of these files that have no row.
fn without_row(tx: &Tx<'_>, keys: &[Key]) -> Result<Vec<Key>> {
    let mut lost = Vec::new();
    for key in keys {
        let found = tx.query(
            "SELECT 1 FROM attachment WHERE app_id = $1 AND id = $2",
            args![key.app.text().as_str(), &key.id.to_string()],
        )?;
        if found.is_empty() {
            lost.push(*key);
        }
    }
    Ok(lost)
}
