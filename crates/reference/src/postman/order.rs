//! In which order the operations work on an empty server: what is needed comes first, what deletes comes last.

use crate::{
    document::{Document, Operation},
    example::body,
};
use serde_json::{Value, json};

/// A request of the collection.
pub struct Step<'d> {
    /// The operation.
    pub operation: Operation<'d>,
    /// What it is called, if not as its operation.
    pub title: Option<&'static str>,
    /// Its body, if not its operation's example.
    pub body: Option<Value>,
    /// The variable that takes the id of what it makes, if not that of its operation.
    pub variable: Option<&'static str>,
}

/// Groups whose members others need. Those that are not named follow in the order of the document.
const GROUPS: &[&str] = &[
    "Apps",
    "App Keys",
    "Integrations",
    "CustomIntegrationApiKeys",
    "Webhooks",
    "Users",
    "Conversations",
    "Participants",
    "Messages",
    "Activities",
    "Attachments",
    "Switchboards",
    "Switchboard Integrations",
    "Switchboard Actions",
    "Clients",
    "Devices",
    "OAuth clients",
    "OAuth Endpoints",
];

/// Operations that work only after those of another group: operation, and the group at whose end it stands.
const LATER: &[(&str, &str)] =
    &[("UpdateSwitchboard", "Switchboard Integrations"), ("DownloadMessageRef", "Participants")];

/// An integration has its one webhook from the beginning: a new one takes the place of the old one.
const WEBHOOKS: [&str; 5] = ["ListWebhooks", "GetWebhook", "UpdateWebhook", "DeleteWebhook", "CreateWebhook"];

/// The folders, in order.
pub fn steps(document: Document<'_>) -> Vec<(String, Vec<Step<'_>>)> {
    let mut groups: Vec<&str> = document.tags().collect();
    // Sorting keeps the order of those that have the same place.
    groups.sort_by_key(|group| GROUPS.iter().position(|known| known == group).unwrap_or(GROUPS.len()));
    groups.dedup();
    let mut clearing = Vec::new();
    let mut folders = Vec::new();
    for group in groups {
        let of_group = operations(document, group);
        let (last, now): (Vec<_>, Vec<_>) = of_group.into_iter().partition(|operation| is_last(*operation));
        clearing.extend(last);
        let steps: Vec<Step<'_>> = now.into_iter().flat_map(|operation| with_extras(document, operation)).collect();
        if !steps.is_empty() {
            folders.push((group.to_owned(), steps));
        }
    }
    // What was made last goes first.
    let clearing = clearing.into_iter().rev().flat_map(|operation| with_extras(document, operation)).collect();
    folders.push(("Clean up".to_owned(), clearing));
    folders
}

fn operations<'d>(document: Document<'d>, group: &str) -> Vec<Operation<'d>> {
    let moved = |o: &Operation<'_>| LATER.iter().find(|(id, _)| *id == o.id()).map(|(_, group)| *group);
    let mut own: Vec<Operation<'d>> =
        document.operations().filter(|o| o.tag() == group && moved(o).is_none_or(|to| to == group)).collect();
    own.extend(document.operations().filter(|o| o.tag() != group && moved(o) == Some(group)));
    own.sort_by_key(|o| WEBHOOKS.iter().position(|id| *id == o.id()).unwrap_or_default());
    // What makes comes before what asks.
    let makes = |o: &Operation<'_>| ["Create", "Announce", "Set"].iter().any(|word| o.id().starts_with(word));
    own.sort_by_key(|o| !makes(o) || WEBHOOKS.contains(&o.id()));
    own
}

fn is_last(operation: Operation<'_>) -> bool {
    let ends = ["Delete", "Remove", "Leave", "Revoke"].iter().any(|word| operation.id().starts_with(word));
    (ends || operation.method == "DELETE") && operation.id() != "DeleteWebhook"
}

/// An operation, with what must be done beside it so that others have what they need.
fn with_extras<'d>(document: Document<'d>, operation: Operation<'d>) -> Vec<Step<'d>> {
    let plain = |operation| Step { operation, title: None, body: None, variable: None };
    let extra = |title, body, variable| Step { title: Some(title), body: Some(body), variable, ..plain(operation) };
    let mut steps = vec![plain(operation)];
    match operation.id() {
        "CreateAppKey" => {
            let other = json!({ "displayName": "My other key" });
            steps.push(extra("Create app key (another one, whose life is changed)", other, Some("otherKeyId")));
        }
        "CreateIntegration" => {
            let channel = json!({ "type": "whatsapp", "displayName": "My channel" });
            steps.push(extra("Create integration (WhatsApp, for clients)", channel, Some("channelId")));
            let web = json!({ "type": "web", "displayName": "My site" });
            steps.push(extra("Create integration (web, for devices)", web, Some("webIntegrationId")));
            let mut desk = body(document, operation);
            desk["displayName"] = "My desk".into();
            steps.push(extra("Create integration (a second one, for control)", desk, Some("deskId")));
        }
        "CreateConversation" => {
            let personal = json!({ "type": "personal", "participants": [{ "userId": "{{userId}}" }] });
            steps.push(extra("Create conversation (personal, for clients)", personal, Some("personalConversationId")));
        }
        "CreateClient" => {
            let mut client = body(document, operation);
            client["target"]["conversationId"] = "{{personalConversationId}}".into();
            steps[0].body = Some(client);
        }
        // The first part is the default by now. This one can be deleted.
        "UpdateSwitchboard" => {
            let create = document.operations().find(|o| o.id() == "CreateSwitchboardIntegration");
            steps.extend(create.map(|create| Step {
                title: Some("Create switchboard integration (desk)"),
                body: Some(json!({ "name": "desk", "integrationId": "{{deskId}}" })),
                ..plain(create)
            }));
        }
        _ => {}
    }
    steps
}
