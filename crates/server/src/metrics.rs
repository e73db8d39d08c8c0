//! What is counted, for Prometheus. No label holds an id: their number is bounded by the code.

use heliograph_store::Stats;
use http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// Seconds, from what an answer from memory takes to what nobody waits for.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// What waits is counted again after so many times what that took: whoever asks, and however many do, it takes a fiftieth of
/// the time.
const COUNT_REST: u32 = 50;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// What is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Histogram,
    attempts: Family<OutcomeLabel, Counter>,
    attempt_durations: Histogram,
    expiring: Gauge<u64, AtomicU64>,
    paused: Counter,
    store: StoreFigures,
    /// Until when what waits is not counted again.
    counted_until: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct StoreFigures {
    commits: Counter,
    writes: Counter,
    queued: Gauge<u64, AtomicU64>,
    wal_bytes: Gauge<u64, AtomicU64>,
    deliveries: Gauge<u64, AtomicU64>,
    queue: Gauge<u64, AtomicU64>,
    oldest: Gauge<f64, AtomicU64>,
}

/// How much waits to be delivered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// How many deliveries.
    pub length: u64,
    /// For how long the oldest has waited.
    pub oldest: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("heliograph");
        let (requests, attempts) = (Family::default(), Family::default());
        let (durations, attempt_durations) = (Histogram::new(BUCKETS), Histogram::new(BUCKETS));
        let (paused, store) = (Counter::default(), StoreFigures::default());
        registry.register("http_requests", "Answers, by operation and status", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer",
            durations.clone(),
        );
        registry.register("webhook_attempts", "Calls of webhooks, by outcome", attempts.clone());
        registry.register(
            "webhook_attempt_duration_seconds",
            "Time a call of a webhook took",
            attempt_durations.clone(),
        );
        registry.register(
            "store_commits",
            "Commits since the start; many transactions may share one",
            store.commits.clone(),
        );
        registry.register("store_transactions", "Writing transactions since the start", store.writes.clone());
        registry.register("store_queue_length", "Transactions that wait", store.queued.clone());
        registry.register("sqlite_wal_bytes", "Size of the write-ahead log", store.wal_bytes.clone());
        registry.register("webhook_deliveries_in_memory", "Deliveries this node has in hand", store.deliveries.clone());
        let expiring = Gauge::default();
        registry.register("keys_expiring", "Keys that expire within 14 days", expiring.clone());
        registry.register("webhook_queue_length", "Deliveries that wait, on all nodes", store.queue.clone());
        registry.register(
            "webhook_queue_oldest_seconds",
            "Time since the oldest event that waits",
            store.oldest.clone(),
        );
        registry.register("webhooks_paused", "Webhooks that were paused after too many failures", paused.clone());
        Self {
            registry,
            requests,
            durations,
            attempts,
            attempt_durations,
            expiring,
            paused,
            store,
            counted_until: Mutex::default(),
        }
    }
}

impl Metrics {
    /// How many keys expire soon.
    pub fn keys_expiring(&self, keys: u64) {
        self.expiring.set(keys);
    }

    /// Counts an answer.
    pub fn request(&self, operation: &'static str, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&RequestLabels { operation, status: status.as_u16() }).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// Counts a call of a webhook: `delivered`, `retry` or `failed`.
    pub fn attempt(&self, outcome: &'static str, took: Duration) {
        self.attempts.get_or_create(&OutcomeLabel { outcome }).inc();
        self.attempt_durations.observe(took.as_secs_f64());
    }

    /// Counts a webhook that was paused.
    pub fn webhook_paused(&self) {
        self.paused.inc();
    }

    /// Has what waits counted, if it was not lately. Whoever asks meanwhile waits for that.
    pub async fn queue<E>(&self, count: impl Future<Output = Result<Queue, E>>) -> Result<(), E> {
        let mut until = self.counted_until.lock().await;
        let began = Instant::now();
        if until.is_some_and(|until| began < until) {
            return Ok(());
        }
        let queue = count.await?;
        self.store.queue.set(queue.length);
        self.store.oldest.set(queue.oldest.as_secs_f64());
        *until = Some(Instant::now() + began.elapsed() * COUNT_REST);
        Ok(())
    }

    /// All of it, in the text form that Prometheus reads.
    pub fn render(&self, store: &Stats, deliveries: usize) -> String {
        raise(&self.store.commits, store.commits);
        raise(&self.store.writes, store.transactions);
        self.store.queued.set(store.queued as u64);
        self.store.wal_bytes.set(store.wal_bytes.unwrap_or(0));
        self.store.deliveries.set(deliveries as u64);
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Brings a counter up to what somebody else has counted.
fn raise(counter: &Counter, counted: u64) {
    counter.inner().fetch_max(counted, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tokio::time::sleep;

    #[tokio::test]
    async fn what_waits_is_counted_now_and_then() {
        const TAKES: Duration = Duration::from_millis(20);
        let (metrics, counts) = (Metrics::default(), AtomicU64::new(0));
        let count = || async {
            sleep(TAKES).await;
            counts.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Queue { length: 7, oldest: Duration::ZERO })
        };
        let began = Instant::now();
        for _ in 0..1000 {
            metrics.queue(count()).await.unwrap();
        }
        assert!(counts.load(Ordering::Relaxed) == 1 || began.elapsed() > TAKES * COUNT_REST);
        assert_eq!(metrics.store.queue.get(), 7);
        // What could not be counted is no count.
        let fresh = Metrics::default();
        assert_eq!(fresh.queue(async { Err("no") }).await, Err("no"));
        fresh.queue(count()).await.unwrap();
        assert_eq!(fresh.store.queue.get(), 7);
    }
}
