//! What a scenario says about the data that is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::recording::RecordingError;

/// The data of a scenario. With a seed it determines every byte that is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// What the series look like; several are sent side by side.
    pub shapes: Vec<ShapeSpec>,
    /// Time between two samples of a series. Default 15s.
    #[serde(default = "defaults::interval")]
    pub interval: Millis,
    /// Time of the first round, milliseconds since the Unix epoch. Default 1767225600000 (2026-01-01); a run sets it,
    /// so that the data ends or continues at its present.
    #[serde(default = "defaults::start_ms")]
    pub start_ms: i64,
    /// Samples per series; without it the workload never ends.
    #[serde(default)]
    pub rounds: Option<u64>,
    /// Remote write 1.0 (`v1`, the default) or 2.0 (`v2`).
    #[serde(default)]
    pub protocol: Protocol,
    /// How requests are compressed: `whole` (default), as senders do it; or `patched`, from a template, at a fraction of
    /// the cost, for requests that are made while they are sent.
    #[serde(default, skip_serializing_if = "Compression::is_whole")]
    pub compression: Compression,
    /// Independent streams; each series belongs to one. Default 4.
    #[serde(default = "defaults::senders")]
    pub senders: u32,
    /// Default 2000, as Prometheus has it.
    #[serde(default = "defaults::max_samples")]
    pub max_samples_per_request: u32,
    /// Labels added to every series, if it does not have them.
    #[serde(default)]
    pub external_labels: BTreeMap<String, String>,
    /// Series that are replaced by new ones.
    #[serde(default)]
    pub churn: Option<ChurnSpec>,
    /// Everything comes from two Prometheus replicas.
    #[serde(default)]
    pub ha: Option<HaSpec>,
    /// Samples that come after newer ones of their series.
    #[serde(default)]
    pub out_of_order: Option<OutOfOrderSpec>,
    /// History that is sent before the present.
    #[serde(default)]
    pub backfill: Option<BackfillSpec>,
    /// Several tenants instead of none.
    #[serde(default)]
    pub tenants: Option<TenantsSpec>,
    /// Share of histogram buckets with an exemplar in a round, 0 to 1. Default 0.
    #[serde(default)]
    pub exemplars: f64,
    /// How often the metadata of all metrics is sent with remote write 1.0; 0 for never. Default 1m. Remote write 2.0
    /// has it with each series.
    #[serde(default = "defaults::metadata_interval")]
    pub metadata_interval: Millis,
}

/// The version of remote write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    V1,
    V2,
}

impl Protocol {
    /// For the header `X-Prometheus-Remote-Write-Version`.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }

    /// For the header `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }
}

/// How requests are compressed, always into snappy's block format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Each by itself.
    #[default]
    Whole,
    /// What is alike in all requests of a page is compressed once; values stay as they are. A few bytes a sample longer.
    Patched,
}

impl Compression {
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// A kind of series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ShapeSpec {
    /// Hosts as node_exporter shows them.
    NodeExporter {
        hosts: u32,
        /// 100 to 5000. Default 1000; the families in which dashboards and rules are interested come first.
        #[serde(default = "defaults::series_per_host")]
        series_per_host: u32,
        /// How targets are named. Default `kubernetes`.
        #[serde(default)]
        style: TargetStyle,
    },
    /// A cluster as kube-state-metrics and the cAdvisor of its kubelets show it: 251 series a node, 46 a
    /// deployment of five pods, and 184 a pod of two containers. Only pods churn.
    Kubernetes {
        nodes: u32,
        /// Default 30.
        #[serde(default = "defaults::pods_per_node")]
        pods_per_node: u32,
        /// 1 to 4. Default 2.
        #[serde(default = "defaults::containers_per_pod")]
        containers_per_pod: u32,
    },
    /// Services with classic histograms of their requests.
    ClassicHistograms {
        targets: u32,
        /// Default 20, of 14 series each.
        #[serde(default = "defaults::per_target")]
        histograms_per_target: u32,
    },
    /// Services with native histograms of their requests.
    NativeHistograms {
        targets: u32,
        /// Default 20, of one series each.
        #[serde(default = "defaults::per_target")]
        histograms_per_target: u32,
        /// Default 40.
        #[serde(default = "defaults::buckets")]
        buckets: u32,
    },
    /// What Mimir's k6 test writes: metrics of 1,000 series, labels of known cardinality, Unix time as value.
    K6 { series: u32 },
    /// What avalanche exposes by default: gauges with ten labels.
    Avalanche {
        /// Default 500.
        #[serde(default = "defaults::avalanche_metrics")]
        metrics: u32,
        /// Default 100.
        #[serde(default = "defaults::avalanche_series")]
        series_per_metric: u32,
        /// Default 10.
        #[serde(default = "defaults::avalanche_labels")]
        labels: u32,
    },
    /// The devops use case `cpu-only` of the Time Series Benchmark Suite: ten gauges a host.
    TsbsCpu { hosts: u32 },
    /// Real values, multiplied over hosts and continued beyond their end; hosts differ in `instance` only. Series that
    /// were there in fewer than half of the scrapes are left out.
    Recording {
        /// A file of `docs/formats/loadtest-recording.md`, recorded at the workload's interval (within a tenth); from
        /// the working directory if relative.
        file: String,
        hosts: u32,
    },
}

