//! A rate with bursts.

use std::time::Duration;

use crate::rules::MIN_RETRY_AFTER;

/// A token bucket. A request larger than the burst is let through when the bucket is full, and the debt it
/// leaves has to be paid off first: refused, it could never be stored at all.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled_ms: i64,
}

impl Bucket {
    pub(crate) fn full(burst: f64, now_ms: i64) -> Bucket {
        Bucket {
            tokens: burst,
            filled_ms: now_ms,
        }
    }

    /// Takes `count` tokens; else says when to come again.
    pub(crate) fn take(&mut self, count: f64, rate: f64, burst: f64, now_ms: i64) -> Result<(), Duration> {
        // A clock that is set back fills nothing.
        let passed_ms = (now_ms - self.filled_ms).max(0) as f64;
        self.filled_ms = now_ms;
        self.tokens = (self.tokens + passed_ms / 1000.0 * rate).min(burst);
        let needed = count.min(burst);
        if self.tokens >= needed {
            self.tokens -= count;
            return Ok(());
        }
        let wait = Duration::try_from_secs_f64((needed - self.tokens) / rate).unwrap_or(Duration::MAX);
        Err(wait.clamp(MIN_RETRY_AFTER, Duration::from_secs(60)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_hold_on_average_and_large_requests_pay_later() {
        let mut bucket = Bucket::full(200.0, 0);
        let mut check = |count: f64, now_ms, expected: Result<(), u64>| {
            let found = bucket.take(count, 100.0, 200.0, now_ms);
            assert_eq!(
                found.map_err(|wait| wait.as_secs()),
                expected,
                "{count} at {now_ms}"
            );
        };
        check(150.0, 0, Ok(()));
        check(60.0, 0, Err(1));
        check(60.0, 100, Ok(()));
        // Full again, and a debt of 300.
        check(500.0, 5_000, Ok(()));
        check(1.0, 7_000, Err(1));
        check(200.0, 7_000, Err(3));
        check(1.0, 8_010, Ok(()));
        // Set back.
        check(1.0, 0, Err(1));
    }
}
