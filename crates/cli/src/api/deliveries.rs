//! `heliograph deliveries`.

use super::{Call, Limit, id};
use crate::{
    connection,
    output::{self, Outcome},
};
use clap::{Args, Subcommand};
use heliograph_client::{
    Client, Error,
    deliveries::{
        DeliveriesQuery, Delivery, DeliveryFilter, DeliveryList, DeliveryStatus, GetDelivery, ListDeliveries, Replay,
        ReplayDeliveries, ReplayDelivery,
    },
    id::{self, EventId},
    page::Page,
    path::{AppWebhookPath, DeliveryPath},
    prelude::*,
    time::Timestamp,
};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};

/// How often `tail` looks.
const LOOK: Duration = Duration::from_secs(1);
/// How many of the latest deliveries `tail` looks at again.
const LATEST: u32 = 100;

/// What can be done with deliveries.
#[derive(Subcommand)]
pub enum Verb {
    /// Lists what a webhook was told and is still to be told, the latest first.
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        limit: Limit,
    },
    /// Shows a delivery, with its event and every attempt.
    Get {
        /// The id of the delivery, which is that of its event.
        #[arg(value_parser = id::<id::Event>)]
        delivery_id: EventId,
        #[command(flatten)]
        of: Of,
    },
    /// Prints deliveries as they happen and as their status changes, until it is interrupted.
    Tail {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        which: Which,
    },
    /// Delivers events once more: one, or all since a time or an event. They keep their ids.
    Replay {
        /// The one event.
        #[arg(value_parser = id::<id::Event>, required_unless_present_any = ["from", "since_event"],
            conflicts_with_all = ["from", "since_event", "only"])]
        delivery_id: Option<EventId>,
        #[command(flatten)]
        of: Of,
        /// Events from this time on, such as 2026-01-31T12:00:00Z.
        #[arg(id = "from", long = "since", value_name = "TIME", conflicts_with = "since_event")]
        since: Option<Timestamp>,
        /// This event and all that followed it.
        #[arg(long, value_name = "ID", value_parser = id::<id::Event>)]
        since_event: Option<EventId>,
        /// Only what this has become of.
        #[arg(id = "only", long = "status", value_name = "STATUS", value_parser = status)]
        status: Option<DeliveryStatus>,
    },
}

/// Whose deliveries.
#[derive(Args)]
pub struct Of {
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
    /// The webhook.
    #[arg(long, value_name = "ID", value_parser = id::<id::Webhook>)]
    webhook: WebhookId,
}

/// Which of them.
#[derive(Args)]
pub struct Which {
    /// Only what this has become of: pending, delivered, failed, held, skipped.
    #[arg(long, value_parser = status)]
    status: Option<DeliveryStatus>,
    /// Only events of this type, such as conversation:message.
    #[arg(long)]
    trigger: Option<String>,
    /// Only events of this conversation.
    #[arg(long, value_name = "ID", value_parser = id::<id::Conversation>)]
    conversation: Option<ConversationId>,
    /// Only events from this time on, such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

impl Of {
    fn path(&self) -> AppWebhookPath {
        AppWebhookPath { app_id: self.app, webhook_id: self.webhook }
    }

    fn one(&self, delivery_id: EventId) -> DeliveryPath {
        DeliveryPath { app_id: self.app, webhook_id: self.webhook, delivery_id }
    }
}

impl Which {
    fn filter(&self) -> DeliveryFilter {
        DeliveryFilter {
            status: self.status,
            trigger: self.trigger.clone(),
            conversation_id: self.conversation,
            since: self.since,
            until: self.until,
        }
    }
}

fn status(text: &str) -> Result<DeliveryStatus, String> {
    let names = || DeliveryStatus::ALL.map(DeliveryStatus::name).join(", ");
    DeliveryStatus::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| format!("there are: {}", names()))
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "/id"),
    ("TIME", "/createdAt"),
    ("TRIGGER", "/trigger"),
    ("STATUS", "/status"),
    ("ATTEMPTS", "/attemptCount"),
    ("LAST", "/lastResult"),
    ("NEXT", "/nextAttemptAt"),
];
const NONE: Nothing = Nothing {};

