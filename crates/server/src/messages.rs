//! Messages.

use crate::{
    apps, attachments,
    call::Call,
    content, control, conversations, destination,
    error::{Error, Result},
    events::{self, Subscribers},
    media, message_pages, names, participants, quotes,
    router::Builder,
    state::State,
    users,
};
use bytes::Bytes;
use heliograph_store::{Tx, args};
use heliograph_wire::{
    apps::AppSettings,
    content::Content,
    conversations::ConversationTruncated,
    events::{EventAuthor, EventUser, MessagePayload},
    id::{AppId, ConversationId, MessageId, UserId},
    messages::*,
    metadata::Metadata,
    op::Nothing,
    problem::Missing,
    time::Timestamp,
    users::User,
    webhooks::Trigger,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The picture of a business that has none, as the real service answers it.
const NOBODY: &str = "https://www.gravatar.com/avatar/00000000000000000000000000000000.png?s=200&d=mm";

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on_raw::<PostMessage, _>(post).on_raw::<ListMessages, _>(list).on(delete_all).on(delete);
}

async fn post(mut call: Call<PostMessage>) -> Result<Bytes> {
    content::prepare(&mut call.body)?;
    let files = media::named(&mut call.body.content);
    if !files.is_empty() {
        // No address is asked for somebody who may not post here.
        call.ask(|tx, path| conversations::find(tx, path.app_id, path.conversation_id).map(drop)).await?;
        // In a box, with its timers: the future of a plain message stays small.
        let known = Box::pin(media::ask(call.state, call.path.app_id, files)).await?;
        media::describe(&mut call.body.content, &known);
    }
    call.write(add).await.map(Bytes::from)
}

async fn list(call: Call<ListMessages>) -> Result<Bytes> {
    call.read(message_pages::page).await
}

async fn delete_all(call: Call<DeleteAllMessages>) -> Result<Nothing> {
    call.write(clear).await
}

async fn delete(call: Call<DeleteMessage>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// Posts what the body holds.
fn add(tx: &mut Tx<'_>, call: &Call<PostMessage>) -> Result<Vec<u8>> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    Subscribers::expect(tx, call.state, app);
    let conversation = conversations::find(tx, app, id)?;
    // Asked for before there is work: on PostgreSQL a transaction may run from the start again to get an answer.
    let subscribers = Subscribers::of(tx, app)?;
    let body = &call.body;
    let speaker = speaker(tx, app, id, &body.author)?;
    if let Some(destination) = &body.destination {
        destination::check(tx, app, &conversation.shown, destination)?;
    }
    let draft = Draft {
        author: shown(&body.author, speaker.as_ref(), None)?,
        user: speaker.as_ref().map(|speaker| &speaker.user),
        content: &body.content,
        source: Source::api(),
        quoted_message: None,
        metadata: body.metadata.as_ref(),
        references: body.references.as_deref(),
    };
    let Posted { json, .. } = publish(tx, call.state, app, &subscribers, conversation, draft)?;
    Ok(format!("{{\"messages\":[{json}]}}").into_bytes())
}

/// A message that is about to be posted.
pub struct Draft<'m> {
    /// Who speaks, as it is shown.
    pub author: Author,
    /// The user who speaks, if one does.
    pub user: Option<&'m User>,
    /// What is said.
    pub content: &'m Content,
    /// By what way it came, with client and device.
    pub source: Source,
    /// What it answers.
    pub quoted_message: Option<QuotedMessage>,
    /// Custom properties.
    pub metadata: Option<&'m Metadata>,
    /// What it draws on.
    pub references: Option<&'m [Reference]>,
}

/// A message that was posted.
pub struct Posted {
    /// The message.
    pub message: Message,
    /// The same as it is kept and answered.
    json: Box<RawValue>,
    /// Its conversation, as the message has left it.
    pub conversation: ConversationTruncated,
}

