//! What is scraped.

use std::collections::BTreeMap;

use async_trait::async_trait;
use vigie_model::{Labels, MetricMetadata};

/// Knows the scrape targets.
#[async_trait]
pub trait TargetsBackend: Send + Sync {
    /// Names of all scrape pools, sorted.
    async fn scrape_pools(&self) -> Vec<String>;

    /// Sorted by pool; of one pool if it is named.
    async fn active(&self, pool: Option<&str>) -> Vec<ActiveTarget>;

    /// Targets that relabelling dropped and that are remembered; sorted by pool.
    async fn dropped(&self, pool: Option<&str>) -> Vec<DroppedTarget>;

    /// How many targets relabelling dropped, by pool.
    async fn dropped_counts(&self) -> BTreeMap<String, u64>;

    /// What each relabelling rule of a pool makes of a label set, in order. Fails if there is no such pool.
    async fn relabel_steps(&self, pool: &str, labels: &Labels) -> Result<Vec<RelabelStep>, String>;

    /// What active targets said about metrics, those of a target together; of one metric if it is named.
    async fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata>;
}

#[derive(Debug, Clone, PartialEq)]
pub struct ActiveTarget {
    /// Before relabelling.
    pub discovered_labels: Labels,
    pub labels: Labels,
    pub scrape_pool: String,
    pub scrape_url: String,
    /// As seen from elsewhere.
    pub global_url: String,
    /// Empty after a success.
    pub last_error: String,
    /// `None` before the first scrape.
    pub last_scrape_ms: Option<i64>,
    pub last_scrape_duration_seconds: f64,
    pub health: TargetHealth,
    pub scrape_interval_ms: i64,
    pub scrape_timeout_ms: i64,
}

/// A rule, and what it left.
#[derive(Debug, Clone, PartialEq)]
pub struct RelabelStep {
    pub rule: RelabelRule,
    /// `None` once a rule has dropped the target.
    pub output: Option<Labels>,
}

/// A relabelling rule as Prometheus's JSON shows it, with the defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelabelRule {
    pub source_labels: Vec<String>,
    pub separator: String,
    pub regex: String,
    /// 0 if not given.
    pub modulus: u64,
    pub target_label: String,
    pub replacement: String,
    pub action: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHealth {
    Unknown,
    Up,
    Down,
}

impl TargetHealth {
    pub fn as_str(self) -> &'static str {
        match self {
            TargetHealth::Unknown => "unknown",
            TargetHealth::Up => "up",
            TargetHealth::Down => "down",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct DroppedTarget {
    pub discovered_labels: Labels,
    pub scrape_pool: String,
}

/// What one target said about one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetMetadata {
    pub target: Labels,
    pub metric: String,
    pub metadata: MetricMetadata,
}
