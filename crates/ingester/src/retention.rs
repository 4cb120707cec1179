//! Dropping what is older than the retention time, or the oldest when there is too much.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use vigie_head::batch;
use vigie_model::TenantId;
use vigie_runtime::Clock;
use vigie_storage::{SPAN_WINDOWS, StateDb, StorageError};

use crate::shard::Shard;

pub(crate) struct Retention {
    pub(crate) state: StateDb,
    pub(crate) clock: Arc<dyn Clock>,
    /// 0 keeps everything.
    pub(crate) retention_ms: i64,
    /// For tenants with another retention time; 0 keeps everything.
    pub(crate) tenant_retention_ms: BTreeMap<TenantId, i64>,
    /// 0 for no limit.
    pub(crate) retention_bytes: u64,
}

impl Retention {
    /// Drops what is older than a shard's tenants want to keep.
    pub(crate) async fn drop_expired(&self, shard: &Arc<Shard>) {
        let now_ms = self.clock.now_ms();
        let all = self.tenant_retention_ms.values().chain([&self.retention_ms]);
        // Nobody wants what is before this.
        if let Some(longest_ms) = longest(all.copied()) {
            self.drop_before(shard, now_ms - longest_ms).await;
        }
        if self.tenant_retention_ms.is_empty() {
            return;
        }
        let cutoffs: Vec<(u32, u32)> = {
            let head = shard.head.read();
            let tenants = head.tenants().enumerate();
            let wanted = tenants.map(|(index, tenant)| {
                let own = self.tenant_retention_ms.get(tenant).copied();
                (index as u32, own.unwrap_or(self.retention_ms))
            });
            let limited = wanted.filter(|(_, retention_ms)| *retention_ms > 0);
            limited
                .map(|(index, retention_ms)| (index, head.window_of(now_ms - retention_ms)))
                .collect()
        };
        let store = shard.store.clone();
        in_store(shard, move || {
            cutoffs
                .into_iter()
                .try_for_each(|(tenant, window)| store.drop_tenant_windows_before(tenant, window))
        })
        .await;
    }

    /// Drops the oldest span of all shards if the store is too large. The newest stays whatever its size.
    pub(crate) async fn drop_oversized(&self, shards: &[Arc<Shard>]) {
        if self.retention_bytes == 0 {
            return;
        }
        match self.state.stats() {
            Ok(stats) if stats.table_bytes > self.retention_bytes => {}
            _ => return,
        }
        let held: Vec<(u32, u32)> = shards
            .iter()
            .filter_map(|shard| {
                let windows = shard.store.windows().ok()?;
                Some((*windows.first()?, *windows.last()?))
            })
            .collect();
        let (Some(oldest), Some(newest)) = (
            held.iter().map(|(oldest, _)| oldest / SPAN_WINDOWS).min(),
            held.iter().map(|(_, newest)| newest / SPAN_WINDOWS).max(),
        ) else {
            return;
        };
        if oldest == newest {
            return;
        }
        tracing::info!(
            limit_bytes = self.retention_bytes,
            "the store is larger than its limit: dropping its oldest samples"
        );
        for shard in shards {
            let window_ms = shard.head.read().options().window_ms;
            let cutoff_ms = i64::from(oldest + 1) * i64::from(SPAN_WINDOWS) * window_ms;
            self.drop_before(shard, cutoff_ms).await;
        }
    }

    /// The cut-off goes through the log, so that replicas drop the same; whole spans before it are dropped
    /// from the store here.
    async fn drop_before(&self, shard: &Arc<Shard>, cutoff_ms: i64) {
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
        in_store(shard, move || store.drop_windows_before(window)).await;
    }
}

/// The longest of retention times, unless one of them is without end.
fn longest(mut retentions_ms: impl Iterator<Item = i64>) -> Option<i64> {
    retentions_ms
        .try_fold(0, |longest, retention_ms| {
            (retention_ms > 0).then_some(longest.max(retention_ms))
        })
        .filter(|longest| *longest > 0)
}

async fn in_store(shard: &Shard, work: impl FnOnce() -> Result<(), StorageError> + Send + 'static) {
    if let Ok(Err(error)) = tokio::task::spawn_blocking(work).await {
        tracing::warn!(shard = shard.id.0, %error, "dropping expired windows failed; it is tried again with the next checkpoint");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_keeps_everything_keeps_it_for_all() {
        assert_eq!(longest([1, 3, 2].into_iter()), Some(3));
        assert_eq!(longest([1, 0, 2].into_iter()), None);
    }
}
