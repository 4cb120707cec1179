//! What a shard knows of one tenant.

use std::collections::BTreeMap;

use vigie_model::{MetricMetadata, TenantId};

use crate::exemplars::Exemplars;
use crate::index::LabelIndex;

/// Metric names whose metadata is kept per tenant and shard; more are not remembered.
const MAX_METADATA: usize = 100_000;

/// One tenant's series index and bounds.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) index: LabelIndex,
    /// Oldest and newest time of all samples taken.
    pub(crate) times_ms: Option<(i64, i64)>,
    pub(crate) metadata: BTreeMap<Box<str>, MetricMetadata>,
    pub(crate) exemplars: Exemplars,
}

impl Tenant {
    pub(crate) fn new(id: TenantId) -> Tenant {
        Tenant {
            id,
            index: LabelIndex::default(),
            times_ms: None,
            metadata: BTreeMap::new(),
            exemplars: Exemplars::default(),
        }
    }

    pub(crate) fn set_metadata(&mut self, name: &str, metadata: MetricMetadata) {
        if let Some(known) = self.metadata.get_mut(name) {
            *known = metadata;
        } else if self.metadata.len() < MAX_METADATA {
            self.metadata.insert(name.into(), metadata);
        }
    }

    /// Widens the range of times seen.
    pub(crate) fn see_times(&mut self, oldest_ms: i64, newest_ms: i64) {
        let (oldest, newest) = self.times_ms.unwrap_or((oldest_ms, newest_ms));
        self.times_ms = Some((oldest.min(oldest_ms), newest.max(newest_ms)));
    }
}
