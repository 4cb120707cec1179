//! Which group a series is in.

use hashbrown::HashMap;
use vigie_model::{Labels, METRIC_NAME};

use crate::Grouping;

use super::super::key::write_key;

/// Numbers groups in the order they appear. A series' group is looked up once, by the packed bytes of
/// its grouping labels, in a buffer that is reused.
pub(super) struct Groups<'a> {
    grouping: &'a Grouping,
    positions: HashMap<Box<[u8]>, usize>,
    key: Vec<u8>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(grouping: &'a Grouping) -> Groups<'a> {
        Groups {
            grouping,
            positions: HashMap::new(),
            key: Vec::new(),
        }
    }

    /// The position of the group; a new one gets the next.
    pub(super) fn position(&mut self, labels: &Labels) -> usize {
        self.key.clear();
        let keeps_none = matches!(self.grouping, Grouping::By(names) if names.is_empty());
        if !keeps_none {
            let grouping = self.grouping;
            write_key(&mut self.key, labels, |name| keeps_bytes(grouping, name));
        }
        if let Some(&position) = self.positions.get(self.key.as_slice()) {
            return position;
        }
        let position = self.positions.len();
        self.positions.insert(self.key.as_slice().into(), position);
        position
    }

    /// The labels of a series' group.
    pub(super) fn labels(&self, labels: &Labels) -> Labels {
        labels.filter(|name| keeps(self.grouping, name))
    }
}

pub(super) fn keeps(grouping: &Grouping, name: &str) -> bool {
    keeps_bytes(grouping, name.as_bytes())
}

fn keeps_bytes(grouping: &Grouping, name: &[u8]) -> bool {
    let lists = |names: &[String]| names.iter().any(|listed| listed.as_bytes() == name);
    match grouping {
        Grouping::By(names) => lists(names),
        Grouping::Without(names) => name != METRIC_NAME.as_bytes() && !lists(names),
    }
}
