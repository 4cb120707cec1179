//! What a target says about its metrics.

use std::collections::HashMap;

use vigie_model::{MetricKind, MetricMetadata};

/// How many scrapes metadata outlives its metric.
const KEEP_ITERATIONS: u64 = 10;

/// One family of a target, for the status pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetMetadata {
    pub family: String,
    pub metadata: MetricMetadata,
}

/// The families of a target.
#[derive(Debug, Default)]
pub(crate) struct MetadataStore {
    families: HashMap<String, Family>,
    iteration: u64,
    /// Names of families that changed in this iteration.
    changed: Vec<String>,
}

#[derive(Debug, Default)]
struct Family {
    metadata: MetricMetadata,
    seen_in: u64,
    is_changed: bool,
}

impl MetadataStore {
    pub(crate) fn set_kind(&mut self, name: &str, kind: MetricKind) {
        self.update(name, |metadata| {
            let differs = metadata.kind != kind;
            metadata.kind = kind;
            differs
        });
    }

    pub(crate) fn set_help(&mut self, name: &str, help: &str) {
        self.update(name, |metadata| replace(&mut metadata.help, help));
    }

    pub(crate) fn set_unit(&mut self, name: &str, unit: &str) {
        self.update(name, |metadata| replace(&mut metadata.unit, unit));
    }

    fn update(&mut self, name: &str, change: impl FnOnce(&mut MetricMetadata) -> bool) {
        if !self.families.contains_key(name) {
            self.families.insert(name.to_owned(), Family::default());
        }
        let Some(family) = self.families.get_mut(name) else {
            return;
        };
        family.seen_in = self.iteration;
        if change(&mut family.metadata) && !family.is_changed {
            family.is_changed = true;
            self.changed.push(name.to_owned());
        }
    }

    /// Ends a scrape and returns the families that are new or changed.
    pub(crate) fn finish(&mut self) -> Vec<(String, MetricMetadata)> {
        let mut changes = Vec::with_capacity(self.changed.len());
        for name in self.changed.drain(..) {
            if let Some(family) = self.families.get_mut(&name) {
                family.is_changed = false;
                changes.push((name, family.metadata.clone()));
            }
        }
        self.next_iteration();
        changes
    }

    /// Takes back what [`MetadataStore::finish`] returned because it could not be written.
    pub(crate) fn unsent(&mut self, changes: Vec<(String, MetricMetadata)>) {
        for (name, _) in changes {
            if let Some(family) = self.families.get_mut(&name)
                && !family.is_changed
            {
                family.is_changed = true;
                self.changed.push(name);
            }
        }
    }

    /// Ends a failed scrape. Changes stay to be returned with the next success, but families that
    /// only failing scrapes had are forgotten in time.
    pub(crate) fn fail(&mut self) {
        self.next_iteration();
        let families = &self.families;
        self.changed.retain(|name| families.contains_key(name));
    }

    fn next_iteration(&mut self) {
        let oldest = self.iteration.saturating_sub(KEEP_ITERATIONS);
        self.families.retain(|_, family| family.seen_in >= oldest);
        self.iteration += 1;
    }

    pub(crate) fn list(&self) -> Vec<TargetMetadata> {
        let mut list: Vec<_> = self
            .families
            .iter()
            .map(|(family, entry)| TargetMetadata {
                family: family.clone(),
                metadata: entry.metadata.clone(),
            })
            .collect();
        list.sort_by(|left, right| left.family.cmp(&right.family));
        list
    }

    pub(crate) fn len(&self) -> usize {
        self.families.len()
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.families
            .iter()
            .map(|(name, family)| name.len() + family.metadata.help.len() + family.metadata.unit.len())
            .sum()
    }
}

fn replace(text: &mut String, with: &str) -> bool {
    let differs = text != with;
    if differs {
        with.clone_into(text);
    }
    differs
}
