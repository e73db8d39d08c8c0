//! Clients: by what users are reached. This server runs no channels, so a link stays pending until whoever runs the
//! channel reports what came of it.

use crate::{
    apps,
    call::{Call, page_title},
    client_rows as rows, content, conversations,
    error::{Error, Result},
    events::{self, Subscribers},
    integrations, media, messages,
    pages::{Window, links},
    participants,
    router::Builder,
    state::State,
    users,
};
use heliograph_store::Tx;
use heliograph_wire::{
    actions::Action,
    clients::*,
    content::Content,
    conversations::{ConversationTruncated, ConversationType},
    events::EventUser,
    id::{AppId, ClientId, ConversationId, IntegrationId, UserId},
    messages::{AuthorType, Source},
    op::{Nothing, Operation},
    problem::Missing,
    time::Timestamp,
    user_events::*,
    users::User,
    webhooks::Trigger,
};
use serde_json::{Map, Value};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(create).on(list).on(remove).on(link).on(report);
}

async fn create(mut call: Call<CreateClient>) -> Result<ClientReply> {
    prepare(&mut call.body.confirmation)?;
    let content = call.body.confirmation.message.as_mut().map(|message| &mut message.content);
    let files = content.map(media::named).unwrap_or_default();
    if !files.is_empty() {
        // No address is asked for somebody who may not write here.
        call.ask(|tx, path| apps::require(tx, path.app_id)).await?;
        let known = media::ask(call.state, call.path.app_id, files).await?;
        if let Some(message) = &mut call.body.confirmation.message {
            media::describe(&mut message.content, &known);
        }
    }
    call.write(make).await
}

async fn list(call: Call<ListClients>) -> Result<ClientList> {
    call.read(page).await
}

async fn remove(call: Call<RemoveClient>) -> Result<Nothing> {
    call.write(take_away).await
}

async fn link(call: Call<GetClientLink>) -> Result<ClientLinkReply> {
    call.read(|tx, call| {
        let app = call.path.app_id;
        let user = users::find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
        rows::find(tx, app, user.key.id, call.path.client_id)?;
        let mut link = rows::link(tx, app, user.key.id, call.path.client_id)?.ok_or(Missing::RESOURCE)?;
        let target = rows::first_conversation(tx, app, user.key.id, call.path.client_id)?;
        link.target = target.map(|id| LinkTarget { conversation_id: id.to_string() });
        Ok(ClientLinkReply { link })
    })
    .await
}

async fn report(call: Call<ReportClient>) -> Result<ClientReply> {
    call.write(note).await
}

// ---- Rules

/// A client of a user, and what is told about it.
struct Subject {
    state: State,
    subscribers: Subscribers,
    app: AppId,
    user: User,
}

impl Subject {
    /// The conversation that a client takes part in first.
    fn conversation_of(&self, tx: &Tx<'_>, client: ClientId) -> Result<Option<ConversationTruncated>> {
        let Some(id) = rows::first_conversation(tx, self.app, self.user.key.id, client)? else { return Ok(None) };
        Ok(Some(conversations::find(tx, self.app, id)?.shown.key))
    }

    fn tell_added(
        &self,
        tx: &mut Tx<'_>,
        client: &Client,
        conversation: Option<&ConversationTruncated>,
        reason: ClientAddReason,
        source: &Source,
    ) -> Result<()> {
        events::record(tx, self.state, &self.subscribers, Trigger::ClientAdd, conversation, |to| ClientAddPayload {
            conversation: conversation.cloned(),
            user: EventUser::of(&self.user, to.full_user),
            client: client.clone(),
            reason,
            source: source.clone(),
        })
    }

    /// Takes a client away and tells of it. The conversation is named when the link was the reason.
    fn discard(
        &self,
        tx: &mut Tx<'_>,
        client: &Client,
        reason: ClientRemoveReason,
        error: Option<&Map<String, Value>>,
    ) -> Result<()> {
        let conversation = match reason {
            ClientRemoveReason::Api | ClientRemoveReason::Sdk => None,
            _ => self.conversation_of(tx, client.id)?,
        };
        rows::delete(tx, self.app, self.user.key.id, client.id)?;
        let place = conversation.as_ref();
        events::record(tx, self.state, &self.subscribers, Trigger::ClientRemove, place, |to| ClientRemovePayload {
            conversation: conversation.clone(),
            user: EventUser::of(&self.user, to.full_user),
            client: client.clone(),
            reason,
            error: error.cloned(),
            source: Source::api(),
        })
    }

