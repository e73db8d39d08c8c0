//! What a webhook is told, read into types. Beside them are the types of the contract they are made of.

pub use heliograph_wire::events::{
    AppRef, ConversationCreatePayload, ConversationRemovePayload, CreationReason, EventAuthor, EventUser,
    MemberPayload, MessagePayload, UserRemovePayload, WebhookRef,
};

use heliograph_wire::{
    activities::ActivityPayload,
    channel_events::{DeliveryPayload, PassthroughPayload, PostbackPayload, ReferralPayload},
    control::ControlPayload,
    events::Envelope,
    id::EventId,
    messages::Message,
    time::Timestamp,
    user_events::{ClientAddPayload, ClientRemovePayload, ClientUpdatePayload, UserMergePayload, UserUpdatePayload},
    webhooks::Trigger,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// One call of a webhook.
#[derive(Clone, Debug)]
pub struct Call {
    /// The app it is about.
    pub app: AppRef,
    /// The webhook that is called.
    pub webhook: WebhookRef,
    /// What happened, from old to new. There may be several, of different conversations.
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id: the same when it is told again, so that by it a second telling is known.
    pub id: EventId,
    /// When it happened.
    pub created_at: Timestamp,
    /// What it is, such as `conversation:message`.
    pub r#type: String,
    /// The rest.
    pub payload: Payload,
}

/// What there is to say of an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload {
    /// `conversation:message`
    Message(Box<MessagePayload<Message<EventAuthor>>>),
    /// `conversation:create`
    ConversationCreate(Box<ConversationCreatePayload>),
    /// `conversation:join` and `conversation:leave`
    Member(Box<MemberPayload>),
    /// `conversation:remove`
    ConversationRemove(Box<ConversationRemovePayload>),
    /// `conversation:read` and `conversation:typing`
    Activity(Box<ActivityPayload>),
    /// `client:add`
    ClientAdd(Box<ClientAddPayload>),
    /// `client:remove`
    ClientRemove(Box<ClientRemovePayload>),
    /// `client:update`
    ClientUpdate(Box<ClientUpdatePayload>),
    /// The `switchboard:` events
    Control(Box<ControlPayload>),
    /// The three of `conversation:message:delivery`
    Delivery(Box<DeliveryPayload>),
    /// `conversation:postback`
    Postback(Box<PostbackPayload>),
    /// `conversation:referral`
    Referral(Box<ReferralPayload>),
    /// `passthrough:messaging`
    Passthrough(Box<PassthroughPayload>),
    /// `user:merge`
    UserMerge(Box<UserMergePayload>),
    /// `user:update`
    UserUpdate(Box<UserUpdatePayload>),
    /// `user:remove`
    UserRemove(Box<UserRemovePayload>),
    /// Of another type, or in a form that this version does not know: as it came.
    Other(Value),
}

impl Call {
    /// Reads the body of a call; nothing when it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let Envelope { app, webhook, events } = serde_json::from_slice::<Envelope<Loose>>(body).ok()?;
        Some(Self { app, webhook, events: events.into_iter().map(Loose::typed).collect() })
    }
}

/// An event whose type may be one that this version does not know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Loose {
    id: EventId,
    created_at: Timestamp,
    r#type: String,
    payload: Value,
}

