//! The file of `--runtime-config.file`: what each tenant may do. Keys and their meaning are those of Mimir's
//! `overrides`, so that a file of it works as far as it goes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use vigie_model::TenantId;

use crate::ConfigError;
use crate::config::read;
use crate::yaml::{Fields, Node, Problems};

/// Limits of all tenants. Without a file nothing is limited.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantsConfig {
    /// For tenants not named below, and for what is not said of those that are.
    pub defaults: Arc<TenantLimits>,
    pub overrides: BTreeMap<String, Arc<TenantLimits>>,
    pub ha_tracker: HaTrackerConfig,
}

/// What one tenant may do. Numbers: 0 is no limit.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantLimits {
    /// Samples a second, of pushes and scrapes together.
    pub ingestion_rate: f64,
    /// Samples at once, above the rate. Never less than the rate's of one second.
    pub ingestion_burst_size: u64,
    pub max_label_names_per_series: u64,
    pub max_label_name_length: u64,
    pub max_label_value_length: u64,
    /// Of each cluster only the samples of one replica at a time are stored.
    pub accept_ha_samples: bool,
    pub ha_cluster_label: String,
    pub ha_replica_label: String,
    pub ha_max_clusters: u64,
    /// Zero: the server's own retention time.
    pub retention: Duration,
}

/// When another replica of a pair takes over.
#[derive(Debug, Clone, PartialEq)]
pub struct HaTrackerConfig {
    /// Silence of the elected replica after which another one is elected.
    pub failover_timeout: Duration,
}

impl Default for HaTrackerConfig {
    fn default() -> HaTrackerConfig {
        HaTrackerConfig {
            failover_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for TenantLimits {
    fn default() -> TenantLimits {
        TenantLimits {
            ingestion_rate: 0.0,
            ingestion_burst_size: 0,
            max_label_names_per_series: 0,
            max_label_name_length: 0,
            max_label_value_length: 0,
            accept_ha_samples: false,
            ha_cluster_label: "cluster".to_owned(),
            ha_replica_label: "__replica__".to_owned(),
            ha_max_clusters: 100,
            retention: Duration::ZERO,
        }
    }
}

impl TenantsConfig {
    /// Reads a file; an empty one limits nothing.
    pub fn load_file(path: &Path) -> Result<TenantsConfig, ConfigError> {
        TenantsConfig::load_str(&read(path)?).map_err(|source| ConfigError::File {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    pub fn load_str(text: &str) -> Result<TenantsConfig, ConfigError> {
        let root = Node::parse(text)?;
        let problems = Problems::new(Path::new(""));
        let mut fields = Fields::new(&root, "runtime config", &problems);
        let defaults = match fields.take("defaults") {
            Some(node) => TenantLimits::decode(node, &TenantLimits::default(), &problems),
            None => TenantLimits::default(),
        };
        let overrides = fields.take("overrides").map(|node| {
            problems.map(node, "map[string]limits", |node| {
                Some(Arc::new(TenantLimits::decode(node, &defaults, &problems)))
            })
        });
        let ha_tracker = fields
            .take("ha_tracker")
            .map(|node| HaTrackerConfig::decode(node, &problems));
        fields.finish();
        for name in overrides.iter().flat_map(BTreeMap::keys) {
            if let Err(error) = TenantId::new(name) {
                problems.invalid(error.to_string());
            }
        }
        problems.finish()?;
        Ok(TenantsConfig {
            overrides: overrides.unwrap_or_default(),
            ha_tracker: ha_tracker.unwrap_or_default(),
            defaults: Arc::new(defaults),
        })
    }

    pub fn limits(&self, tenant: &str) -> &Arc<TenantLimits> {
        self.overrides.get(tenant).unwrap_or(&self.defaults)
    }
}

impl TenantLimits {
    fn decode(node: &Node, defaults: &TenantLimits, problems: &Problems) -> TenantLimits {
        let mut fields = Fields::new(node, "limits", problems);
        let mut limits = defaults.clone();
        if let Some(rate) = fields.take("ingestion_rate") {
            limits.ingestion_rate = problems.number(rate, "float64").unwrap_or_default();
        }
        for (name, limit) in [
            ("ingestion_burst_size", &mut limits.ingestion_burst_size),
            (
                "max_label_names_per_series",
                &mut limits.max_label_names_per_series,
            ),
            ("max_label_name_length", &mut limits.max_label_name_length),
            ("max_label_value_length", &mut limits.max_label_value_length),
            ("ha_max_clusters", &mut limits.ha_max_clusters),
        ] {
            if let Some(node) = fields.take(name) {
                *limit = problems.number(node, "uint").unwrap_or_default();
            }
        }
        if let Some(accepts) = fields.bool("accept_ha_samples") {
            limits.accept_ha_samples = accepts;
        }
        limits.ha_cluster_label = fields.string_or("ha_cluster_label", &limits.ha_cluster_label);
        limits.ha_replica_label = fields.string_or("ha_replica_label", &limits.ha_replica_label);
        if let Some(retention) = fields.duration("compactor_blocks_retention_period") {
            limits.retention = retention;
        }
        fields.finish();
        if !(0.0..1e18).contains(&limits.ingestion_rate) {
            problems.invalid("ingestion_rate must be 0 or a number of samples a second");
        }
        if limits.accept_ha_samples
            && (limits.ha_cluster_label.is_empty() || limits.ha_replica_label.is_empty())
        {
            problems.invalid("accept_ha_samples needs ha_cluster_label and ha_replica_label");
        }
        limits
    }
}

impl HaTrackerConfig {
    fn decode(node: &Node, problems: &Problems) -> HaTrackerConfig {
        let mut fields = Fields::new(node, "ha_tracker", problems);
        let mut config = HaTrackerConfig::default();
        if let Some(timeout) = fields.duration("ha_tracker_failover_timeout") {
            config.failover_timeout = timeout;
        }
        fields.finish();
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_start_from_the_defaults() {
        let config = TenantsConfig::load_str(
            "defaults: {ingestion_rate: 1e5, max_label_names_per_series: 30}\n\
             overrides:\n  a: {ingestion_rate: 10, accept_ha_samples: true}\n  b:\n\
             ha_tracker: {ha_tracker_failover_timeout: 1m}\n",
        )
        .unwrap();
        let a = config.limits("a");
        assert_eq!((a.ingestion_rate, a.max_label_names_per_series), (10.0, 30));
        assert!(a.accept_ha_samples);
        assert_eq!(a.ha_replica_label, "__replica__");
        assert_eq!(config.limits("b"), &config.defaults);
        assert_eq!(config.limits("c").ingestion_rate, 1e5);
        assert_eq!(config.ha_tracker.failover_timeout, Duration::from_secs(60));
        assert_eq!(TenantsConfig::load_str("").unwrap(), TenantsConfig::default());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, error) in [
            (
                "overrides: {a: {ingestion_rat: 1}}",
                "line 1: field ingestion_rat not found in type limits",
            ),
            ("overrides: {a/b: {}}", "a/b"),
            ("defaults: {ingestion_rate: -1}", "ingestion_rate must be 0"),
            ("defaults: {ingestion_rate: nan}", "ingestion_rate must be 0"),
            (
                "defaults: {accept_ha_samples: true, ha_replica_label: ''}",
                "needs ha_cluster_label",
            ),
        ] {
            let found = TenantsConfig::load_str(text).unwrap_err().to_string();
            assert!(found.contains(error), "{text}: {found}");
        }
    }
}
