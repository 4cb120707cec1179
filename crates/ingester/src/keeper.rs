//! Housekeeping: checkpoints keep the log short, retention drops what is too old.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vigie_storage::LogDb;

use crate::retention::Retention;
use crate::shard::Shard;

/// How often the log is looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Keeper {
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) log: LogDb,
    pub(crate) retention: Retention,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) checkpoint_log_bytes: u64,
}

impl Keeper {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut due = self.first_due();
        loop {
            tokio::select! {
                biased; // Shutdown first: it takes its own checkpoints.
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(CHECK_INTERVAL.min(self.checkpoint_interval)) => {}
            }
            while let Some(at) = self.next_shard(&due) {
                if shutdown.is_cancelled() {
                    return;
                }
                let shard = &self.shards[at];
                if due[at] <= Instant::now() {
                    self.retention.drop_expired(shard).await;
                }
                due[at] = Instant::now() + self.checkpoint_interval;
                if !checkpoint(shard).await {
                    break; // Not again before the next look.
                }
            }
            self.retention.drop_oversized(&self.shards).await;
        }
    }

    /// Spread over the interval, so that one shard at a time is written.
    fn first_due(&self) -> Vec<Instant> {
        let now = Instant::now();
        let count = self.shards.len() as u32;
        (1..=count)
            .map(|at| now + self.checkpoint_interval * at / count)
            .collect()
    }

    /// The shard to be checkpointed now, if any: its time has come, or a replay of all logs would take too
    /// long and its own is the longest, or it keeps log segments that nobody else needs.
    fn next_shard(&self, due: &[Instant]) -> Option<usize> {
        let now = Instant::now();
        if let Some(at) = due.iter().position(|due| *due <= now) {
            return Some(at);
        }
        let bytes = |at: &usize| self.shards[*at].uncheckpointed_bytes();
        let longest = (0..self.shards.len()).max_by_key(bytes)?;
        let total: u64 = self.shards.iter().map(|shard| shard.uncheckpointed_bytes()).sum();
        if total > self.checkpoint_log_bytes {
            return Some(longest);
        }
        let pinned = self.log.pinned_groups();
        self.shards.iter().position(|shard| {
            shard.uncheckpointed_bytes() > 0
                && pinned.iter().any(|pinned| pinned.group == u64::from(shard.id.0))
        })
    }
}

async fn checkpoint(shard: &Shard) -> bool {
    let started = Instant::now();
    match shard.replica.checkpoint().await {
        Ok(()) => {
            tracing::debug!(
                shard = shard.id.0,
                took_ms = started.elapsed().as_millis() as u64,
                "checkpoint written"
            );
            true
        }
        Err(error) => {
            tracing::error!(shard = shard.id.0, %error, "checkpoint failed; the log grows until one succeeds");
            false
        }
    }
}
