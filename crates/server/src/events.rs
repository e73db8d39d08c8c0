//! The outbox: what happens is written down for the webhooks that want to know, in the transaction in which it happens.
//! Neither is there without the other.

use crate::{error::Result, state::State};
use heliograph_store::{Tx, args};
use heliograph_wire::{
    events::Event,
    id::{AppId, ConversationId, EventId},
    time::Timestamp,
    webhooks::Trigger,
};
use serde::Serialize;

/// A webhook, as far as its payloads depend on it.
pub struct Subscriber {
    id: String,
    triggers: String,
    /// Whether it wants users in full.
    pub full_user: bool,
}

/// The webhooks of an app.
pub struct Subscribers {
    app: String,
    webhooks: Vec<Subscriber>,
}

impl Subscribers {
    /// Those of this app, whatever they are called for.
    pub fn of(tx: &Tx<'_>, app: AppId) -> Result<Self> {
        let app = app.to_string();
        let mut rows =
            tx.query("SELECT id, triggers, include_full_user FROM webhook WHERE app_id = $1", args![&app])?;
        let webhooks = rows
            .iter_mut()
            .map(|row| Ok(Subscriber { id: row.take_text(0)?, triggers: row.take_text(1)?, full_user: row.flag(2)? }));
        Ok(Self { webhooks: webhooks.collect::<Result<_>>()?, app })
    }
}

impl Subscriber {
    /// The column holds a JSON list of names, so a name stands in quotes.
    fn wants(&self, trigger: Trigger) -> bool {
        self.triggers.split('"').any(|name| name == trigger.name())
    }
}

/// Writes down that something happened, once for each webhook that is called for it.
pub fn record<P: Serialize>(
    tx: &mut Tx<'_>,
    state: &State,
    subscribers: &Subscribers,
    trigger: Trigger,
    conversation: Option<ConversationId>,
    payload: impl Fn(&Subscriber) -> P,
) -> Result<()> {
    let id = EventId::new(tx.id());
    for webhook in subscribers.webhooks.iter().filter(|w| w.wants(trigger)) {
        let event = Event { id, created_at: Timestamp(tx.now()), r#type: trigger, payload: payload(webhook) };
        let event = serde_json::to_string(&event)?;
        state.dispatcher.enqueue(tx, &subscribers.app, &webhook.id, conversation, event)?;
    }
    Ok(())
}
