//! What is written down of an attempt, and for how long.

use heliograph_http::{Answer, Failure};
use heliograph_wire::{
    deliveries::{Attempt, AttemptOutcome, AttemptRequest},
    id::EventId,
    time::Timestamp,
};
use http::HeaderMap;
use std::{borrow::Cow, time::Duration};

/// How many bytes of an answer are kept.
const ANSWER_BYTES: usize = 1024;
/// Room for most lines.
const LINE_BYTES: usize = 1024;
/// What stands where a secret was.
const MASK: &str = "***";

/// For how long the log keeps what is settled. With nothing of either, it keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// How long.
    pub keep_for: Duration,
    /// How many deliveries of one webhook.
    pub keep: usize,
}

impl Journal {
    /// Whether deliveries are deleted as soon as they are settled.
    pub const fn keeps_nothing(&self) -> bool {
        self.keep == 0 || self.keep_for.is_zero()
    }
}

/// One call of a target, as it is written down.
pub struct Entry<'a> {
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// How long it took.
    pub took: Duration,
    /// The address that it called.
    pub url: &'a str,
    /// What it sent; headers marked as sensitive are masked.
    pub headers: &'a HeaderMap,
    /// The events it carried.
    pub events: Vec<EventId>,
    /// What came back.
    pub answer: &'a Result<Answer, Failure>,
    /// What follows from that.
    pub outcome: AttemptOutcome,
    /// When it is to be tried again.
    pub next_at: Option<i64>,
}

impl Entry<'_> {
    /// The line in the log.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        let several = self.events.len() > 1;
        let attempt = Attempt {
            at: Timestamp(self.at),
            duration_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            outcome: self.outcome,
            status: self.answer.as_ref().ok().map(|answer| answer.status.as_u16()),
            error: self.answer.as_ref().err().map(|failure| class(*failure).into()),
            next_attempt_at: self.next_at.map(Timestamp),
            request: AttemptRequest {
                url: self.url.into(),
                headers: self.headers.iter().map(|(name, value)| (name.as_str().into(), shown(value))).collect(),
                event_ids: several.then(|| self.events.clone()),
                body: None,
            },
            answer: self.answer.as_ref().ok().map(|answer| self.start_of(&answer.body)).filter(|text| !text.is_empty()),
        };
        let mut line = Vec::with_capacity(LINE_BYTES);
        serde_json::to_writer(&mut line, &attempt)?;
        line.push(b'\n');
        String::from_utf8(line).map_err(serde::ser::Error::custom)
    }

    /// The start of an answer, without the secrets that the target may have sent back: looked for before it is cut.
    fn start_of<'b>(&self, body: &'b [u8]) -> Cow<'b, str> {
        let mut text = String::from_utf8_lossy(body);
        for secret in self.headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok())
        {
            if text.contains(secret) {
                text = text.replace(secret, MASK).into();
            }
        }
        let end = (0..=ANSWER_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let end = end.unwrap_or_default();
        match text {
            Cow::Borrowed(text) => text[..end].into(),
            Cow::Owned(text) => text[..end].to_owned().into(),
        }
    }
}

fn shown(value: &http::HeaderValue) -> Cow<'_, str> {
    if value.is_sensitive() { MASK.into() } else { String::from_utf8_lossy(value.as_bytes()) }
}

/// The word for a failure: what went wrong, and nothing of what was found on the way.
pub const fn class(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "timeout",
        Failure::Refused => "addressNotAllowed",
        Failure::Resolve => "hostNotFound",
        Failure::Connect => "connectionRefused",
        Failure::Tls => "tls",
        Failure::Proxy => "proxyRefused",
        Failure::Broken => "connectionBroken",
    }
}

/// The attempts in a log, the first one first.
pub fn read(log: &str) -> Result<Vec<Attempt<'static>>, serde_json::Error> {
    log.lines().map(serde_json::from_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderValue, StatusCode};

    fn line(body: &str) -> String {
        let mut secret = HeaderValue::from_static("hush-hush");
        secret.set_sensitive(true);
        let headers: HeaderMap = [(http::HeaderName::from_static("x-api-key"), secret)].into_iter().collect();
        let answer = Ok(Answer { status: StatusCode::OK, body: Bytes::from(body.to_owned()) });
        let entry = Entry {
            at: 0,
            took: Duration::from_millis(5),
            url: "http://t/",
            headers: &headers,
            events: vec![EventId::new([1; 12])],
            answer: &answer,
            outcome: AttemptOutcome::Delivered,
            next_at: None,
        };
        entry.line().expect("JSON")
    }

    #[test]
    fn no_secret_is_written_down_even_if_the_target_sends_it_back() {
        let padding = "x".repeat(ANSWER_BYTES - 4);
        for body in ["key=hush-hush;", &format!("{padding}hush-hush"), "plain", ""] {
            let line = line(body);
            assert!(!line.contains("hush"), "{line}");
            let [attempt] = &read(&line).expect("one attempt")[..] else { panic!("{line}") };
            assert_eq!(attempt.request.headers["x-api-key"], MASK);
            assert_eq!(attempt.answer.is_none(), body.is_empty());
        }
    }

    #[test]
    fn a_line_is_a_line() {
        let text = line("a\nb\0");
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.contains('\0'), "PostgreSQL would refuse it");
        assert_eq!(read(&format!("{text}{text}")).expect("attempts")[1].answer.as_deref(), Some("a\nb\0"));
    }
}
