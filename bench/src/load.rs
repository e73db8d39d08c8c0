//! Closed loops: one for each connection, each taking its next step when the last is done.

use crate::{Outcome, child, http::Connection, sink::Slot};
use bytes::Bytes;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinHandle};

/// What a loop does over and over.
pub trait Work: Send + 'static {
    /// Takes one step.
    fn step(&mut self) -> impl Future<Output = Outcome<Step>> + Send;
}

/// How a step went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is done.
    Done,
    /// The server had too much to do.
    Refused,
    /// There was nothing left to do.
    NoneLeft,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Timing {
    /// What is not counted, at first.
    pub warm: Duration,
    /// What is counted.
    pub counted: Duration,
}

/// What came out.
#[derive(Clone, Copy)]
pub struct Measured {
    /// Steps in a second.
    pub rate: f64,
    /// How long they took, if that is a question.
    pub latency: Option<Latency>,
    /// What the server's process spent on a step, if it is a process of its own.
    pub cpu_us: Option<f64>,
    /// How many steps were taken in all, counted or not.
    pub steps: u64,
    /// How many more the server refused, because it had too much to do.
    pub refused: u64,
}

/// How long steps took.
#[derive(Clone, Copy)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// Of a hundred, all but one took no longer.
    pub p99_ms: f64,
}

#[derive(Default)]
struct Stage {
    counting: AtomicBool,
    over: AtomicBool,
    ended_early: Notify,
}

/// Runs the loops side by side. `process` is whose time is told per step.
pub async fn drive<W: Work>(loops: Vec<W>, timing: Timing, process: Option<u32>) -> Outcome<Measured> {
    let stage = Arc::new(Stage::default());
    let tasks: Vec<_> = loops.into_iter().map(|work| tokio::spawn(run(work, Arc::clone(&stage)))).collect();
    tokio::time::sleep(timing.warm).await;
    stage.counting.store(true, Relaxed);
    let (began, cpu) = (Instant::now(), process.map(child::cpu).transpose()?);
    tokio::select! {
        () = tokio::time::sleep(timing.counted) => {}
        () = stage.ended_early.notified() => {}
    }
    stage.over.store(true, Relaxed);
    let (elapsed, spent) = (began.elapsed(), process.map(child::cpu).transpose()?);
    let Tally { mut took, steps, refused } = sum(tasks).await?;
    if took.is_empty() {
        return Err("the loops ended before anything was counted".into());
    }
    took.sort_unstable();
    let at = |share: f64| f64::from(took[(took.len() as f64 * share) as usize]) / 1e3;
    let cpu_us = cpu.zip(spent).map(|(from, to)| (to - from).as_secs_f64() * 1e6 / took.len() as f64);
    let rate = took.len() as f64 / elapsed.as_secs_f64();
    Ok(Measured { rate, latency: Some(Latency { p50_ms: at(0.5), p99_ms: at(0.99) }), cpu_us, steps, refused })
}

/// What loops have done.
#[derive(Default)]
struct Tally {
    /// How long each counted step took, in microseconds.
    took: Vec<u32>,
    steps: u64,
    refused: u64,
}

async fn sum(tasks: Vec<JoinHandle<Outcome<Tally>>>) -> Outcome<Tally> {
    let mut sum = Tally::default();
    for task in tasks {
        let tally = task.await??;
        sum.took.extend(tally.took);
        sum.steps += tally.steps;
        sum.refused += tally.refused;
    }
    Ok(sum)
}

async fn run(mut work: impl Work, stage: Arc<Stage>) -> Outcome<Tally> {
    let mut tally = Tally::default();
    while !stage.over.load(Relaxed) {
        let (counting, began) = (stage.counting.load(Relaxed), Instant::now());
        match work.step().await {
            Ok(Step::Done) => {
                tally.steps += 1;
                if counting && !stage.over.load(Relaxed) {
                    tally.took.push(began.elapsed().as_micros() as u32);
                }
            }
            Ok(Step::Refused) => tally.refused += 1,
            ended => {
                stage.ended_early.notify_one();
                ended?;
                break;
            }
        }
    }
    Ok(tally)
}

/// Sends prepared requests over one connection.
pub struct Requests {
    connection: Connection,
    requests: Arc<[Bytes]>,
    next: usize,
    last: Option<usize>,
}

impl Requests {
    /// All requests over and over, from the one at `first` on.
    pub fn around(connection: Connection, requests: Arc<[Bytes]>, first: usize) -> Self {
        Self { connection, requests, next: first, last: None }
    }

    /// Each request once.
    pub fn once(connection: Connection, requests: Arc<[Bytes]>) -> Self {
        Self { connection, next: 0, last: Some(requests.len()), requests }
    }
}

impl Work for Requests {
    async fn step(&mut self) -> Outcome<Step> {
        if self.last.is_some_and(|last| self.next >= last) {
            return Ok(Step::NoneLeft);
        }
        let request = &self.requests[self.next % self.requests.len()];
        self.next += 1;
        Ok(if self.connection.attempt(request).await? { Step::Done } else { Step::Refused })
    }
}

/// The same, where a step is over when what was posted has come out at the other end.
pub struct RoundTrips {
    /// What is posted; its messages carry the number of the slot.
    pub requests: Requests,
    /// Where they come out.
    pub slot: Slot,
}

/// Longer than any delivery here takes unless it is lost.
pub const PATIENCE: Duration = Duration::from_secs(10);

impl Work for RoundTrips {
    async fn step(&mut self) -> Outcome<Step> {
        self.slot.borrow_and_update();
        let step = self.requests.step().await?;
        if step == Step::Done {
            tokio::time::timeout(PATIENCE, self.slot.changed()).await.map_err(|_| "a webhook was not called")??;
        }
        Ok(step)
    }
}