    fn tell_updated(&self, tx: &mut Tx<'_>, client: &Client, reason: ClientUpdateReason) -> Result<()> {
        let conversation = self.conversation_of(tx, client.id)?;
        let place = conversation.as_ref();
        events::record(tx, self.state, &self.subscribers, Trigger::ClientUpdate, place, |to| ClientUpdatePayload {
            conversation: conversation.clone(),
            user: EventUser::of(&self.user, to.full_user),
            client: client.clone(),
            reason,
        })
    }
}

fn make(tx: &mut Tx<'_>, call: &Call<CreateClient>) -> Result<ClientReply> {
    let app = call.path.app_id;
    apps::require(tx, app)?;
    let user = users::find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let criteria = &call.body.match_criteria;
    let integration = integration_of(tx, app, criteria)?;
    let conversation = target(tx, app, &user, &call.body.target)?;
    let address = criteria.address();
    if rows::is_linked(tx, app, user.key.id, integration, &address)? {
        return Err(Error::Conflict("Client already exists"));
    }
    let client =
        Client { integration_id: Some(integration), ..Client::pending(ClientId::new(tx.id()), criteria.channel()) };
    rows::insert(tx, app, user.key.id, &client, Some(&address))?;
    rows::save_link(tx, app, user.key.id, client.id, &to_be_sent(tx, app, &call.body)?)?;
    // One that is not to be the first of its conversation sorts after all that were ever used.
    let used_at = if criteria.primary() { tx.now() } else { 0 };
    rows::subscribe(tx, app, conversation.id, user.key.id, client.id, used_at)?;
    let subject = Subject { state: call.state, subscribers: Subscribers::of(tx, app)?, app, user };
    subject.tell_added(tx, &client, Some(&conversation), ClientAddReason::ChannelLinking, &Source::api())?;
    Ok(ClientReply { client })
}

/// The integration that is named, if it is of the type that is named.
fn integration_of(tx: &Tx<'_>, app: AppId, criteria: &MatchCriteria) -> Result<IntegrationId> {
    let id = criteria.integration_id().parse()?;
    let channel = rows::text_of(&criteria.channel())?;
    if integrations::kind(tx, app, id)? != channel {
        return Err(Error::invalid(format!(
            "matchCriteria.integrationId should be the id of an integration of type {channel}"
        )));
    }
    Ok(id)
}

/// The conversation that is named: a personal one of the user.
fn target(tx: &Tx<'_>, app: AppId, user: &User, target: &LinkTarget) -> Result<ConversationTruncated> {
    let id: ConversationId = target.conversation_id.parse()?;
    let conversation = conversations::find(tx, app, id)?.shown.key;
    participants::of_user(tx, app, id, user.key.id)?.ok_or(Missing::MEMBER)?;
    if conversation.r#type != ConversationType::Personal {
        return Err(Error::invalid("target.conversationId should be the id of a personal conversation"));
    }
    Ok(conversation)
}

/// Holds how a user is asked against the rules, and completes what they are told.
fn prepare(confirmation: &mut Confirmation) -> Result<()> {
    const PLACE: &str = "confirmation.message";
    let Some(message) = &mut confirmation.message else {
        return match confirmation.r#type {
            ConfirmationType::UserActivity => {
                Err(Error::invalid("confirmation should have required property 'message'"))
            }
            ConfirmationType::Immediate | ConfirmationType::Prompt => Ok(()),
        };
    };
    if message.author.r#type != AuthorType::Business {
        return Err(Error::invalid("author.type should be business").at(PLACE));
    }
    if message.destination.is_some() {
        return Err(Error::invalid("destination should NOT be given: it goes to the new client").at(PLACE));
    }
    let actions = match &message.content {
        Content::Text(text) => text.actions.as_deref(),
        Content::Image(image) => image.actions.as_deref(),
        _ => return Err(Error::invalid("content.type should be text or image").at(PLACE)),
    };
    if actions.unwrap_or_default().iter().any(|action| !matches!(action, Action::Link(_))) {
        return Err(Error::invalid("content.actions should all be of type link").at(PLACE));
    }
    let metadata = message.metadata.take().unwrap_or_default().without_nulls();
    if metadata.too_large() {
        return Err(Error::invalid("metadata is limited to 4096 bytes in size.").at(PLACE));
    }
    message.metadata = Some(metadata).filter(|m| !m.is_empty());
    content::prepare(message).map_err(|error| error.at(PLACE))
}

/// The link as whoever runs the channel is told of it: with all that is to be sent. Its target is looked up when it is
/// asked for, because it may be gone by then.
fn to_be_sent(tx: &Tx<'_>, app: AppId, asked: &NewClient) -> Result<ClientLink> {
    let NewClient { match_criteria, confirmation, target: _ } = asked.clone();
    let mut link = ClientLink { match_criteria, confirmation, target: None };
    if let MatchCriteria::Mailgun(mail) = &mut link.match_criteria {
        let name = apps::find(tx, app)?.display_name;
        mail.subject = Some(mail.subject.as_deref().unwrap_or(DEFAULT_SUBJECT).replace("{appName}", &name));
    }
    if let Some(message) = &mut link.confirmation.message {
        message.author = messages::author_of_business(&message.author)?;
        message.content = messages::kept_content(tx, app, &message.content)?;
    }
    Ok(link)
}

