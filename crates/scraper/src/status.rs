//! What the status pages show.

use std::time::Duration;

use vigie_model::Labels;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    Up,
    Down,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Down => "down",
        }
    }
}

/// A target that is being scraped.
#[derive(Debug, Clone)]
pub struct TargetStatus {
    pub scrape_pool: String,
    /// Before relabelling.
    pub discovered_labels: Labels,
    /// After relabelling, without `__` labels.
    pub labels: Labels,
    pub scrape_url: String,
    /// The URL with a loopback host replaced by a name others can use.
    pub global_url: String,
    /// Empty if the last scrape succeeded.
    pub last_error: String,
    /// `None` before the first scrape.
    pub last_scrape_ms: Option<i64>,
    pub last_scrape_duration: Duration,
    pub health: Health,
    pub scrape_interval: Duration,
    pub scrape_timeout: Duration,
    /// Series the target is known to expose.
    pub series: usize,
    pub metadata_count: usize,
    pub metadata_bytes: usize,
}

/// A target that relabelling dropped.
#[derive(Debug, Clone)]
pub struct DroppedTarget {
    pub scrape_pool: String,
    pub discovered_labels: Labels,
}

/// All targets of a job.
#[derive(Debug, Clone)]
pub struct PoolStatus {
    pub name: String,
    /// Sorted by URL.
    pub active: Vec<TargetStatus>,
    /// At most `keep_dropped_targets`, if that is set.
    pub dropped: Vec<DroppedTarget>,
    /// All of them.
    pub dropped_count: usize,
}
