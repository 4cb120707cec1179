//! Which series belong together.

use hashbrown::HashMap;
use vigie_model::{Labels, METRIC_NAME, write_uvarint};

use crate::VectorMatching;

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
        let listed = self.names.iter().any(|listed| listed == name);
        if self.on {
            listed
        } else {
            !listed && name != METRIC_NAME
        }
    }

    fn write_key(&mut self, labels: &Labels) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        for (name, value) in labels.iter().filter(|(name, _)| self.takes(name)) {
            write_uvarint(&mut key, name.len() as u64);
            key.extend_from_slice(name.as_bytes());
            write_uvarint(&mut key, value.len() as u64);
            key.extend_from_slice(value.as_bytes());
        }
        self.key = key;
    }
}
