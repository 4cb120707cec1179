//! Which labels and values the selected series have.

use std::collections::HashSet;

use roaring::RoaringBitmap;
use vigie_model::{Matcher, TenantId};

use super::{Selection, VALUES_PER_SERIES};
use crate::Head;

/// So many series are looked at for their label names before the names are looked at one by one.
const SAMPLED_SERIES: usize = 1000;

impl Head {
    /// The names of labels that the selected series have, sorted.
    pub fn label_names(&self, tenant: &TenantId, matchers: &[Matcher]) -> Vec<String> {
        let Some(tenant) = self.tenant(tenant) else {
            return Vec::new();
        };
        let selection = self.selection(tenant);
        let used = match matchers {
            [] => vec![true; tenant.index.label_count()],
            _ => selection.used_names(&selection.run(matchers)),
        };
        let names = tenant.index.names();
        names
            .filter(|(_, number)| used[*number as usize])
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The first `limit` of the values that a label has in the selected series, sorted.
    pub fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        matchers: &[Matcher],
        limit: usize,
    ) -> Vec<String> {
        let Some(tenant) = self.tenant(tenant) else {
            return Vec::new();
        };
        let index = &tenant.index;
        let Some(number) = index.name_number(name) else {
            return Vec::new();
        };
        let selection = self.selection(tenant);
        let values = match matchers {
            [] => index
                .values_of(index.label(number))
                .map(|(_, value)| value)
                .collect(),
            _ => selection.values(number, &selection.run(matchers)),
        };
        first_sorted(values, limit)
            .into_iter()
            // What is no UTF-8 is refused before it gets here.
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }
}

impl<'a> Selection<'a> {
    /// By the number of the name, whether a series of the set has a label of that name.
    fn used_names(&self, selected: &RoaringBitmap) -> Vec<bool> {
        let mut used = vec![false; self.index.label_count()];
        let series = selected.iter().filter_map(|id| self.series.get(id));
        for series in series.take(SAMPLED_SERIES) {
            for pair in self.series.pairs_of(series) {
                used[self.index.name_of(pair) as usize] = true;
            }
        }
        if selected.len() <= SAMPLED_SERIES as u64 {
            return used;
        }
        // Most names have been seen; of each of the others any value will do.
        for (_, number) in self.index.names() {
            if !used[number as usize] {
                let mut pairs = self.index.pairs_of(self.index.label(number));
                used[number as usize] = pairs.any(|pair| self.index.postings(pair).intersects(selected));
            }
        }
        used
    }

    /// The values of a label in the series of the set, in no order.
    fn values(&self, name: u32, selected: &RoaringBitmap) -> Vec<&'a [u8]> {
        let label = self.index.label(name);
        if selected.len() * VALUES_PER_SERIES < label.value_count() as u64 {
            let pairs: HashSet<u32> = selected
                .iter()
                .filter_map(|id| self.pair_with_name(id, name))
                .collect();
            return pairs
                .into_iter()
                .map(|pair| self.index.value(pair).as_bytes())
                .collect();
        }
        self.index
            .values_of(label)
            .filter(|(pair, _)| self.index.postings(*pair).intersects(selected))
            .map(|(_, value)| value)
            .collect()
    }
}

/// UTF-8 sorts as its bytes do.
fn first_sorted(mut values: Vec<&[u8]>, limit: usize) -> Vec<&[u8]> {
    if limit < values.len() {
        values.select_nth_unstable(limit);
        values.truncate(limit);
    }
    values.sort_unstable();
    values
}
