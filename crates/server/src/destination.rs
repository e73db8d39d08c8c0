//! Where a message is to go: to one of the channels that its reader is reached by, or nowhere.

use crate::{
    error::{Error, Result},
    integrations,
};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    conversations::{Conversation, ConversationType},
    id::{AppId, ConversationId, IntegrationId},
    messages::Destination,
    problem::Missing,
};

/// The type that stands for "nowhere": the message is kept and told to webhooks, no more.
const NOWHERE: &str = "none";
/// Integrations whose users all share one client.
const SDKS: [&str; 4] = ["android", "ios", "unity", "web"];
/// The type of that client.
pub const SDK: &str = "sdk";

/// The reader can be reached there.
pub fn check(tx: &Tx<'_>, app: AppId, conversation: &Conversation, destination: &Destination) -> Result<()> {
    let key = &conversation.key;
    if key.r#type != ConversationType::Personal {
        return Err(Error::invalid("destination should only be given in a conversation of type personal"));
    }
    let (reached, what) = match (&destination.integration_id, &destination.integration_type) {
        (None, Some(kind)) if kind == NOWHERE => return Ok(()),
        (None, Some(kind)) => (by_type(tx, app, key.id, client_type(kind))?, format!("type {kind}")),
        (Some(text), None) => {
            let id: IntegrationId = text.parse().map_err(|_| Missing::INTEGRATION)?;
            let kind = integrations::kind(tx, app, id)?;
            let reached = match client_type(&kind) {
                SDK => by_type(tx, app, key.id, SDK)?,
                _ => by_integration(tx, app, key.id, id)?,
            };
            (reached, format!("integration {id}"))
        }
        _ => {
            return Err(Error::invalid("destination should have exactly one of integrationId and integrationType"));
        }
    };
    match reached {
        true => Ok(()),
        false => Err(Error::invalid(format!("The user has no client of {what} in the conversation"))),
    }
}

/// The type of the client by which an integration reaches its users.
pub fn client_type(integration_type: &str) -> &str {
    if SDKS.contains(&integration_type) { SDK } else { integration_type }
}

fn by_type(tx: &Tx<'_>, app: AppId, conversation: ConversationId, kind: &str) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM client_conversation k
         JOIN client c ON c.app_id = k.app_id AND c.user_id = k.user_id AND c.id = k.client_id
         WHERE k.app_id = $1 AND k.conversation_id = $2 AND c.type = $3 AND c.status <> 'pending' LIMIT 1",
        args![app.text().as_str(), conversation.text().as_str(), kind],
    )?;
    Ok(!rows.is_empty())
}

fn by_integration(tx: &Tx<'_>, app: AppId, conversation: ConversationId, id: IntegrationId) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM client_conversation k
         JOIN client c ON c.app_id = k.app_id AND c.user_id = k.user_id AND c.id = k.client_id
         WHERE k.app_id = $1 AND k.conversation_id = $2 AND c.integration_id = $3
         AND c.status <> 'pending' LIMIT 1",
        args![app.text().as_str(), conversation.text().as_str(), id.text().as_str()],
    )?;
    Ok(!rows.is_empty())
}
