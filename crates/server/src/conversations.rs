//! Conversations.

use crate::{
    apps, attachments,
    call::{Call, page_title},
    control,
    error::{Error, Result},
    events::{self, Subscribers},
    messages,
    pages::{Window, links},
    participants,
    router::Builder,
    state::State,
    switchboards::Board,
    users,
};
use heliograph_store::{Row, Tx, args};
use heliograph_wire::{
    channel_events::Referral,
    conversations::*,
    events::{ConversationCreatePayload, ConversationRemovePayload, CreationReason, EventUser, MemberPayload},
    id::{AppId, ClientId, ConversationId, IntegrationId, UserId},
    messages::{MAX_PER_CONVERSATION, Source},
    metadata::Metadata,
    op::{Nothing, Operation},
    patch::Patch,
    problem::Missing,
    time::Timestamp,
    users::User,
    webhooks::Trigger,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(get).on(update).on(delete);
}

async fn create(call: Call<CreateConversation>) -> Result<ConversationReply> {
    call.write(make).await
}

async fn list(call: Call<ListConversations>) -> Result<ConversationList> {
    call.read(page).await
}

async fn get(call: Call<GetConversation>) -> Result<ConversationReply> {
    call.read(|tx, call| {
        Ok(ConversationReply { conversation: find(tx, call.path.app_id, call.path.conversation_id)?.shown })
    })
    .await
}

async fn update(call: Call<UpdateConversation>) -> Result<ConversationReply> {
    call.write(change).await
}

async fn delete(call: Call<DeleteConversation>) -> Result<Nothing> {
    call.write(remove).await
}

// ---- Rules

/// A conversation as the store keeps it.
pub struct Kept {
    /// As the world sees it.
    pub shown: Conversation,
    /// How many messages it holds.
    pub message_count: i64,
    /// How many were ever posted.
    pub posted: i64,
    /// The app's switchboard, if it has one.
    pub board: Option<Board>,
    /// Whether what had control of it is no part of the switchboard any more.
    pub control_lost: bool,
}

impl Kept {
    /// Whether there is room for no further message.
    pub fn is_full(&self) -> bool {
        self.message_count >= MAX_PER_CONVERSATION
    }
}

fn make(tx: &mut Tx<'_>, call: &Call<CreateConversation>) -> Result<ConversationReply> {
    let app = call.path.app_id;
    let new = call.body.clone();
    let active = controlled_at_first(tx, app, None)?;
    let invited = invited(tx, app, &new)?;
    let personal = new.r#type == ConversationType::Personal;
    let is_default = match invited.first().filter(|_| personal) {
        Some((user, _)) => is_first(tx, app, user.key.id)?,
        None => false,
    };
    let mut conversation = fresh(tx, new.r#type);
    conversation.key.metadata = some(checked(new.metadata.unwrap_or_default().without_nulls())?);
    conversation.key.active_switchboard_integration = active;
    conversation.is_default = is_default;
    (conversation.display_name, conversation.description) = (new.display_name, new.description);
    conversation.icon_url = new.icon_url;
    insert(tx, app, &conversation)?;
    for (user, subscribe) in &invited {
        participants::add(tx, call.state, app, conversation.key.id, user, 0, *subscribe)?;
    }
    let user = invited.first().map(|(user, _)| user).filter(|_| personal);
    let source = Source::api();
    let beginning = Beginning { reason: CreationReason::None, source: &source, referral: None };
    tell_of_creation(tx, call.state, app, &conversation.key, user, &beginning)?;
    Ok(ConversationReply { conversation })
}

/// A conversation of which nothing is known yet.
fn fresh(tx: &Tx<'_>, r#type: ConversationType) -> Conversation {
    let now = Timestamp(tx.now());
    Conversation {
        key: ConversationTruncated {
            id: ConversationId::new(tx.id()),
            r#type,
            metadata: None,
            active_switchboard_integration: None,
            pending_switchboard_integration: None,
        },
        is_default: false,
        display_name: None,
        description: None,
        icon_url: None,
        business_last_read: None,
        last_updated_at: Some(now),
        created_at: now,
    }
}

/// How a conversation came to be.
pub struct Beginning<'b> {
    /// Why.
    pub reason: CreationReason,
    /// By what way.
    pub source: &'b Source,
    /// How its user was led to it, if they came by a referral.
    pub referral: Option<&'b Referral>,
}