fn page(tx: &Tx<'_>, call: &Call<ListClients>) -> Result<ClientList> {
    let app = call.path.app_id;
    let window = Window::of(call.query.page.as_ref(), page_title(ListClients::ID))?;
    let user = users::find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let sheet = window.sheet(rows::all(tx, app, user.key.id, &window)?, |c| c.id.to_string());
    let links = links(&sheet.meta, &call.url(), &call.query)?;
    Ok(ClientList { clients: sheet.rows, meta: sheet.meta, links })
}

fn take_away(tx: &mut Tx<'_>, call: &Call<RemoveClient>) -> Result<Nothing> {
    let app = call.path.app_id;
    let user = users::find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let (client, _) = rows::find(tx, app, user.key.id, call.path.client_id)?;
    if client.r#type == ClientType::Sdk {
        return Err(Error::invalid("Cannot remove a client of type 'sdk'"));
    }
    let subject = Subject { state: call.state, subscribers: Subscribers::of(tx, app)?, app, user };
    subject.discard(tx, &client, ClientRemoveReason::Api, None)?;
    Ok(Nothing {})
}

/// What a channel reports: each outcome has the one status it can follow upon.
fn note(tx: &mut Tx<'_>, call: &Call<ReportClient>) -> Result<ClientReply> {
    let app = call.path.app_id;
    let user = users::find(tx, app, &call.path.user, call.query.brand_id.as_deref())?;
    let (mut client, address) = rows::find(tx, app, user.key.id, call.path.client_id)?;
    let report = &call.body;
    let expected = match report.outcome {
        ClientOutcome::Blocked | ClientOutcome::Left => ClientStatus::Active,
        ClientOutcome::Unblocked => ClientStatus::Blocked,
        ClientOutcome::Returned => ClientStatus::Inactive,
        _ => ClientStatus::Pending,
    };
    let of_sdks = matches!(report.outcome, ClientOutcome::Left | ClientOutcome::Returned);
    if (client.r#type == ClientType::Sdk && !of_sdks) || client.status != expected {
        let expected = rows::text_of(&expected)?;
        return Err(Error::invalid(format!(
            "outcome should be reported of a channel's client whose status is {expected}"
        )));
    }
    let subject = Subject { state: call.state, subscribers: Subscribers::of(tx, app)?, app, user };
    take_over(&mut client, report);
    let reason = match report.outcome {
        ClientOutcome::LinkFailed | ClientOutcome::LinkCancelled => {
            let failed = report.outcome == ClientOutcome::LinkFailed;
            let reason = if failed { ClientRemoveReason::LinkFailed } else { ClientRemoveReason::LinkCancelled };
            subject.discard(tx, &client, reason, report.error.as_ref())?;
            return Ok(ClientReply { client });
        }
        ClientOutcome::Confirmed => {
            confirm(tx, &subject, &mut client, address)?;
            ClientUpdateReason::Confirmed
        }
        ClientOutcome::Left | ClientOutcome::Returned => {
            let there = report.outcome == ClientOutcome::Returned;
            client.status = if there { ClientStatus::Active } else { ClientStatus::Inactive };
            rows::save(tx, app, subject.user.key.id, &client)?;
            return Ok(ClientReply { client });
        }
        ClientOutcome::Matched => ClientUpdateReason::Matched,
        ClientOutcome::Blocked => {
            client.status = ClientStatus::Blocked;
            ClientUpdateReason::Blocked
        }
        ClientOutcome::Unblocked => {
            client.status = ClientStatus::Active;
            ClientUpdateReason::Unblocked
        }
    };
    rows::save(tx, app, subject.user.key.id, &client)?;
    subject.tell_updated(tx, &client, reason)?;
    Ok(ClientReply { client })
}

/// Puts what the channel tells of the user into the client.
fn take_over(client: &mut Client, report: &ClientReport) {
    let ClientReport { external_id, display_name, avatar_url, info, raw, .. } = report.clone();
    client.external_id = external_id.or(client.external_id.take());
    client.display_name = display_name.or(client.display_name.take());
    client.avatar_url = avatar_url.or(client.avatar_url.take());
    client.info = info.or(client.info.take());
    client.raw = raw.or(client.raw.take());
}