/// Posts a message: it, its conversation's new state and the calls of webhooks are one change.
pub fn publish(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    subscribers: &Subscribers,
    mut conversation: conversations::Kept,
    draft: Draft<'_>,
) -> Result<Posted> {
    let id = conversation.shown.key.id;
    if conversation.is_full() {
        return Err(Error::Locked(format!("Message limit of {MAX_PER_CONVERSATION} per conversation reached.")));
    }
    let metadata = draft.metadata.cloned().unwrap_or_default().without_nulls();
    if metadata.too_large() {
        return Err(Error::invalid("Message metadata is limited to 4096 bytes in size."));
    }
    let message = Message {
        id: MessageId::new(tx.id()),
        received: Timestamp(tx.now()),
        author: draft.author,
        activity: None,
        content: kept_content(tx, app, draft.content)?,
        source: draft.source.in_short(),
        quoted_message: draft.quoted_message,
        metadata: Some(metadata).filter(|m: &Metadata| !m.is_empty()),
        deleted: None,
        references: draft.references.map(<[_]>::to_vec),
    };
    let json = to_raw_value(&message)?;
    append(tx, app, id, message.id, json.get())?;
    attachments::bind(tx, app, id, message.id, &message.content)?;
    touch(tx, app, id, draft.user.is_none())?;
    control::on_activity(tx, app, &mut conversation, draft.user.is_some(), draft.source.integration_id)?;
    if let Some(user) = draft.user {
        participants::mark_read(tx, app, id, user.key.id, conversation.posted + 1)?;
    }
    let told = Told { message: &message, json: &json, user: draft.user, source: &draft.source };
    tell(tx, state, subscribers, &conversation.shown.key, &told)?;
    Ok(Posted { message, json, conversation: conversation.shown.key })
}

/// Card numbers are masked unless the app wants them. Only content that holds one asks the app.
pub fn kept_content(tx: &Tx<'_>, app: AppId, content: &Content) -> Result<Content> {
    match content::masked(content) {
        Some(masked) if apps::find(tx, app)?.settings.mask_credit_card_numbers != Some(false) => Ok(masked),
        _ => Ok(content.clone()),
    }
}

/// A user who speaks.
struct Speaker {
    user: User,
    /// The settings of the app, as it keeps them.
    settings: String,
}

/// The user who speaks, if one does: they must take part.
fn speaker(tx: &Tx<'_>, app: AppId, conversation: ConversationId, author: &Author) -> Result<Option<Speaker>> {
    if author.r#type == AuthorType::Business {
        return Ok(None);
    }
    let (id, external_id) = (author.user_id.as_deref(), author.user_external_id.as_deref());
    let user = users::named(tx, app, id, external_id, author.brand_id.as_deref(), "author ")?;
    let settings = settings_for(tx, app, conversation, user.key.id)?.ok_or(Missing::MEMBER)?;
    Ok(Some(Speaker { user, settings }))
}

/// A user of the conversation who speaks on a channel, as the message shows them.
pub fn author_of(tx: &Tx<'_>, app: AppId, conversation: ConversationId, user: UserId, channel: &str) -> Result<Author> {
    let author = Author::user(user);
    shown(&author, speaker(tx, app, conversation, &author)?.as_ref(), Some(channel))
}

/// The business, as a message shows it.
pub fn author_of_business(given: &Author) -> Result<Author> {
    shown(given, None, None)
}

/// Who spoke, as the message shows it, and by what channel if that is known.
fn shown(given: &Author, speaker: Option<&Speaker>, channel: Option<&str>) -> Result<Author> {
    let mut author = Author { user_external_id: None, brand_id: None, user_id: None, ..given.clone() };
    match speaker {
        Some(Speaker { user, settings }) => {
            author.user_id = Some(user.key.id.to_string());
            author.avatar_url = author.avatar_url.or_else(|| user.profile.avatar_url.clone());
            author.display_name = author.display_name.or_else(|| names::told(user));
            if author.display_name.is_none() {
                let settings: AppSettings = serde_json::from_str(settings)?;
                author.display_name =
                    Some(names::made_up(user.key.id, settings.use_animal_names == Some(true), channel));
            }
        }
        None => {
            author.avatar_url.get_or_insert_with(|| NOBODY.to_owned());
        }
    }
    Ok(author)
}

/// A message as webhooks are told of it.
struct Told<'m> {
    message: &'m Message,
    json: &'m RawValue,
    user: Option<&'m User>,
    /// In full.
    source: &'m Source,
}

/// A message in a webhook's payload: if a user speaks, the author tells who.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'m> {
    AsIs(&'m RawValue),
    WithUser(Box<Message<EventAuthor>>),
}

fn tell(
    tx: &mut Tx<'_>,
    state: State,
    subscribers: &Subscribers,
    conversation: &ConversationTruncated,
    told: &Told<'_>,
) -> Result<()> {
    events::record(tx, state, subscribers, Trigger::ConversationMessage, Some(conversation), |to| {
        let message = match told.user {
            Some(user) => {
                let author = EventAuthor::user(&told.message.author, user.key.id, EventUser::of(user, to.full_user));
                let source = to.source(told.source);
                Payload::WithUser(Box::new(Message { source, ..told.message.clone() }.by(author)))
            }
            None => Payload::AsIs(told.json),
        };
        MessagePayload { conversation: conversation.clone(), message }
    })
}

fn clear(tx: &mut Tx<'_>, call: &Call<DeleteAllMessages>) -> Result<Nothing> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    conversations::find(tx, app, id)?;
    delete_all_of(tx, call.state, app, id)?;
    Ok(Nothing {})
}

