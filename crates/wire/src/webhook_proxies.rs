//! Proxies by which webhooks are called. Beyond the public contract. A proxy is named by the operator of the server, as
//! it stands where the server's own guard would stand.

use crate::{op::Nothing, operations, path::AppWebhookPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! { "Webhook proxies"
    /// Shows the proxy by which a webhook is called. Its password is not shown.
    GetWebhookProxy = GET "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/proxy" [Account]
        (AppWebhookPath, Nothing, Nothing) -> 200 WebhookProxyReply | 404;
    /// Has a webhook called by a proxy of its own, in place of the server's.
    SetWebhookProxy = PUT "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/proxy" [Account]
        (AppWebhookPath, Nothing, NewWebhookProxy) -> 200 WebhookProxyReply | 400 404;
    /// Takes a webhook's own proxy away. It is called as all others are.
    DeleteWebhookProxy = DELETE "/heliograph/v1/apps/{appId}/webhooks/{webhookId}/proxy" [Account]
        (AppWebhookPath, Nothing, Nothing) -> 200 Nothing | 404;
}

/// A proxy, as it is set.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookProxyBody")]
pub struct NewWebhookProxy {
    /// Its address: `http://HOST:PORT`. It is asked with CONNECT for https targets, and for the whole address for http.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Who calls, if it wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub username: Option<String>,
    /// How they prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub password: Option<String>,
}

impl std::fmt::Debug for NewWebhookProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewWebhookProxy({})", self.url)
    }
}

/// A proxy, as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "webhookProxy")]
pub struct WebhookProxy {
    /// Its address.
    pub url: String,
    /// Who calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// The proxy of a webhook.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "webhookProxyResponse")]
pub struct WebhookProxyReply {
    /// The proxy.
    pub proxy: WebhookProxy,
}
