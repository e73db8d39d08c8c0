//! Switchboards: which programs take turns in answering an app's users, and who begins.

use crate::{
    id::{SwitchboardId, SwitchboardIntegrationId},
    op::Nothing,
    operations,
    path::{AppPath, SwitchboardPath},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Switchboards"
    /// Creates the switchboard of an app, disabled. An app has one at most.
    CreateSwitchboard = POST "/v2/apps/{appId}/switchboards" [Account App]
        (AppPath, Nothing, Nothing) -> 201 SwitchboardReply | 400 404;
    /// Lists the switchboards of an app: one or none.
    ListSwitchboards = GET "/v2/apps/{appId}/switchboards" [Account App]
        (AppPath, Nothing, Nothing) -> 200 SwitchboardList | 404;
    /// Updates a switchboard. To be enabled, it needs a default integration.
    UpdateSwitchboard = PATCH "/v2/apps/{appId}/switchboards/{switchboardId}" [Account App]
        (SwitchboardPath, Nothing, SwitchboardUpdate) -> 200 SwitchboardReply | 400 404;
    /// Deletes a switchboard with all its parts. The integrations stay, and are told of every conversation from then on.
    DeleteSwitchboard = DELETE "/v2/apps/{appId}/switchboards/{switchboardId}" [Account App]
        (SwitchboardPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// What may change of a switchboard.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboardUpdateBody")]
pub struct SwitchboardUpdate {
    /// Whether it decides who is told of what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The part that gets control of conversations that nobody controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_switchboard_integration_id: Option<String>,
}

/// A switchboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "switchboard")]
pub struct Switchboard {
    /// Its id.
    pub id: SwitchboardId,
    /// Whether it decides who is told of what. While it does not, all its integrations are told of everything.
    pub enabled: bool,
    /// The part that gets control of conversations that nobody controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_switchboard_integration_id: Option<SwitchboardIntegrationId>,
}

/// One switchboard.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "switchboardResponse")]
pub struct SwitchboardReply {
    /// The switchboard.
    pub switchboard: Switchboard,
}

/// The switchboards of an app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "switchboardListResponse")]
pub struct SwitchboardList {
    /// The switchboards.
    pub switchboards: Vec<Switchboard>,
}