/// The labels of node_exporter targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStyle {
    /// `job="node-exporter"` and the namespace, pod, container and node of a daemon set.
    #[default]
    Kubernetes,
    /// `job="node_exporter"`, `instance="instance-N"`, `revision="rN"`, as prometheus-benchmark has it.
    Benchmark,
}

/// At each interval each target (in a Kubernetes cluster: each pod) is replaced with this probability. Its series end without
/// a stale marker, and as many new ones begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnSpec {
    /// 0 to 100.
    pub percent: f64,
    /// Default 10m; a multiple of the workload's interval.
    #[serde(default = "defaults::churn_interval")]
    pub interval: Millis,
}

/// Two replicas send the same series one after the other, with labels that say which one it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaSpec {
    /// Value of the label `cluster`. Default `ha-cluster`.
    #[serde(default = "defaults::ha_cluster")]
    pub cluster: String,
}

/// Some samples are held back and sent later, in a request of their own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfOrderSpec {
    /// Share of the samples, 0 to 0.5.
    pub share: f64,
    /// How late they are at most; at least one interval, at most 1000.
    pub depth: Millis,
}

/// The first part of the workload is history, sent faster than it happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillSpec {
    /// How much history there is; the workload's start lies that far in the past.
    pub history: Millis,
    /// Seconds of history a second; 0, the default, for as fast as it is taken.
    #[serde(default)]
    pub speed: f64,
}

/// Targets are dealt to tenants `tenant-0`, `tenant-1`, ..., so that tenant i has a share in proportion to
/// 1 / (i + 1)^exponent, and every tenant at least one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantsSpec {
    pub count: u32,
    /// 0 for equal sizes. Default 1.
    #[serde(default = "defaults::exponent")]
    pub exponent: f64,
    /// One more tenant, `noisy`, that has this share of all targets, 0 to 0.9, all of which churn at each churn interval.
    #[serde(default)]
    pub noisy_share: f64,
}

mod defaults {
    use super::Millis;

    pub(super) fn interval() -> Millis {
        Millis(15_000)
    }
    pub(super) fn start_ms() -> i64 {
        1_767_225_600_000
    }
    pub(super) fn senders() -> u32 {
        4
    }
    pub(super) fn max_samples() -> u32 {
        2_000
    }
    pub(super) fn metadata_interval() -> Millis {
        Millis(60_000)
    }
    pub(super) fn series_per_host() -> u32 {
        1_000
    }
    pub(super) fn pods_per_node() -> u32 {
        30
    }
    pub(super) fn containers_per_pod() -> u32 {
        2
    }
    pub(super) fn per_target() -> u32 {
        20
    }
    pub(super) fn buckets() -> u32 {
        40
    }
    pub(super) fn avalanche_metrics() -> u32 {
        500
    }
    pub(super) fn avalanche_series() -> u32 {
        100
    }
    pub(super) fn avalanche_labels() -> u32 {
        10
    }
    pub(super) fn churn_interval() -> Millis {
        Millis(600_000)
    }
    pub(super) fn ha_cluster() -> String {
        "ha-cluster".to_owned()
    }
    pub(super) fn exponent() -> f64 {
        1.0
    }
}

/// Why a workload cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A field has a value that makes no sense; the text says which would.
    #[error("workload: {0}")]
    Spec(String),
    #[error("workload: read the YAML: {0}")]
    Yaml(String),
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// The largest start for which times still take six bytes, as the encoders take for granted.
const MAX_START_MS: i64 = 1 << 41;

impl WorkloadSpec {
    /// Reads and checks a specification.
    pub fn from_yaml(text: &str) -> Result<Self, WorkloadError> {
        let spec: Self =
            serde_saphyr::from_str(text).map_err(|error| WorkloadError::Yaml(error.to_string()))?;
        spec.validate()?;
        Ok(spec)
    }

