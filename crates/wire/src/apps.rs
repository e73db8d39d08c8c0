//! Apps: what holds everything else. Users, conversations and integrations of two apps never meet.

use crate::{
    id::AppId,
    metadata::Metadata,
    op::Nothing,
    operations,
    page::{Links, Meta, Page},
    patch::Patch,
    path::AppPath,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Apps"
    /// Creates an app.
    CreateApp = POST "/v2/apps" [Account] (Nothing, Nothing, NewApp) -> 201 AppReply | 400 402;
    /// Lists the apps that the caller may see, oldest first.
    ListApps = GET "/v2/apps" [Account] (Nothing, AppsQuery, Nothing) -> 200 AppList | 400 403;
    /// Fetches an app.
    GetApp = GET "/v2/apps/{appId}" [Account App] (AppPath, Nothing, Nothing) -> 200 AppReply | 404;
    /// Updates an app.
    UpdateApp = PATCH "/v2/apps/{appId}" [Account App] (AppPath, Nothing, AppUpdate) -> 200 AppReply | 400 404;
    /// Deletes an app. Everything it holds goes with it: keys, integrations, users, conversations, messages.
    DeleteApp = DELETE "/v2/apps/{appId}" [Account] (AppPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// What a new app is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "appCreateBody")]
pub struct NewApp {
    /// A name for people.
    #[schemars(length(min = 1, max = 100))]
    pub display_name: String,
    /// How the app behaves. What is left out keeps its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<AppSettings>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-clearable" = true))]
    pub metadata: Option<Metadata>,
}

/// What may change of an app.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "appUpdateBody")]
pub struct AppUpdate {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub display_name: Option<String>,
    /// The settings to change; the others stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<AppSettings>,
    /// Custom properties.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<Metadata>,
}

/// How an app behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "appSettings")]
pub struct AppSettings {
    /// After how many seconds without activity the messages of a conversation are deleted. Unset or 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub conversation_retention_seconds: Option<i64>,
    /// Whether card numbers in messages are masked, all but the last four digits. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_credit_card_numbers: Option<bool>,
    /// Whether users without a name are given that of an animal. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_animal_names: Option<bool>,
    /// Whether a postback also appears as a message. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_postback: Option<bool>,
    /// Whether a channel's automatic start of a conversation is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_auto_conversation_start: Option<bool>,
    /// Whether a user may have several conversations. Once on, it stays on. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_convo_enabled: Option<bool>,
    /// Whether texts of the app are translated to the user's language. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_localization_enabled: Option<bool>,
    /// Whether a user may end a session. Needs several conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_enabled: Option<bool>,
    /// Whether an ended conversation stays closed. Needs several conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_conversation_reopen: Option<bool>,
}

impl AppSettings {
    /// Those of a new app.
    pub fn initial() -> Self {
        Self {
            mask_credit_card_numbers: Some(true),
            use_animal_names: Some(false),
            echo_postback: Some(false),
            multi_convo_enabled: Some(false),
            app_localization_enabled: Some(true),
            ..Self::default()
        }
    }

    /// Puts the given settings over these. Several conversations, once allowed, stay allowed.
    pub fn merge(&mut self, given: Self) {
        let several = self.multi_convo_enabled;
        let keep = |old: &mut Option<bool>, new: Option<bool>| *old = new.or(*old);
        self.conversation_retention_seconds =
            given.conversation_retention_seconds.or(self.conversation_retention_seconds);
        keep(&mut self.mask_credit_card_numbers, given.mask_credit_card_numbers);
        keep(&mut self.use_animal_names, given.use_animal_names);
        keep(&mut self.echo_postback, given.echo_postback);
        keep(&mut self.ignore_auto_conversation_start, given.ignore_auto_conversation_start);
        keep(&mut self.multi_convo_enabled, given.multi_convo_enabled);
        keep(&mut self.app_localization_enabled, given.app_localization_enabled);
        keep(&mut self.end_session_enabled, given.end_session_enabled);
        keep(&mut self.disable_conversation_reopen, given.disable_conversation_reopen);
        if several == Some(true) {
            self.multi_convo_enabled = several;
        }
    }
}

/// An app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "app")]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// A name for people.
    pub display_name: String,
    /// How it behaves.
    pub settings: AppSettings,
    /// Custom properties; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The Zendesk subdomain it belongs to. A self-hosted server has none and leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<String>,
}

/// One app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "appResponse")]
pub struct AppReply {
    /// The app.
    pub app: App,
}

/// A page of apps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "appListResponse")]
pub struct AppList {
    /// The apps.
    pub apps: Vec<App>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// Which apps.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct AppsQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Which of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<AppsFilter>,
}

/// Narrows a list of apps.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "appFilter")]
pub struct AppsFilter {
    /// Only apps that this service account was granted. A service account can only name itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_id: Option<String>,
}
