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
/// A shard whose log does not grow for this long is checkpointed, so that an idle node has nothing to replay.
const IDLE_AFTER: Duration = Duration::from_secs(15);
/// Log not worth a checkpoint of its own before the interval is over.
const IDLE_LOG_BYTES: u64 = 1 << 20;

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
        let mut idle = Idle::default();
        loop {
            tokio::select! {
                biased; // Shutdown first: it takes its own checkpoints.
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(CHECK_INTERVAL.min(self.checkpoint_interval)) => {}
            }
            idle.look(&self.shards);
            while let Some(at) = self.next_shard(&due, &idle) {
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
    /// long and its own is the longest, or it is idle, or it keeps log segments that nobody else needs.
    fn next_shard(&self, due: &[Instant], idle: &Idle) -> Option<usize> {
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
        self.shards.iter().enumerate().position(|(at, shard)| {
            let bytes = shard.uncheckpointed_bytes();
            let pins = || pinned.iter().any(|pinned| pinned.group == u64::from(shard.id.0));
            bytes >= IDLE_LOG_BYTES && idle.is_idle(at) || bytes > 0 && pins()
        })
    }
}

/// Which shards get nothing to apply.
#[derive(Debug, Default)]
struct Idle {
    /// By shard: log not checkpointed when it last changed, and when that was.
    seen: Vec<(u64, Instant)>,
}

impl Idle {
    fn look(&mut self, shards: &[Arc<Shard>]) {
        let now = Instant::now();
        self.seen.resize(shards.len(), (0, now));
        for (seen, shard) in self.seen.iter_mut().zip(shards) {
            let bytes = shard.uncheckpointed_bytes();
            if seen.0 != bytes {
                *seen = (bytes, now);
            }
        }
    }

    fn is_idle(&self, at: usize) -> bool {
        self.seen
            .get(at)
            .is_some_and(|(_, since)| since.elapsed() >= IDLE_AFTER)
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
