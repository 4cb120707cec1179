//! What tenants may send: rate, shape of label sets, and which replica of a pair is listened to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use vigie_config::{HaTrackerConfig, TenantLimits, TenantsConfig};
use vigie_model::{Labels, TenantId};
use vigie_runtime::Clock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::WriteError;
use crate::ha_tracker::{HaTracker, Verdict};
use crate::ingest::SeriesSource;
use crate::rate::Bucket;

/// The rules of all tenants and what they remember of them.
#[derive(Debug)]
pub(crate) struct TenantRules {
    config: ArcSwap<TenantsConfig>,
    buckets: Mutex<HashMap<TenantId, Bucket>>,
    ha_tracker: HaTracker,
    clock: Arc<dyn Clock>,
}

/// The rules for one request.
#[derive(Debug, Clone)]
pub(crate) struct RequestRules {
    limits: Arc<TenantLimits>,
    ha_tracker: HaTrackerConfig,
}

impl TenantRules {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> TenantRules {
        TenantRules {
            config: ArcSwap::default(),
            buckets: Mutex::default(),
            ha_tracker: HaTracker::default(),
            clock,
        }
    }

    /// Requests that are being read go on under the rules they began with.
    pub(crate) fn set(&self, config: Arc<TenantsConfig>) {
        self.config.store(config);
    }

    pub(crate) fn for_request(&self, tenant: &TenantId) -> RequestRules {
        let config = self.config.load();
        RequestRules {
            limits: Arc::clone(config.limits(tenant.as_str())),
            ha_tracker: config.ha_tracker.clone(),
        }
    }

    /// Takes the samples of a request out of the tenant's rate; to be asked only if there is one.
    pub(crate) fn take(
        &self,
        rules: &RequestRules,
        tenant: &TenantId,
        samples: usize,
    ) -> Result<(), WriteError> {
        let rate = rules.limits.ingestion_rate;
        let burst = (rules.limits.ingestion_burst_size as f64).max(rate);
        let now_ms = self.clock.now_ms();
        let mut buckets = self.buckets.lock();
        let bucket = buckets
            .entry(tenant.clone())
            .or_insert_with(|| Bucket::full(burst, now_ms));
        bucket
            .take(samples as f64, rate, burst, now_ms)
            .map_err(|retry_after| WriteError::RateLimited {
                message: format!(
                    "the tenant exceeds its ingestion rate of {rate} samples a second with a burst of {burst} \
                     (err-mimir-tenant-max-ingestion-rate); the limits are ingestion_rate and ingestion_burst_size"
                ),
                retry_after,
            })
    }

    /// Whether the replica a request comes from is the one that is listened to. All series of a request come from
    /// the replica its first series names; one that names none is always listened to.
    pub(crate) fn hear<S: SeriesSource>(
        &self,
        rules: &RequestRules,
        tenant: &TenantId,
        source: &S,
    ) -> Result<Heard, WriteError> {
        let limits = &rules.limits;
        if !limits.accept_ha_samples || source.keys().is_empty() {
            return Ok(Heard::Accepted);
        }
        let Ok(labels) = source.labels(0) else {
            return Ok(Heard::Accepted);
        };
        let Some((cluster, replica)) = rules.pair_of(&labels) else {
            return Ok(Heard::Accepted);
        };
        let failover_ms = i64::try_from(rules.ha_tracker.failover_timeout.as_millis()).unwrap_or(i64::MAX);
        let max_clusters = usize::try_from(limits.ha_max_clusters).unwrap_or(usize::MAX);
        match self.ha_tracker.hear(
            tenant,
            cluster,
            replica,
            self.clock.now_ms(),
            failover_ms,
            max_clusters,
        ) {
            Verdict::Accept => Ok(Heard::Accepted),
            Verdict::Standby => Ok(Heard::Standby),
            Verdict::TooManyClusters => Err(WriteError::Malformed(format!(
                "the tenant sends from more than {max_clusters} HA clusters, the limit \
                 (err-mimir-too-many-ha-clusters); the limit is ha_max_clusters"
            ))),
        }
    }
}

/// What is done with a request of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Accepted,
    Standby,
}

impl RequestRules {
    pub(crate) fn has_rate(&self) -> bool {
        self.limits.ingestion_rate > 0.0
    }

    /// Makes keys of other rules other keys, as what a known series is mapped to was decided by these.
    pub(crate) fn salt(&self) -> u64 {
        let limits = &self.limits;
        let numbers = [
            u64::from(limits.accept_ha_samples),
            limits.max_label_names_per_series,
            limits.max_label_name_length,
            limits.max_label_value_length,
        ];
        if numbers == [0; 4] {
            return 0;
        }
        let seed = numbers
            .iter()
            .fold(0, |seed, number| xxh3_64_with_seed(&number.to_le_bytes(), seed));
        [&limits.ha_cluster_label, &limits.ha_replica_label]
            .iter()
            .fold(seed, |seed, label| xxh3_64_with_seed(label.as_bytes(), seed))
    }

