//! The scraper behind the edge.

use std::collections::BTreeMap;

use async_trait::async_trait;
use vigie_api::{ActiveTarget, DroppedTarget, TargetHealth, TargetMetadata, TargetsBackend};
use vigie_scraper::{Handle, Health, PoolStatus};

pub(crate) struct TargetsAdapter(pub(crate) Handle);

impl TargetsAdapter {
    fn pools(&self, wanted: Option<&str>) -> Vec<PoolStatus> {
        let mut pools = self.0.pools();
        pools.retain(|pool| wanted.is_none_or(|name| pool.name == name));
        pools
    }
}

#[async_trait]
impl TargetsBackend for TargetsAdapter {
    async fn scrape_pools(&self) -> Vec<String> {
        self.0.scrape_pools()
    }

    async fn active(&self, pool: Option<&str>) -> Vec<ActiveTarget> {
        let mut targets = self.0.targets();
        targets.retain(|target| pool.is_none_or(|name| target.scrape_pool == name));
        targets
            .into_iter()
            .map(|target| ActiveTarget {
                discovered_labels: target.discovered_labels,
                labels: target.labels,
                scrape_pool: target.scrape_pool,
                scrape_url: target.scrape_url,
                global_url: target.global_url,
                last_error: target.last_error,
                last_scrape_ms: target.last_scrape_ms,
                last_scrape_duration_seconds: target.last_scrape_duration.as_secs_f64(),
                health: match target.health {
                    Health::Up => TargetHealth::Up,
                    Health::Down => TargetHealth::Down,
                    Health::Unknown => TargetHealth::Unknown,
                },
                scrape_interval_ms: target.scrape_interval.as_millis() as i64,
                scrape_timeout_ms: target.scrape_timeout.as_millis() as i64,
            })
            .collect()
    }

    async fn dropped(&self, pool: Option<&str>) -> Vec<DroppedTarget> {
        let remembered = |pool: PoolStatus| {
            pool.dropped.into_iter().map(move |target| DroppedTarget {
                discovered_labels: target.discovered_labels,
                scrape_pool: target.scrape_pool,
            })
        };
        self.pools(pool).into_iter().flat_map(remembered).collect()
    }

    async fn dropped_counts(&self) -> BTreeMap<String, u64> {
        self.pools(None)
            .into_iter()
            .map(|pool| (pool.name, pool.dropped_count as u64))
            .collect()
    }

    async fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let mut found = Vec::new();
        for (target, entries) in self.0.metadata() {
            found.extend(
                entries
                    .into_iter()
                    .filter(|entry| metric.is_none_or(|name| entry.family == name))
                    .map(|entry| TargetMetadata {
                        target: target.clone(),
                        metric: entry.family,
                        metadata: entry.metadata,
                    }),
            );
        }
        found
    }
}
