//! What whoever runs a channel reports of it. Nothing is kept of it but what it says of the user: that they are there, and
//! by which of their clients. (What becomes of a client itself is reported in `clients.rs`.)

use crate::{
    apps,
    call::Call,
    client_rows, content, control, conversations, destination, devices,
    error::{Error, Result},
    events::{self, Subscriber, Subscribers},
    integrations, messages, participants,
    router::Builder,
    state::State,
    users,
};
use heliograph_store::Tx;
use heliograph_wire::{
    activities::{Activity, ActivityAuthor, ActivityPayload, ActivityType},
    channel_events::*,
    clients::Client,
    conversations::{Conversation, ConversationType},
    devices::Device,
    events::EventUser,
    id::{AppId, IntegrationId, MessageId},
    messages::{AuthorType, Message, Source},
    op::Nothing,
    problem::Missing,
    users::User,
    webhooks::Trigger,
};

// ---- Handlers

/// The operations of this file.
pub fn routes(on: &mut Builder<'_>) {
    on.on(report);
}

async fn report(call: Call<ReportChannelEvent>) -> Result<Nothing> {
    call.write(note).await
}

// ---- Rules

fn note(tx: &mut Tx<'_>, call: &Call<ReportChannelEvent>) -> Result<Nothing> {
    let app = call.path.app_id;
    let conversation = conversations::find(tx, app, call.path.conversation_id)?;
    let integration = channel(tx, call)?;
    let user = subject(tx, app, &conversation.shown, &call.body)?;
    let report = Report::new(tx, &call.state, app, conversation, integration, user)?;
    match call.body.event.clone() {
        ChannelEvent::DeliveredToChannel(told) => report.delivered(tx, Trigger::MessageDeliveryChannel, told, false),
        ChannelEvent::DeliveredToUser(told) => report.delivered(tx, Trigger::MessageDeliveryUser, told, true),
        ChannelEvent::NotDelivered(told) => report.not_delivered(tx, told),
        ChannelEvent::Postback(chosen) => report.chosen(tx, &chosen),
        ChannelEvent::Referral(referral) => report.referred(tx, &referral),
        ChannelEvent::TypingStart(_) => report.types(tx, ActivityType::TypingStart),
        ChannelEvent::TypingStop(_) => report.types(tx, ActivityType::TypingStop),
        ChannelEvent::Passthrough(told) => report.pass_on(tx, &told),
    }?;
    Ok(Nothing {})
}

/// The integration that stands for the channel, and its type.
fn channel(tx: &Tx<'_>, call: &Call<ReportChannelEvent>) -> Result<(IntegrationId, String)> {
    let id = match (&call.body.integration_id, call.caller.integration()) {
        (Some(named), _) => named.parse()?,
        (None, Some(own)) => own,
        (None, None) => return Err(Error::invalid("should have required property 'integrationId'")),
    };
    Ok((id, integrations::kind(tx, call.path.app_id, id)?))
}

/// The user it is about, who takes part. In a personal conversation there is only one.
fn subject(tx: &Tx<'_>, app: AppId, conversation: &Conversation, body: &ChannelReport) -> Result<User> {
    let ChannelReport { user_id, user_external_id, brand_id, .. } = body;
    let key = &conversation.key;
    if user_id.is_none() && user_external_id.is_none() && key.r#type == ConversationType::Personal {
        let only = participants::only(tx, app, key.id)?.ok_or(Missing::MEMBER)?;
        return users::by_id(tx, app, only)?.ok_or(Missing::USER.into());
    }
    let user = users::named(tx, app, user_id.as_deref(), user_external_id.as_deref(), brand_id.as_deref(), "")?;
    participants::of_user(tx, app, key.id, user.key.id)?.ok_or(Missing::MEMBER)?;
    Ok(user)
}

/// One report, with all that is told of it.
struct Report<'c> {
    state: &'c State,
    app: AppId,
    subscribers: Subscribers,
    conversation: conversations::Kept,
    integration: IntegrationId,
    /// The integration's type.
    channel: String,
    user: User,
    client: Option<Client>,
    device: Option<Device>,
}

impl<'c> Report<'c> {
    fn new(
        tx: &Tx<'_>,
        state: &'c State,
        app: AppId,
        conversation: conversations::Kept,
        (integration, channel): (IntegrationId, String),
        user: User,
    ) -> Result<Self> {
        let client = match destination::client_type(&channel) {
            destination::SDK => client_rows::sdk(tx, app, user.key.id)?,
            _ => client_rows::of_integration(tx, app, user.key.id, integration)?,
        };
        let device = devices::latest(tx, app, user.key.id, integration)?;
        let subscribers = Subscribers::of(tx, app)?;
        Ok(Self { state, app, subscribers, conversation, integration, channel, user, client, device })
    }

    /// The user did something: they are there, by this client, and somebody has to answer.
    fn user_acts(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        if let Some(client) = &mut self.client {
            client.last_seen = Some(client_rows::seen_now(tx, self.app, self.user.key.id, client.id)?);
        }
        control::on_activity(tx, self.app, &mut self.conversation, true)
    }

