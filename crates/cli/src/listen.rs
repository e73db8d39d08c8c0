//! `heliograph listen`: a webhook's events, fetched from a server and handed to a program on this machine.
//!
//! The server cannot reach a developer's machine, so this asks instead: it waits for what is new and, every few seconds,
//! reads the latest once more, because events may turn up in another order than their ids have. `Feed` knows what was
//! handed on already, so that a broken connection or a restart of the server loses and doubles nothing.

use crate::{
    api::{id, trigger},
    connection,
    output::{self, Outcome},
};
use bytes::Bytes;
use clap::Args;
use heliograph_client::{
    Client, Error,
    id::{self, EventId},
    path::{AppWebhookPath, Param},
    prelude::*,
    time::Timestamp,
    webhook_events::{EventsQuery, ListWebhookEvents, WebhookEvent, WebhookEventList},
    webhook_health::{GetWebhookHealth, PauseWebhook},
    webhooks::{
        CreateWebhook, DeleteWebhook, GetWebhook, ListWebhooks, NewWebhook, Trigger, UpdateWebhook, Webhook,
        WebhookUpdate,
    },
};
use heliograph_http::{Answer, Failure, Outbound, OutboundOptions, parse_target};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io,
    pin::pin,
    time::{Duration, Instant},
};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

/// The address of a webhook that exists only to be listened to: paused, and nobody's in any case.
const NOBODY: &str = "https://heliograph-listen.invalid/";
/// How often the latest events are read once more, which is also how long one call waits.
const AGAIN: Duration = Duration::from_secs(5);
/// How long the local program may take: as long as a server waits for a webhook's target.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pauses before a lost server is asked again: this, then twice as much each time, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// Sorts before every event.
const BEGINNING: EventId = EventId::new([0; 12]);
const NONE: Nothing = Nothing {};

/// Whose events, where to, and what is shown.
///
/// With --webhook it follows that webhook, which goes on being called as ever. Without, it follows the one webhook that
/// the integration has; an integration that has none gets one for as long as this runs.
#[derive(Args)]
pub struct Listen {
    #[command(flatten)]
    connection: connection::Flags,
    /// The app.
    #[arg(long, value_name = "ID", value_parser = id::<id::App>)]
    app: AppId,
    /// The integration; `me` is the one that the key or token belongs to.
    #[arg(long, value_name = "ID", default_value = "me", value_parser = integration, conflicts_with = "webhook")]
    integration: IntegrationRef,
    /// The webhook.
    #[arg(long, value_name = "ID", value_parser = id::<id::Webhook>)]
    webhook: Option<WebhookId>,
    /// The address on this machine, or one that it can reach, that is called with each event.
    #[arg(long, value_name = "URL", value_parser = target)]
    forward_to: Uri,
    /// Only events of this type, such as conversation:message. May be given several times, or several separated by
    /// commas. Default: all that the webhook is told.
    #[arg(long = "trigger", value_name = "TRIGGER", value_delimiter = ',', value_parser = trigger)]
    triggers: Vec<Trigger>,
    /// Also what happened from this time on, such as 2026-01-31T12:00:00Z, as far as the server's log has it.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Prints each event, indented, below its line.
    #[arg(long, conflicts_with = "json")]
    print: bool,
    /// Prints a JSON object for each event, in one line, with the event in it.
    #[arg(long)]
    json: bool,
}

fn integration(text: &str) -> Result<IntegrationRef, String> {
    IntegrationRef::read(text).map_err(|_| "the id of an integration is 24 hexadecimal digits, or me".to_owned())
}

fn target(text: &str) -> Result<Uri, String> {
    parse_target(text).map_err(|rule| format!("the address {rule}"))
}

/// Runs the command.
pub fn run(listen: Listen) -> Outcome {
    let client = listen.connection.clone().client()?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        // From before the webhook is made, so that none is left behind.
        let mut stop = Stop::new()?;
        let Some(source) = stop.unless_twice(listen.source(&client)).await.transpose()? else { return Ok(()) };
        let ended = match stop.unless_asked(follow(&client, &listen, &source)).await {
            Some(ended) => output::unless_closed(ended),
            None => Ok(()),
        };
        let Some(path) = source.temporary else { return ended };
        match stop.unless_twice(remove(&client, &path)).await {
            Some(removed) => ended.and(removed),
            None => Err(format!("the temporary webhook {} is left behind", path.webhook_id).into()),
        }
    })
}

