//! How far a start has come, for readiness, logs and metrics.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use std::sync::Arc;

use parking_lot::Mutex;

/// What a node that is not ready yet waits for. Shared between the opening ingester and whoever asks.
#[derive(Debug, Default)]
pub struct StartProgress {
    shards: AtomicU32,
    loaded: AtomicU32,
    ready: AtomicU32,
    replays: Mutex<Vec<Replay>>,
}

/// One shard's log after its checkpoint.
#[derive(Debug)]
struct Replay {
    total_bytes: u64,
    /// Counted by the shard's state machine.
    applied_bytes: Arc<AtomicU64>,
}

impl StartProgress {
    /// How much is done, 0 to 100. Loading checkpoints counts one half, replaying the log the other.
    pub fn percent(&self) -> u32 {
        let shards = self.shards.load(Relaxed);
        if shards == 0 {
            return 0;
        }
        if self.ready.load(Relaxed) == shards {
            return 100;
        }
        let (replayed, total) = self.replay_bytes();
        let loaded = 50 * self.loaded.load(Relaxed) / shards;
        let replayed = (50 * replayed.min(total)).checked_div(total).unwrap_or(0) as u32;
        (loaded + replayed).min(99)
    }

    /// What is waited for, as one line without a full stop; `None` once the ingester is open.
    pub fn waiting_for(&self) -> Option<String> {
        let shards = self.shards.load(Relaxed);
        let (loaded, ready) = (self.loaded.load(Relaxed), self.ready.load(Relaxed));
        let percent = self.percent();
        if shards == 0 {
            Some("opening the log and the store".to_owned())
        } else if ready == shards {
            None
        } else if loaded < shards {
            Some(format!(
                "loading checkpoints, {loaded} of {shards} shards done ({percent} %)"
            ))
        } else {
            let (replayed, total) = self.replay_bytes();
            Some(format!(
                "replaying the log, {} of {} MiB, {ready} of {shards} shards done ({percent} %)",
                replayed >> 20,
                total >> 20
            ))
        }
    }

    pub(crate) fn begin(&self, shards: usize) {
        self.shards.store(shards as u32, Relaxed);
    }

    pub(crate) fn shard_loaded(&self, log_bytes: u64, applied_bytes: Arc<AtomicU64>) {
        self.replays.lock().push(Replay {
            total_bytes: log_bytes,
            applied_bytes,
        });
        self.loaded.fetch_add(1, Relaxed);
    }

    pub(crate) fn shard_ready(&self) {
        self.ready.fetch_add(1, Relaxed);
    }

    /// Replayed and to be replayed; the latter includes what is left of the log before the checkpoints.
    fn replay_bytes(&self) -> (u64, u64) {
        let replays = self.replays.lock();
        replays.iter().fold((0, 0), |(applied, total), replay| {
            (
                applied + replay.applied_bytes.load(Relaxed),
                total + replay.total_bytes,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_waits_for() {
        let progress = StartProgress::default();
        let check = |percent, waiting_for: Option<&str>| {
            assert_eq!(
                (progress.percent(), progress.waiting_for().as_deref()),
                (percent, waiting_for)
            );
        };
        check(0, Some("opening the log and the store"));
        progress.begin(2);
        check(0, Some("loading checkpoints, 0 of 2 shards done (0 %)"));
        let applied = [Arc::new(AtomicU64::new(0)), Arc::default()];
        progress.shard_loaded(3 << 20, applied[0].clone());
        progress.shard_loaded(1 << 20, applied[1].clone());
        applied[0].store(2 << 20, Relaxed);
        check(
            75,
            Some("replaying the log, 2 of 4 MiB, 0 of 2 shards done (75 %)"),
        );
        progress.shard_ready();
        progress.shard_ready();
        check(100, None);
    }
}
