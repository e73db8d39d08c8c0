//! When a call of a webhook is made again. Pure: no clock, no chance of its own.

use http::StatusCode;
use std::time::Duration;

/// How long a target may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// The pauses between attempts: five attempts within a quarter of an hour, each pause longer than the one before, and also
/// when each attempt takes all the time it may.
pub const GAPS: [Duration; 4] =
    [Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(240), Duration::from_secs(400)];

/// The share by which a pause is stretched at most, so that what failed together does not come back together.
const JITTER: f64 = 0.1;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It is tried again after this pause.
    Retry(Duration),
    /// It is given up.
    Failed,
}

/// Judges attempt number `attempt` (the first is 1) by its answer's status, if there was an answer. `chance` gives a
/// number between 0 and 1, and is asked only where there is a pause.
pub fn judge(attempt: usize, status: Option<StatusCode>, gaps: &[Duration], chance: impl FnOnce() -> f64) -> Verdict {
    match status.map(|s| s.as_u16()) {
        Some(200..=299) => Verdict::Delivered,
        // The target understood and does not want it.
        Some(400 | 401 | 403 | 404 | 406) => Verdict::Failed,
        _ => match gaps.get(attempt.saturating_sub(1)) {
            Some(gap) => Verdict::Retry(gap.mul_f64(1.0 + JITTER * chance().clamp(0.0, 1.0))),
            None => Verdict::Failed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_attempts_in_a_quarter_of_an_hour() {
        let (mut total, mut attempt, mut last) = (Duration::ZERO, 1, Duration::ZERO);
        while let Verdict::Retry(gap) = judge(attempt, None, &GAPS, || 1.0) {
            assert!(gap > last);
            (total, attempt, last) = (total + gap, attempt + 1, gap);
        }
        assert_eq!(attempt, 5);
        total += TIMEOUT * attempt as u32;
        assert!(total <= Duration::from_secs(15 * 60), "{total:?}");
    }

    proptest! {
        #[test]
        fn every_status_is_judged_as_the_contract_says(status in 100u16..1000, attempt in 1usize..5, chance in 0.0..1.0) {
            let verdict = judge(attempt, StatusCode::from_u16(status).ok(), &GAPS, || chance);
            match status {
                200..=299 => prop_assert_eq!(verdict, Verdict::Delivered),
                400 | 401 | 403 | 404 | 406 => prop_assert_eq!(verdict, Verdict::Failed),
                _ => prop_assert!(matches!(verdict, Verdict::Retry(gap) if gap >= GAPS[attempt - 1] && gap <= GAPS[attempt - 1].mul_f64(1.1))),
            }
        }
    }
}