/// The signals that end this: the first lets it clear away what is its own, the second does not wait for that.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    asked: bool,
}

impl Stop {
    fn new() -> io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, asked: false })
    }

    async fn signal(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        self.asked = true;
    }

    /// What comes of this; nothing if a signal comes, or came, before.
    async fn unless_asked<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        if self.asked {
            return None;
        }
        tokio::select! {
            done = work => Some(done),
            () = self.signal() => None,
        }
    }

    /// What comes of this, also after the first signal; nothing if a second one comes before.
    async fn unless_twice<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let again = self.asked;
            tokio::select! {
                done = &mut work => return Some(done),
                () = self.signal() => {}
            }
            if again {
                return None;
            }
            output::say("Stopping when the server has answered. Once more stops at once.");
        }
    }
}

// ---- Which webhook

/// What is followed.
struct Source {
    path: AppWebhookPath,
    /// The webhook exists only for this, and goes with it.
    temporary: Option<WebhookPath>,
    /// It was made just now: everything is new.
    fresh: bool,
}

impl Listen {
    async fn source(&self, client: &Client) -> Result<Source, Error> {
        let of = |webhook_id| AppWebhookPath { app_id: self.app, webhook_id };
        if let Some(webhook) = self.webhook {
            if !self.triggers.is_empty() {
                self.compare_triggers(client, webhook).await?;
            }
            return Ok(Source { path: of(webhook), temporary: None, fresh: false });
        }
        let path = WebhooksPath { app_id: self.app, integration_id: self.integration };
        let webhooks = client.call::<ListWebhooks>(&path, &NONE, &NONE).await?.webhooks;
        // One of ours was left behind if its listener was killed.
        let left = webhooks.iter().find(|webhook| webhook.target == NOBODY);
        let one = |webhook_id| WebhookPath { app_id: self.app, integration_id: self.integration, webhook_id };
        if let Some(left) = left {
            self.widen(client, &one(left.id), &left.triggers).await?;
            return Ok(Source { path: of(left.id), temporary: Some(one(left.id)), fresh: false });
        }
        if let Some(webhook) = webhooks.first() {
            self.warn_of_silence(webhook);
            return Ok(Source { path: of(webhook.id), temporary: None, fresh: false });
        }
        let new = NewWebhook {
            target: NOBODY.to_owned(),
            triggers: self.wanted().to_vec(),
            include_full_user: false,
            include_full_source: false,
        };
        let webhook = client.call::<CreateWebhook>(&path, &NONE, &new).await?.webhook.id;
        // Paused, it is never called, and what happens is kept for it.
        if let Err(error) = client.call::<PauseWebhook>(&of(webhook), &NONE, &NONE).await {
            // What matters is why it could not be paused.
            let _ = client.call::<DeleteWebhook>(&one(webhook), &NONE, &NONE).await;
            return Err(error);
        }
        Ok(Source { path: of(webhook), temporary: Some(one(webhook)), fresh: true })
    }

    /// The types of events that are asked for.
    fn wanted(&self) -> &[Trigger] {
        if self.triggers.is_empty() { Trigger::ALL } else { &self.triggers }
    }

    /// Has a webhook of ours told of what is wanted here, too. Whoever listens to it already goes on being told.
    async fn widen(&self, client: &Client, path: &WebhookPath, told: &[Trigger]) -> Result<(), Error> {
        let missing = self.wanted().iter().filter(|trigger| !told.contains(trigger));
        let triggers: Vec<Trigger> = told.iter().chain(missing).copied().collect();
        if triggers.len() > told.len() {
            let wider = WebhookUpdate { triggers: Some(triggers), ..WebhookUpdate::default() };
            client.call::<UpdateWebhook>(path, &NONE, &wider).await?;
        }
        Ok(())
    }

