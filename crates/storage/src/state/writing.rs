//! What the writers of one shard, its checkpoints and its compaction, must agree on.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::db::Inner;
use super::keys::Scope;
use super::pages::Occupancy;

/// Held while a shard's records are read to be written anew.
#[derive(Debug, Default)]
pub(super) struct Writing {
    scope: Option<Scope>,
    pub(super) series: Occupancy,
    pub(super) heads: Occupancy,
    /// Spans that checkpoints put chunks into since compaction last began with them.
    pub(super) touched_spans: BTreeSet<u32>,
}

impl Writing {
    /// Forgets what was known if it was of another generation.
    pub(super) fn enter(&mut self, scope: Scope) {
        if self.scope != Some(scope) {
            *self = Writing {
                scope: Some(scope),
                ..Writing::default()
            };
        }
    }
}

impl Inner {
    pub(super) fn writing(&self, shard: u32) -> Arc<Mutex<Writing>> {
        self.writings.lock().entry(shard).or_default().clone()
    }
}