    /// By what way it came, as far as the webhook asks.
    fn source(&self, to: &Subscriber) -> Source {
        Source {
            r#type: self.channel.clone(),
            integration_id: Some(self.integration),
            client: self.client.clone().filter(|_| to.full_source),
            device: self.device.clone().filter(|_| to.full_source),
            ..Source::api()
        }
    }

    fn tell<P: serde::Serialize>(
        &self,
        tx: &mut Tx<'_>,
        trigger: Trigger,
        payload: impl Fn(&Subscriber, EventUser) -> P,
    ) -> Result<()> {
        let place = &self.conversation.shown.key;
        events::record(tx, self.state, &self.subscribers, trigger, Some(place), |to| {
            payload(to, EventUser::of(&self.user, to.full_user))
        })
    }

    fn message(&self, tx: &Tx<'_>, id: &str) -> Result<Message> {
        let id: MessageId = id.parse()?;
        messages::find(tx, self.app, self.conversation.shown.key.id, id)
    }

    fn delivered(self, tx: &mut Tx<'_>, trigger: Trigger, told: Delivered, is_last: bool) -> Result<()> {
        let Delivered { message_id, external_messages, is_final_event } = told;
        self.tell_delivery(tx, trigger, &message_id, external_messages, is_final_event.unwrap_or(is_last), None)
    }

    fn not_delivered(self, tx: &mut Tx<'_>, told: NotDelivered) -> Result<()> {
        let NotDelivered { message_id, error, external_messages, is_final_event } = told;
        let (trigger, is_final) = (Trigger::MessageDeliveryFailure, is_final_event.unwrap_or(true));
        self.tell_delivery(tx, trigger, &message_id, external_messages, is_final, Some(error))
    }

    fn tell_delivery(
        &self,
        tx: &mut Tx<'_>,
        trigger: Trigger,
        message_id: &str,
        external_messages: Option<Vec<ExternalMessage>>,
        is_final_event: bool,
        error: Option<DeliveryError>,
    ) -> Result<()> {
        let message = self.message(tx, message_id)?;
        if message.author.user_id.as_deref() == Some(self.user.key.id.text().as_str()) {
            return Err(Error::invalid(
                "event.messageId should be the id of a message to the user, not of one by the user",
            ));
        }
        self.tell(tx, trigger, |_, user| DeliveryPayload {
            user,
            conversation: self.conversation.shown.key.clone(),
            message: MessageRef { id: message.id },
            destination: DeliveryDestination { r#type: self.channel.clone(), integration_id: self.integration },
            external_messages: external_messages.clone(),
            is_final_event,
            error: error.clone(),
        })
    }

    /// What was chosen has to have been offered: the payload is the business's own words, not the user's.
    fn chosen(mut self, tx: &mut Tx<'_>, chosen: &ChosenPostback) -> Result<()> {
        let mut message = self.message(tx, &chosen.message_id)?;
        let offered = content::postback(&mut message.content, &chosen.payload)
            .ok_or_else(|| Error::invalid("event.payload should be that of a postback action of the message"))?;
        if message.author.r#type != AuthorType::Business {
            return Err(Error::invalid("event.messageId should be the id of a message of the business"));
        }
        self.user_acts(tx)?;
        self.tell(tx, Trigger::ConversationPostback, |to, user| PostbackPayload {
            postback: PostbackWebhook { payload: offered.payload.clone(), metadata: offered.metadata.clone() },
            conversation: self.conversation.shown.key.clone(),
            user,
            source: self.source(to),
        })?;
        if apps::find(tx, self.app)?.settings.echo_postback != Some(true) {
            return Ok(());
        }
        let source = Source { r#type: self.channel, integration_id: Some(self.integration), ..Source::api() };
        messages::echo(tx, self.state, self.app, &self.conversation, &self.user, offered.text, source)
    }

    fn referred(mut self, tx: &mut Tx<'_>, referral: &Referral) -> Result<()> {
        self.user_acts(tx)?;
        self.tell(tx, Trigger::ConversationReferral, |to, user| ReferralPayload {
            conversation: self.conversation.shown.key.clone(),
            user,
            source: self.source(to),
            referral: referral.clone(),
        })
    }

    fn types(mut self, tx: &mut Tx<'_>, r#type: ActivityType) -> Result<()> {
        self.user_acts(tx)?;
        self.tell(tx, Trigger::ConversationTyping, |to, user| ActivityPayload {
            conversation: self.conversation.shown.key.clone(),
            activity: Activity {
                r#type,
                author: ActivityAuthor { r#type: AuthorType::User, user_id: Some(self.user.key.id), user: Some(user) },
                source: self.source(to),
            },
        })
    }

    fn pass_on(mut self, tx: &mut Tx<'_>, told: &Passthrough) -> Result<()> {
        self.user_acts(tx)?;
        self.tell(tx, Trigger::PassthroughMessaging, |to, user| PassthroughPayload {
            conversation: self.conversation.shown.key.clone(),
            user,
            source: self.source(to),
            payload: told.payload.clone(),
        })
    }
}
