//! What no schema tells: bodies and queries that make sense, and work one after the other on an empty server.
//!
//! An operation without a row here has an example that is made from its schema.

use crate::{document::Operation, request::variable};
use serde_json::Value;

/// An id as answers show it.
pub const ID: &str = "65f1c0ffee65f1c0ffee65f1";
/// Under which name the example body stands when it speaks for what an answer holds.
pub const THING: &str = "\0thing";

/// Bodies, by operation.
const BODIES: &[(&str, &str)] = &[
    ("CreateApp", r#"{ "displayName": "My app", "settings": { "multiConvoEnabled": true } }"#),
    ("UpdateApp", r#"{ "displayName": "My renamed app" }"#),
    ("CreateAppKey", r#"{ "displayName": "My app key" }"#),
    (
        "CreateIntegration",
        r#"{ "type": "custom", "displayName": "My integration",
            "webhooks": [{ "target": "https://example.com/webhook", "triggers": ["conversation:message"] }] }"#,
    ),
    ("UpdateIntegration", r#"{ "displayName": "My renamed integration" }"#),
    ("CreateCustomIntegrationKey", r#"{ "displayName": "My custom key" }"#),
    (
        "CreateWebhook",
        r#"{ "target": "https://example.com/webhook", "triggers": ["conversation:message", "conversation:read"],
            "includeFullUser": true }"#,
    ),
    ("UpdateWebhook", r#"{ "triggers": ["conversation:message"] }"#),
    (
        "CreateUser",
        r#"{ "externalId": "jane", "zendeskId": "35436",
            "profile": { "givenName": "Jane", "surname": "Doe", "email": "jane@example.org", "locale": "en" } }"#,
    ),
    ("UpdateUser", r#"{ "profile": { "surname": "Roe" }, "metadata": { "tier": "gold" } }"#),
    ("SyncUser", r#"{ "givenName": "Jane", "surname": "Roe", "email": "jane@example.org" }"#),
    ("CreateConversation", r#"{ "type": "sdkGroup", "displayName": "My conversation" }"#),
    ("UpdateConversation", r#"{ "displayName": "My renamed conversation" }"#),
    ("JoinConversation", r#"{ "userId": "{{userId}}", "subscribeSDKClient": false }"#),
    ("LeaveConversation", r#"{ "userId": "{{userId}}" }"#),
    ("PostMessage", r#"{ "author": { "type": "business" }, "content": { "type": "text", "text": "Hello, Jane" } }"#),
    ("PostActivity", r#"{ "author": { "type": "business" }, "type": "typing:start" }"#),
    ("DeleteAttachment", r#"{ "mediaUrl": "{{mediaUrl}}" }"#),
    (
        "DownloadMessageRef",
        r#"{ "userId": "{{userId}}", "apple": { "interactiveDataRef": { "url": "https://example.com/data",
            "bid": "com.example.extension", "key": "00c0ffee", "signature": "81a6", "owner": "M58C" } } }"#,
    ),
    (
        "PostConversionEvents",
        r#"{ "whatsapp": { "payload": { "data": [{ "event_name": "Purchase", "event_time": 1752161233 }] } } }"#,
    ),
    (
        "CreateClient",
        r#"{ "matchCriteria": { "type": "whatsapp", "integrationId": "{{channelId}}", "phoneNumber": "+12125550123" },
            "confirmation": { "type": "immediate" }, "target": { "conversationId": "{{conversationId}}" } }"#,
    ),
    ("UpdateKey", r#"{ "expiresAt": "2099-12-31T00:00:00.000Z", "limits": { "rateLimit": "50/s" } }"#),
    ("RotateKey", r#"{ "graceSeconds": 3600 }"#),
    ("UpdateWebhookHealth", r#"{ "ordered": true, "eventsPerCall": 10 }"#),
    ("ResumeWebhook", r#"{ "missed": "deliver" }"#),
    ("RotateWebhookSigning", r#"{ "gracePeriodSeconds": 3600 }"#),
    ("ReplayDeliveries", r#"{ "since": "2026-01-01T00:00:00.000Z" }"#),
    ("ReportClient", r#"{ "outcome": "confirmed", "displayName": "Jane" }"#),
    ("AnnounceDevice", r#"{ "type": "web", "guid": "a-browser-of-janes", "integrationId": "{{webIntegrationId}}" }"#),
    (
        "ReportChannelEvent",
        r#"{ "integrationId": "{{channelId}}", "userId": "{{userId}}", "event": { "type": "typing:start" } }"#,
    ),
    (
        "StartChannelConversation",
        r#"{ "integrationId": "{{channelId}}", "userId": "{{userId}}", "client": { "externalId": "+12125550199" },
            "referral": { "code": "summer", "details": { "source": "ADS", "type": "OPEN-THREAD", "adId": "42" } } }"#,
    ),
    (
        "DeliverChannelMessage",
        r#"{ "integrationId": "{{channelId}}", "userId": "{{userId}}", "client": { "externalId": "+12125550199" },
            "content": { "type": "text", "text": "Hello, is anybody there?" }, "originalMessageId": "wamid.1" }"#,
    ),
    ("SetWebhookProxy", r#"{ "url": "http://egress.example.com:3128" }"#),
    ("UpdateSwitchboard", r#"{ "enabled": true, "defaultSwitchboardIntegrationId": "{{switchboardIntegrationId}}" }"#),
    (
        "CreateSwitchboardIntegration",
        r#"{ "name": "bot", "integrationId": "{{integrationId}}", "deliverStandbyEvents": false }"#,
    ),
    ("UpdateSwitchboardIntegration", r#"{ "deliverStandbyEvents": true, "messageHistoryCount": 5 }"#),
    ("PassControl", r#"{ "switchboardIntegration": "bot", "metadata": { "reason": "escalated" } }"#),
    ("OfferControl", r#"{ "switchboardIntegration": "desk" }"#),
    ("AcceptControl", r#"{ "metadata": { "agent": "Ruth" } }"#),
    ("ReleaseControl", r#"{ "metadata": { "reason": "solved" } }"#),
    (
        "GetToken",
        r#"{ "grant_type": "authorization_code", "code": "{{code}}", "client_id": "{{oauthClientId}}",
            "client_secret": "{{oauthClientSecret}}" }"#,
    ),
    ("CreateOAuthClient", r#"{ "displayName": "My partner", "redirectUris": ["https://example.com/callback"] }"#),
    ("UpdateOAuthClient", r#"{ "displayName": "My renamed partner" }"#),
];

/// Queries, by operation: what is worth asking beyond what must be asked.
const QUERIES: &[(&str, &[(&str, &str)])] = &[
    ("ListConversations", &[("filter[userId]", "{{userId}}"), ("page[size]", "10")]),
    ("ListUsers", &[("filter[identities.email]", "jane@example.org")]),
    ("UploadAttachment", &[("access", "public"), ("for", "message"), ("conversationId", "{{conversationId}}")]),
    ("Authorize", &[("client_id", "{{oauthClientId}}"), ("response_type", "code"), ("state", "where-i-was")]),
];

/// The example body of an operation, if there is a row for it.
pub fn body(id: &str) -> Option<Value> {
    let (_, text) = BODIES.iter().find(|(known, _)| *known == id)?;
    serde_json::from_str(text).ok()
}

/// The example query of an operation: its row, or what must be given, and a small page.
pub fn query(operation: Operation<'_>) -> Vec<(String, String)> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    if let Some((_, query)) = QUERIES.iter().find(|(known, _)| *known == operation.id()) {
        return query.iter().map(pair).collect();
    }
    let in_query = operation.parameters().filter(|p| p.place == "query");
    let asked = in_query.filter_map(|parameter| match parameter.name {
        "page" => Some(("page[size]".to_owned(), "10".to_owned())),
        name if parameter.required => Some((name.to_owned(), variable(name))),
        _ => None,
    });
    asked.collect()
}

/// A text that a field of this name may hold.
pub fn text(name: &str) -> &'static str {
    match name {
        "id" => ID,
        "secret" => "Zm9yIGV4YW1wbGUgb25seTogNjQgcmFuZG9tIGJ5dGVzLCBhcyBiYXNlNjR1cmwsIHN0YW5kIGhlcmU",
        "url" => "https://example.com/",
        "mediaUrl" => "https://example.com/attachments/order.txt",
        "mediaType" => "text/plain",
        "version" => "v2",
        "email" => "jane@example.org",
        "phoneNumber" => "+12125550123",
        "givenName" => "Jane",
        "surname" => "Doe",
        "displayName" | "name" => "My name",
        "access_token" => "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…",
        "token_type" => "Bearer",
        "code" => "bad_request",
        "title" => "should have required property 'displayName'",
        name if name.ends_with("Id") => ID,
        name if name.ends_with("Url") || name.ends_with("Uri") => "https://example.com/",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use heliograph_wire::{check::Checker, openapi};

    #[test]
    fn every_row_is_of_an_operation_and_keeps_its_schema() {
        let value = openapi::document("");
        let document = Document::new(&value);
        let schemas = value["components"]["schemas"].as_object().expect("schemas");
        for (id, _) in BODIES {
            let operation = document.operations().find(|o| o.id() == *id).unwrap_or_else(|| panic!("{id}"));
            let mut body = body(id).unwrap_or_else(|| panic!("{id} is no JSON"));
            let schema = operation.body().expect("a body").1;
            assert_eq!(Checker::compile(schema, schemas).check(&mut body), Vec::<String>::new(), "{id}");
        }
        for (id, _) in QUERIES {
            assert!(document.operations().any(|o| o.id() == *id), "{id}");
        }
    }
}