/// Makes a pending client an active one. An address on a channel is one user's: whoever had it loses it.
fn confirm(tx: &mut Tx<'_>, subject: &Subject, client: &mut Client, address: Option<String>) -> Result<()> {
    let now = Timestamp(tx.now());
    client.status = ClientStatus::Active;
    client.external_id = client.external_id.take().or(address);
    (client.linked_at, client.last_seen) = (Some(now), Some(now));
    if let (Some(integration), Some(external_id)) = (client.integration_id, &client.external_id) {
        for (owner, theirs) in rows::linked_to(tx, subject.app, integration, external_id)? {
            if theirs.id == client.id {
                continue;
            }
            let Some(user) = users::by_id(tx, subject.app, owner)? else { continue };
            let subscribers = Subscribers::of(tx, subject.app)?;
            let robbed = Subject { state: subject.state, subscribers, app: subject.app, user };
            robbed.discard(tx, &theirs, ClientRemoveReason::Theft, None)?;
        }
    }
    rows::use_now(tx, subject.app, subject.user.key.id, client.id)
}

/// A user whose link only waits for a sign of life has written from the address that it is for: it is confirmed. Answers
/// whose it is.
pub fn confirm_by_activity(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    integration: IntegrationId,
    named: Option<&User>,
    report: &ClientReport,
) -> Result<Option<User>> {
    let Some(address) = &report.external_id else { return Ok(None) };
    for (owner, mut client) in rows::waiting_for(tx, app, integration, address)? {
        let link = rows::link(tx, app, owner, client.id)?;
        // Whoever is asked for a yes has not said it by writing something.
        let asked = link.is_none_or(|link| link.confirmation.r#type == ConfirmationType::Prompt);
        if asked || named.is_some_and(|user| user.key.id != owner) {
            continue;
        }
        let user = users::by_id(tx, app, owner)?.ok_or(Missing::USER)?;
        let subject = Subject { state, subscribers: Subscribers::of(tx, app)?, app, user };
        take_over(&mut client, report);
        confirm(tx, &subject, &mut client, None)?;
        rows::save(tx, app, owner, &client)?;
        subject.tell_updated(tx, &client, ClientUpdateReason::Confirmed)?;
        return Ok(Some(subject.user));
    }
    Ok(None)
}

/// Makes a client of a user who has written on a channel: nobody has to be asked.
pub fn make_linked(
    tx: &mut Tx<'_>,
    app: AppId,
    user: &User,
    r#type: ClientType,
    integration: IntegrationId,
    report: &ClientReport,
) -> Result<()> {
    let now = Some(Timestamp(tx.now()));
    let mut client = Client {
        status: ClientStatus::Active,
        integration_id: Some(integration),
        last_seen: now,
        linked_at: now,
        ..Client::pending(ClientId::new(tx.id()), r#type)
    };
    take_over(&mut client, report);
    rows::insert(tx, app, user.key.id, &client, None)
}

/// Writes down what a channel tells of a user it has told of before.
pub fn bring_up_to_date(
    tx: &mut Tx<'_>,
    app: AppId,
    user: UserId,
    mut client: Client,
    report: &ClientReport,
) -> Result<()> {
    let before = client.clone();
    take_over(&mut client, report);
    if client == before { Ok(()) } else { rows::save(tx, app, user, &client) }
}

/// Has the SDKs of a user take part in a conversation; a user who has none gets the client that all of them share.
pub fn subscribe_sdk(
    tx: &mut Tx<'_>,
    state: State,
    app: AppId,
    conversation: ConversationId,
    user: &User,
) -> Result<()> {
    let client = sdk_of(tx, state, app, user, &Source::api())?;
    rows::subscribe(tx, app, conversation, user.key.id, client, tx.now())
}

/// The client that all SDKs of a user share. A user who has none gets it, by the way by which they are heard of.
pub fn sdk_of(tx: &mut Tx<'_>, state: State, app: AppId, user: &User, source: &Source) -> Result<ClientId> {
    match rows::sdk(tx, app, user.key.id)? {
        Some(client) => Ok(client.id),
        None => Ok(make_sdk(tx, state, app, user, source)?.id),
    }
}

fn make_sdk(tx: &mut Tx<'_>, state: State, app: AppId, user: &User, source: &Source) -> Result<Client> {
    let now = Some(Timestamp(tx.now()));
    let client = Client {
        status: ClientStatus::Active,
        last_seen: now,
        linked_at: now,
        ..Client::pending(ClientId::new(tx.id()), ClientType::Sdk)
    };
    rows::insert(tx, app, user.key.id, &client, None)?;
    let subject = Subject { state, subscribers: Subscribers::of(tx, app)?, app, user: user.clone() };
    subject.tell_added(tx, &client, None, ClientAddReason::SdkLogin, source)?;
    Ok(client)
}
