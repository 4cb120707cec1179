//! What keeps senders together that nobody's clock keeps together.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// How far a sender of a closed loop may be ahead of the last one, in time of the data. The senders of a fleet of
/// Prometheus servers are all at the present; here one with fewer hosts would be hours ahead of the others, whose samples a
/// server refuses that takes none more than an hour older than its newest.
const MAX_LEAD_MS: i64 = 15 * 60 * 1000;

/// The time below which a sender has nothing left to send, for queriers that ask only for what is complete.
#[derive(Debug, Clone)]
pub(super) struct Frontier(Arc<AtomicI64>);

impl Default for Frontier {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl Frontier {
    /// All samples before this time have met their fate.
    pub(super) fn get_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

/// All senders of a fleet.
#[derive(Debug)]
pub(super) struct Pack {
    frontiers: Vec<Frontier>,
    moved: Notify,
}

impl Pack {
    pub(super) fn new(frontiers: Vec<Frontier>) -> Self {
        Self {
            frontiers,
            moved: Notify::new(),
        }
    }

    /// Notes that a sender has nothing left before this time.
    pub(super) fn raise(&self, which: usize, time_ms: i64) {
        self.frontiers[which].0.fetch_max(time_ms, Ordering::AcqRel);
        self.moved.notify_waiters();
    }

    /// Resolves when what is to be sent for this time is not too far ahead of the last sender.
    pub(super) async fn keep_together(&self, time_ms: i64) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Before looking, so that no move is missed.
            moved.as_mut().enable();
            let last_ms = self.frontiers.iter().map(Frontier::get_ms).min();
            if time_ms <= last_ms.unwrap_or(i64::MAX).saturating_add(MAX_LEAD_MS) {
                return;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_waits_for_the_last() {
        let pack = Arc::new(Pack::new(vec![Frontier::default(), Frontier::default()]));
        pack.raise(0, MAX_LEAD_MS + 1);
        pack.raise(1, 0);
        pack.keep_together(MAX_LEAD_MS).await;
        let first = tokio::spawn({
            let pack = Arc::clone(&pack);
            async move { pack.keep_together(MAX_LEAD_MS + 1).await }
        });
        tokio::task::yield_now().await;
        assert!(!first.is_finished());
        pack.raise(1, 1);
        first.await.unwrap();
        pack.raise(1, i64::MAX);
        pack.raise(0, 10 * MAX_LEAD_MS);
        pack.keep_together(10 * MAX_LEAD_MS).await;
    }
}
