//! The `webhooks` of the OpenAPI document: what is sent to a webhook, by what happened. Read off the types that the
//! server fills in.

use crate::{
    activities::ActivityPayload,
    channel_events::{DeliveryPayload, PassthroughPayload, PostbackPayload, ReferralPayload},
    control::ControlPayload,
    events::{
        AppRef, ConversationCreatePayload, ConversationRemovePayload, EventUser, MemberPayload, MessagePayload,
        UserRemovePayload, WebhookRef,
    },
    id::EventId,
    messages::Message,
    notices::{KEY_EXPIRING, KeyExpiring, WEBHOOK_PAUSED, WebhookPaused},
    op::Nothing,
    time::Timestamp,
    user_events::{ClientAddPayload, ClientRemovePayload, ClientUpdatePayload, UserMergePayload, UserUpdatePayload},
    webhook_health::TEST,
    webhooks::Trigger,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// One entry for each trigger, and for what comes without one.
pub fn webhooks(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut kinds: Vec<_> = Trigger::ALL.iter().map(|&one| (one.name(), payload(one, generator))).collect();
    kinds.push((WEBHOOK_PAUSED, schema::<WebhookPaused>(generator)));
    kinds.push((KEY_EXPIRING, schema::<KeyExpiring>(generator)));
    kinds.push((TEST, schema::<Nothing>(generator)));
    kinds.into_iter().map(|(kind, payload)| (kind.to_owned(), webhook(kind, payload, generator))).collect()
}

/// What an event carries.
fn payload(trigger: Trigger, generator: &mut SchemaGenerator) -> Value {
    match trigger {
        Trigger::ClientAdd => schema::<ClientAddPayload>(generator),
        Trigger::ClientRemove => schema::<ClientRemovePayload>(generator),
        Trigger::ClientUpdate => schema::<ClientUpdatePayload>(generator),
        Trigger::ConversationCreate => schema::<ConversationCreatePayload>(generator),
        Trigger::ConversationJoin | Trigger::ConversationLeave => schema::<MemberPayload>(generator),
        Trigger::ConversationRemove => schema::<ConversationRemovePayload>(generator),
        Trigger::ConversationMessage => message(generator),
        Trigger::ConversationRead | Trigger::ConversationTyping => schema::<ActivityPayload>(generator),
        Trigger::AcceptControl
        | Trigger::AcceptControlFailure
        | Trigger::OfferControl
        | Trigger::OfferControlFailure
        | Trigger::PassControl
        | Trigger::PassControlFailure
        | Trigger::ReleaseControl => schema::<ControlPayload>(generator),
        Trigger::UserMerge => schema::<UserMergePayload>(generator),
        Trigger::UserUpdate => schema::<UserUpdatePayload>(generator),
        Trigger::UserRemove => schema::<UserRemovePayload>(generator),
        Trigger::MessageDeliveryChannel | Trigger::MessageDeliveryFailure | Trigger::MessageDeliveryUser => {
            schema::<DeliveryPayload>(generator)
        }
        Trigger::ConversationPostback => schema::<PostbackPayload>(generator),
        Trigger::ConversationReferral => schema::<ReferralPayload>(generator),
        Trigger::PassthroughMessaging => schema::<PassthroughPayload>(generator),
    }
}

/// A message as it is answered, save that a user who speaks is told of in the author.
fn message(generator: &mut SchemaGenerator) -> Value {
    let inside = |name: &str, schema: Value| json!({ "type": "object", "properties": { name: schema } });
    let author = inside("author", inside("user", schema::<EventUser>(generator)));
    json!({ "allOf": [schema::<MessagePayload<Message>>(generator), inside("message", author)] })
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// A call may carry events of several types; this tells what one of this type looks like.
fn webhook(kind: &str, payload: Value, generator: &mut SchemaGenerator) -> Value {
    let event = json!({
        "type": "object",
        "required": ["id", "createdAt", "type", "payload"],
        "properties": {
            "id": schema::<EventId>(generator),
            "createdAt": schema::<Timestamp>(generator),
            "type": { "const": kind },
            "payload": payload,
        },
    });
    let body = json!({
        "type": "object",
        "required": ["app", "webhook", "events"],
        "properties": {
            "app": schema::<AppRef>(generator),
            "webhook": schema::<WebhookRef>(generator),
            "events": { "type": "array", "items": event },
        },
    });
    json!({ "post": {
        "summary": kind,
        "security": [],
        "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
        "responses": { "2XX": { "description": "Taken. After any other answer the call may be made again." } },
    } })
}
