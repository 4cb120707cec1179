//! Which labels and values the selected series have.

use std::collections::HashSet;
use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use vigie_model::{Matcher, TenantId};

use super::{DistinctTexts, Selection, VALUES_PER_SERIES};
use crate::Head;
use crate::index::Marked;

/// So many series are looked at for their label names before the names are looked at one by one.
const SAMPLED_SERIES: usize = 128;

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
        let Some(number) = index.name_number(name) else { return };
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

    /// The values of a label in the series of the set, in no order.
    fn add_values(
        &self,
        name: u32,
        selected: &RoaringBitmap,
        add: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let label = self.index.label(name);
        if selected.len() * VALUES_PER_SERIES < label.value_count() as u64 {
            let mut seen = HashSet::new();
            let mut pairs = selected.iter().filter_map(|id| self.pair_with_name(id, name));
            return pairs.try_for_each(|pair| match seen.insert(pair) {
                true => add(self.index.value(pair).as_bytes()),
                false => ControlFlow::Continue(()),
            });
        }
        let marked = Marked::new(selected, self.end);
        self.index
            .values_of(label)
            .filter(|(pair, _)| self.index.postings(*pair).intersects(&marked))
            .try_for_each(|(_, value)| add(value))
    }
}
