//! Integrations: the channels an app talks by, and the programs that talk for it.

use crate::{
    content::FormField,
    id::IntegrationId,
    integration_types::{CUSTOM, IntegrationType, TYPES, updatable_schemas},
    op::Nothing,
    operations,
    page::{Links, Meta, Page},
    patch::Patch,
    path::{AppPath, IntegrationPath},
    webhooks::Webhook,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

operations! { "Integrations"
    /// Creates an integration. One of type `custom` brings its webhook along and answers with its secret.
    CreateIntegration = POST "/v2/apps/{appId}/integrations" [Account App]
        (AppPath, Nothing, Integration) -> 201 IntegrationReply | 400 404;
    /// Lists the integrations of an app, oldest first.
    ListIntegrations = GET "/v2/apps/{appId}/integrations" [Account App]
        (AppPath, IntegrationsQuery, Nothing) -> 200 IntegrationList | 400 404;
    /// Fetches an integration.
    GetIntegration = GET "/v2/apps/{appId}/integrations/{integrationId}" [Account App]
        (IntegrationPath, Nothing, Nothing) -> 200 IntegrationReply | 404;
    /// Updates an integration. What may change depends on its type; the rest is ignored.
    UpdateIntegration = PATCH "/v2/apps/{appId}/integrations/{integrationId}" [Account App]
        (IntegrationPath, Nothing, IntegrationUpdate) -> 200 IntegrationReply | 400 404;
    /// Deletes an integration, with its keys and webhooks.
    DeleteIntegration = DELETE "/v2/apps/{appId}/integrations/{integrationId}" [Account App]
        (IntegrationPath, Nothing, Nothing) -> 200 Nothing | 400 404;
}

/// Whether an integration works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Status {
    /// It was turned off.
    Inactive,
    /// It works.
    Active,
    /// Its channel refuses it.
    Error,
}

/// An integration: what all types have, and the type's own fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IntegrationId>,
    /// Its type.
    pub r#type: String,
    /// Whether it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The fields of its type, by name: see [`IntegrationType`].
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Integration {
    /// A new integration of this type.
    pub fn new(r#type: impl Into<String>, display_name: impl Into<String>) -> Self {
        let r#type = r#type.into();
        Self { id: None, r#type, status: None, display_name: Some(display_name.into()), fields: Map::new() }
    }
    /// The webhooks of a custom integration.
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.fields.get("webhooks").cloned().and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default()
    }
}

impl JsonSchema for Integration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "integration".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let webhook = generator.subschema_for::<Webhook>().to_value();
        generator.subschema_for::<PrechatCapture>();
        let mut variants: Vec<Value> = TYPES.iter().map(|t| type_schema(t, &webhook)).collect();
        variants.push(partner_schema());
        schemars::json_schema!({
            "description": "An integration. Its type says which fields it has.",
            "type": "object",
            "required": ["type"],
            "oneOf": variants,
            "discriminator": { "propertyName": "type" },
            "x-unknown": "Invalid integration type",
        })
    }
}

fn type_schema(kind: &IntegrationType, webhook: &Value) -> Value {
    let mut properties = json!({
        "id": { "type": "string", "readOnly": true, "description": "Its id." },
        "type": { "type": "string", "const": kind.name, "description": "Its type." },
        "status": { "type": "string", "enum": ["inactive", "active", "error"], "readOnly": true, "description": "Whether it works." },
        "displayName": { "type": "string", "maxLength": 100, "x-clearable": true, "description": "A name for people." },
    });
    let mut required = Vec::new();
    if kind.name == CUSTOM {
        properties["webhooks"] = json!({ "type": "array", "items": webhook, "maxItems": 1,
            "description": "Where the integration is told of what happens: exactly one webhook when it is created; none \
                once that was deleted." });
        required.push("webhooks");
    } else {
        add_common(&mut properties);
    }
    for field in kind.fields {
        properties[field.name] = field.schema();
        if field.required {
            required.push(field.name);
        }
    }
    json!({ "type": "object", "title": kind.name, "properties": properties, "required": required })
}

/// The integration of an OAuth client. It comes by consent, never by a request.
fn partner_schema() -> Value {
    let names: Vec<&str> = TYPES.iter().map(|t| t.name).collect();
    json!({ "type": "object", "title": "OAuth client", "readOnly": true, "required": ["id", "type", "status"],
        "properties": {
            "id": { "type": "string", "description": "Its id." },
            "type": { "type": "string", "not": { "enum": names }, "description": "The id of the OAuth client." },
            "status": { "type": "string", "enum": ["inactive", "active", "error"], "description": "Whether it works." },
            "displayName": { "type": "string", "description": "A name for people." },
        },
    })
}

/// What all types but `custom` have.
fn add_common(properties: &mut Value) {
    properties["defaultResponderId"] = json!({ "type": "string", "writeOnly": true, "x-clearable": true,
        "description": "The switchboard integration that answers first, in place of the switchboard's default." });
    properties["defaultResponder"] = json!({
        "type": "object", "readOnly": true, "description": "The switchboard integration that answers first.",
        "properties": {
            "name": { "type": "string" }, "integrationId": { "type": "string" }, "integrationType": { "type": "string" },
            "deliverStandbyEvents": { "type": "boolean" }, "nextSwitchboardIntegrationId": { "type": "string" },
            "messageHistoryCount": { "type": "number" }, "inherited": { "type": "boolean" },
        },
    });
    properties["showAIDisclaimer"] = json!({ "type": "boolean", "default": true,
        "description": "Whether users are told when a machine writes its own words." });
}

/// What a web messenger asks before a conversation starts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "prechatCapture")]
pub struct PrechatCapture {
    /// Where the picture beside the questions is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Whether anything is asked. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether the address asked for is linked as a client. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_email_linking: Option<bool>,
    /// The questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FormField>>,
}

/// What may change of an integration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationUpdate {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub display_name: Patch<String>,
    /// The fields of its type, by name.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl JsonSchema for IntegrationUpdate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "integrationUpdate".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<PrechatCapture>();
        let mut properties = json!({ "displayName": { "type": "string", "minLength": 1, "maxLength": 100, "x-clearable": true,
            "description": "A name for people." } });
        add_common(&mut properties);
        if let Value::Object(properties) = &mut properties {
            properties.remove("defaultResponder");
            properties.extend(updatable_schemas());
        }
        schemars::json_schema!({
            "type": "object",
            "description": "What may change of an integration: of its fields, those that its type lets change.",
            "properties": properties,
        })
    }
}

/// One integration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "integrationResponse")]
pub struct IntegrationReply {
    /// The integration.
    pub integration: Integration,
}

/// A page of integrations.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "integrationListResponse")]
pub struct IntegrationList {
    /// The integrations.
    pub integrations: Vec<Integration>,
    /// Whether there is more.
    pub meta: Meta,
    /// The neighbouring pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// Which integrations.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct IntegrationsQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Which of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<IntegrationsFilter>,
}

/// Narrows a list of integrations.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "integrationFilter")]
pub struct IntegrationsFilter {
    /// Only these types, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
}
