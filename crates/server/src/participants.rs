//! Participants.

use crate::{
    call::{Call, page_title},
    client_rows, clients,
    conversations::{self, tell_of_member},
    error::{Error, Result},
    events::Subscribers,
    pages::{Window, links},
    router::Builder,
    state::State,
    users,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    conversations::{ConversationTruncated, ConversationType},
    id::{AppId, ConversationId, ParticipantId, UserId},
    op::{Nothing, Operation},
    participants::*,
    problem::Missing,
    time::Timestamp,
    users::User,
    webhooks::Trigger,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(join).on(list).on(leave);
}

async fn join(call: Call<JoinConversation>) -> Result<ParticipantReply> {
    call.write(enter).await
}

async fn list(call: Call<ListParticipants>) -> Result<ParticipantList> {
    call.read(page).await
}

async fn leave(call: Call<LeaveConversation>) -> Result<Nothing> {
    call.write(exit).await
}

// ---- Rules

fn enter(tx: &mut Tx<'_>, call: &Call<JoinConversation>) -> Result<ParticipantReply> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let conversation = conversations::find(tx, app, id)?;
    let body = &call.body;
    let user = users::named(tx, app, body.user_id.as_deref(), body.user_external_id.as_deref(), None, "")?;
    if conversation.shown.key.r#type != ConversationType::SdkGroup {
        return Err(Error::invalid("Only a conversation of type sdkGroup can be joined"));
    }
    let subscribe = body.subscribe_sdk_client == Some(true);
    if let Some(mut participant) = of_user(tx, app, id, user.key.id)? {
        if subscribe {
            clients::subscribe_sdk(tx, call.state, app, id, &user)?;
        }
        participant.client_associations = associations(tx, app, id, user.key.id)?;
        return Ok(ParticipantReply { participant });
    }
    if count(tx, app, id)? >= MAX_PARTICIPANTS as i64 {
        return Err(Error::invalid("Too many participants"));
    }
    let participant = add(tx, call.state, app, id, &user, conversation.posted, subscribe)?;
    let subscribers = Subscribers::of(tx, app)?;
    tell_of_member(tx, call.state, &subscribers, Trigger::ConversationJoin, &conversation.shown.key, &user)?;
    Ok(ParticipantReply { participant })
}

/// Makes a user take part, from here on: what was posted before counts as read.
pub fn add(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    conversation: ConversationId,
    user: &User,
    posted: i64,
    subscribe: bool,
) -> Result<Participant> {
    let id = ParticipantId::new(tx.id());
    tx.append(
        "INSERT INTO participant (app_id, conversation_id, id, user_id, last_read, read_up_to)
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![
            app.text().as_str(),
            conversation.text().as_str(),
            id.text().as_str(),
            user.key.id.text().as_str(),
            None::<i64>,
            posted
        ],
    )?;
    let client_associations = match subscribe {
        true => {
            clients::subscribe_sdk(tx, state, app, conversation, user)?;
            associations(tx, app, conversation, user.key.id)?
        }
        false => Vec::new(),
    };
    Ok(Participant {
        id,
        user_id: user.key.id,
        unread_count: 0,
        client_associations,
        user_external_id: user.key.external_id.clone(),
        last_read: None,
    })
}

fn page(tx: &Tx<'_>, call: &Call<ListParticipants>) -> Result<ParticipantList> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let window = Window::of(call.query.page.as_ref(), page_title(ListParticipants::ID))?;
    conversations::find(tx, app, id)?;
    let mut sheet = window.sheet(all(tx, app, id, &window)?, |p| p.id.to_string());
    for (user, client) in client_rows::associations(tx, app, id)? {
        if let Some(participant) = sheet.rows.iter_mut().find(|p| p.user_id == user) {
            participant.client_associations.push(client);
        }
    }
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    Ok(ParticipantList { participants: sheet.rows, meta: sheet.meta, links })
}

/// By which clients a user takes part.
fn associations(tx: &Tx<'_>, app: AppId, conversation: ConversationId, user: UserId) -> Result<Vec<ClientAssociation>> {
    let all = client_rows::associations(tx, app, conversation)?;
    Ok(all.into_iter().filter(|(owner, _)| *owner == user).map(|(_, client)| client).collect())
}

fn exit(tx: &mut Tx<'_>, call: &Call<LeaveConversation>) -> Result<Nothing> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let conversation = conversations::find(tx, app, id)?.shown;
    let user = leaver(tx, app, id, &call.body)?;
    if conversation.key.r#type != ConversationType::SdkGroup {
        return Err(Error::invalid("Only a conversation of type sdkGroup can be left"));
    }
    if drop_user(tx, app, id, user.key.id)? == 0 {
        return Err(Missing::MEMBER.into());
    }
    let subscribers = Subscribers::of(tx, app)?;
    tell_of_member(tx, call.state, &subscribers, Trigger::ConversationLeave, &conversation.key, &user)?;
    Ok(Nothing {})
}

/// Who leaves. One who is not known is not a member either.
fn leaver(tx: &Tx<'_>, app: AppId, conversation: ConversationId, body: &LeaveBody) -> Result<User> {
    match (&body.user_id, &body.user_external_id, &body.participant_id) {
        (Some(_), None, None) | (None, Some(_), None) => {
            let found = users::named(tx, app, body.user_id.as_deref(), body.user_external_id.as_deref(), None, "");
            found.map_err(|error| match error {
                Error::Missing(_) => Missing::MEMBER.into(),
                other => other,
            })
        }
        (None, None, Some(participant)) => {
            let user = user_of(tx, app, conversation, participant)?.ok_or(Missing::MEMBER)?;
            users::by_id(tx, app, user)?.ok_or(Missing::MEMBER.into())
        }
        _ => Err(Error::invalid("should have exactly one of userId, userExternalId and participantId")),
    }
}

