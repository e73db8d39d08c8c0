//! One attempt: send, judge, and have it settled (`settle.rs`).

use super::{
    Shared, Webhook,
    journal::Entry,
    lanes::{Done, Event},
    outbox::{self, Delivery},
    policy::{TIMEOUT, Verdict, judge},
    settle::{Settlement, in_time, settle},
    standing::SLOW,
    target::{Target, find},
};
use crate::{error::Result, state::State, webhook_health};
use bytes::Bytes;
use heliograph_http::{Answer, Failure};
use heliograph_store::{Tx, clock};
use heliograph_wire::{deliveries::AttemptOutcome, events::VERSION, id::ConversationId};
use http::HeaderMap;
use std::{
    cell::LazyCell,
    fmt::Write,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tracing::field::display;

/// How much of a lease is left for writing down what became of the longest call.
const TO_SETTLE: Duration = Duration::from_secs(10);

/// Makes one call with these deliveries of one webhook and settles their rows. The lane hears of it as soon as the target
/// took them; when they are to be tried again, once that is written down.
pub async fn run(state: State, shared: &'static Shared, call: Vec<Delivery>) {
    let mut report = Report { shared, began: Instant::now(), lines: lines(&call), done: None, left: false };
    report.done = call.first().map(|first| (first.webhook, call.len()));
    if let Err(error) = make(state, shared, call, &mut report).await {
        // Their leases end, and then they are tried again. Until then the lane keeps what follows behind them.
        tracing::error!(%error, "deliveries were left in hand");
    }
}

fn lines<'d>(call: impl IntoIterator<Item = &'d Delivery>) -> Vec<ConversationId> {
    let mut lines: Vec<ConversationId> = call.into_iter().filter_map(|delivery| delivery.line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Tells the lane that the attempt is over, however it ended.
struct Report {
    shared: &'static Shared,
    began: Instant,
    lines: Vec<ConversationId>,
    /// The webhook and the number of deliveries, until the lane was told.
    done: Option<(Webhook, usize)>,
    /// Whether the store does not know how it ended.
    left: bool,
}

impl Report {
    /// `back` are the lines of which something is tried again; `retry` says after how long.
    fn tell(&mut self, arrived: bool, back: Vec<ConversationId>, retry: Option<Duration>) {
        let Some((webhook, count)) = self.done.take() else { return };
        self.shared.in_hand.fetch_sub(count, Ordering::Relaxed);
        let through = self.lines.iter().filter(|line| !back.contains(line)).copied().collect();
        let took = self.began.elapsed();
        self.shared.tell(Event::Done(Done { webhook, through, back, arrived, took, retry, left: self.left }));
    }
}

impl Drop for Report {
    /// Nobody knows what became of the call: what is behind it waits as if it were tried again.
    fn drop(&mut self) {
        let lines = self.lines.clone();
        self.left = true;
        self.tell(false, lines, Some(super::LEASE));
    }
}

async fn make(state: State, shared: &'static Shared, mut call: Vec<Delivery>, report: &mut Report) -> Result<()> {
    if !still_ours(state, shared, &mut call).await? {
        return Ok(());
    }
    let Some(target) = find(state, shared, call[0].webhook).await? else {
        // The webhook was deleted, and this with it.
        report.tell(false, Vec::new(), None);
        return Ok(());
    };
    if target.is_paused() {
        return keep(state, shared, call, report).await;
    }
    let at = clock::now_ms();
    let began = Instant::now();
    let body = envelope(&call);
    let headers = target.headers(&call, at, &body);
    let answer = target.outbound().post(target.uri(), headers.clone(), body, TIMEOUT).await;
    let attempt = Attempt { at, took: began.elapsed(), target, headers, answer };
    let verdicts = attempt.verdicts(shared, &call);
    state.metrics.attempt(outcome(verdicts[0]).name(), attempt.took);
    let (arrived, retry) = (verdicts[0] == Verdict::Delivered, verdicts.iter().filter_map(pause).min());
    let back = call.iter().zip(&verdicts).filter(|(_, verdict)| pause(verdict).is_some());
    let back = lines(back.map(|(delivery, _)| delivery));
    if retry.is_none() {
        // The lane goes on with its next call while this one's rows wait for a commit.
        report.tell(arrived, Vec::new(), None);
    }
    let settlement = Arc::new(attempt.settlement(shared, call, verdicts, &back, &report.lines)?);
    if arrived && settlement.change.is_none() && attempt.took < SLOW {
        shared.note_arrived(settlement);
        return Ok(());
    }
    // What arrived soon does not stand in line behind what did not.
    let late = retry.is_some() || attempt.took >= SLOW;
    let write = || {
        let settlement = Arc::clone(&settlement);
        async move {
            let _place = shared.place(late).await;
            settle(state, shared, vec![settlement]).await
        }
    };
    in_time(settlement.lease_until(), write).await?;
    report.tell(arrived, back, retry);
    Ok(())
}

/// Keeps what a paused webhook misses, and has what follows looked at: it is kept, too. The webhook may have been resumed
/// since somebody looked: then this is back in the store, and what is behind it goes there.
async fn keep(state: State, shared: &'static Shared, call: Vec<Delivery>, report: &mut Report) -> Result<()> {
    let webhook = call[0].webhook;
    let lease_until = call.iter().map(|delivery| delivery.lease_until).min();
    let call = Arc::new(call);
    let write = || {
        let call = Arc::clone(&call);
        state.store.write(move |tx| Ok((shared.goes_by_the_store(tx, webhook.id)?, hold(tx, &call)?)))
    };
    let (wakes, held) = in_time(lease_until, write).await?;
    if held {
        report.tell(true, Vec::new(), None);
    } else {
        report.tell(true, report.lines.clone(), Some(Duration::ZERO));
    }
    if wakes {
        shared.tell(Event::Stored(webhook));
    }
    Ok(())
}

/// Whether the webhook is still paused, and these are held.
fn hold(tx: &mut Tx<'_>, call: &[Delivery]) -> Result<bool> {
    let webhook = call[0].webhook;
    if !webhook_health::is_paused(tx, webhook.app, webhook.id)? {
        call.iter().try_for_each(|one| outbox::give_back(tx, one))?;
        return Ok(false);
    }
    call.iter().try_for_each(|one| outbox::hold(tx, one))?;
    lines(call).into_iter().try_for_each(|line| outbox::wake(tx, webhook, line))?;
    Ok(true)
}

/// What was done, and what came of it.
struct Attempt {
    at: i64,
    took: Duration,
    target: Arc<Target>,
    headers: HeaderMap,
    answer: Result<Answer, Failure>,
}

impl Attempt {
    fn verdicts(&self, shared: &Shared, call: &[Delivery]) -> Vec<Verdict> {
        let status = self.answer.as_ref().ok().map(|answer| answer.status);
        // What failed together is tried again together.
        let chance = LazyCell::new(chance);
        let gaps = &shared.options.gaps;
        let judge = |delivery: &Delivery| judge(delivery.attempts as usize + 1, status, gaps, || *chance);
        call.iter().map(judge).collect()
    }

    /// What is written down of it, for the deliveries with this verdict.
    fn line(&self, call: &[Delivery], verdict: Verdict) -> Result<String> {
        let ended = self.at + self.took.as_millis() as i64;
        let entry = Entry {
            at: self.at,
            took: self.took,
            url: self.target.url(),
            headers: &self.headers,
            events: call.iter().map(|delivery| delivery.id).collect(),
            answer: &self.answer,
            outcome: outcome(verdict),
            next_at: pause(&verdict).map(|pause| ended + pause.as_millis() as i64),
        };
        Ok(entry.line()?)
    }

    /// All that is written down of it.
    fn settlement(
        &self,
        shared: &Shared,
        call: Vec<Delivery>,
        verdicts: Vec<Verdict>,
        back: &[ConversationId],
        lines: &[ConversationId],
    ) -> Result<Settlement> {
        let mut entries = Vec::with_capacity(call.len());
        for (delivery, verdict) in call.iter().zip(&verdicts) {
            self.log(delivery, *verdict);
            let keeps = !shared.options.journal.keeps_nothing() || pause(verdict).is_some();
            entries.push(if keeps { self.line(&call, *verdict)? } else { String::new() });
        }
        let webhook = call[0].webhook;
        let ended = self.at + self.took.as_millis() as i64;
        let change = self.target.change(verdicts[0] == Verdict::Delivered, ended, shared.options.pause_after);
        let rows =
            call.into_iter().zip(verdicts).zip(entries).map(|((delivery, verdict), line)| (delivery, verdict, line));
        let through = lines.iter().filter(|line| !back.contains(line)).copied().collect();
        let target = Arc::clone(&self.target);
        Ok(Settlement { webhook, target, rows: rows.collect(), through, ended, change })
    }

    fn log(&self, delivery: &Delivery, verdict: Verdict) {
        let status = self.answer.as_ref().ok().map(|answer| answer.status.as_u16());
        let error = self.answer.as_ref().err().map(display);
        let (webhook, event, attempt) = (display(delivery.webhook.id), display(delivery.id), delivery.attempts + 1);
        match verdict {
            Verdict::Delivered => tracing::debug!(webhook, event, attempt, status, "webhook delivered"),
            Verdict::Retry(pause) => {
                let retry_s = pause.as_secs_f64();
                tracing::info!(webhook, event, attempt, status, error, retry_s, "webhook is tried again");
            }
            Verdict::Failed => tracing::warn!(webhook, event, attempt, status, error, "webhook is given up"),
        }
    }
}

/// A number between 0 and 1. Without randomness there is no jitter, and nothing worse.
fn chance() -> f64 {
    let mut random = [0; 2];
    let _ = getrandom::fill(&mut random);
    f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX)
}

/// Deliveries that waited long in memory may have been taken over by another node; then none of them is sent from here.
/// Else they get a new lease, which is looked at again: it may have taken long to get it.
async fn still_ours(state: State, shared: &'static Shared, call: &mut [Delivery]) -> Result<bool> {
    let needed = (TIMEOUT + TO_SETTLE).as_millis() as i64;
    while call.iter().any(|delivery| delivery.lease_until - clock::now_ms() <= needed) {
        let _place = shared.place(true).await;
        let rows = call.to_vec();
        let Some(lease_until) = state.store.write(move |tx| renew(tx, &rows)).await? else { return Ok(false) };
        call.iter_mut().for_each(|delivery| delivery.lease_until = lease_until);
    }
    Ok(true)
}

/// When the new lease of these ends; none if somebody else has one of them.
fn renew(tx: &mut Tx<'_>, rows: &[Delivery]) -> Result<Option<i64>> {
    for row in rows {
        if !outbox::is_held(tx, row)? {
            return Ok(None);
        }
    }
    let lease_until = outbox::lease_end(tx.now());
    rows.iter().try_for_each(|row| outbox::renew(tx, row, lease_until))?;
    Ok(Some(lease_until))
}

/// What is sent: the events are JSON already, and ids need no escaping.
pub fn envelope(call: &[Delivery]) -> Bytes {
    let Webhook { app, id } = call[0].webhook;
    let mut body = String::with_capacity(128 + call.iter().map(|delivery| delivery.event.len() + 1).sum::<usize>());
    let _ = write!(body, r#"{{"app":{{"id":"{app}"}},"webhook":{{"id":"{id}","version":"{VERSION}"}},"events":["#);
    for (at, delivery) in call.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str(&delivery.event);
    }
    body.push_str("]}");
    body.into()
}

const fn pause(verdict: &Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Retry(pause) => Some(*pause),
        Verdict::Delivered | Verdict::Failed => None,
    }
}

const fn outcome(verdict: Verdict) -> AttemptOutcome {
    match verdict {
        Verdict::Delivered => AttemptOutcome::Delivered,
        Verdict::Retry(_) => AttemptOutcome::Retry,
        Verdict::Failed => AttemptOutcome::Failed,
    }
}