    /// Warns if the webhook that was named is not told of what is wanted.
    async fn compare_triggers(&self, client: &Client, webhook_id: WebhookId) -> Result<(), Error> {
        let path = AppWebhookPath { app_id: self.app, webhook_id };
        let owner = client.call::<GetWebhookHealth>(&path, &NONE, &NONE).await?.webhook.integration_id;
        // One that takes an app's notices has no triggers.
        let Some(integration) = owner else { return Ok(()) };
        let path = WebhookPath { app_id: self.app, integration_id: IntegrationRef::Id(integration), webhook_id };
        self.warn_of_silence(&client.call::<GetWebhook>(&path, &NONE, &NONE).await?.webhook);
        Ok(())
    }

    fn warn_of_silence(&self, webhook: &Webhook) {
        let silent = self.triggers.iter().filter(|trigger| !webhook.triggers.contains(trigger));
        let silent: Vec<&str> = silent.map(|trigger| trigger.name()).collect();
        if !silent.is_empty() {
            output::complain(&format!("the webhook {} is not told of {}", webhook.id, silent.join(", ")));
        }
    }

    fn wants(&self, event: &WebhookEvent) -> bool {
        let meant = self.triggers.is_empty() || self.triggers.iter().any(|trigger| trigger.name() == event.trigger);
        meant && self.since.is_none_or(|since| event.created_at >= since)
    }
}

async fn remove(client: &Client, path: &WebhookPath) -> Outcome {
    client.call::<DeleteWebhook>(path, &NONE, &NONE).await?;
    output::say(&format!("Removed the temporary webhook {}.", path.webhook_id));
    Ok(())
}

// ---- What was handed on

/// Where in the stream of events this is.
struct Feed {
    /// Up to here nothing turns up any more.
    floor: EventId,
    /// The latest event that is known.
    last: EventId,
    /// The events behind `floor` that were handed on.
    seen: BTreeSet<EventId>,
}

impl Feed {
    const fn from(floor: EventId) -> Self {
        Self { floor, last: floor, seen: BTreeSet::new() }
    }

    /// Notes an event; false when it was known.
    fn take(&mut self, event: EventId) -> bool {
        self.last = self.last.max(event);
        event > self.floor && self.seen.insert(event)
    }

    /// Notes that everything up to this id was read.
    fn complete(&mut self, until: EventId) {
        self.floor = self.floor.max(until);
        self.last = self.last.max(self.floor);
        self.seen = self.seen.split_off(&self.floor);
    }
}

// ---- Following

/// Fetches and forwards until there is a refusal that does not pass.
async fn follow(client: &Client, listen: &Listen, source: &Source) -> Outcome {
    let to = Outbound::new(OutboundOptions { allow_private: true, ..OutboundOptions::default() });
    let mut feed = begin(client, listen, source).await?;
    output::say(&format!("Listening to {}; forwarding to {}", source.path.webhook_id, listen.forward_to));
    let mut pause = FIRST_PAUSE;
    loop {
        match round(client, listen, source, &mut feed, &to).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(Trouble::Lost(error)) => {
                output::complain(&format!("{error}; trying again in {} s", pause.as_secs()));
                sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
            Err(Trouble::End(error)) => return Err(error),
        }
    }
}

/// Why a round ended early.
enum Trouble {
    /// The server is away, or busy: that passes.
    Lost(Error),
    /// Anything else.
    End(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if connection::passes(&error) { Self::Lost(error) } else { Self::End(error.into()) }
    }
}

/// The place to begin at: now, unless more is wanted.
async fn begin(client: &Client, listen: &Listen, source: &Source) -> Result<Feed, Error> {
    if source.fresh {
        return Ok(Feed::from(BEGINNING));
    }
    let query = EventsQuery { since: listen.since, ..EventsQuery::default() };
    let list = client.call::<ListWebhookEvents>(&source.path, &query, &NONE).await?;
    if listen.since.is_some() {
        // Behind the first of them, or earlier: others may turn up before it yet.
        let first = list.events.first().map_or(list.complete_until, |event| before(event.id).min(list.complete_until));
        return Ok(Feed::from(first));
    }
    // What is there already is known.
    let mut feed = Feed::from(list.complete_until);
    loop {
        let list = fetch(client, source, feed.last, None).await?;
        for event in &list.events {
            feed.take(event.id);
        }
        if !list.has_more {
            return Ok(feed);
        }
    }
}

