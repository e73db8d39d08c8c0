//! What users write on channels, as whoever runs a channel delivers it here: it becomes a message of theirs, in the
//! conversation that they are in there (`channel_starts.rs`).

use crate::{
    apps,
    call::Call,
    channel_starts::{Arrival, Coming},
    content,
    error::{Error, Result},
    events::Subscribers,
    form_responses, media,
    messages::{self, Draft},
    quotes,
    router::Builder,
};
use heliograph_store::Tx;
use heliograph_wire::{
    channel_messages::*,
    content::{Content, FormResponseMessage},
    events::CreationReason,
    id::{AppId, ConversationId, MessageId},
    messages::{Message, QuotedMessage, Source},
    problem::Missing,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(deliver);
}

async fn deliver(mut call: Call<DeliverChannelMessage>) -> Result<ChannelMessageReply> {
    content::prepare_of_user(&mut call.body.content)?;
    let files = media::named(&mut call.body.content);
    if !files.is_empty() {
        // No address is asked for somebody who may not write here.
        call.ask(|tx, path| apps::require(tx, path.app_id)).await?;
        let known = media::ask(call.state, call.path.app_id, files).await?;
        media::describe(&mut call.body.content, &known);
    }
    call.write(take).await
}

// ---- Rules

fn take(tx: &mut Tx<'_>, call: &Call<DeliverChannelMessage>) -> Result<ChannelMessageReply> {
    let (app, body) = (call.path.app_id, &call.body);
    let coming = Coming {
        state: call.state,
        caller: &call.caller,
        app,
        who: &body.who,
        conversation: body.conversation_id.as_deref(),
        reason: CreationReason::Message,
        referral: body.referral.as_ref(),
    };
    let Arrival { user, way, conversation } = coming.arrive(tx)?;
    let id = conversation.shown.key.id;
    let mut content = body.content.clone();
    let quoted = quoted(tx, app, id, body, &mut content)?;
    let draft = Draft {
        author: messages::author_of(tx, app, id, user.key.id, &way.channel.kind)?,
        user: Some(&user),
        content: &content,
        source: Source {
            original_message_id: body.original_message_id.clone(),
            original_message_timestamp: body.original_message_timestamp,
            ..way.source()
        },
        quoted_message: quoted.clone(),
        metadata: body.metadata.as_ref(),
        references: None,
    };
    let subscribers = Subscribers::of(tx, app)?;
    let posted = messages::publish(tx, call.state, app, &subscribers, conversation, draft)?;
    if let Some(QuotedMessage::Message { message }) = &quoted {
        quotes::note(tx, app, id, posted.message.id, message.id)?;
    }
    if let Some(external) = &body.original_message_id {
        quotes::note_external(tx, app, id, posted.message.id, external)?;
    }
    Ok(ChannelMessageReply {
        message: posted.message,
        conversation: posted.conversation,
        user: user.key,
        client: way.client,
    })
}

/// The message that it answers. A form that was filled in answers its form.
fn quoted(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    body: &ChannelMessage,
    content: &mut Content,
) -> Result<Option<QuotedMessage>> {
    let named = match &body.quoted_message {
        None => None,
        Some(Quote { message_id: Some(id), external_message_id: None }) => Some(id.parse()?),
        Some(Quote { message_id: None, external_message_id: Some(external) }) => {
            match quotes::by_external(tx, app, conversation, external)? {
                Some(id) => Some(id),
                None if matches!(content, Content::FormResponse(_)) => return Err(Missing::RESOURCE.into()),
                None => {
                    return Ok(Some(QuotedMessage::ExternalMessageId { external_message_id: external.clone() }));
                }
            }
        }
        Some(_) => {
            return Err(Error::invalid("quotedMessage should have exactly one of messageId and externalMessageId"));
        }
    };
    if let Content::FormResponse(response) = content {
        let form = form_named(response, named)?;
        return Ok(Some(quotes::quoted(submit(tx, app, conversation, form, response)?)));
    }
    named.map(|id| Ok(quotes::quoted(messages::find(tx, app, conversation, id)?))).transpose()
}

/// The form that was filled in, as the message or its fields name it.
fn form_named(response: &FormResponseMessage, quoted: Option<MessageId>) -> Result<MessageId> {
    let mut form = quoted;
    for (at, field) in response.fields.iter().enumerate() {
        let Some(named) = &field.quoted_message_id else { continue };
        let named: MessageId = named.parse()?;
        if *form.get_or_insert(named) != named {
            return Err(Error::invalid(format!("content.fields[{at}].quotedMessageId should be the same everywhere")));
        }
    }
    form.ok_or_else(|| Error::invalid("content.fields[0] should have required property 'quotedMessageId'"))
}

/// A form is filled in: it says so from here on, and takes no second answer.
fn submit(
    tx: &mut Tx<'_>,
    app: AppId,
    conversation: ConversationId,
    id: MessageId,
    response: &mut FormResponseMessage,
) -> Result<Message> {
    let mut message = messages::find(tx, app, conversation, id)?;
    let Content::Form(form) = &mut message.content else {
        return Err(Error::invalid("quotedMessageId should be the id of a message of type form"));
    };
    if form.submitted == Some(true) {
        return Err(Error::invalid("The form was submitted before"));
    }
    form_responses::complete(response, form)?;
    form.submitted = Some(true);
    quotes::rewrite(tx, app, conversation, id, &serde_json::to_string(&message)?)?;
    Ok(message)
}
