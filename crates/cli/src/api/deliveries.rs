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
use http::StatusCode;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

/// How often `tail` looks.
const LOOK: Duration = Duration::from_secs(1);
/// How many of the latest deliveries `tail` looks at again.
const LATEST: u32 = 100;
/// How many of the older ones that something is still to become of it asks of, one by one, at each look.
const OLDER: usize = 5;

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
/// Sorts before every delivery.
const BEGINNING: EventId = EventId::new([0; 12]);

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
            Self::Tail { of, which } => Tail::new(client, json, of, which.filter()).follow().await,
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

/// What is followed, and what was shown of it.
struct Tail<'c> {
    client: &'c Client,
    json: bool,
    of: Of,
    filter: DeliveryFilter,
    /// The newest one that is known.
    newest: Option<EventId>,
    /// How each of the latest looked, and each that is not settled.
    shown: HashMap<EventId, String>,
    /// Those that something is still to become of.
    unsettled: BTreeSet<EventId>,
    /// Up to where those were asked of that are no longer among the latest.
    asked: EventId,
}

/// What one look has found.
struct Found {
    /// Those that were asked of one by one.
    asked: Vec<EventId>,
    /// How deliveries look, the oldest first.
    deliveries: Vec<Delivery>,
}

impl<'c> Tail<'c> {
    fn new(client: &'c Client, json: bool, of: Of, filter: DeliveryFilter) -> Self {
        let (shown, unsettled) = (HashMap::new(), BTreeSet::new());
        Self { client, json, of, filter, newest: None, shown, unsettled, asked: BEGINNING }
    }

    /// Prints each delivery anew whenever it looks different from before. A server that is away for a while is asked
    /// again.
    async fn follow(mut self) -> Outcome {
        loop {
            match self.look().await {
                Ok(found) => {
                    if self.newest.is_none() {
                        output::say(&format!("Following the deliveries of {}. Stop with Ctrl-C.", self.of.webhook));
                    }
                    self.show(found)?;
                }
                Err(error) if connection::passes(&error) => output::complain(&format!("{error}; trying again")),
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The latest, and some of the others that are not settled.
    async fn look(&self) -> Result<Found, Error> {
        let mut latest = self.latest().await?;
        latest.reverse();
        let there: BTreeSet<EventId> = latest.iter().map(|delivery| delivery.id).collect();
        let later = self.unsettled.range((Excluded(self.asked), Unbounded));
        let turn = later.chain(self.unsettled.range(..=self.asked));
        let asked: Vec<EventId> = turn.filter(|id| !there.contains(id)).take(OLDER).copied().collect();
        let mut deliveries = Vec::with_capacity(asked.len() + latest.len());
        for id in &asked {
            match self.client.call::<GetDelivery>(&self.of.one(*id), &NONE, &NONE).await {
                Ok(reply) => deliveries.push(reply.delivery),
                // The log has lost it since.
                Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {}
                Err(error) => return Err(error),
            }
        }
        deliveries.extend(latest);
        Ok(Found { asked, deliveries })
    }

    /// The latest deliveries, and all that came after the newest known, however many. The latest first.
    async fn latest(&self) -> Result<Vec<Delivery>, Error> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = Page { after, before: None, size: Some(LATEST) };
            let query = DeliveriesQuery { page: Some(page), filter: Some(self.filter.clone()) };
            let list: DeliveryList = self.client.call::<ListDeliveries>(&self.of.path(), &query, &NONE).await?;
            let known = list.deliveries.last().is_none_or(|last| self.newest.is_none_or(|newest| last.id <= newest));
            found.extend(list.deliveries);
            after = list.meta.after_cursor.filter(|_| list.meta.has_more && !known);
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    fn show(&mut self, found: Found) -> Outcome {
        // Where nothing was yet, all that comes is new.
        self.newest = found.deliveries.last().map(|last| last.id).max(self.newest).or(Some(BEGINNING));
        self.asked = found.asked.last().copied().unwrap_or(self.asked);
        self.unsettled.retain(|id| !found.asked.contains(id));
        let mut there = BTreeSet::new();
        for delivery in found.deliveries {
            let line = if self.json { serde_json::to_string(&delivery)? } else { line(&delivery) };
            let meant = self.filter.status.is_none_or(|status| status == delivery.status);
            if meant && self.shown.get(&delivery.id) != Some(&line) {
                output::stream(&line)?;
            }
            self.shown.insert(delivery.id, line);
            there.insert(delivery.id);
            match delivery.status {
                DeliveryStatus::Pending | DeliveryStatus::Held => self.unsettled.insert(delivery.id),
                _ => self.unsettled.remove(&delivery.id),
            };
        }
        self.shown.retain(|id, _| there.contains(id) || self.unsettled.contains(id));
        Ok(())
    }
}

fn line(delivery: &Delivery) -> String {
    let last = delivery.last_result.as_deref().unwrap_or("-");
    let next = delivery.next_attempt_at.map(|at| format!(", next {at}")).unwrap_or_default();
    let (id, at, attempts) = (delivery.id, delivery.created_at, output::count(delivery.attempt_count, "attempt"));
    output::printable(&format!(
        "{at} {id} {} {} ({attempts}, last {last}{next})",
        delivery.trigger,
        delivery.status.name()
    ))
}