/// The conversation of a user who has none yet and comes by a channel. It is their default one.
pub fn begin(tx: &mut Tx<'_>, state: State, app: AppId, user: &User, beginning: &Beginning<'_>) -> Result<Kept> {
    let mut conversation = fresh(tx, ConversationType::Personal);
    conversation.key.active_switchboard_integration = controlled_at_first(tx, app, beginning.source.integration_id)?;
    conversation.is_default = true;
    insert(tx, app, &conversation)?;
    participants::add(tx, state, app, conversation.key.id, user, 0, false)?;
    tell_of_creation(tx, state, app, &conversation.key, Some(user), beginning)?;
    find(tx, app, conversation.key.id)
}

fn tell_of_creation(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    conversation: &ConversationTruncated,
    user: Option<&User>,
    beginning: &Beginning<'_>,
) -> Result<()> {
    let subscribers = Subscribers::of(tx, app)?;
    events::record(tx, state, &subscribers, Trigger::ConversationCreate, Some(conversation), |to| {
        ConversationCreatePayload {
            conversation: conversation.clone(),
            creation_reason: beginning.reason,
            source: to.source(beginning.source),
            user: user.map(|user| EventUser::of(user, to.full_user)),
            referral: beginning.referral.cloned(),
        }
    })
}

/// Who has control of a new conversation.
fn controlled_at_first(
    tx: &Tx<'_>,
    app: AppId,
    by: Option<IntegrationId>,
) -> Result<Option<SwitchboardIntegrationSummary>> {
    match Board::of(tx, app)? {
        Some(board) => control::at_first(tx, app, &board, by),
        None => Ok(None),
    }
}

/// The users a new conversation begins with, and whether their SDKs show it.
fn invited(tx: &Tx<'_>, app: AppId, new: &NewConversation) -> Result<Vec<(User, bool)>> {
    let named = new.participants.as_deref().unwrap_or_default();
    if new.r#type == ConversationType::Personal && named.len() != 1 {
        return Err(Error::invalid("participants should have exactly one item in a personal conversation"));
    }
    let mut users: Vec<(User, bool)> = Vec::with_capacity(named.len());
    for (at, participant) in named.iter().enumerate() {
        let place = format!("participants[{at}] ");
        let (id, external_id) = (participant.user_id.as_deref(), participant.user_external_id.as_deref());
        let user = users::named(tx, app, id, external_id, None, &place)?;
        if !users.iter().any(|(u, _)| u.key.id == user.key.id) {
            users.push((user, participant.subscribe_sdk_client == Some(true)));
        }
    }
    Ok(users)
}

/// Whether a personal conversation is the first of its user, and so the default one. A second one needs an app that
/// allows several.
fn is_first(tx: &Tx<'_>, app: AppId, user: UserId) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM participant p JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
         WHERE p.app_id = $1 AND p.user_id = $2 AND c.type = 'personal' LIMIT 1",
        args![app.text().as_str(), user.text().as_str()],
    )?;
    if rows.is_empty() {
        return Ok(true);
    }
    if apps::find(tx, app)?.settings.multi_convo_enabled != Some(true) {
        return Err(Error::invalid(
            "The user already has a conversation; set settings.multiConvoEnabled of the app to allow several",
        ));
    }
    Ok(false)
}

fn checked(metadata: Metadata) -> Result<Metadata> {
    if metadata.too_large() {
        return Err(Error::invalid("Conversation metadata is limited to 4096 bytes in size."));
    }
    Ok(metadata)
}

fn some(metadata: Metadata) -> Option<Metadata> {
    Some(metadata).filter(|m| !m.is_empty())
}

