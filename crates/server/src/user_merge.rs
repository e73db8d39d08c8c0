//! Making one user of two: what the one lacks comes from the other, who then is no more.

use crate::{
    apps, attachments, channels, client_rows, conversations, error::Result, events, messages, quotes, user_sync::Place,
    users,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    clients::Client,
    conversations::{Conversation, ConversationTruncated, ConversationType},
    events::EventUser,
    id::{AppId, ConversationId, UserId},
    metadata::Metadata,
    user_events::*,
    users::{Profile, User},
    webhooks::Trigger,
};
use std::mem;

// ---- Rules

/// Makes one user of two, and tells of it.
pub fn merge(tx: &mut Tx<'_>, place: &Place, survivor: User, discarded: User) -> Result<User> {
    let (app, from, to) = (place.app, discarded.key.id, survivor.key.id);
    let merged_clients = merge_clients(tx, app, from, to)?;
    let merged_conversations = merge_conversations(tx, app, from, to)?;
    users::delete_row(tx, app, from)?;
    let inherited = inheritance(tx, app, &survivor, discarded.clone())?;
    let (user, left_over) = combine(survivor, &inherited);
    users::save(tx, app, &user)?;
    users::save_identities(tx, app, &user)?;
    events::record(tx, place.state, &place.subscribers, Trigger::UserMerge, None, |to| UserMergePayload {
        merged_users: Merged {
            surviving: EventUser::of(&user, to.full_user),
            discarded: EventUser::of(&discarded, to.full_user),
        },
        merged_conversations: merged_conversations.clone(),
        merged_clients: merged_clients.clone(),
        discarded_metadata: Some(left_over.clone()).filter(|m| !m.is_empty()),
        reason: MergeReason::Api,
    })?;
    Ok(user)
}

/// What may go over of a user who is no more: an external id and an identity are one user's in each brand, and the
/// survivor may be of another brand, where somebody has them, even the survivor.
fn inheritance(tx: &Tx<'_>, app: AppId, survivor: &User, mut user: User) -> Result<User> {
    let brand = survivor.key.brand_id.as_deref();
    if let Some(external_id) = &user.key.external_id
        && users::by_external_id(tx, app, external_id, brand)?.is_some()
    {
        user.key.external_id = None;
    }
    for identity in mem::take(&mut user.identities) {
        if users::by_identity(tx, app, &identity.r#type, &identity.value, brand)?.is_none() {
            user.identities.push(identity);
        }
    }
    Ok(user)
}

/// What the survivor has stays; what they lack comes from the other. Second: the properties there was no room for.
fn combine(mut user: User, other: &User) -> (User, Metadata) {
    let fill = |mine: &mut Option<String>, theirs: &Option<String>| {
        if mine.is_none() {
            mine.clone_from(theirs);
        }
    };
    fill(&mut user.key.external_id, &other.key.external_id);
    fill(&mut user.key.zendesk_id, &other.key.zendesk_id);
    user.key.authenticated = user.key.external_id.is_some();
    user.signed_up_at = user.signed_up_at.min(other.signed_up_at);
    user.to_be_retained = user.to_be_retained.or(other.to_be_retained);
    let Profile { given_name, surname, email, avatar_url, .. } = &other.profile;
    fill(&mut user.profile.given_name, given_name);
    fill(&mut user.profile.surname, surname);
    fill(&mut user.profile.email, email);
    fill(&mut user.profile.avatar_url, avatar_url);
    // A language that is the server's default is none that they have told.
    let told = |profile: &Profile| profile.locale.is_some() && profile.locale_origin.is_none();
    if !told(&user.profile) && (told(&other.profile) || user.profile.locale.is_none()) {
        user.profile.locale.clone_from(&other.profile.locale);
        user.profile.locale_origin.clone_from(&other.profile.locale_origin);
    }
    user.identities.extend(other.identities.iter().cloned());
    let mut left_over = Metadata::default();
    for (name, value) in &other.metadata.0 {
        if user.metadata.0.contains_key(name) {
            continue;
        }
        user.metadata.0.insert(name.clone(), value.clone());
        if user.metadata.too_large() {
            user.metadata.0.remove(name);
            left_over.0.insert(name.clone(), value.clone());
        }
    }
    (user, left_over)
}

/// The clients go over; of two clients of SDKs one remains.
fn merge_clients(tx: &mut Tx<'_>, app: AppId, from: UserId, to: UserId) -> Result<Option<Merged<Client>>> {
    let merged = match (client_rows::sdk(tx, app, to)?, client_rows::sdk(tx, app, from)?) {
        (Some(surviving), Some(discarded)) => {
            client_rows::replace_sdk(tx, app, from, discarded.id, surviving.id)?;
            Some(Merged { surviving, discarded })
        }
        _ => None,
    };
    client_rows::hand_over(tx, app, from, to)?;
    Ok(merged)
}

