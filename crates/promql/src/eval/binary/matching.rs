//! Which series belong together.

use hashbrown::HashMap;
use vigie_model::{Labels, METRIC_NAME};

use crate::VectorMatching;

use super::super::key::write_key;

/// Numbers the groups of series that match each other.
pub(super) struct Signatures<'a> {
    on: bool,
    names: &'a [String],
    ordinals: HashMap<Box<[u8]>, usize>,
    key: Vec<u8>,
}

impl<'a> Signatures<'a> {
    pub(super) fn new(matching: &'a VectorMatching) -> Signatures<'a> {
        Signatures {
            on: matching.on,
            names: &matching.labels,
            ordinals: HashMap::new(),
            key: Vec::new(),
        }
    }

    /// The group of these labels, new if need be.
    pub(super) fn ordinal(&mut self, labels: &Labels) -> usize {
        self.write_key(labels);
        if let Some(&ordinal) = self.ordinals.get(self.key.as_slice()) {
            return ordinal;
        }
        let ordinal = self.ordinals.len();
        self.ordinals.insert(self.key.as_slice().into(), ordinal);
        ordinal
    }

    /// The labels the group has in common.
    pub(super) fn match_labels(&self, labels: &Labels) -> Labels {
        labels.filter(|name| self.takes(name))
    }

    fn takes(&self, name: &str) -> bool {
        self.takes_bytes(name.as_bytes())
    }

    fn takes_bytes(&self, name: &[u8]) -> bool {
        let listed = self.names.iter().any(|listed| listed.as_bytes() == name);
        if self.on {
            listed
        } else {
            !listed && name != METRIC_NAME.as_bytes()
        }
    }

    fn write_key(&mut self, labels: &Labels) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        write_key(&mut key, labels, |name| self.takes_bytes(name));
        self.key = key;
    }
}