fn page(tx: &Tx<'_>, call: &Call<ListConversations>) -> Result<ConversationList> {
    let app = call.path.app_id;
    let window = Window::of(call.query.page.as_ref(), page_title(ListConversations::ID))?;
    let filter = &call.query.filter;
    let user = users::named(tx, app, filter.user_id.as_deref(), filter.user_external_id.as_deref(), None, "filter ")?;
    let sheet = window.sheet(of_user(tx, app, user.key.id, &window)?, |c| c.key.id.to_string());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    Ok(ConversationList { conversations: sheet.rows, meta: sheet.meta, links })
}

fn change(tx: &mut Tx<'_>, call: &Call<UpdateConversation>) -> Result<ConversationReply> {
    let app = call.path.app_id;
    let mut conversation = find(tx, app, call.path.conversation_id)?.shown;
    let ConversationUpdate { display_name, description, icon_url, metadata } = call.body.clone();
    display_name.apply(&mut conversation.display_name);
    description.apply(&mut conversation.description);
    icon_url.apply(&mut conversation.icon_url);
    if metadata != Patch::Keep {
        let mut merged = conversation.key.metadata.take().unwrap_or_default();
        merged.merge(metadata);
        conversation.key.metadata = some(checked(merged)?);
    }
    save(tx, app, &conversation)?;
    Ok(ConversationReply { conversation })
}

fn remove(tx: &mut Tx<'_>, call: &Call<DeleteConversation>) -> Result<Nothing> {
    let app = call.path.app_id;
    let conversation = find(tx, app, call.path.conversation_id)?.shown;
    if conversation.is_default {
        let id = conversation.key.id;
        return Err(Error::invalid(format!("Conversation {id} cannot be deleted because it is the default.")));
    }
    let subscribers = Subscribers::of(tx, app)?;
    delete_whole(tx, call.state, &subscribers, app, &conversation.key)?;
    Ok(Nothing {})
}

/// Deletes a conversation with all it holds, and tells of it.
fn delete_whole(
    tx: &mut Tx<'_>,
    state: State,
    subscribers: &Subscribers,
    app: AppId,
    conversation: &ConversationTruncated,
) -> Result<()> {
    attachments::remove_with_conversation(tx, state, app, conversation.id)?;
    delete_rows(tx, app, conversation.id)?;
    events::record(tx, state, subscribers, Trigger::ConversationRemove, Some(conversation), |_| {
        ConversationRemovePayload { conversation: conversation.clone() }
    })
}

/// All conversations of a user.
pub fn all_of_user(tx: &Tx<'_>, app: AppId, user: UserId) -> Result<Vec<Conversation>> {
    of_user(tx, app, user, &Window { from: crate::pages::From::Start, size: u32::MAX })
}

/// What becomes of a user's conversations when the user goes: the personal ones go too, groups lose a participant.
pub fn without_user(tx: &mut Tx<'_>, state: State, subscribers: &Subscribers, app: AppId, user: &User) -> Result<()> {
    for conversation in all_of_user(tx, app, user.key.id)? {
        if conversation.key.r#type == ConversationType::Personal {
            delete_whole(tx, state, subscribers, app, &conversation.key)?;
        } else {
            participants::drop_user(tx, app, conversation.key.id, user.key.id)?;
            tell_of_member(tx, state, subscribers, Trigger::ConversationLeave, &conversation.key, user)?;
        }
    }
    Ok(())
}

/// Tells that a user joined or left.
pub fn tell_of_member(
    tx: &mut Tx<'_>,
    state: State,
    subscribers: &Subscribers,
    trigger: Trigger,
    conversation: &ConversationTruncated,
    user: &User,
) -> Result<()> {
    events::record(tx, state, subscribers, trigger, Some(conversation), |to| MemberPayload {
        conversation: conversation.clone(),
        user: EventUser::of(user, to.full_user),
    })
}

// ---- Rows