    /// One of the workloads others publish: `prometheus-benchmark`, `k6`, `tsbs-cpu`, `avalanche`.
    pub fn named(name: &str) -> Result<Self, WorkloadError> {
        let text = PRESETS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
            .ok_or_else(|| {
                let known: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
                WorkloadError::Spec(format!(
                    "there is no workload `{name}`; known are {}",
                    known.join(", ")
                ))
            })?;
        Self::from_yaml(text)
    }

    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<(), WorkloadError> {
        let refuse = |text: String| Err(WorkloadError::Spec(text));
        if self.shapes.is_empty() {
            return refuse(
                "`shapes` is empty; name at least one, for example `node_exporter: {hosts: 10}`".into(),
            );
        }
        if !(100..=86_400_000).contains(&self.interval.0) {
            return refuse(format!(
                "`interval` is {}; it must be between 100ms and 1d",
                self.interval
            ));
        }
        if !(1 << 36..MAX_START_MS).contains(&self.start_ms) {
            return refuse(format!(
                "`start_ms` is {}; give a time after 1972 in milliseconds",
                self.start_ms
            ));
        }
        if !(1..=1_024).contains(&self.senders) {
            return refuse(format!(
                "`senders` is {}; it must be between 1 and 1024",
                self.senders
            ));
        }
        if !(1..=100_000).contains(&self.max_samples_per_request) {
            return refuse(format!(
                "`max_samples_per_request` is {}; it must be between 1 and 100000",
                self.max_samples_per_request
            ));
        }
        if !(0.0..=1.0).contains(&self.exemplars) {
            return refuse(format!(
                "`exemplars` is {}; it is a share between 0 and 1",
                self.exemplars
            ));
        }
        if let Some(churn) = self.churn {
            if !(0.0..=100.0).contains(&churn.percent) {
                return refuse(format!(
                    "`churn.percent` is {}; it must be between 0 and 100",
                    churn.percent
                ));
            }
            if churn.interval.0 <= 0 || churn.interval.0 % self.interval.0 != 0 {
                return refuse(format!(
                    "`churn.interval` is {}; make it a multiple of `interval`, {}",
                    churn.interval, self.interval
                ));
            }
        }
        if let Some(late) = self.out_of_order {
            if !(0.0..=0.5).contains(&late.share) {
                return refuse(format!(
                    "`out_of_order.share` is {}; it must be between 0 and 0.5",
                    late.share
                ));
            }
            if !(1..=1_000).contains(&(late.depth.0 / self.interval.0)) {
                return refuse(format!(
                    "`out_of_order.depth` is {}; it must be between 1 and 1000 times `interval`, {}",
                    late.depth, self.interval
                ));
            }
        }
        if let Some(backfill) = self.backfill
            && (backfill.history.0 <= 0 || !(backfill.speed >= 0.0 && backfill.speed.is_finite()))
        {
            return refuse("`backfill` needs a `history` above 0 and a `speed` of 0 or more".into());
        }
        if let Some(tenants) = &self.tenants
            && (!(1..=100_000).contains(&tenants.count)
                || !(0.0..=4.0).contains(&tenants.exponent)
                || !(0.0..=0.9).contains(&tenants.noisy_share))
        {
            return refuse(
                "`tenants` needs a `count` between 1 and 100000, an `exponent` between 0 and 4 and a `noisy_share` \
                 between 0 and 0.9"
                    .into(),
            );
        }
        self.shapes.iter().try_for_each(ShapeSpec::validate)
    }
}

impl ShapeSpec {
    fn validate(&self) -> Result<(), WorkloadError> {
        let sizes: &[(&str, u32, u32, u32)] = match self {
            Self::NodeExporter {
                hosts,
                series_per_host,
                ..
            } => &[
                ("hosts", *hosts, 1, 1 << 22),
                ("series_per_host", *series_per_host, 100, 5_000),
            ],
            Self::Kubernetes {
                nodes,
                pods_per_node,
                containers_per_pod,
            } => &[
                ("nodes", *nodes, 1, 1 << 16),
                ("pods_per_node", *pods_per_node, 1, 250),
                ("containers_per_pod", *containers_per_pod, 1, 4),
            ],
            Self::ClassicHistograms {
                targets,
                histograms_per_target,
            } => &[
                ("targets", *targets, 1, 1 << 22),
                ("histograms_per_target", *histograms_per_target, 1, 10_000),
            ],
            Self::NativeHistograms {
                targets,
                histograms_per_target,
                buckets,
            } => &[
                ("targets", *targets, 1, 1 << 22),
                ("histograms_per_target", *histograms_per_target, 1, 10_000),
                ("buckets", *buckets, 1, 160),
            ],
            Self::K6 { series } => &[("series", *series, 1, 1 << 30)],
            Self::Avalanche {
                metrics,
                series_per_metric,
                labels,
            } => &[
                ("metrics", *metrics, 1, 100_000),
                ("series_per_metric", *series_per_metric, 1, 100_000),
                ("labels", *labels, 0, 50),
            ],
            Self::TsbsCpu { hosts } | Self::Recording { hosts, .. } => &[("hosts", *hosts, 1, 1 << 22)],
        };
        for (field, value, low, high) in sizes {
            if !(low..=high).contains(&value) {
                return Err(WorkloadError::Spec(format!(
                    "`{field}` is {value}; it must be between {low} and {high}"
                )));
            }
        }
        Ok(())
    }
}

const PRESETS: &[(&str, &str)] = &[
    (
        "prometheus-benchmark",
        include_str!("../presets/prometheus-benchmark.yaml"),
    ),
    ("k6", include_str!("../presets/k6.yaml")),
    ("tsbs-cpu", include_str!("../presets/tsbs-cpu.yaml")),
    ("avalanche", include_str!("../presets/avalanche.yaml")),
];