    /// The cluster and the replica of a series of a pair. One that names only one of them is not of a pair.
    fn pair_of<'l>(&self, labels: &'l Labels) -> Option<(&'l str, &'l str)> {
        let limits = &self.limits;
        if !limits.accept_ha_samples {
            return None;
        }
        labels
            .get(&limits.ha_cluster_label)
            .zip(labels.get(&limits.ha_replica_label))
    }

    /// The labels under which a series is stored, or what is wrong with them.
    pub(crate) fn apply(&self, labels: Labels) -> Result<Labels, String> {
        let limits = &self.limits;
        let labels = if self.pair_of(&labels).is_some() {
            labels.filter(|name| name != limits.ha_replica_label)
        } else {
            labels
        };
        let exceeds = |actual: usize, limit: u64| limit > 0 && actual as u64 > limit;
        if exceeds(labels.len(), limits.max_label_names_per_series) {
            return Err(format!(
                "series has more labels than the limit (actual: {}, limit: {}): {labels} \
                 (err-mimir-max-label-names-per-series); the limit is max_label_names_per_series",
                labels.len(),
                limits.max_label_names_per_series
            ));
        }
        for (name, value) in labels.iter() {
            // Lengths are in bytes, as there.
            if exceeds(name.len(), limits.max_label_name_length) {
                return Err(format!(
                    "series has a label name longer than the limit (actual: {}, limit: {}): {labels} \
                     (err-mimir-label-name-too-long); the limit is max_label_name_length",
                    name.len(),
                    limits.max_label_name_length
                ));
            }
            if exceeds(value.len(), limits.max_label_value_length) {
                return Err(format!(
                    "series has a value of label {name} longer than the limit (actual: {}, limit: {}): {labels} \
                     (err-mimir-label-value-too-long); the limit is max_label_value_length",
                    value.len(),
                    limits.max_label_value_length
                ));
            }
        }
        Ok(labels)
    }
}

/// How long a sender that exceeds its rate should wait at least: `Retry-After` has whole seconds.
pub(crate) const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(yaml: &str) -> RequestRules {
        let rules = TenantRules::new(Arc::new(vigie_runtime::SystemClock));
        rules.set(Arc::new(TenantsConfig::load_str(yaml).unwrap()));
        rules.for_request(&TenantId::anonymous())
    }

    /// The labels as stored, or the name of the error.
    fn check(yaml: &str, pairs: &[(&str, &str)], expected: &str) {
        let labels = Labels::from_pairs(pairs.iter().copied()).unwrap();
        let found = match rules(yaml).apply(labels) {
            Ok(labels) => labels.to_string(),
            Err(message) => message.split(['(', ')']).rev().nth(1).unwrap().to_owned(),
        };
        assert_eq!(found, expected, "{yaml}");
    }

    #[test]
    fn labels_are_measured_and_replicas_forgotten() {
        let pair = [("__name__", "up"), ("__replica__", "a"), ("cluster", "eu")];
        check("", &pair, r#"{__name__="up", __replica__="a", cluster="eu"}"#);
        let ha = "defaults: {accept_ha_samples: true}";
        check(ha, &pair, r#"{__name__="up", cluster="eu"}"#);
        check(ha, &pair[..2], r#"{__name__="up", __replica__="a"}"#);
        check(
            "defaults: {max_label_names_per_series: 3}",
            &pair,
            r#"{__name__="up", __replica__="a", cluster="eu"}"#,
        );
        check(
            "defaults: {max_label_names_per_series: 2}",
            &pair,
            "err-mimir-max-label-names-per-series",
        );
        // The replica label is not counted, as it is not stored.
        check(
            "defaults: {max_label_names_per_series: 2, accept_ha_samples: true}",
            &pair,
            r#"{__name__="up", cluster="eu"}"#,
        );
        check(
            "defaults: {max_label_name_length: 10}",
            &pair,
            "err-mimir-label-name-too-long",
        );
        check(
            "defaults: {max_label_value_length: 1}",
            &pair,
            "err-mimir-label-value-too-long",
        );
    }

    #[test]
    fn other_rules_make_other_keys() {
        let salts = [
            "",
            "defaults: {accept_ha_samples: true}",
            "defaults: {max_label_name_length: 1}",
        ]
        .map(|yaml| rules(yaml).salt());
        assert!(salts[0] == 0 && salts[1] != 0 && salts[2] != 0 && salts[1] != salts[2]);
        let clusters = ["a", "b"].map(|label| {
            rules(&format!(
                "defaults: {{accept_ha_samples: true, ha_cluster_label: {label}}}"
            ))
            .salt()
        });
        assert_ne!(clusters[0], clusters[1]);
        let rate_only = "defaults: {ingestion_rate: 5}";
        assert_eq!(
            rules(rate_only).salt(),
            rules("defaults: {ingestion_rate: 7}").salt()
        );
    }
}