fn insert(tx: &mut Tx<'_>, app: AppId, conversation: &Conversation) -> Result<()> {
    let metadata = serde_json::to_string(&conversation.key.metadata.clone().unwrap_or_default())?;
    tx.append(
        "INSERT INTO conversation (app_id, id, type, is_default, display_name, description, icon_url, metadata,
         business_last_read, last_updated_at, message_count, posted, created_at, active_switchboard_integration_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        args![
            app.text().as_str(),
            conversation.key.id.text().as_str(),
            conversation.key.r#type.name(),
            conversation.is_default,
            &conversation.display_name,
            &conversation.description,
            &conversation.icon_url,
            &metadata,
            None::<i64>,
            tx.now(),
            0,
            0,
            tx.now(),
            &conversation.key.active_switchboard_integration.as_ref().map(|part| part.id.to_string())
        ],
    )?;
    Ok(())
}

fn save(tx: &mut Tx<'_>, app: AppId, conversation: &Conversation) -> Result<()> {
    let metadata = serde_json::to_string(&conversation.key.metadata.clone().unwrap_or_default())?;
    tx.execute(
        "UPDATE conversation SET display_name = $3, description = $4, icon_url = $5, metadata = $6
         WHERE app_id = $1 AND id = $2",
        args![
            app.text().as_str(),
            conversation.key.id.text().as_str(),
            &conversation.display_name,
            &conversation.description,
            &conversation.icon_url,
            &metadata
        ],
    )?;
    Ok(())
}

/// Deletes a conversation with all it holds.
pub fn delete_rows(tx: &mut Tx<'_>, app: AppId, id: ConversationId) -> Result<()> {
    messages::delete_rows_of(tx, app, id)?;
    for statement in [
        "DELETE FROM client_conversation WHERE app_id = $1 AND conversation_id = $2",
        "DELETE FROM participant WHERE app_id = $1 AND conversation_id = $2",
        "DELETE FROM conversation WHERE app_id = $1 AND id = $2",
    ] {
        tx.execute(statement, args![app.text().as_str(), id.text().as_str()])?;
    }
    Ok(())
}

