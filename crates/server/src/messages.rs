//! Messages.

use crate::{
    call::{Call, page_title},
    conversations,
    error::{Error, Result},
    events::{self, Subscribers},
    pages::{From, Window, links},
    participants,
    router::Builder,
    users,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    content::{Content, TextMessage},
    events::{EventUser, MessagePayload},
    id::{AppId, ConversationId, MessageId},
    messages::*,
    metadata::Metadata,
    op::{Nothing, Operation},
    page::MESSAGES_SIZE,
    problem::Missing,
    time::Timestamp,
    users::User,
    webhooks::Trigger,
};
use serde::Serialize;
use serde_json::value::RawValue;

/// The picture of a business that has none, as the real service answers it.
const NOBODY: &str = "https://www.gravatar.com/avatar/00000000000000000000000000000000.png?s=200&d=mm";

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on_raw::<PostMessage, _>(post).on_raw::<ListMessages, _>(list).on(delete_all).on(delete);
}

async fn post(call: Call<PostMessage>) -> Result<Vec<u8>> {
    call.write(add).await
}

async fn list(call: Call<ListMessages>) -> Result<Vec<u8>> {
    call.read(page).await
}

async fn delete_all(call: Call<DeleteAllMessages>) -> Result<Nothing> {
    call.write(clear).await
}

async fn delete(call: Call<DeleteMessage>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// Posts a message: it, its conversation's new state and the calls of webhooks are one change.
fn add(tx: &mut Tx<'_>, call: &Call<PostMessage>) -> Result<Vec<u8>> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let conversation = conversations::find(tx, app, id)?;
    let body = &call.body;
    check(body)?;
    let user = author(tx, app, id, &body.author)?;
    if conversation.message_count >= MAX_PER_CONVERSATION {
        return Err(Error::Locked(format!("Message limit of {MAX_PER_CONVERSATION} per conversation reached.")));
    }
    let metadata = body.metadata.clone().unwrap_or_default().without_nulls();
    if metadata.too_large() {
        return Err(Error::invalid("Message metadata is limited to 4096 bytes in size."));
    }
    let message = Message {
        id: MessageId::new(tx.id()),
        received: Timestamp(tx.now()),
        author: shown(&body.author, user.as_ref()),
        activity: None,
        content: body.content.clone(),
        source: Source::api(),
        quoted_message: None,
        metadata: Some(metadata).filter(|m: &Metadata| !m.is_empty()),
        deleted: None,
        references: None,
    };
    let json = serde_json::to_string(&message)?;
    append(tx, app, id, message.id, &json)?;
    touch(tx, app, id)?;
    if let Some(user) = &user {
        participants::mark_read(tx, app, id, user.key.id, conversation.posted + 1)?;
    }
    tell(tx, call, &conversation, &message, user.as_ref(), &json)?;
    Ok(format!("{{\"messages\":[{json}]}}").into_bytes())
}

/// What the schema cannot say of a message.
fn check(body: &MessagePost) -> Result<()> {
    let business = body.author.r#type == AuthorType::Business;
    match &body.content {
        Content::Text(text) => check_text(text)?,
        Content::FormResponse(_) => return Err(Error::invalid("content.type formResponse cannot be sent by this API")),
        content if !business && !matches!(content, Content::Image(_) | Content::File(_) | Content::Location(_)) => {
            return Err(Error::invalid(format!(
                "content.type {} can only be sent by author.type business",
                content.kind()
            )));
        }
        // Kinds other than text are kept as they come.
        _ => {}
    }
    if !business && body.author.subtypes.as_ref().is_some_and(|s| !s.is_empty()) {
        return Err(Error::invalid("author.subtypes should only be given with author.type business"));
    }
    Ok(())
}

fn check_text(text: &TextMessage) -> Result<()> {
    if text.html_text.is_some() && text.markdown_text.is_some() {
        return Err(Error::invalid("content should have only one of htmlText and markdownText"));
    }
    let has_actions = text.actions.as_ref().is_some_and(|a| !a.is_empty());
    if text.text.is_none() && text.html_text.is_none() && text.markdown_text.is_none() && !has_actions {
        return Err(Error::invalid("content should have required property 'text'"));
    }
    Ok(())
}

/// The user who speaks, if one does: they must take part.
fn author(tx: &Tx<'_>, app: AppId, conversation: ConversationId, author: &Author) -> Result<Option<User>> {
    if author.r#type == AuthorType::Business {
        return Ok(None);
    }
    let (id, external_id) = (author.user_id.as_deref(), author.user_external_id.as_deref());
    let user = users::named(tx, app, id, external_id, author.brand_id.as_deref(), "author ")?;
    participants::of_user(tx, app, conversation, user.key.id)?.ok_or(Missing::MEMBER)?;
    Ok(Some(user))
}

/// Who spoke, as the message shows it.
fn shown(given: &Author, user: Option<&User>) -> Author {
    let mut author = Author { user_external_id: None, brand_id: None, user_id: None, ..given.clone() };
    match user {
        Some(user) => {
            author.user_id = Some(user.key.id.to_string());
            author.display_name.get_or_insert_with(|| users::shown_name(user));
            author.avatar_url = author.avatar_url.or_else(|| user.profile.avatar_url.clone());
        }
        None => {
            author.avatar_url.get_or_insert_with(|| NOBODY.to_owned());
        }
    }
    author
}

