//! Housekeeping: checkpoints keep the log short, retention drops what is too old.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vigie_head::batch;
use vigie_runtime::Clock;
use vigie_storage::LogDb;

use crate::shard::Shard;

/// How often the size of the log is looked at.
const LOG_CHECK_INTERVAL: Duration = Duration::from_secs(10);

pub(crate) struct Keeper {
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) log: LogDb,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) max_log_bytes: u64,
    /// 0 keeps everything.
    pub(crate) retention_ms: i64,
}

impl Keeper {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut due = Instant::now() + self.checkpoint_interval;
        loop {
            tokio::select! {
                biased; // Shutdown first: it takes its own checkpoints.
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOG_CHECK_INTERVAL.min(self.checkpoint_interval)) => {}
            }
            if Instant::now() >= due || self.log_is_large() {
                self.run_once().await;
                due = Instant::now() + self.checkpoint_interval;
            }
        }
    }

    /// One round over all shards, one after the other, so that only one image is in memory at a time.
    pub(crate) async fn run_once(&self) {
        for shard in &self.shards {
            self.drop_expired(shard).await;
            let started = Instant::now();
            match shard.replica.checkpoint().await {
                Ok(()) => tracing::debug!(
                    shard = shard.id.0,
                    took_ms = started.elapsed().as_millis() as u64,
                    "checkpoint written"
                ),
                Err(error) => {
                    tracing::error!(shard = shard.id.0, %error, "checkpoint failed; the log grows until one succeeds")
                }
            }
        }
    }

    fn log_is_large(&self) -> bool {
        self.log
            .disk_bytes()
            .is_ok_and(|bytes| bytes > self.max_log_bytes)
    }

    /// The cut-off goes through the log, so that replicas drop the same; whole windows before it are
    /// dropped from the store here.
    async fn drop_expired(&self, shard: &Shard) {
        if self.retention_ms <= 0 {
            return;
        }
        let cutoff_ms = self.clock.now_ms() - self.retention_ms;
        if let Err(status) = shard.propose(Bytes::from(batch::encode_retain(cutoff_ms))).await {
            tracing::warn!(
                shard = shard.id.0,
                reason = status.message(),
                "retention failed; it is tried again with the next checkpoint"
            );
            return;
        }
        let window = shard.head.read().window_of(cutoff_ms);
        let store = shard.store.clone();
        let dropped = tokio::task::spawn_blocking(move || store.drop_windows_before(window)).await;
        if let Ok(Err(error)) = dropped {
            tracing::warn!(shard = shard.id.0, %error, "dropping expired windows failed; it is tried again with the next checkpoint");
        }
    }
}
