//! Which labels and values the selected series have.

use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use vigie_model::{Matcher, TenantId};

use super::{DistinctTexts, Selection};
use crate::Head;
use crate::index::{LabelName, Marked, Postings};

/// So many series are looked at for their label names before the names are looked at one by one.
const SAMPLED_SERIES: usize = 128;

/// What finding the values of a label in a set of series costs, roughly, in nanoseconds: to look at a series for its
/// value, to pass over one whose value is known, to take up a value, and to look whether one of its series is in the set.
const LOOK_NS: u64 = 200;
const PASS_NS: u64 = 4;
const VALUE_NS: u64 = 10;
const MEMBER_NS: u64 = 2;

impl Head {
    /// Adds the names of labels that the selected series have.
    pub fn label_names(&self, tenant: &TenantId, matchers: &[Matcher], found: &mut DistinctTexts) {
        let Some(tenant) = self.tenant(tenant) else { return };
        if matchers.is_empty() {
            for (name, _) in tenant.index.names() {
                found.insert(name.as_bytes());
            }
            return;
        }
        let selection = self.selection(tenant);
        selection.add_names(&selection.run(matchers), found);
    }

    /// Adds the values that a label has in the selected series, until `limit` are found.
    pub fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        matchers: &[Matcher],
        limit: usize,
        found: &mut DistinctTexts,
    ) {
        let Some(tenant) = self.tenant(tenant) else { return };
        let index = &tenant.index;
        let Some(number) = index.name_number(name) else {
            return;
        };
        if found.len() >= limit {
            return;
        }
        let mut add = |value: &[u8]| {
            found.insert(value);
            match found.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        // That there is a limit and it is reached is no error.
        let _ = if matchers.is_empty() {
            let mut values = index.values_of(index.label(number));
            values.try_for_each(|(_, value)| add(value))
        } else {
            let selection = self.selection(tenant);
            selection.add_values(number, &selection.run(matchers), &mut add)
        };
    }
}

impl Selection<'_> {
    /// Names that another head has given already are not looked for.
    fn add_names(&self, selected: &RoaringBitmap, found: &mut DistinctTexts) {
        let mut used = vec![false; self.index.label_count()];
        // Series that came one after the other have much in common, so these are taken from all over.
        let step = (selected.len() as usize).div_ceil(SAMPLED_SERIES).max(1);
        let sample = selected.iter().step_by(step);
        for series in sample.filter_map(|id| self.series.get(id)) {
            for pair in self.series.pairs_of(series) {
                used[self.index.name_of(pair) as usize] = true;
            }
        }
        let mut marked = None;
        for (name, number) in self.index.names() {
            if used[number as usize] {
                found.insert(name.as_bytes());
            } else if step > 1 && !found.contains(name.as_bytes()) {
                // Any value will do.
                let marked = marked.get_or_insert_with(|| Marked::new(selected, self.end));
                let mut pairs = self.index.pairs_of(self.index.label(number));
                if pairs.any(|pair| self.index.postings(pair).intersects(marked)) {
                    found.insert(name.as_bytes());
                }
            }
        }
    }

    /// The values of a label in the series of the set, in no order; some may come twice.
    ///
    /// Series are looked at one by one, and all others that have the value found are passed over: a few looks, where the
    /// set is made of all the series of a few values. When that has cost as much as looking at all values would, these are
    /// looked at for the series that are left.
    fn add_values(
        &self,
        name: u32,
        selected: &RoaringBitmap,
        add: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let label = self.index.label(name);
        let mut left = Marked::new(selected, self.end);
        let allowed_ns = self.scan_ns(label);
        let mut spent_ns = 0;
        for id in selected {
            if spent_ns > allowed_ns {
                return self.add_values_by_scan(label, &left, add);
            }
            if !left.has(id) {
                spent_ns += PASS_NS;
                continue;
            }
            spent_ns += LOOK_NS;
            if let Some(pair) = self.pair_with_name(id, name) {
                add(self.index.value(pair).as_bytes())?;
                let postings = self.index.postings(pair);
                spent_ns += postings.len() * MEMBER_NS;
                left.remove(postings);
            }
        }
        ControlFlow::Continue(())
    }

    /// What looking at all values of a label costs at most.
    fn scan_ns(&self, label: &LabelName) -> u64 {
        let values = label.value_count() as u64;
        let series = self.index.all.len();
        values * VALUE_NS + series.min(values * Postings::MAX_FEW) * MEMBER_NS
    }

    fn add_values_by_scan(
        &self,
        label: &LabelName,
        marked: &Marked<'_>,
        add: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.index
            .values_of(label)
            .filter(|(pair, _)| self.index.postings(*pair).intersects(marked))
            .try_for_each(|(_, value)| add(value))
    }
}
