//! The scraper behind the edge.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use url::Url;
use vigie_api::{
    ActiveTarget, DroppedTarget, RelabelRule, RelabelStep, TargetHealth, TargetMetadata, TargetsBackend,
};
use vigie_model::{Labels, LabelsBuilder, quote_go};
use vigie_relabel::{Rule, Verdict};
use vigie_runtime::with_causes;
use vigie_scraper::{Handle, Health, PoolStatus};

use crate::lifecycle::Process;

pub(crate) struct TargetsAdapter {
    pub(crate) scraper: Handle,
    /// Knows the rules of the jobs.
    pub(crate) process: Arc<Process>,
    /// Takes the place of this machine's name for itself.
    pub(crate) external_url: Url,
    pub(crate) listen_port: u16,
}

impl TargetsAdapter {
    /// Where a target is found from elsewhere: a target on this machine, under the name that the machine has
    /// outside; this process itself, under its external URL.
    fn global_url(&self, scrape_url: &str) -> String {
        let Ok(mut url) = Url::parse(scrape_url) else {
            return scrape_url.to_owned();
        };
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if !is_local {
            return scrape_url.to_owned();
        }
        // None of these can fail for an HTTP URL and a host that stands in another.
        if url.port_or_known_default() == Some(self.listen_port) {
            let _ = url.set_scheme(self.external_url.scheme());
            let _ = url.set_port(self.external_url.port());
        }
        let _ = url.set_host(self.external_url.host_str());
        url.to_string()
    }

    fn pools(&self, wanted: Option<&str>) -> Vec<PoolStatus> {
        let mut pools = self.scraper.pools();
        pools.retain(|pool| wanted.is_none_or(|name| pool.name == name));
        pools
    }
}

#[async_trait]
impl TargetsBackend for TargetsAdapter {
    async fn scrape_pools(&self) -> Vec<String> {
        self.scraper.scrape_pools()
    }

    async fn active(&self, pool: Option<&str>) -> Vec<ActiveTarget> {
        let mut targets = self.scraper.targets();
        targets.retain(|target| pool.is_none_or(|name| target.scrape_pool == name));
        targets
            .into_iter()
            .map(|target| ActiveTarget {
                discovered_labels: target.discovered_labels,
                labels: target.labels,
                scrape_pool: target.scrape_pool,
                global_url: self.global_url(&target.scrape_url),
                scrape_url: target.scrape_url,
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

    async fn relabel_steps(&self, pool: &str, labels: &Labels) -> Result<Vec<RelabelStep>, String> {
        let jobs = self
            .process
            .config()
            .all_scrape_configs()
            .map_err(|error| with_causes(&error))?;
        let job = jobs
            .iter()
            .find(|job| job.job_name == pool)
            .ok_or_else(|| format!("scrape pool {} not found", quote_go(pool)))?;
        let mut left = Some(labels.to_builder());
        let steps = job.relabel_rules.iter().map(|rule| {
            left = left.take().and_then(|mut labels| {
                let verdict = vigie_relabel::apply(std::slice::from_ref(rule), &mut labels);
                (verdict == Verdict::Keep).then_some(labels)
            });
            RelabelStep {
                rule: shown_rule(rule),
                output: left.as_ref().map(LabelsBuilder::build),
            }
        });
        Ok(steps.collect())
    }

    async fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let mut found = Vec::new();
        for (target, entries) in self.scraper.metadata() {
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

fn shown_rule(rule: &Rule) -> RelabelRule {
    let spec = rule.spec();
    RelabelRule {
        source_labels: spec.source_labels.clone(),
        separator: spec.separator.clone(),
        regex: spec.regex.clone().unwrap_or_else(|| "(.*)".to_owned()),
        modulus: spec.modulus,
        target_label: spec.target_label.clone(),
        replacement: spec.replacement.clone(),
        action: spec.action.as_str().to_owned(),
    }
}