/// Deletes all messages of a conversation, which stays.
pub fn delete_all_of(tx: &mut Tx<'_>, state: State, app: AppId, conversation: ConversationId) -> Result<()> {
    attachments::remove_with_messages(tx, state, app, conversation)?;
    delete_rows_of(tx, app, conversation)?;
    participants::forget_all_unread(tx, app, conversation)?;
    let (app, id) = (app.text(), conversation.text());
    tx.execute(
        "UPDATE conversation SET message_count = 0, revision = revision + 1 WHERE app_id = $1 AND id = $2",
        args![app.as_str(), id.as_str()],
    )?;
    Ok(())
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteMessage>) -> Result<Nothing> {
    let (app, conversation) = (call.path.app_id, call.path.conversation_id);
    conversations::find(tx, app, conversation)?;
    attachments::remove_with_message(tx, call.state, app, conversation, call.path.message_id)?;
    quotes::forget(tx, app, conversation, call.path.message_id)?;
    participants::forget_unread(tx, app, conversation, count_from(tx, app, conversation, call.path.message_id)?)?;
    let (app, conversation, id) = (app.text(), conversation.text(), call.path.message_id.text());
    let gone = tx.execute(
        "DELETE FROM message WHERE app_id = $1 AND conversation_id = $2 AND id = $3",
        args![app.as_str(), conversation.as_str(), id.as_str()],
    )?;
    if gone == 0 {
        return Err(Missing::RESOURCE.into());
    }
    tx.execute(
        "UPDATE conversation SET message_count = message_count - 1, revision = revision + 1 WHERE app_id = $1 AND id = $2",
        args![app.as_str(), conversation.as_str()],
    )?;
    Ok(Nothing {})
}

// ---- Rows

/// Deletes the messages of a conversation, and what is kept beside them.
pub fn delete_rows_of(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId) -> Result<()> {
    for statement in [
        "DELETE FROM message WHERE app_id = $1 AND conversation_id = $2",
        "DELETE FROM message_external_id WHERE app_id = $1 AND conversation_id = $2",
        "DELETE FROM message_quote WHERE app_id = $1 AND conversation_id = $2",
        "DELETE FROM message_ref WHERE app_id = $1 AND conversation_id = $2",
    ] {
        tx.execute(statement, args![app.text().as_str(), conversation.text().as_str()])?;
    }
    Ok(())
}

/// How many messages there are from this one on.
fn count_from(tx: &Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId) -> Result<i64> {
    let rows = tx.query(
        "SELECT COUNT(*) FROM message WHERE app_id = $1 AND conversation_id = $2 AND id >= $3",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str()],
    )?;
    Ok(rows.first().map(|row| row.int(0)).transpose()?.unwrap_or_default())
}

fn append(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId, json: &str) -> Result<()> {
    tx.append(
        "INSERT INTO message (app_id, conversation_id, id, body) VALUES ($1, $2, $3, $4)",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str(), json],
    )?;
    Ok(())
}

/// Notes in the conversation that a message was posted. Whoever posts has read what was there.
fn touch(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, by_business: bool) -> Result<()> {
    let read = by_business.then(|| tx.now());
    tx.amend(
        "UPDATE conversation SET last_updated_at = $3, message_count = message_count + 1, posted = posted + 1,
         revision = revision + 1, business_last_read = COALESCE(CAST($4 AS BIGINT), business_last_read) WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.text().as_str(), tx.now(), read],
    )?;
    Ok(())
}

/// Notes in the conversation that its messages have changed. Who changes what a list of them shows says so here, unless
/// the same statement does other things to the conversation, too.
pub fn changed(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId) -> Result<()> {
    tx.amend(
        "UPDATE conversation SET revision = revision + 1 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(())
}

/// The settings of the app, if the user takes part in the conversation: two answers for one question.
fn settings_for(tx: &Tx<'_>, app: AppId, conversation: ConversationId, user: UserId) -> Result<Option<String>> {
    let mut rows = tx.query(
        "SELECT a.settings FROM participant p JOIN app a ON a.id = p.app_id
         WHERE p.app_id = $1 AND p.user_id = $2 AND p.conversation_id = $3",
        args![app.text().as_str(), user.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(rows.first_mut().map(|row| row.take_text(0)).transpose()?)
}

/// A message of a conversation.
pub fn find(tx: &Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId) -> Result<Message> {
    let rows = tx.query(
        "SELECT body FROM message WHERE app_id = $1 AND conversation_id = $2 AND id = $3",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str()],
    )?;
    Ok(serde_json::from_str(rows.first().ok_or(Missing::RESOURCE)?.text(0)?)?)
}
