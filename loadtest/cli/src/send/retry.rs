//! What a Prometheus sender does with an answer: RFC-like rules of remote write and the queue manager's backoff.

use std::time::Duration;

/// What an answer means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Acknowledged.
    Acked,
    /// Send it again, not before the pause.
    Retry,
    /// Never send it again.
    Refused,
}

/// Prometheus's `min_backoff` and `max_backoff` of a queue.
const MIN_BACKOFF: Duration = Duration::from_millis(30);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// 2xx is an ack, 5xx and 429 are recoverable, everything else is not
/// (<https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>).
pub(super) fn verdict(status: u16) -> Verdict {
    match status {
        200..300 => Verdict::Acked,
        429 | 500..600 => Verdict::Retry,
        _ => Verdict::Refused,
    }
}

/// Pauses between attempts at one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: MIN_BACKOFF }
    }
}

impl Backoff {
    /// The pause before the next attempt: what the server asked for, or twice the last one.
    pub(super) fn pause(&mut self, retry_after: Option<Duration>) -> Duration {
        let pause = retry_after.unwrap_or(self.next).min(MAX_BACKOFF);
        self.next = (self.next * 2).min(MAX_BACKOFF);
        pause
    }
}

/// `Retry-After` in seconds; the date form is not used by any server here and counts as absent.
pub(super) fn parse_retry_after(value: Option<&[u8]>) -> Option<Duration> {
    let seconds: u64 = std::str::from_utf8(value?).ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_as_prometheus_does() {
        for (status, expected) in [
            (200, Verdict::Acked),
            (204, Verdict::Acked),
            (301, Verdict::Refused),
            (400, Verdict::Refused),
            (413, Verdict::Refused),
            (415, Verdict::Refused),
            (429, Verdict::Retry),
            (500, Verdict::Retry),
            (503, Verdict::Retry),
        ] {
            assert_eq!(verdict(status), expected, "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_obey_the_server() {
        let mut backoff = Backoff::default();
        let ms: Vec<u128> = (0..9).map(|_| backoff.pause(None).as_millis()).collect();
        assert_eq!(ms, [30, 60, 120, 240, 480, 960, 1920, 3840, 5000]);
        assert_eq!(
            Backoff::default().pause(parse_retry_after(Some(b"2"))),
            Duration::from_secs(2)
        );
        assert_eq!(
            Backoff::default().pause(parse_retry_after(Some(b"Wed, 21 Oct 2026 07:28:00 GMT"))),
            MIN_BACKOFF
        );
        // A server cannot hold a sender for longer than Prometheus lets it.
        assert_eq!(
            Backoff::default().pause(parse_retry_after(Some(b"3600"))),
            MAX_BACKOFF
        );
    }
}
