//! The outbox: what happens is written down for the webhooks that want to know, in the transaction in which it happens.
//! Neither is there without the other.

use crate::{
    delivery::{Webhook, outbox::New},
    error::{Error, Result},
    state::State,
};
use heliograph_store::{Cells, Tx, args};
use heliograph_wire::{
    conversations::{ConversationTruncated, SwitchboardIntegrationSummary},
    events::Event,
    id::{AppId, EventId, IntegrationId, WebhookId},
    messages::Source,
    time::Timestamp,
    webhooks::Trigger,
};
use serde::Serialize;

/// A webhook, as far as its payloads depend on it.
pub struct Subscriber {
    id: WebhookId,
    /// None for what belongs to the app itself.
    integration: Option<IntegrationId>,
    triggers: String,
    only_in_control: bool,
    ordered: Option<bool>,
    paused: bool,
    /// Whether it wants users in full.
    pub full_user: bool,
    full_source: bool,
}

/// The webhooks of an app.
pub struct Subscribers {
    app: AppId,
    webhooks: Vec<Subscriber>,
}

const OF_APP: &str = "SELECT id, integration_id, triggers, only_in_control, include_full_user, include_full_source,
    ordered, paused_at FROM webhook WHERE app_id = $1";

impl Subscribers {
    /// Says that this transaction will want to know them, and will tell them something.
    pub fn expect(tx: &Tx<'_>, state: State, app: AppId) {
        tx.expect(OF_APP, args![app.text().as_str()]);
        state.dispatcher.expect(tx);
    }

    /// Those of this app, whatever they are called for.
    pub fn of(tx: &Tx<'_>, app: AppId) -> Result<Self> {
        let webhook = |row: &Cells<'_>| {
            Ok::<_, Error>(Subscriber {
                id: row.parse(0)?,
                integration: row.text(1)?.parse().ok(),
                triggers: row.text(2)?.to_owned(),
                only_in_control: row.flag(3)?,
                full_user: row.flag(4)?,
                full_source: row.flag(5)?,
                ordered: row.opt_int(6)?.map(|flag| flag != 0),
                paused: row.opt_int(7)?.is_some(),
            })
        };
        Ok(Self { webhooks: tx.each(OF_APP, args![app.text().as_str()], webhook)?, app })
    }

    /// Those, and of what follows also whoever has, or is offered, control of `conversation` as it is given here.
    pub fn with_those_in_control(mut self, conversation: &ConversationTruncated) -> Self {
        for webhook in &mut self.webhooks {
            webhook.only_in_control &= !webhook.in_control(conversation);
        }
        self
    }
}

impl Subscriber {
    /// The column holds a JSON list of names, so a name stands in quotes.
    fn wants(&self, trigger: Trigger) -> bool {
        self.triggers.split('"').any(|name| name == trigger.name())
    }

    /// By what way something came, as far as the webhook wants to know.
    pub fn source(&self, source: &Source) -> Source {
        if self.full_source { source.clone() } else { source.in_short() }
    }

    /// Whether it belongs to this integration.
    pub fn is_of(&self, integration: IntegrationId) -> bool {
        self.integration == Some(integration)
    }

    fn in_control(&self, conversation: &ConversationTruncated) -> bool {
        let is_mine = |part: &SwitchboardIntegrationSummary| self.is_of(part.integration_id);
        let ConversationTruncated { active_switchboard_integration, pending_switchboard_integration, .. } =
            conversation;
        [active_switchboard_integration, pending_switchboard_integration].into_iter().flatten().any(is_mine)
    }

    /// A part of an enabled switchboard may be told of a conversation only while it has, or is offered, control of it.
    fn may_hear(&self, conversation: Option<&ConversationTruncated>) -> bool {
        !self.only_in_control || conversation.is_none_or(|c| self.in_control(c))
    }
}

/// Writes down that something happened, once for each webhook that is called for it and may hear of the conversation.
pub fn record<P: Serialize>(
    tx: &mut Tx<'_>,
    state: State,
    subscribers: &Subscribers,
    trigger: Trigger,
    conversation: Option<&ConversationTruncated>,
    payload: impl Fn(&Subscriber) -> P,
) -> Result<()> {
    let id = EventId::new(tx.id());
    for webhook in subscribers.webhooks.iter().filter(|w| w.wants(trigger) && w.may_hear(conversation)) {
        let event = Event { id, created_at: Timestamp(tx.now()), r#type: trigger, payload: payload(webhook) };
        let event = serde_json::to_string(&event)?;
        let new = New {
            webhook: Webhook { app: subscribers.app, id: webhook.id },
            id,
            kind: trigger.name(),
            conversation: conversation.map(|conversation| conversation.id),
            ordered: webhook.ordered.unwrap_or(state.dispatcher.options().ordered),
            held: webhook.paused,
            event,
        };
        state.dispatcher.enqueue(tx, new)?;
    }
    Ok(())
}
