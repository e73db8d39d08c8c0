//! One attempt: send, judge, settle.

use super::{
    Shared,
    lanes::Event,
    outbox::{self, Delivery},
    policy::{TIMEOUT, Verdict, judge},
    signature::{Signatures, call_id},
};
use crate::{
    error::Result,
    state::State,
    webhooks::{self, Calling},
};
use bytes::Bytes;
use heliograph_http::{Answer, Failure, Outbound, parse_target};
use heliograph_store::clock;
use heliograph_wire::events::VERSION;
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use serde::Deserialize;
use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Instant,
};

/// For how long a target is believed without asking the store.
const BELIEVED_MS: i64 = 1000;

/// Where a webhook is called, and with what.
#[derive(Clone)]
pub struct Target {
    uri: Uri,
    headers: HeaderMap,
    signatures: Signatures,
    /// The client that leaves by the webhook's own proxy, or as all others do.
    outbound: Outbound,
    read_at: i64,
}

/// Makes one attempt and settles its row. The lane hears of it as soon as the target answered.
pub async fn run(state: State, shared: Arc<Shared>, delivery: Delivery) {
    let webhook = delivery.webhook.clone();
    let mut report = Report { shared: Arc::clone(&shared), webhook: Some(webhook) };
    if let Err(error) = make(&state, &shared, delivery, &mut report).await {
        // Its lease ends, and then it is tried again.
        tracing::error!(%error, "a delivery was left in hand");
    }
}

/// Tells the lane that the attempt is over, however it ended.
struct Report {
    shared: Arc<Shared>,
    /// Until the lane was told.
    webhook: Option<String>,
}

impl Report {
    fn tell(&mut self, verdict: Verdict) {
        let retry = match verdict {
            Verdict::Retry(pause) => Some(pause),
            Verdict::Delivered | Verdict::Failed => None,
        };
        if let Some(webhook) = self.webhook.take() {
            self.shared.tell(Event::Done { webhook, arrived: verdict == Verdict::Delivered, retry });
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.shared.in_hand.fetch_sub(1, Ordering::Relaxed);
        self.tell(Verdict::Failed);
    }
}

async fn make(state: &State, shared: &Arc<Shared>, mut delivery: Delivery, report: &mut Report) -> Result<()> {
    if !still_ours(state, shared, &mut delivery).await? {
        return Ok(());
    }
    let Some(target) = target(state, shared, &delivery).await? else {
        // The webhook was deleted, and this with it.
        return Ok(());
    };
    let began = Instant::now();
    let (mut headers, body) = (target.headers, envelope(&delivery));
    target.signatures.put(&mut headers, &call_id(&[event_id(&delivery.event)?]), clock::now_ms(), &body);
    let answer = target.outbound.post(&target.uri, headers, body, TIMEOUT).await;
    let verdict = verdict(shared, &delivery, &answer);
    state.metrics.attempt(outcome(verdict), began.elapsed());
    log(&delivery, &answer, verdict);
    // The lane goes on with its next call while this one's row waits for a commit.
    report.tell(verdict);
    let pause = match verdict {
        Verdict::Retry(pause) => Some(pause),
        Verdict::Delivered | Verdict::Failed => None,
    };
    state
        .store
        .write(move |tx| match pause {
            Some(pause) => outbox::postpone(tx, &delivery, pause.as_millis() as i64),
            None => outbox::finish(tx, &delivery),
        })
        .await
}

/// A delivery that waited long in memory may have been taken over by another node.
async fn still_ours(state: &State, shared: &Shared, delivery: &mut Delivery) -> Result<bool> {
    let now = clock::now_ms();
    if delivery.lease_until - now > TIMEOUT.as_millis() as i64 {
        return Ok(true);
    }
    let (row, node) = (delivery.clone(), shared.node.clone());
    let renewed = state.store.write(move |tx| outbox::renew(tx, &row, &node)).await?;
    delivery.lease_until = outbox::lease_end(now);
    Ok(renewed)
}

async fn target(state: &State, shared: &Shared, delivery: &Delivery) -> Result<Option<Target>> {
    let now = clock::now_ms();
    let kept = shared.targets.read().unwrap_or_else(PoisonError::into_inner).get(&delivery.webhook).cloned();
    if let Some(target) = kept.filter(|t| (0..BELIEVED_MS).contains(&(now - t.read_at))) {
        return Ok(Some(target));
    }
    let (vault, app, id) = (state.clone(), delivery.app.clone(), delivery.webhook.clone());
    let found = state.store.read(move |tx| webhooks::calling(tx, &vault.vault, &app, &id)).await?;
    let Some(calling) = found else { return Ok(None) };
    let Some(target) = known(shared, &calling, now)? else { return Ok(None) };
    shared.targets.write().unwrap_or_else(PoisonError::into_inner).insert(delivery.webhook.clone(), target.clone());
    Ok(Some(target))
}

fn known(shared: &Shared, calling: &Calling, read_at: i64) -> Result<Option<Target>> {
    let Ok(uri) = parse_target(&calling.target) else { return Ok(None) };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, const { HeaderValue::from_static("application/json") });
    if let Ok(mut value) = HeaderValue::from_str(&calling.secret) {
        value.set_sensitive(true);
        headers.insert("x-api-key", value);
    }
    let signatures = Signatures::with(calling.signing.iter().map(|secret| secret.as_str()))?;
    let outbound = calling.proxy.as_ref().map_or_else(|| shared.outbound.clone(), |proxy| shared.outbound.by(proxy));
    Ok(Some(Target { uri, headers, signatures, outbound, read_at }))
}

/// What is sent: the event is JSON already, and ids need no escaping.
fn envelope(delivery: &Delivery) -> Bytes {
    let Delivery { app, webhook, event, .. } = delivery;
    let head = format!(r#"{{"app":{{"id":"{app}"}},"webhook":{{"id":"{webhook}","version":"{VERSION}"}},"events":["#);
    [head.as_str(), event, "]}"].concat().into()
}

fn event_id(event: &str) -> Result<&str> {
    #[derive(Deserialize)]
    struct Named<'e> {
        id: &'e str,
    }
    Ok(serde_json::from_str::<Named<'_>>(event)?.id)
}

fn verdict(shared: &Shared, delivery: &Delivery, answer: &Result<Answer, Failure>) -> Verdict {
    let status = answer.as_ref().ok().map(|a| a.status);
    let mut random = [0; 2];
    // Without randomness there is no jitter, and nothing worse.
    let _ = getrandom::fill(&mut random);
    let chance = f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    judge(delivery.attempts as usize + 1, status, &shared.gaps, chance)
}

const fn outcome(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Retry(_) => "retry",
        Verdict::Failed => "failed",
    }
}

fn log(delivery: &Delivery, answer: &Result<Answer, Failure>, verdict: Verdict) {
    let (status, error) = match answer {
        Ok(answer) => (Some(answer.status.as_u16()), None),
        Err(failure) => (None, Some(failure.to_string())),
    };
    let (webhook, delivery_id, attempt) = (&delivery.webhook, &delivery.id, delivery.attempts + 1);
    match verdict {
        Verdict::Delivered => tracing::debug!(webhook, delivery_id, attempt, status, "webhook delivered"),
        Verdict::Retry(pause) => {
            let retry_s = pause.as_secs_f64();
            tracing::info!(webhook, delivery_id, attempt, status, error, retry_s, "webhook is tried again");
        }
        Verdict::Failed => tracing::warn!(webhook, delivery_id, attempt, status, error, "webhook is given up"),
    }
}
