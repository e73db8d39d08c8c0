//! Where webhooks go: counts, says 200, and tells who waits for a message that it arrived.

use crate::{Outcome, http::Inbox};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Hears of every message with the slot's number.
pub type Slot = watch::Receiver<u64>;

/// How the text of a message begins that belongs to a slot.
pub fn marker(slot: usize) -> String {
    format!("[[{slot:04}]]")
}

/// Counts what arrives.
#[derive(Clone)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    arrived: AtomicU64,
    slots: Vec<watch::Sender<u64>>,
}

impl Sink {
    /// Listens, with this many slots.
    pub async fn open(slots: usize) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let slots = std::iter::repeat_with(|| watch::Sender::new(0)).take(slots).collect();
        let sink = Self { address: listener.local_addr()?, shared: Arc::new(Shared { arrived: 0.into(), slots }) };
        let shared = Arc::clone(&sink.shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.attend(stream).await });
            }
        });
        Ok(sink)
    }

    /// How many calls arrived.
    pub fn arrived(&self) -> u64 {
        self.shared.arrived.load(Relaxed)
    }

    /// One of the slots.
    pub fn slot(&self, slot: usize) -> Slot {
        self.shared.slots[slot].subscribe()
    }

    /// Waits until `count` calls have arrived, or no more do.
    pub async fn wait_for(&self, count: u64) -> Outcome<()> {
        let (mut last, mut quiet) = (self.arrived(), 0);
        while last < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let now = self.arrived();
            quiet = if now == last { quiet + 1 } else { 0 };
            if quiet > 10_000 {
                return Err(format!("{} calls of webhooks are missing", count - now).into());
            }
            last = now;
        }
        Ok(())
    }
}

impl Shared {
    async fn attend(&self, mut stream: TcpStream) -> Outcome<()> {
        stream.set_nodelay(true)?;
        let mut inbox = Inbox::default();
        while let Some(frame) = inbox.receive(&mut stream).await? {
            self.arrived.fetch_add(1, Relaxed);
            if let Some(slot) = slot_of(frame.body).and_then(|slot| self.slots.get(slot)) {
                slot.send_modify(|count| *count += 1);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
        Ok(())
    }
}

fn slot_of(body: &[u8]) -> Option<usize> {
    let at = body.windows(2).position(|pair| pair == b"[[")?;
    std::str::from_utf8(body.get(at + 2..at + 6)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_found_by_its_marker() {
        let body = format!(r#"{{"events":[{{"text":"{} hello"}}]}}"#, marker(63));
        assert_eq!(slot_of(body.as_bytes()), Some(63));
        assert_eq!(slot_of(b"{}"), None);
    }
}
