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
    time::Timestamp,
    user_events::{ClientAddPayload, ClientRemovePayload, ClientUpdatePayload, UserMergePayload, UserUpdatePayload},
    webhooks::Trigger,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// One entry for each trigger.
pub fn webhooks(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut described = Map::new();
    for &trigger in Trigger::ALL {
        let payload = payload(trigger, generator);
        described.insert(trigger.name().to_owned(), webhook(trigger, payload, generator));
    }
    described
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
fn webhook(trigger: Trigger, payload: Value, generator: &mut SchemaGenerator) -> Value {
    let event = json!({
        "type": "object",
        "required": ["id", "createdAt", "type", "payload"],
        "properties": {
            "id": schema::<EventId>(generator),
            "createdAt": schema::<Timestamp>(generator),
            "type": { "const": trigger.name() },
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
        "summary": trigger.name(),
        "security": [],
        "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
        "responses": { "2XX": { "description": "Taken. After any other answer the call may be made again." } },
    } })
}
