//! What the ingester says of itself, read when someone scrapes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use vigie_head::ExemplarStats;
use vigie_storage::{LogDb, StateDb};

use crate::StartProgress;
use crate::compactor::CompactionStats;
use crate::shard::Shard;

pub(crate) struct IngesterCollector {
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) log: LogDb,
    pub(crate) state: StateDb,
    pub(crate) compaction: Arc<CompactionStats>,
    pub(crate) max_exemplars: u32,
}

/// How far the start is; there before anything is open.
#[derive(Debug)]
pub(crate) struct StartCollector(pub(crate) Arc<StartProgress>);

impl Collector for StartCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        gauge(
            &mut encoder,
            "vigie_start_progress_ratio",
            "How much of the checkpoints and the log is loaded, 0 to 1.",
            f64::from(self.0.percent()) / 100.0,
        )
    }
}

impl Collector for IngesterCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let series: usize = self
            .shards
            .iter()
            .map(|shard| shard.head.read().series_count())
            .sum();
        gauge(
            &mut encoder,
            "prometheus_tsdb_head_series",
            "Total number of series in the head block.",
            series as f64,
        )?;
        self.encode_exemplars(&mut encoder)?;
        let mut per_shard = |name, help, read: &dyn Fn(&Shard) -> f64| {
            let mut family =
                encoder.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Gauge)?;
            for shard in &self.shards {
                let labels = [("shard", shard.id.0.to_string())];
                ConstGauge::new(read(shard)).encode(family.encode_family(&labels)?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        per_shard("vigie_raft_term", "Raft term of the shard's group.", &|shard| {
            shard.replica.status().term as f64
        })?;
        per_shard("vigie_raft_applied_index", "Last log entry applied.", &|shard| {
            shard.replica.status().applied.unwrap_or(0) as f64
        })?;
        per_shard(
            "vigie_raft_checkpointed_index",
            "Last log entry the durable checkpoint holds.",
            &|shard| shard.replica.status().checkpointed.unwrap_or(0) as f64,
        )?;
        per_shard(
            "vigie_raft_uncheckpointed_bytes",
            "Bytes of log that a restart would replay.",
            &|shard| shard.uncheckpointed_bytes() as f64,
        )?;
        self.encode_log(&mut encoder)?;
        self.encode_compaction(&mut encoder)?;
        self.encode_state(&mut encoder)
    }
}

impl IngesterCollector {
    /// As Prometheus calls them. All tenants' together, while the maximum is that of each.
    fn encode_exemplars(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.shards.iter().map(|shard| shard.head.read().exemplar_stats());
        let stats = stats.fold(ExemplarStats::default(), ExemplarStats::plus);
        for (name, help, value) in [
            (
                "prometheus_tsdb_exemplar_exemplars_in_storage",
                "Number of exemplars currently in circular storage.",
                stats.stored as f64,
            ),
            (
                "prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
                "Number of series with exemplars currently in circular storage.",
                stats.series as f64,
            ),
            (
                "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
                "The timestamp of the oldest exemplar stored in circular storage.",
                stats.first_ms.unwrap_or_default() as f64 / 1000.0,
            ),
            (
                "prometheus_tsdb_exemplar_max_exemplars",
                "Total number of exemplars the exemplar storage can store, of each tenant.",
                f64::from(self.max_exemplars),
            ),
        ] {
            gauge(encoder, name, help, value)?;
        }
        Ok(())
    }

    fn encode_log(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.log.stats();
        counter(
            encoder,
            "vigie_log_batches",
            "Batches written to the log, each with one fsync.",
            stats.batches,
        )?;
        counter(
            encoder,
            "vigie_log_appends",
            "Appends of all groups; many share one fsync.",
            stats.appends,
        )?;
        gauge(
            encoder,
            "vigie_log_queued_bytes",
            "Bytes that wait for their fsync.",
            self.log.queued_bytes() as f64,
        )?;
        for (quantile, name) in [
            (0.5, "vigie_log_sync_p50_seconds"),
            (0.99, "vigie_log_sync_p99_seconds"),
        ] {
            gauge(
                encoder,
                name,
                "Duration of writing and syncing a batch.",
                stats.commit.quantile(quantile).as_secs_f64(),
            )?;
        }
        let Ok(bytes) = self.log.disk_bytes() else {
            return Ok(());
        };
        gauge(
            encoder,
            "vigie_log_disk_bytes",
            "Size of the log's files.",
            bytes as f64,
        )
    }

    fn encode_compaction(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in [
            (
                "vigie_compaction_spans",
                "Spans of windows whose chunks were joined, each shard's counted.",
                &self.compaction.spans,
            ),
            (
                "vigie_compaction_replaced_bytes",
                "Bytes of chunks that were joined.",
                &self.compaction.replaced_bytes,
            ),
            (
                "vigie_compaction_written_bytes",
                "Bytes of chunks written in their place.",
                &self.compaction.written_bytes,
            ),
            (
                "vigie_compaction_unreadable_series",
                "Series left as they are because a chunk cannot be read.",
                &self.compaction.unreadable_series,
            ),
        ] {
            counter(encoder, name, help, value.load(Relaxed))?;
        }
        Ok(())
    }

    fn encode_state(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Ok(stats) = self.state.stats() else {
            return Ok(());
        };
        gauge(
            encoder,
            "vigie_state_disk_bytes",
            "Size of the state's files.",
            stats.disk_bytes as f64,
        )
    }
}

impl fmt::Debug for IngesterCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngesterCollector")
            .field("shards", &self.shards.len())
            .finish()
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
    let metric = ConstGauge::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
