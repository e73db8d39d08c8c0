//! What whoever runs a channel reports of it. Nothing is kept of it but what it says of the user: that they are there, and
//! by which of their clients. (What becomes of a client itself is reported in `clients.rs`.)

use crate::{
    apps,
    call::Call,
    channel_starts::tell_of_referral,
    channel_way::{Channel, Way},
    channels, content, control, conversations,
    error::{Error, Result},
    events::{self, Subscriber, Subscribers},
    messages::{self, Draft},
    participants, quotes,
    router::Builder,
    state::State,
    users,
};
use heliograph_store::Tx;
use heliograph_wire::{
    activities::{Activity, ActivityAuthor, ActivityPayload, ActivityType},
    channel_events::*,
    content::{Content, TextMessage},
    conversations::{ConversationTruncated, ConversationType},
    events::EventUser,
    id::{AppId, MessageId},
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

/// The one channel whose messages refer to data elsewhere.
const APPLE: &str = "apple";

fn note(tx: &mut Tx<'_>, call: &Call<ReportChannelEvent>) -> Result<Nothing> {
    let app = call.path.app_id;
    let conversation = conversations::find(tx, app, call.path.conversation_id)?;
    let channel = Channel::of(tx, app, &call.caller, call.body.integration_id.as_deref())?;
    let user = subject(tx, app, &conversation.shown.key, &call.body)?;
    let way = Way::of(tx, app, channel, user.key.id)?;
    let subscribers = Subscribers::of(tx, app)?;
    let report = Report { state: call.state, app, subscribers, conversation, user, way };
    match call.body.event.clone() {
        ChannelEvent::DeliveredToChannel(told) => report.delivered(tx, Trigger::MessageDeliveryChannel, told, false),
        ChannelEvent::DeliveredToUser(told) => report.delivered(tx, Trigger::MessageDeliveryUser, told, true),
        ChannelEvent::NotDelivered(told) => report.not_delivered(tx, told),
        ChannelEvent::Postback(chosen) => report.chosen(tx, &chosen),
        ChannelEvent::Referral(referral) => report.referred(tx, &referral),
        ChannelEvent::Read(_) => report.reads(tx),
        ChannelEvent::TypingStart(_) => report.types(tx, ActivityType::TypingStart),
        ChannelEvent::TypingStop(_) => report.types(tx, ActivityType::TypingStop),
        ChannelEvent::Passthrough(told) => report.pass_on(tx, &told),
    }?;
    Ok(Nothing {})
}

/// The user it is about, who takes part. In a personal conversation there is only one.
fn subject(tx: &Tx<'_>, app: AppId, conversation: &ConversationTruncated, body: &ChannelReport) -> Result<User> {
    let ChannelReport { user_id, user_external_id, brand_id, .. } = body;
    if user_id.is_none() && user_external_id.is_none() && conversation.r#type == ConversationType::Personal {
        return participants::sole_user(tx, app, conversation)?.ok_or(Missing::MEMBER.into());
    }
    let user = users::named(tx, app, user_id.as_deref(), user_external_id.as_deref(), brand_id.as_deref(), "")?;
    participants::of_user(tx, app, conversation.id, user.key.id)?.ok_or(Missing::MEMBER)?;
    Ok(user)
}

/// One report, with all that is told of it.
struct Report {
    state: State,
    app: AppId,
    subscribers: Subscribers,
    conversation: conversations::Kept,
    user: User,
    way: Way,
}

impl Report {
    /// The user did something: they are there, by this client, and somebody has to answer.
    fn user_acts(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.way.seen(tx, self.app, self.user.key.id)?;
        control::on_activity(tx, self.app, &mut self.conversation, true, Some(self.way.channel.integration))
    }

    /// By what way it came, as far as the webhook asks.
    fn source(&self, to: &Subscriber) -> Source {
        to.source(&self.way.source())
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
        let place = self.conversation.shown.key.id;
        for external in external_messages.iter().flatten() {
            quotes::note_external(tx, self.app, place, message.id, &external.id)?;
        }
        self.tell(tx, trigger, |_, user| DeliveryPayload {
            user,
            conversation: self.conversation.shown.key.clone(),
            message: MessageRef { id: message.id },
            destination: DeliveryDestination {
                r#type: self.way.channel.kind.clone(),
                integration_id: self.way.channel.integration,
            },
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
        if apps::find(tx, self.app)?.settings.echo_postback == Some(true) && !self.conversation.is_full() {
            self.echo(tx, offered.text)?;
        }
        Ok(())
    }

    /// The user says the text of what they chose.
    fn echo(self, tx: &mut Tx<'_>, text: String) -> Result<()> {
        let content = Content::Text(TextMessage { text: Some(text), ..TextMessage::default() });
        let place = self.conversation.shown.key.id;
        let draft = Draft {
            author: messages::author_of(tx, self.app, place, self.user.key.id, &self.way.channel.kind)?,
            user: Some(&self.user),
            content: &content,
            source: self.way.source(),
            quoted_message: None,
            metadata: None,
            references: None,
        };
        messages::publish(tx, self.state, self.app, &self.subscribers, self.conversation, draft)?;
        Ok(())
    }

    fn referred(mut self, tx: &mut Tx<'_>, referral: &Referral) -> Result<()> {
        self.user_acts(tx)?;
        let place = &self.conversation.shown.key;
        tell_of_referral(tx, self.state, &self.subscribers, place, &self.user, &self.way, referral)
    }

    fn reads(self, tx: &mut Tx<'_>) -> Result<()> {
        let posted = self.conversation.posted;
        participants::mark_read(tx, self.app, self.conversation.shown.key.id, self.user.key.id, posted)?;
        self.active(tx, Trigger::ConversationRead, ActivityType::Read)
    }

    fn types(self, tx: &mut Tx<'_>, r#type: ActivityType) -> Result<()> {
        self.active(tx, Trigger::ConversationTyping, r#type)
    }

    fn active(mut self, tx: &mut Tx<'_>, trigger: Trigger, r#type: ActivityType) -> Result<()> {
        self.user_acts(tx)?;
        self.tell(tx, trigger, |to, user| ActivityPayload {
            conversation: self.conversation.shown.key.clone(),
            activity: Activity {
                r#type,
                author: ActivityAuthor { r#type: AuthorType::User, user_id: Some(self.user.key.id), user: Some(user) },
                source: self.source(to),
            },
        })
    }

    fn pass_on(mut self, tx: &mut Tx<'_>, told: &Passthrough) -> Result<()> {
        if let Some(Referred { interactive_data_ref, data }) = &told.download {
            if self.way.channel.kind != APPLE {
                return Err(Error::invalid("event.download should only be given for an integration of type apple"));
            }
            channels::keep(tx, self.app, self.conversation.shown.key.id, interactive_data_ref, data)?;
        }
        self.user_acts(tx)?;
        self.tell(tx, Trigger::PassthroughMessaging, |to, user| PassthroughPayload {
            conversation: self.conversation.shown.key.clone(),
            user,
            source: self.source(to),
            payload: told.payload.clone(),
        })
    }
}
