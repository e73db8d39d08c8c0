//! Activities: reading and typing. They leave their mark in the conversation or the participant and are told to webhooks,
//! but are kept nowhere.

use crate::{
    call::Call,
    control, conversations,
    error::{Error, Result},
    events::{self, Subscribers},
    participants,
    router::Builder,
    users,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    activities::*,
    conversations::ConversationTruncated,
    events::EventUser,
    id::{AppId, ConversationId},
    messages::{Author, AuthorType, Source},
    op::Nothing,
    problem::Missing,
    users::User,
    webhooks::Trigger,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(post);
}

async fn post(call: Call<PostActivity>) -> Result<Nothing> {
    call.write(note).await
}

// ---- Rules

fn note(tx: &mut Tx<'_>, call: &Call<PostActivity>) -> Result<Nothing> {
    let (app, id) = (call.path.app_id, call.path.conversation_id);
    let mut conversation = conversations::find(tx, app, id)?;
    let NewActivity { author, r#type } = &call.body;
    let user = match author.r#type {
        AuthorType::Business => None,
        AuthorType::User => Some(reader(tx, app, id, author, *r#type)?),
    };
    control::on_activity(tx, app, &mut conversation, user.is_some(), None)?;
    let key = &conversation.shown.key;
    match (&user, r#type) {
        (Some(user), _) => {
            participants::mark_read(tx, app, id, user.key.id, conversation.posted)?;
            tell(tx, call, Trigger::ConversationRead, key, Some(user))?;
        }
        // That the business has read is a matter of the conversation; no trigger speaks of it.
        (None, ActivityType::Read) => mark_read(tx, app, id)?,
        (None, ActivityType::TypingStart | ActivityType::TypingStop) => {
            tell(tx, call, Trigger::ConversationTyping, key, None)?;
        }
    }
    Ok(Nothing {})
}

/// The user who has read: they must take part.
fn reader(
    tx: &Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    author: &Author,
    activity: ActivityType,
) -> Result<User> {
    if activity != ActivityType::Read {
        return Err(Error::invalid("type should be conversation:read with author.type user"));
    }
    let (id, external_id) = (author.user_id.as_deref(), author.user_external_id.as_deref());
    let user = users::named(tx, app, id, external_id, author.brand_id.as_deref(), "author ")?;
    participants::of_user(tx, app, conversation, user.key.id)?.ok_or(Missing::MEMBER)?;
    Ok(user)
}

fn tell(
    tx: &mut Tx<'_>,
    call: &Call<PostActivity>,
    trigger: Trigger,
    conversation: &ConversationTruncated,
    user: Option<&User>,
) -> Result<()> {
    let subscribers = Subscribers::of(tx, call.path.app_id)?;
    events::record(tx, call.state, &subscribers, trigger, Some(conversation), |to| ActivityPayload {
        conversation: conversation.clone(),
        activity: Activity {
            r#type: call.body.r#type,
            author: ActivityAuthor {
                r#type: call.body.author.r#type,
                user_id: user.map(|user| user.key.id),
                user: user.map(|user| EventUser::of(user, to.full_user)),
            },
            source: Source::api(),
        },
    })
}

// ---- Rows

fn mark_read(tx: &mut Tx<'_>, app: AppId, conversation: ConversationId) -> Result<()> {
    tx.amend(
        "UPDATE conversation SET business_last_read = $3 WHERE app_id = $1 AND id = $2",
        args![app.text().as_str(), conversation.text().as_str(), tx.now()],
    )?;
    Ok(())
}