impl Loose {
    fn typed(self) -> Event {
        let Self { id, created_at, r#type, payload } = self;
        let payload = Payload::of(&r#type, payload);
        Event { id, created_at, r#type, payload }
    }
}

impl Payload {
    fn of(kind: &str, raw: Value) -> Self {
        let Some(trigger) = Trigger::ALL.iter().find(|trigger| trigger.name() == kind) else { return Self::Other(raw) };
        match trigger {
            Trigger::ConversationMessage => read(raw, Self::Message),
            Trigger::ConversationCreate => read(raw, Self::ConversationCreate),
            Trigger::ConversationJoin | Trigger::ConversationLeave => read(raw, Self::Member),
            Trigger::ConversationRemove => read(raw, Self::ConversationRemove),
            Trigger::ConversationRead | Trigger::ConversationTyping => read(raw, Self::Activity),
            Trigger::ClientAdd => read(raw, Self::ClientAdd),
            Trigger::ClientRemove => read(raw, Self::ClientRemove),
            Trigger::ClientUpdate => read(raw, Self::ClientUpdate),
            Trigger::AcceptControl
            | Trigger::AcceptControlFailure
            | Trigger::OfferControl
            | Trigger::OfferControlFailure
            | Trigger::PassControl
            | Trigger::PassControlFailure
            | Trigger::ReleaseControl => read(raw, Self::Control),
            Trigger::MessageDeliveryChannel | Trigger::MessageDeliveryFailure | Trigger::MessageDeliveryUser => {
                read(raw, Self::Delivery)
            }
            Trigger::ConversationPostback => read(raw, Self::Postback),
            Trigger::ConversationReferral => read(raw, Self::Referral),
            Trigger::PassthroughMessaging => read(raw, Self::Passthrough),
            Trigger::UserMerge => read(raw, Self::UserMerge),
            Trigger::UserUpdate => read(raw, Self::UserUpdate),
            Trigger::UserRemove => read(raw, Self::UserRemove),
        }
    }
}

fn read<T: DeserializeOwned>(raw: Value, typed: fn(Box<T>) -> Payload) -> Payload {
    T::deserialize(&raw).map_or(Payload::Other(raw), |payload| typed(Box::new(payload)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use heliograph_wire::messages::AuthorType;
    use serde_json::json;

    const ID: &str = "65f1c0ffee65f1c0ffee65f1";
    const THEN: &str = "2026-11-25T00:00:00.000Z";

    /// A message of this author, as a webhook is told of it.
    fn said(author: Value) -> MessagePayload<Message<EventAuthor>> {
        let payload = json!({
            "conversation": { "id": ID, "type": "personal" },
            "message": {
                "id": ID, "received": THEN, "author": author, "content": { "type": "text", "text": "Hello" },
                "source": { "type": "api:conversations" },
            },
        });
        match Payload::of("conversation:message", payload.clone()) {
            Payload::Message(read) => {
                assert_eq!(serde_json::to_value(&read).expect("JSON"), payload, "nothing is lost");
                *read
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_tells_which_user_speaks() {
        let user = json!({ "id": ID, "authenticated": true, "externalId": "jane" });
        let author = said(json!({ "type": "user", "userId": ID, "displayName": "Jane", "user": user })).message.author;
        assert_eq!((author.r#type, author.display_name.as_deref()), (AuthorType::User, Some("Jane")));
        assert!(matches!(author.user, Some(EventUser::Truncated(user)) if user.external_id.as_deref() == Some("jane")));

        let profile = json!({ "givenName": "Jane", "locale": "en" });
        let user = json!({
            "id": ID, "authenticated": true, "externalId": "jane", "signedUpAt": THEN, "hasPaymentInfo": false,
            "identities": [], "profile": profile, "metadata": { "tier": "gold" },
        });
        let author = said(json!({ "type": "user", "userId": ID, "user": user })).message.author;
        assert!(
            matches!(author.user, Some(EventUser::Full(user)) if user.profile.given_name.as_deref() == Some("Jane"))
        );

        let author = said(json!({ "type": "business", "subtypes": ["AI"], "displayName": "Ada" })).message.author;
        assert!(author.user.is_none() && author.user_id.is_none());
    }

    #[test]
    fn what_is_not_known_is_kept_as_it_came() {
        let event =
            |kind: &str, payload: Value| json!({ "id": ID, "createdAt": THEN, "type": kind, "payload": payload });
        let conversation = json!({ "id": ID, "type": "personal" });
        let body = json!({
            "app": { "id": ID },
            "webhook": { "id": ID, "version": "v2" },
            "events": [
                event("conversation:remove", json!({ "conversation": conversation })),
                event("conversation:remove", json!({ "conversation": 1 })),
                event("moon:rise", json!({ "at": "night" })),
            ],
        });
        let call = Call::read(body.to_string().as_bytes()).expect("a call");
        assert!(matches!(call.events[0].payload, Payload::ConversationRemove(_)), "{:?}", call.events[0]);
        assert!(matches!(&call.events[1].payload, Payload::Other(raw) if raw["conversation"] == 1));
        assert!(matches!(&call.events[2].payload, Payload::Other(raw) if raw["at"] == "night"));
        assert_eq!(call.events[2].r#type, "moon:rise");
        assert!(Call::read(b"{}").is_none() && Call::read(b"").is_none());
    }
}