/// A message in a webhook's payload: if a user speaks, the author tells who.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'m> {
    AsIs(&'m RawValue),
    WithUser(serde_json::Value),
}

fn tell(
    tx: &mut Tx<'_>,
    call: &Call<PostMessage>,
    conversation: &conversations::Kept,
    message: &Message,
    user: Option<&User>,
    json: &str,
) -> Result<()> {
    let subscribers = Subscribers::of(tx, call.path.app_id)?;
    let raw: &RawValue = serde_json::from_str(json)?;
    let key = &conversation.shown.key;
    let tree = user.map(|_| serde_json::to_value(message)).transpose()?;
    events::record(tx, &call.state, &subscribers, Trigger::ConversationMessage, Some(key.id), |to| {
        let message = match (user, &tree) {
            (Some(user), Some(tree)) => {
                let mut tree = tree.clone();
                tree["author"]["user"] = serde_json::to_value(EventUser::of(user, to.full_user)).unwrap_or_default();
                Told::WithUser(tree)
            }
            _ => Told::AsIs(raw),
        };
        MessagePayload { conversation: key.clone(), message }
    })
}

/// A page holds 100, whatever was asked for; without a cursor it is the latest.
fn page(tx: &Tx<'_>, call: &Call<ListMessages>) -> Result<Vec<u8>> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let asked = Window::of(call.query.page.as_ref(), page_title(ListMessages::ID))?;
    // Read backwards unless the caller pages forwards.
    let (window, latest) = match asked.from {
        From::Start => (Window { from: From::Before(END.to_owned()), size: MESSAGES_SIZE }, true),
        from => (Window { from, size: MESSAGES_SIZE }, false),
    };
    let rows = bodies(tx, app, id, &window)?;
    if rows.is_empty() {
        conversations::find(tx, app, id)?;
    }
    let mut sheet = window.sheet(rows, |(id, _)| id.clone());
    if latest {
        // Nothing follows the latest.
        sheet.meta.after_cursor = None;
    }
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    let length = sheet.rows.iter().map(|(_, body)| body.len() + 1).sum::<usize>();
    let mut json = Vec::with_capacity(length + 256);
    json.extend_from_slice(b"{\"messages\":[");
    for (at, (_, body)) in sheet.rows.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        json.extend_from_slice(body.as_bytes());
    }
    json.extend_from_slice(b"],\"meta\":");
    serde_json::to_writer(&mut json, &sheet.meta)?;
    if let Some(links) = links {
        json.extend_from_slice(b",\"links\":");
        serde_json::to_writer(&mut json, &links)?;
    }
    json.push(b'}');
    Ok(json)
}

/// Sorts after every id.
const END: &str = "g";

fn clear(tx: &mut Tx<'_>, call: &Call<DeleteAllMessages>) -> Result<Nothing> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    conversations::find(tx, app, id)?;
    let (app, id) = (app.text(), id.text());
    tx.execute("DELETE FROM message WHERE app_id = $1 AND conversation_id = $2", args![app.as_str(), id.as_str()])?;
    tx.execute(
        "UPDATE conversation SET message_count = 0 WHERE app_id = $1 AND id = $2",
        args![app.as_str(), id.as_str()],
    )?;
    Ok(Nothing {})
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteMessage>) -> Result<Nothing> {
    let (app, conversation) = (call.path.app_id, call.path.conversation_id);
    conversations::find(tx, app, conversation)?;
    let (app, conversation, id) = (app.text(), conversation.text(), call.path.message_id.text());
    let gone = tx.execute(
        "DELETE FROM message WHERE app_id = $1 AND conversation_id = $2 AND id = $3",
        args![app.as_str(), conversation.as_str(), id.as_str()],
    )?;
    if gone == 0 {
        return Err(Missing::RESOURCE.into());
    }
    tx.execute(
        "UPDATE conversation SET message_count = message_count - 1 WHERE app_id = $1 AND id = $2",
        args![app.as_str(), conversation.as_str()],
    )?;
    Ok(Nothing {})
}

// ---- Rows

fn append(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId, json: &str) -> Result<()> {
    tx.append(
        "INSERT INTO message (app_id, conversation_id, id, body) VALUES ($1, $2, $3, $4)",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str(), json],
    )?;
    Ok(())
}

/// Notes in the conversation that a message was posted.
fn touch(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId) -> Result<()> {
    tx.amend(
        "UPDATE conversation SET last_updated_at = $3, message_count = message_count + 1, posted = posted + 1
         WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.text().as_str(), tx.now()],
    )?;
    Ok(())
}

/// Ids and bodies of a page's messages.
fn bodies(tx: &Tx<'_>, app: AppId, conversation: ConversationId, window: &Window) -> Result<Vec<(String, String)>> {
    let (app, conversation) = (app.text(), conversation.text());
    let mut rows = match window.before() {
        None => tx.query(
            "SELECT id, body FROM message WHERE app_id = $1 AND conversation_id = $2 AND id > $3 ORDER BY id LIMIT $4",
            args![app.as_str(), conversation.as_str(), window.after(), window.limit()],
        ),
        Some(before) => tx.query(
            "SELECT id, body FROM message WHERE app_id = $1 AND conversation_id = $2 AND id < $3
             ORDER BY id DESC LIMIT $4",
            args![app.as_str(), conversation.as_str(), before, window.limit()],
        ),
    }?;
    rows.iter_mut().map(|row| Ok((row.take_text(0)?, row.take_text(1)?))).collect()
}