/// The conversation with this id.
pub fn find(tx: &Tx<'_>, app: AppId, id: ConversationId) -> Result<Kept> {
    let rows = tx.query(
        "SELECT c.id, c.type, c.is_default, c.display_name, c.description, c.icon_url, c.metadata,
         c.business_last_read, c.last_updated_at, c.created_at, c.active_switchboard_integration_id,
         c.pending_switchboard_integration_id, c.message_count, c.posted, s.id
         FROM conversation c LEFT JOIN switchboard s ON s.app_id = c.app_id WHERE c.app_id = $1 AND c.id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    let row = rows.first().ok_or(Missing::CONVERSATION)?;
    let board = if row.opt_text(14)?.is_some() { Board::of(tx, app)? } else { None };
    let shown = kept(row, board.as_ref())?;
    let control_lost = row.opt_text(10)?.is_some() && shown.key.active_switchboard_integration.is_none();
    Ok(Kept { shown, message_count: row.int(12)?, posted: row.int(13)?, board, control_lost })
}

/// Whether there is a conversation with this id.
pub fn exists(tx: &Tx<'_>, app: AppId, id: ConversationId) -> Result<bool> {
    let found = tx.query(
        "SELECT 1 FROM conversation WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), id.text().as_str()],
    )?;
    Ok(!found.is_empty())
}

/// The personal conversation that a user is in on a channel: of those that its client takes part in the one with the
/// latest message, or else their default one.
pub fn on_channel(tx: &Tx<'_>, app: AppId, user: UserId, client: Option<ClientId>) -> Result<Option<ConversationId>> {
    let rows = tx.query(
        "SELECT c.id FROM participant p JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
         LEFT JOIN client_conversation l ON l.app_id = c.app_id AND l.conversation_id = c.id AND l.client_id = $3
         WHERE p.app_id = $1 AND p.user_id = $2 AND c.type = 'personal'
         ORDER BY CASE WHEN l.used_at IS NULL THEN c.is_default ELSE 2 END DESC, c.last_updated_at DESC, c.id DESC
         LIMIT 1",
        args![app.text().as_str(), user.text().as_str(), client.map(|id| id.to_string()).unwrap_or_default().as_str()],
    )?;
    Ok(rows.first().map(|row| row.parse(0)).transpose()?)
}

/// The conversations of a user, the latest first. A cursor names a conversation; its place in the order is looked up.
fn of_user(tx: &Tx<'_>, app_id: AppId, user: UserId, window: &Window) -> Result<Vec<Conversation>> {
    let (app, user) = (app_id.text(), user.text());
    let rows = match (&window.from, window.before()) {
        (crate::pages::From::Start, _) => tx.query(
            "SELECT c.id, c.type, c.is_default, c.display_name, c.description, c.icon_url, c.metadata,
             c.business_last_read, c.last_updated_at, c.created_at, c.active_switchboard_integration_id,
             c.pending_switchboard_integration_id
             FROM participant p JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
             WHERE p.app_id = $1 AND p.user_id = $2 ORDER BY c.last_updated_at DESC, c.id DESC LIMIT $3",
            args![app.as_str(), user.as_str(), window.limit()],
        ),
        (_, None) => tx.query(
            "SELECT c.id, c.type, c.is_default, c.display_name, c.description, c.icon_url, c.metadata,
             c.business_last_read, c.last_updated_at, c.created_at, c.active_switchboard_integration_id,
             c.pending_switchboard_integration_id
             FROM participant p JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
             JOIN conversation x ON x.app_id = p.app_id AND x.id = $3
             WHERE p.app_id = $1 AND p.user_id = $2 AND (c.last_updated_at, c.id) < (x.last_updated_at, x.id)
             ORDER BY c.last_updated_at DESC, c.id DESC LIMIT $4",
            args![app.as_str(), user.as_str(), window.after(), window.limit()],
        ),
        (_, Some(before)) => tx.query(
            "SELECT c.id, c.type, c.is_default, c.display_name, c.description, c.icon_url, c.metadata,
             c.business_last_read, c.last_updated_at, c.created_at, c.active_switchboard_integration_id,
             c.pending_switchboard_integration_id
             FROM participant p JOIN conversation c ON c.app_id = p.app_id AND c.id = p.conversation_id
             JOIN conversation x ON x.app_id = p.app_id AND x.id = $3
             WHERE p.app_id = $1 AND p.user_id = $2 AND (c.last_updated_at, c.id) > (x.last_updated_at, x.id)
             ORDER BY c.last_updated_at, c.id LIMIT $4",
            args![app.as_str(), user.as_str(), before, window.limit()],
        ),
    }?;
    let controlled = |row: &Row| [10, 11].into_iter().any(|column| row.opt_text(column).is_ok_and(|id| id.is_some()));
    let board = if rows.iter().any(controlled) { Board::of(tx, app_id)? } else { None };
    rows.iter().map(|row| kept(row, board.as_ref())).collect()
}

fn kept(row: &Row, board: Option<&Board>) -> Result<Conversation> {
    let metadata: Metadata = serde_json::from_str(row.text(6)?)?;
    // A part that is not there any more controls nothing.
    let part = |id: Option<&str>| Some(board?.named(id?)?.key.clone());
    Ok(Conversation {
        key: ConversationTruncated {
            id: row.parse(0)?,
            r#type: match row.text(1)? {
                "personal" => ConversationType::Personal,
                _ => ConversationType::SdkGroup,
            },
            metadata: some(metadata),
            active_switchboard_integration: part(row.opt_text(10)?),
            pending_switchboard_integration: part(row.opt_text(11)?),
        },
        is_default: row.flag(2)?,
        display_name: row.opt_text(3)?.map(str::to_owned),
        description: row.opt_text(4)?.map(str::to_owned),
        icon_url: row.opt_text(5)?.map(str::to_owned),
        business_last_read: row.opt_int(7)?.map(Timestamp),
        last_updated_at: Some(Timestamp(row.int(8)?)),
        created_at: Timestamp(row.int(9)?),
    })
}