/// The conversations go over. A user has one default conversation: a second becomes an ordinary one, or part of the
/// first where users have only one.
fn merge_conversations(
    tx: &mut Tx<'_>,
    app: AppId,
    from: UserId,
    to: UserId,
) -> Result<Option<Merged<ConversationTruncated>>> {
    let own = conversations::all_of_user(tx, app, to)?;
    let default = own.iter().find(|c| c.is_default);
    let several = apps::find(tx, app)?.settings.multi_convo_enabled == Some(true);
    let mut merged = None;
    for theirs in conversations::all_of_user(tx, app, from)? {
        let id = theirs.key.id;
        sign_over(tx, app, id, from, to)?;
        match default.filter(|_| theirs.is_default) {
            Some(default) if !several => {
                absorb(tx, app, &theirs, default, from, to)?;
                merged = Some(Merged { surviving: default.key.clone(), discarded: theirs.key });
            }
            Some(_) => {
                make_ordinary(tx, app, id)?;
                take_part(tx, app, id, from, to)?;
            }
            None if theirs.key.r#type == ConversationType::SdkGroup && own.iter().any(|c| c.key.id == id) => {
                leave(tx, app, id, from)?;
            }
            None => take_part(tx, app, id, from, to)?,
        }
    }
    Ok(merged)
}

// ---- Rows

/// Has the messages of one user be another's. In `body` an author begins with type and user, in this order.
fn sign_over(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, from: UserId, to: UserId) -> Result<()> {
    let author = |user: UserId| format!(r#""author":{{"type":"user","userId":"{user}""#);
    tx.execute(
        "UPDATE message SET body = REPLACE(body, $3, $4) WHERE app_id = $1 AND conversation_id = $2
         AND body LIKE '%' || $3 || '%'",
        args![app.text().as_str(), conversation.text().as_str(), &author(from), &author(to)],
    )?;
    messages::changed(tx, app, conversation)
}

fn take_part(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, from: UserId, to: UserId) -> Result<()> {
    tx.execute(
        "UPDATE participant SET user_id = $4 WHERE app_id = $1 AND user_id = $3 AND conversation_id = $2",
        args![app.text().as_str(), conversation.text().as_str(), from.text().as_str(), to.text().as_str()],
    )?;
    Ok(())
}

fn leave(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId, user: UserId) -> Result<()> {
    tx.execute(
        "DELETE FROM participant WHERE app_id = $1 AND user_id = $3 AND conversation_id = $2",
        args![app.text().as_str(), conversation.text().as_str(), user.text().as_str()],
    )?;
    Ok(())
}

fn make_ordinary(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId) -> Result<()> {
    tx.execute(
        "UPDATE conversation SET is_default = 0 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.text().as_str()],
    )?;
    Ok(())
}

/// Makes a conversation part of another: messages keep their ids, and so their place in time.
fn absorb(
    tx: &mut Tx<'_>,
    app: AppId,
    theirs: &Conversation,
    into: &Conversation,
    from: UserId,
    to: UserId,
) -> Result<()> {
    let kept = conversations::find(tx, app, theirs.key.id)?;
    let (app_id, old, new) = (app.text(), theirs.key.id.text(), into.key.id.text());
    tx.execute(
        "UPDATE participant SET read_up_to = read_up_to + (SELECT p.read_up_to FROM participant p
         WHERE p.app_id = $1 AND p.user_id = $3 AND p.conversation_id = $4),
         last_read = (SELECT MAX(p.last_read) FROM participant p WHERE p.app_id = $1
         AND (p.user_id = $2 AND p.conversation_id = $5 OR p.user_id = $3 AND p.conversation_id = $4))
         WHERE app_id = $1 AND user_id = $2 AND conversation_id = $5",
        args![app_id.as_str(), to.text().as_str(), from.text().as_str(), old.as_str(), new.as_str()],
    )?;
    tx.execute(
        "UPDATE conversation SET message_count = message_count + $3, posted = posted + $4, revision = revision + 1,
         last_updated_at = CASE WHEN last_updated_at < $5 THEN $5 ELSE last_updated_at END,
         business_last_read = CASE WHEN COALESCE(business_last_read, 0) < $6 THEN $6 ELSE business_last_read END
         WHERE app_id = $1 AND id = $2",
        args![
            app_id.as_str(),
            new.as_str(),
            kept.message_count,
            kept.posted,
            theirs.last_updated_at.map_or(0, |t| t.0),
            theirs.business_last_read.map_or(0, |t| t.0)
        ],
    )?;
    tx.execute(
        "INSERT INTO client_conversation (app_id, conversation_id, client_id, user_id, used_at)
         SELECT app_id, CAST($3 AS TEXT), client_id, user_id, used_at FROM client_conversation
         WHERE app_id = $1 AND conversation_id = $2 ON CONFLICT DO NOTHING",
        args![app_id.as_str(), old.as_str(), new.as_str()],
    )?;
    tx.execute(
        "UPDATE message SET conversation_id = $3 WHERE app_id = $1 AND conversation_id = $2",
        args![app_id.as_str(), old.as_str(), new.as_str()],
    )?;
    quotes::move_to(tx, app, theirs.key.id, into.key.id)?;
    channels::move_to(tx, app, theirs.key.id, into.key.id)?;
    attachments::move_to(tx, app, theirs.key.id, into.key.id)?;
    conversations::delete_rows(tx, app, theirs.key.id)
}