// ---- Rows

/// Takes a user out of a conversation; how many were taken.
pub fn drop_user(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, user: UserId) -> Result<u64> {
    tx.execute(
        "DELETE FROM client_conversation WHERE app_id = $1 AND user_id = $2 AND conversation_id = $3",
        args![app.text().as_str(), user.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(tx.execute(
        "DELETE FROM participant WHERE app_id = $1 AND user_id = $2 AND conversation_id = $3",
        args![app.text().as_str(), user.text().as_str(), conversation.text().as_str()],
    )?)
}

/// A message is about to be deleted, the `nth` from the end: to whom it is unread, one less is.
pub fn forget_unread(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, nth: i64) -> Result<()> {
    tx.execute(
        "UPDATE participant SET read_up_to = read_up_to + 1 WHERE app_id = $1 AND conversation_id = $2
         AND (SELECT c.posted FROM conversation c WHERE c.app_id = $1 AND c.id = $2) - read_up_to >= $3",
        args![app.text().as_str(), conversation.text().as_str(), nth],
    )?;
    Ok(())
}

/// All messages are deleted: none is unread any more.
pub fn forget_all_unread(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId) -> Result<()> {
    tx.execute(
        "UPDATE participant SET read_up_to =
         (SELECT c.posted FROM conversation c WHERE c.app_id = $1 AND c.id = $2)
         WHERE app_id = $1 AND conversation_id = $2",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(())
}

/// Notes that a user has read a conversation up to its latest message.
pub fn mark_read(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, user: UserId, posted: i64) -> Result<()> {
    tx.amend(
        "UPDATE participant SET last_read = $4, read_up_to = $5
         WHERE app_id = $1 AND user_id = $2 AND conversation_id = $3",
        args![app.text().as_str(), user.text().as_str(), conversation.text().as_str(), tx.now(), posted],
    )?;
    Ok(())
}

fn count(tx: &Tx<'_>, app: AppId, conversation: ConversationId) -> Result<i64> {
    let rows = tx.query(
        "SELECT COUNT(*) FROM participant WHERE app_id = $1 AND conversation_id = $2",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?)
}

fn user_of(tx: &Tx<'_>, app: AppId, conversation: ConversationId, participant: &str) -> Result<Option<UserId>> {
    let rows = tx.query(
        "SELECT user_id FROM participant WHERE app_id = $1 AND conversation_id = $2 AND id = $3",
        args![app.text().as_str(), conversation.text().as_str(), participant],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}

/// The user of a conversation that is personal: the only one there is.
pub fn sole_user(tx: &Tx<'_>, app: AppId, conversation: &ConversationTruncated) -> Result<Option<User>> {
    if conversation.r#type != ConversationType::Personal {
        return Ok(None);
    }
    let rows = tx.query(
        "SELECT user_id FROM participant WHERE app_id = $1 AND conversation_id = $2 LIMIT 1",
        args![app.text().as_str(), conversation.id.text().as_str()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    users::by_id(tx, app, row.parse(0)?)
}

/// A user's part in a conversation, if they take part; without the clients by which they do.
pub fn of_user(tx: &Tx<'_>, app: AppId, conversation: ConversationId, user: UserId) -> Result<Option<Participant>> {
    let rows = tx.query(
        "SELECT p.id, p.user_id, c.posted - p.read_up_to, u.external_id, p.last_read FROM participant p
         JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
         JOIN app_user u ON u.app_id = p.app_id AND u.id = p.user_id
         WHERE p.app_id = $1 AND p.user_id = $2 AND p.conversation_id = $3",
        args![app.text().as_str(), user.text().as_str(), conversation.text().as_str()],
    )?;
    rows.first().map(kept).transpose()
}

fn all(tx: &Tx<'_>, app: AppId, conversation: ConversationId, window: &Window) -> Result<Vec<Participant>> {
    let (app, conversation) = (app.text(), conversation.text());
    let rows = match window.before() {
        None => tx.query(
            "SELECT p.id, p.user_id, c.posted - p.read_up_to, u.external_id, p.last_read FROM participant p
             JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
             JOIN app_user u ON u.app_id = p.app_id AND u.id = p.user_id
             WHERE p.app_id = $1 AND p.conversation_id = $2 AND p.id > $3 ORDER BY p.id LIMIT $4",
            args![app.as_str(), conversation.as_str(), window.after(), window.limit()],
        ),
        Some(before) => tx.query(
            "SELECT p.id, p.user_id, c.posted - p.read_up_to, u.external_id, p.last_read FROM participant p
             JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
             JOIN app_user u ON u.app_id = p.app_id AND u.id = p.user_id
             WHERE p.app_id = $1 AND p.conversation_id = $2 AND p.id < $3 ORDER BY p.id DESC LIMIT $4",
            args![app.as_str(), conversation.as_str(), before, window.limit()],
        ),
    }?;
    rows.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<Participant> {
    Ok(Participant {
        id: row.parse(0)?,
        user_id: row.parse(1)?,
        unread_count: row.int(2)?,
        client_associations: Vec::new(),
        user_external_id: row.opt_text(3)?.map(str::to_owned),
        last_read: row.opt_int(4)?.map(Timestamp),
    })
}
