//! Messages that quote others, and the ids by which channels know messages: what a channel's quote names by such an id
//! is found here.

use crate::{error::Result, messages};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    content::{Content, TextMessage},
    id::{AppId, ConversationId, MessageId},
    messages::{Message, QuotedMessage},
};

// ---- Rules

/// A message as one that quotes it shows it: what it quotes itself is left out, or quotes would grow with each answer.
pub fn quoted(message: Message) -> QuotedMessage {
    QuotedMessage::Message { message: Box::new(Message { quoted_message: None, ..message }) }
}

/// A message is deleted: of what quotes it, only that there was something stays.
pub fn forget(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId) -> Result<()> {
    for (quoting, body) in quoting(tx, app, conversation, id)? {
        let mut message: Message = serde_json::from_str(&body)?;
        if let Some(QuotedMessage::Message { message }) = &mut message.quoted_message {
            message.content = Content::Text(TextMessage { text: Some(String::new()), ..TextMessage::default() });
            (message.metadata, message.references, message.deleted) = (None, None, Some(true));
        }
        rewrite(tx, app, conversation, quoting, &serde_json::to_string(&message)?)?;
    }
    let (app, conversation, id) = (app.text(), conversation.text(), id.text());
    for statement in [
        "DELETE FROM message_quote WHERE app_id = $1 AND conversation_id = $2 AND (quoted_id = $3 OR message_id = $3)",
        "DELETE FROM message_external_id WHERE app_id = $1 AND conversation_id = $2 AND message_id = $3",
    ] {
        tx.execute(statement, args![app.as_str(), conversation.as_str(), id.as_str()])?;
    }
    Ok(())
}

// ---- Rows

/// Notes that a message quotes another.
pub fn note(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId, quoted: MessageId) -> Result<()> {
    tx.append(
        "INSERT INTO message_quote (app_id, conversation_id, quoted_id, message_id) VALUES ($1, $2, $3, $4)",
        args![app.text().as_str(), conversation.text().as_str(), quoted.text().as_str(), id.text().as_str()],
    )?;
    Ok(())
}

/// Notes by what id a channel knows a message.
pub fn note_external(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    id: MessageId,
    external: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO message_external_id (app_id, conversation_id, external_id, message_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (app_id, conversation_id, external_id) DO UPDATE SET message_id = excluded.message_id",
        args![app.text().as_str(), conversation.text().as_str(), external, id.text().as_str()],
    )?;
    Ok(())
}

/// The message that a channel knows by this id.
pub fn by_external(tx: &Tx<'_>, app: AppId, conversation: ConversationId, external: &str) -> Result<Option<MessageId>> {
    let rows = tx.query(
        "SELECT message_id FROM message_external_id WHERE app_id = $1 AND conversation_id = $2 AND external_id = $3",
        args![app.text().as_str(), conversation.text().as_str(), external],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}

/// The messages that quote one, with their bodies.
fn quoting(tx: &Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId) -> Result<Vec<(MessageId, String)>> {
    let rows = tx.query(
        "SELECT m.id, m.body FROM message_quote q
         JOIN message m ON m.app_id = q.app_id AND m.conversation_id = q.conversation_id AND m.id = q.message_id
         WHERE q.app_id = $1 AND q.conversation_id = $2 AND q.quoted_id = $3",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str()],
    )?;
    rows.iter().map(|row| Ok((row.parse(0)?, row.text(1)?.to_owned()))).collect()
}

/// Puts another body in the place of a message's.
pub fn rewrite(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, id: MessageId, body: &str) -> Result<()> {
    tx.execute(
        "UPDATE message SET body = $4 WHERE app_id = $1 AND conversation_id = $2 AND id = $3",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str(), body],
    )?;
    messages::changed(tx, app, conversation)
}

/// Has what is known here of a conversation's messages belong to another's.
pub fn move_to(tx: &mut Tx<'_>, app: AppId, from: ConversationId, to: ConversationId) -> Result<()> {
    for statement in [
        "UPDATE message_quote SET conversation_id = $3 WHERE app_id = $1 AND conversation_id = $2",
        // What both know stays as it is; the other's rows go with it.
        "INSERT INTO message_external_id (app_id, conversation_id, external_id, message_id)
         SELECT app_id, CAST($3 AS TEXT), external_id, message_id FROM message_external_id
         WHERE app_id = $1 AND conversation_id = $2 ON CONFLICT DO NOTHING",
    ] {
        tx.execute(statement, args![app.text().as_str(), from.text().as_str(), to.text().as_str()])?;
    }
    Ok(())
}
