//! What users write on channels, as whoever runs a channel delivers it here: it becomes a message of theirs, in the
//! conversation that they are in there. Who is not known yet becomes a user with a client.

use crate::{
    apps,
    call::Call,
    channel_way::{Channel, Way},
    client_rows, clients, content, conversations, devices,
    error::{Error, Result},
    events::Subscribers,
    form_responses, media,
    messages::{self, Draft},
    participants, quotes,
    router::Builder,
    users,
};
use heliograph_store::Tx;
use heliograph_wire::{
    channel_messages::*,
    clients::{ClientOutcome, ClientReport},
    content::{Content, FormResponseMessage},
    id::{AppId, ConversationId, MessageId},
    messages::{Message, QuotedMessage, Source},
    problem::Missing,
    users::User,
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
        let known = media::ask(&call.state, call.path.app_id, files).await?;
        media::describe(&mut call.body.content, &known);
    }
    call.write(take).await
}

// ---- Rules

fn take(tx: &mut Tx<'_>, call: &Call<DeliverChannelMessage>) -> Result<ChannelMessageReply> {
    let (app, body) = (call.path.app_id, &call.body);
    apps::require(tx, app)?;
    let channel = Channel::of(tx, app, &call.caller, body.integration_id.as_deref())?;
    let user = sender(tx, call, &channel)?;
    let mut way = Way::of(tx, app, channel, user.key.id)?;
    if let Some(named) = &body.device_id {
        way.device = Some(devices::find(tx, app, user.key.id, named.parse()?)?);
    }
    let conversation = place(tx, call, &user, &way)?;
    let id = conversation.shown.key.id;
    if let Some(client) = &way.client {
        client_rows::subscribe(tx, app, id, user.key.id, client.id, tx.now())?;
    }
    way.seen(tx, app, user.key.id)?;
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
    let posted = messages::publish(tx, &call.state, app, &subscribers, conversation, draft)?;
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

/// Who wrote it: the user who is named, or whom the channel knows by that id, or the only one of the conversation.
fn sender(tx: &mut Tx<'_>, call: &Call<DeliverChannelMessage>, channel: &Channel) -> Result<User> {
    let (app, body) = (call.path.app_id, &call.body);
    let ChannelMessage { user_id, user_external_id, brand_id, .. } = body;
    let named = match (user_id, user_external_id) {
        (None, None) => None,
        (id, external) => Some(users::named(tx, app, id.as_deref(), external.as_deref(), brand_id.as_deref(), "")?),
    };
    if let Some(theirs) = &body.client {
        return by_client(tx, call, channel, named, theirs);
    }
    let user = match (named, &body.conversation_id) {
        (Some(user), _) => user,
        (None, Some(conversation)) => {
            let conversation = conversations::find(tx, app, conversation.parse()?)?.shown;
            participants::sole_user(tx, app, &conversation.key)?.ok_or_else(nobody_named)?
        }
        (None, None) => return Err(nobody_named()),
    };
    if channel.is_sdk() {
        clients::sdk_of(tx, &call.state, app, &user)?;
    }
    Ok(user)
}

fn nobody_named() -> Error {
    Error::invalid("should have exactly one of userId, userExternalId and client")
}

/// The user by the channel's own id. One who is waited for is there now; one who is not known is made.
fn by_client(
    tx: &mut Tx<'_>,
    call: &Call<DeliverChannelMessage>,
    channel: &Channel,
    named: Option<User>,
    theirs: &ChannelUser,
) -> Result<User> {
    let (app, state) = (call.path.app_id, &call.state);
    let Some(kind) = channel.client_type() else {
        return Err(Error::invalid(format!("client should NOT be given for an integration of type {}", channel.kind)));
    };
    let report = as_report(theirs);
    let linked = client_rows::linked_to(tx, app, channel.integration, &theirs.external_id)?.into_iter().next();
    if let Some((owner, client)) = linked {
        if named.as_ref().is_some_and(|user| user.key.id != owner) {
            return Err(Error::invalid("client.externalId should NOT be that of another user"));
        }
        clients::bring_up_to_date(tx, app, owner, client, &report)?;
        return users::by_id(tx, app, owner)?.ok_or(Missing::USER.into());
    }
    if let Some(user) = clients::confirm_by_activity(tx, state, app, channel.integration, named.as_ref(), &report)? {
        return Ok(user);
    }
    let user = match named {
        Some(user) => user,
        None => users::of_channel(tx, app, theirs.display_name.clone(), theirs.avatar_url.clone())?,
    };
    clients::make_linked(tx, app, &user, kind, channel.integration, &report)?;
    Ok(user)
}

/// What a channel tells of a user with a message is what it would report of a client that it has linked.
fn as_report(theirs: &ChannelUser) -> ClientReport {
    let ChannelUser { external_id, display_name, avatar_url, info, raw } = theirs.clone();
    ClientReport {
        outcome: ClientOutcome::Confirmed,
        external_id: Some(external_id),
        display_name,
        avatar_url,
        info,
        raw,
        error: None,
    }
}

/// Where it was written. A conversation that is not there yet is made.
fn place(tx: &mut Tx<'_>, call: &Call<DeliverChannelMessage>, user: &User, way: &Way) -> Result<conversations::Kept> {
    let app = call.path.app_id;
    if let Some(named) = &call.body.conversation_id {
        let conversation = conversations::find(tx, app, named.parse()?)?;
        participants::of_user(tx, app, conversation.shown.key.id, user.key.id)?.ok_or(Missing::MEMBER)?;
        return Ok(conversation);
    }
    match conversations::on_channel(tx, app, user.key.id, way.client.as_ref().map(|client| client.id))? {
        Some(id) => conversations::find(tx, app, id),
        None => conversations::begin(tx, &call.state, app, user, &way.source()),
    }
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
