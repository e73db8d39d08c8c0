//! What a webhook is told, read into types. Beside them are the types of the contract they are made of.

pub use heliograph_wire::events::{
    AppRef, ConversationCreatePayload, ConversationRemovePayload, CreationReason, EventUser, MemberPayload,
    MessagePayload, UserRemovePayload, WebhookRef,
};

use heliograph_wire::{
    activities::ActivityPayload,
    control::ControlPayload,
    events::Envelope,
    id::EventId,
    messages::Message,
    time::Timestamp,
    user_events::{ClientAddPayload, ClientRemovePayload, ClientUpdatePayload, UserMergePayload, UserUpdatePayload},
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
    Message(Box<MessagePayload<Message>>),
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
        match kind {
            "conversation:message" => read(raw, Self::Message),
            "conversation:create" => read(raw, Self::ConversationCreate),
            "conversation:join" | "conversation:leave" => read(raw, Self::Member),
            "conversation:remove" => read(raw, Self::ConversationRemove),
            "conversation:read" | "conversation:typing" => read(raw, Self::Activity),
            "client:add" => read(raw, Self::ClientAdd),
            "client:remove" => read(raw, Self::ClientRemove),
            "client:update" => read(raw, Self::ClientUpdate),
            "user:merge" => read(raw, Self::UserMerge),
            "user:update" => read(raw, Self::UserUpdate),
            "user:remove" => read(raw, Self::UserRemove),
            kind if kind.starts_with("switchboard:") => read(raw, Self::Control),
            _ => Self::Other(raw),
        }
    }
}

fn read<T: DeserializeOwned>(raw: Value, typed: fn(Box<T>) -> Payload) -> Payload {
    T::deserialize(&raw).map_or(Payload::Other(raw), |payload| typed(Box::new(payload)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_kept_as_it_came() {
        let id = "65f1c0ffee65f1c0ffee65f1";
        let event = |kind: &str, payload: Value| json!({ "id": id, "createdAt": "2026-11-25T00:00:00.000Z", "type": kind, "payload": payload });
        let conversation = json!({ "id": id, "type": "personal" });
        let body = json!({
            "app": { "id": id },
            "webhook": { "id": id, "version": "v2" },
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
