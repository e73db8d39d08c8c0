//! The raw store loops: the same rows with the same durability, and nothing around them. No HTTP, no checks, nothing
//! looked up, nothing delivered: what is left is what the database itself takes on this machine.

pub mod deliver;
pub mod postgres;
pub mod sqlite;

use crate::{
    Outcome,
    load::{Step, Work},
};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::oneshot;

/// How many conversations the messages go to.
const CONVERSATIONS: u64 = 1024;
const APP: &str = "0123456789abcdef01234567";

/// What a step writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// An integration's key.
    Key,
    /// A message of 600 bytes, its conversation's new state, and the delivery to one webhook.
    Message,
}

/// One step, as the writer gets it.
pub struct Ask {
    conversation: String,
    done: oneshot::Sender<bool>,
}

/// A loop that asks the writer.
pub struct Asking {
    writer: flume::Sender<Ask>,
    next: u64,
}

impl Asking {
    fn all(writer: &flume::Sender<Ask>, count: usize) -> Vec<Self> {
        // Each begins elsewhere, and all go round.
        (0..count as u64).map(|n| Self { writer: writer.clone(), next: n * 17 }).collect()
    }
}

impl Work for Asking {
    async fn step(&mut self) -> Outcome<Step> {
        self.next += 1;
        let (done, answer) = oneshot::channel();
        let conversation = conversation(self.next % CONVERSATIONS);
        self.writer.send(Ask { conversation, done })?;
        if answer.await? { Ok(Step::Done) } else { Err("the raw loop failed".into()) }
    }
}

fn conversation(n: u64) -> String {
    format!("{n:024x}")
}

/// Ids that grow, as those of the server do.
fn id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("65f1c0ff{:016x}", LAST.fetch_add(1, Relaxed))
}

/// A text of this many bytes that stands for JSON.
fn text(bytes: usize) -> String {
    "Hello, how can I help you today? ".chars().cycle().take(bytes).collect()
}

/// As long as a message, as its event with the conversation and all, and as a sealed secret.
const MESSAGE: usize = 600;
const EVENT: usize = 800;
const SECRET: usize = 170;