impl Call for Verb {
    async fn call(self, client: &Client, json: bool) -> Outcome {
        match self {
            Self::List { of, which, limit } => {
                let (path, filter) = (of.path(), which.filter());
                let fetch = async |page| {
                    let query = DeliveriesQuery { page, filter: Some(filter.clone()) };
                    client.send::<ListDeliveries>(&path, &query, &NONE).await
                };
                output::list(json, &limit.collect("deliveries", fetch).await?, "deliveries", COLUMNS)
            }
            Self::Get { delivery_id, of } => {
                let answer: Value = client.send::<GetDelivery>(&of.one(delivery_id), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer)
            }
            Self::Tail { of, which } => tail(client, json, &of, &which.filter()).await,
            Self::Replay { delivery_id: Some(id), of, .. } => {
                let answer: Value = client.send::<ReplayDelivery>(&of.one(id), &NONE, &NONE).await?.decode()?;
                output::record(json, &answer, &answer["delivery"])
            }
            Self::Replay { of, since, since_event, status, .. } => {
                let body = Replay { since, since_event_id: since_event, status };
                let answer: Value = client.send::<ReplayDeliveries>(&of.path(), &NONE, &body).await?.decode()?;
                output::done(json, &answer, &format!("{} to be delivered once more.", answer["replayed"]))
            }
        }
    }
}

/// Prints each delivery anew whenever it looks different from before. A server that is away for a while is asked again.
async fn tail(client: &Client, json: bool, of: &Of, filter: &DeliveryFilter) -> Outcome {
    let mut shown: HashMap<EventId, String> = HashMap::new();
    let mut newest = None;
    loop {
        match latest(client, of, filter, newest).await {
            Ok(deliveries) => {
                if newest.is_none() {
                    eprintln!("Following the deliveries of {}. Stop with Ctrl-C.", of.webhook);
                }
                // Where nothing was yet, all that comes is new.
                newest = deliveries.first().map(|first| first.id).max(newest).or(Some(EventId::new([0; 12])));
                let mut seen = HashMap::with_capacity(deliveries.len());
                for delivery in deliveries.into_iter().rev() {
                    let line = if json { serde_json::to_string(&delivery)? } else { line(&delivery) };
                    if shown.get(&delivery.id) != Some(&line) {
                        output::print(&line)?;
                    }
                    seen.insert(delivery.id, line);
                }
                shown = seen;
            }
            Err(error) if connection::passes(&error) => eprintln!("heliograph: {error}; trying again"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The latest deliveries, and all that came after `newest`, however many. The latest first.
async fn latest(
    client: &Client,
    of: &Of,
    filter: &DeliveryFilter,
    newest: Option<EventId>,
) -> Result<Vec<Delivery>, Error> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = Page { after, before: None, size: Some(LATEST) };
        let query = DeliveriesQuery { page: Some(page), filter: Some(filter.clone()) };
        let list: DeliveryList = client.call::<ListDeliveries>(&of.path(), &query, &NONE).await?;
        let known = list.deliveries.last().is_none_or(|last| newest.is_none_or(|newest| last.id <= newest));
        found.extend(list.deliveries);
        after = list.meta.after_cursor.filter(|_| list.meta.has_more && !known);
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn line(delivery: &Delivery) -> String {
    let last = delivery.last_result.as_deref().unwrap_or("-");
    let next = delivery.next_attempt_at.map(|at| format!(", next {at}")).unwrap_or_default();
    let (id, at, count) = (delivery.id, delivery.created_at, delivery.attempt_count);
    output::printable(&format!(
        "{at} {id} {} {} ({count} attempts, last {last}{next})",
        delivery.trigger,
        delivery.status.name()
    ))
}
