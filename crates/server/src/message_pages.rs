//! Lists of messages: from the rows of a conversation to the page that is answered, mostly by copying.

use crate::{
    call::{Call, page_title},
    conversations,
    error::Result,
    page_cache::Page,
    pages::{From, Window, links},
};
use bytes::Bytes;
use heliograph_store::{Cells, Tx, args};
use heliograph_wire::{
    id::{AppId, ConversationId},
    messages::ListMessages,
    op::Operation,
    page::MESSAGES_SIZE,
    problem::Missing,
};
use std::ops::Range;

/// What a page of some messages takes.
const PAGE_BYTES: usize = 16 * 1024;

/// Sorts after every id.
const END: &str = "g";

// ---- Rules

/// A page, from memory if nothing has changed since it was read.
pub fn page(tx: &Tx<'_>, call: &Call<ListMessages>) -> Result<Bytes> {
    let address = call.url_with_query();
    if let Some(kept) = call.state.pages.get(&address)
        && revision(tx, call.path.app_id, call.path.conversation_id)? == Some(kept.revision)
    {
        return Ok(kept.json);
    }
    let (json, revision) = read(tx, call)?;
    let json = Bytes::from(json);
    if let Some(revision) = revision {
        call.state.pages.keep(address, Page { revision, json: json.clone() });
    }
    Ok(json)
}

/// A page and, unless it is empty, its revision. It holds 100, whatever was asked for; without a cursor it is the latest.
fn read(tx: &Tx<'_>, call: &Call<ListMessages>) -> Result<(Vec<u8>, Option<i64>)> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let asked = Window::of(call.query.page.as_ref(), page_title(ListMessages::ID))?;
    // Read backwards unless the caller pages forwards.
    let (window, latest) = match asked.from {
        From::Start => (Window { from: From::Before(END.to_owned()), size: MESSAGES_SIZE }, true),
        from => (Window { from, size: MESSAGES_SIZE }, false),
    };
    let Bodies { text, rows, revision } = bodies(tx, app, id, &window)?;
    if rows.is_empty() && !conversations::exists(tx, app, id)? {
        // The contract's word, here and nowhere else.
        return Err(Missing::RESOURCE.into());
    }
    let mut sheet = window.sheet(rows, |(id, _)| text[id.clone()].to_owned());
    if latest {
        // Nothing follows the latest.
        sheet.meta.after_cursor = None;
    }
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    // Ids are longer than commas.
    let mut json = Vec::with_capacity(text.len() + 256);
    json.extend_from_slice(b"{\"messages\":[");
    for (at, (_, body)) in sheet.rows.into_iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        json.extend_from_slice(text[body].as_bytes());
    }
    json.extend_from_slice(b"],\"meta\":");
    serde_json::to_writer(&mut json, &sheet.meta)?;
    if let Some(links) = links {
        json.extend_from_slice(b",\"links\":");
        serde_json::to_writer(&mut json, &links)?;
    }
    json.push(b'}');
    Ok((json, revision))
}

/// The latest messages of a conversation, from old to new.
pub fn latest(tx: &Tx<'_>, app: AppId, conversation: ConversationId, count: u32) -> Result<Vec<serde_json::Value>> {
    let window = Window { from: From::Before(END.to_owned()), size: count };
    let Bodies { text, mut rows, .. } = bodies(tx, app, conversation, &window)?;
    // The window looks one message further than it is wide.
    rows.truncate(count as usize);
    rows.into_iter().rev().map(|(_, body)| Ok(serde_json::from_str(&text[body])?)).collect()
}

// ---- Rows

/// Ids and bodies of a page's messages, in one text: they are only copied from there.
struct Bodies {
    text: String,
    rows: Vec<(Range<usize>, Range<usize>)>,
    /// Of the conversation, if there are rows.
    revision: Option<i64>,
}

fn bodies(tx: &Tx<'_>, app: AppId, conversation: ConversationId, window: &Window) -> Result<Bodies> {
    let (app, conversation) = (app.text(), conversation.text());
    let (mut text, mut revision) = (String::with_capacity(PAGE_BYTES), None);
    let copy = |row: &Cells<'_>| -> Result<_> {
        let start = text.len();
        text.push_str(row.text(0)?);
        let middle = text.len();
        text.push_str(row.text(1)?);
        if revision.is_none() {
            revision = Some(row.int(2)?);
        }
        Ok((start..middle, middle..text.len()))
    };
    let rows = match window.before() {
        None => tx.each(
            "SELECT id, body, (SELECT c.revision FROM conversation c WHERE c.app_id = $1 AND c.id = $2) FROM message
             WHERE app_id = $1 AND conversation_id = $2 AND id > $3 ORDER BY id LIMIT $4",
            args![app.as_str(), conversation.as_str(), window.after(), window.limit()],
            copy,
        ),
        Some(before) => tx.each(
            "SELECT id, body, (SELECT c.revision FROM conversation c WHERE c.app_id = $1 AND c.id = $2) FROM message
             WHERE app_id = $1 AND conversation_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
            args![app.as_str(), conversation.as_str(), before, window.limit()],
            copy,
        ),
    }?;
    Ok(Bodies { text, rows, revision })
}

/// How often the messages of a conversation have changed, if there is such a conversation.
fn revision(tx: &Tx<'_>, app: AppId, conversation: ConversationId) -> Result<Option<i64>> {
    let rows = tx.query(
        "SELECT revision FROM conversation WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(rows.first().map(|row| row.int(0)).transpose()?)
}
