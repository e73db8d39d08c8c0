//! Switchboard integrations: the parts of a switchboard. Each stands for an integration of the app.

use crate::{
    conversations::SwitchboardIntegrationSummary,
    id::{IntegrationId, SwitchboardIntegrationId},
    op::Nothing,
    operations,
    patch::Patch,
    path::{SwitchboardIntegrationPath, SwitchboardPath},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Switchboard Integrations"
    /// Adds an integration to a switchboard. A switchboard has ten at most.
    CreateSwitchboardIntegration = POST "/v2/apps/{appId}/switchboards/{switchboardId}/switchboardIntegrations" [Account App]
        (SwitchboardPath, Nothing, NewSwitchboardIntegration) -> 201 SwitchboardIntegrationReply | 400 404;
    /// Lists the parts of a switchboard.
    ListSwitchboardIntegrations = GET "/v2/apps/{appId}/switchboards/{switchboardId}/switchboardIntegrations" [Account App]
        (SwitchboardPath, Nothing, Nothing) -> 200 SwitchboardIntegrationList | 404;
    /// Updates a part of a switchboard.
    UpdateSwitchboardIntegration = PATCH
        "/v2/apps/{appId}/switchboards/{switchboardId}/switchboardIntegrations/{switchboardIntegrationId}" [Account App]
        (SwitchboardIntegrationPath, Nothing, SwitchboardIntegrationUpdate) -> 200 SwitchboardIntegrationReply | 400 404;
    /// Takes an integration out of a switchboard. It cannot be the default, nor the next of another. Conversations it
    /// controlled get the default at their next activity.
    DeleteSwitchboardIntegration = DELETE
        "/v2/apps/{appId}/switchboards/{switchboardId}/switchboardIntegrations/{switchboardIntegrationId}" [Account App]
        (SwitchboardIntegrationPath, Nothing, Nothing) -> 200 Nothing | 400 404;
}

/// How many parts a switchboard may have.
pub const MAX_PER_SWITCHBOARD: usize = 10;

/// What a new part of a switchboard is made from: its name and one of `integrationId` and `integrationType`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardIntegrationCreateBody")]
pub struct NewSwitchboardIntegration {
    /// Its name in the switchboard.
    #[schemars(length(max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// The integration it stands for, if that is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<String>,
    /// The type of the integration it stands for, if that came by OAuth: the id of the OAuth client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_type: Option<String>,
    /// Whether it is told of conversations that it neither controls nor is offered. Default true.
    #[serde(default = "yes")]
    pub deliver_standby_events: bool,
    /// The part that `next` means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub next_switchboard_integration_id: Option<String>,
    /// How many of the latest messages it is given with control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10), extend("x-clearable" = true))]
    pub message_history_count: Option<u32>,
}

const fn yes() -> bool {
    true
}

/// What may change of a part of a switchboard.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardIntegrationUpdateBody")]
pub struct SwitchboardIntegrationUpdate {
    /// Its name in the switchboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
    /// The integration it stands for, if that is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<String>,
    /// The type of the integration it stands for, if that came by OAuth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_type: Option<String>,
    /// Whether it is told of conversations that it neither controls nor is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_standby_events: Option<bool>,
    /// The part that `next` means.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub next_switchboard_integration_id: Patch<String>,
    /// How many of the latest messages it is given with control.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schemars(range(min = 1, max = 10))]
    pub message_history_count: Patch<u32>,
}

/// A part of a switchboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardIntegration")]
pub struct SwitchboardIntegration {
    /// Its id, its name and what it stands for.
    #[serde(flatten)]
    pub key: SwitchboardIntegrationSummary,
    /// Whether it is told of conversations that it neither controls nor is offered.
    pub deliver_standby_events: bool,
    /// The part that `next` means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_switchboard_integration_id: Option<SwitchboardIntegrationId>,
    /// How many of the latest messages it is given with control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_history_count: Option<u32>,
}

/// The switchboard integration that answers first whoever comes by a channel, as the channel's integration shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefaultResponder {
    /// Its name in the switchboard.
    pub name: String,
    /// The integration it stands for.
    pub integration_id: IntegrationId,
    /// The type of that integration.
    pub integration_type: String,
    /// Whether it is told of conversations that it neither controls nor is offered.
    pub deliver_standby_events: bool,
    /// The part that `next` means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_switchboard_integration_id: Option<SwitchboardIntegrationId>,
    /// How many of the latest messages it is given with control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_history_count: Option<u32>,
    /// Whether it is the switchboard's default and not one of the channel's own.
    pub inherited: bool,
}

impl DefaultResponder {
    /// From the part that it is.
    pub fn of(part: &SwitchboardIntegration, inherited: bool) -> Self {
        Self {
            name: part.key.name.clone(),
            integration_id: part.key.integration_id,
            integration_type: part.key.integration_type.clone(),
            deliver_standby_events: part.deliver_standby_events,
            next_switchboard_integration_id: part.next_switchboard_integration_id,
            message_history_count: part.message_history_count,
            inherited,
        }
    }
}

/// One part of a switchboard.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardIntegrationResponse")]
pub struct SwitchboardIntegrationReply {
    /// The part.
    pub switchboard_integration: SwitchboardIntegration,
}

/// The parts of a switchboard.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardIntegrationListResponse")]
pub struct SwitchboardIntegrationList {
    /// The parts, oldest first.
    pub switchboard_integrations: Vec<SwitchboardIntegration>,
}