/// The greatest id that sorts before this one.
fn before(id: EventId) -> EventId {
    let number = u128::from_str_radix(&id.to_string(), 16).unwrap_or_default().saturating_sub(1);
    format!("{number:024x}").parse().unwrap_or(BEGINNING)
}

async fn fetch(client: &Client, source: &Source, after: EventId, wait: Option<u32>) -> Result<WebhookEventList, Error> {
    let query = EventsQuery { after: Some(after), since: None, wait };
    client.call::<ListWebhookEvents>(&source.path, &query, &NONE).await
}

/// Reads from the floor once more, then takes what is new for a few seconds.
async fn round(
    client: &Client,
    listen: &Listen,
    source: &Source,
    feed: &mut Feed,
    to: &Outbound,
) -> Result<(), Trouble> {
    let (mut after, mut complete) = (feed.floor, None);
    loop {
        let list = fetch(client, source, after, None).await?;
        let complete = *complete.get_or_insert(list.complete_until);
        after = list.events.last().map_or(after, |event| event.id);
        let has_more = list.has_more;
        hand_on(listen, feed, to, list.events).await.map_err(Trouble::End)?;
        if !has_more {
            feed.complete(complete);
            break;
        }
    }
    let until = Instant::now() + AGAIN;
    loop {
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        if left == 0 {
            return Ok(());
        }
        let list = fetch(client, source, feed.last, u32::try_from(left).ok()).await?;
        hand_on(listen, feed, to, list.events).await.map_err(Trouble::End)?;
    }
}

/// Forwards those that are new and wanted, one after the other.
async fn hand_on(listen: &Listen, feed: &mut Feed, to: &Outbound, events: Vec<WebhookEvent>) -> Outcome {
    for event in events {
        if feed.take(event.id) && listen.wants(&event) {
            let began = Instant::now();
            let headers = headers(&event)?;
            let answer = to.post(&listen.forward_to, headers, Bytes::from(event.body.clone()), PATIENCE).await;
            show(listen, &event, &answer, began.elapsed())?;
        }
    }
    Ok(())
}

fn headers(event: &WebhookEvent) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::with_capacity(event.headers.len());
    for (name, value) in &event.headers {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    Ok(headers)
}

// ---- What is shown

fn show(listen: &Listen, event: &WebhookEvent, answer: &Result<Answer, Failure>, took: Duration) -> Outcome {
    let result = answer.as_ref().map(|answer| answer.status.as_u16());
    let body: Value = serde_json::from_str(&event.body)?;
    if listen.json {
        let (status, error) = (result.ok(), result.err().map(ToString::to_string));
        let line = json!({
            "id": event.id, "trigger": event.trigger, "createdAt": event.created_at, "status": status, "error": error,
            "durationMs": u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "event": body["events"][0],
        });
        return output::stream(&line.to_string());
    }
    let result = result.map_or_else(ToString::to_string, |status| status.to_string());
    let (at, ms) = (event.created_at, took.as_millis());
    output::stream(&output::printable(&format!("{at} {} {} {result} {ms} ms", event.trigger, event.id)))?;
    if listen.print { output::stream(&format!("{:#}", body["events"][0])) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u8) -> EventId {
        EventId::new([n; 12])
    }

    #[test]
    fn what_turns_up_late_is_taken_once() {
        let mut feed = Feed::from(event(1));
        assert!(feed.take(event(5)) && feed.take(event(9)) && !feed.take(event(5)));
        // It has a lesser id than what is known.
        assert!(feed.take(event(7)) && !feed.take(event(7)));
        assert_eq!(feed.last, event(9));
        feed.complete(event(7));
        assert!(!feed.take(event(3)) && !feed.take(event(7)) && !feed.take(event(9)) && feed.take(event(8)));
        // Time goes on without events.
        feed.complete(event(20));
        assert_eq!((feed.last, feed.seen.len()), (event(20), 0));
    }

    #[test]
    fn the_id_before() {
        let id = |text: &str| text.parse::<EventId>().expect("an id");
        assert_eq!(before(id("65f1c0ffee65f1c0ffee6600")), id("65f1c0ffee65f1c0ffee65ff"));
        assert_eq!(before(BEGINNING), BEGINNING);
    }
}
