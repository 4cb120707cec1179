//! Finding series by matchers.

mod labels;
mod texts;

use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;
use vigie_model::{Condition, Matcher, SeriesId, TenantId, ValueSet};

use crate::Head;
use crate::index::{LabelIndex, LabelName, Postings};
use crate::series::SeriesTable;
use crate::tenant::Tenant;

pub use texts::DistinctTexts;

/// Looking at one series costs about as much as looking at so many values one by one.
const VALUES_PER_SERIES: u64 = 8;

/// The same for values in all of which a text is searched for at once.
const SEARCHED_VALUES_PER_SERIES: u64 = 32;

impl Head {
    /// The tenant's series that all matchers match, by ascending id. Without matchers: all series.
    pub fn select(&self, tenant: &TenantId, matchers: &[Matcher]) -> Vec<SeriesId> {
        self.tenant(tenant).map_or_else(Vec::new, |tenant| {
            self.select_in(tenant, matchers)
                .into_iter()
                .map(SeriesId)
                .collect()
        })
    }

    /// The tenant's series that have exemplars and that all matchers of any set match, by ascending id.
    pub fn select_with_exemplars<S: AsRef<[Matcher]>>(&self, tenant: &TenantId, sets: &[S]) -> Vec<SeriesId> {
        let Some(tenant) = self.tenant(tenant) else {
            return Vec::new();
        };
        let with_exemplars = tenant.exemplars.series();
        if with_exemplars.is_empty() {
            return Vec::new();
        }
        let mut selected = RoaringBitmap::new();
        for matchers in sets {
            selected |= self.select_in(tenant, matchers.as_ref());
        }
        (selected & with_exemplars).into_iter().map(SeriesId).collect()
    }

    fn select_in(&self, tenant: &Tenant, matchers: &[Matcher]) -> RoaringBitmap {
        self.selection(tenant).run(matchers)
    }

    fn selection<'a>(&'a self, tenant: &'a Tenant) -> Selection<'a> {
        Selection {
            index: &tenant.index,
            series: &self.series,
            end: self.next_id,
        }
    }
}

/// The evaluation of matchers over one tenant's index.
#[derive(Debug, Clone, Copy)]
struct Selection<'a> {
    index: &'a LabelIndex,
    series: &'a SeriesTable,
    /// Above all ids.
    end: u32,
}

impl Selection<'_> {
    /// From the conditions that leave the fewest series at the least cost to those that cost most: values
    /// that are named and looked up, the smallest first; what named values take away; then what needs
    /// the values of a label to be read, unless so few series are left that these are looked at instead.
    fn run(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let mut wanted: Vec<(u64, Vec<&Postings>)> = Vec::new();
        let mut unwanted: Vec<&Postings> = Vec::new();
        let mut read: Vec<(&Matcher, Condition<'_>)> = Vec::new();
        for matcher in matchers {
            let condition = matcher.condition();
            let ValueSet::Named(values) = &condition.values else {
                read.push((matcher, condition));
                continue;
            };
            let found = values
                .iter()
                .filter_map(|value| self.index.find_value(&matcher.name, value))
                .map(|pair| self.index.postings(pair));
            if !condition.is_wanted {
                unwanted.extend(found);
                continue;
            }
            let found: Vec<&Postings> = found.collect();
            if found.is_empty() {
                return RoaringBitmap::new();
            }
            wanted.push((found.iter().map(|postings| postings.len()).sum(), found));
        }
        let mut selected = self.intersect(wanted);
        // What asks for a label before what series without it pass; fewer values before more.
        read.sort_by_key(|(matcher, condition)| (!condition.is_wanted, self.value_count(&matcher.name)));
        let asks_for_a_label = read.first().is_some_and(|(_, condition)| condition.is_wanted);
        if selected.is_none() && !asks_for_a_label {
            selected = Some(self.index.all.clone());
        }
        if let Some(set) = &mut selected {
            subtract(set, &std::mem::take(&mut unwanted), self.end);
        }
        for (matcher, condition) in read {
            selected = Some(match selected {
                Some(set) if set.is_empty() => return set,
                Some(set) => self.restrict(set, matcher, &condition),
                None => self.union(&matcher.name, &condition.values),
            });
        }
        let mut set = selected.unwrap_or_default();
        subtract(&mut set, &unwanted, self.end);
        set
    }

    fn intersect(&self, mut wanted: Vec<(u64, Vec<&Postings>)>) -> Option<RoaringBitmap> {
        wanted.sort_by_key(|(size, _)| *size);
        let mut selected: Option<RoaringBitmap> = None;
        for (_, postings) in wanted {
            match (&mut selected, &postings[..]) {
                (Some(selected), [one]) => one.intersect_into(selected),
                (Some(selected), many) => *selected &= Postings::union(many.iter().copied(), self.end),
                (None, [one]) => selected = Some(one.to_bitmap()),
                (None, many) => selected = Some(Postings::union(many.iter().copied(), self.end)),
            }
        }
        selected
    }

    fn label(&self, name: &str) -> Option<&LabelName> {
        self.index
            .name_number(name)
            .map(|number| self.index.label(number))
    }

    fn value_count(&self, name: &str) -> usize {
        self.label(name).map_or(0, LabelName::value_count)
    }

    /// Those series of the set that match.
    fn restrict(
        &self,
        mut set: RoaringBitmap,
        matcher: &Matcher,
        condition: &Condition<'_>,
    ) -> RoaringBitmap {
        let values_per_series = match &condition.values {
            ValueSet::Matching(regex) if regex.finder().is_some() => SEARCHED_VALUES_PER_SERIES,
            _ => VALUES_PER_SERIES,
        };
        if set.len() * values_per_series < self.value_count(&matcher.name) as u64 {
            return self.filter_each(&set, matcher);
        }
        let with_values = self.union(&matcher.name, &condition.values);
        match condition.is_wanted {
            true => set &= with_values,
            false => set -= with_values,
        }
        set
    }

    /// The series that have one of the values.
    fn union(&self, name: &str, values: &ValueSet<'_>) -> RoaringBitmap {
        let Some(label) = self.label(name) else {
            return RoaringBitmap::new();
        };
        let of_pairs = |pairs: &mut dyn Iterator<Item = u32>| {
            Postings::union(pairs.map(|pair| self.index.postings(pair)), self.end)
        };
        match values {
            ValueSet::Named(names) => of_pairs(
                &mut names
                    .iter()
                    .filter_map(|value| self.index.find_value(name, value)),
            ),
            ValueSet::AllBut(names) => {
                let others: HashSet<u32> = names
                    .iter()
                    .filter_map(|value| self.index.find_value(name, value))
                    .collect();
                of_pairs(&mut self.index.pairs_of(label).filter(|pair| !others.contains(pair)))
            }
            ValueSet::Matching(regex) => of_pairs(&mut self.index.matching(label, regex).into_iter()),
            ValueSet::NotMatching(regex) => of_pairs(
                &mut self
                    .index
                    .values_of(label)
                    .filter(|(_, value)| !regex.is_match_bytes(value))
                    .map(|(pair, _)| pair),
            ),
        }
    }

    fn filter_each(&self, set: &RoaringBitmap, matcher: &Matcher) -> RoaringBitmap {
        let matches_empty = matcher.matches_empty();
        let Some(name) = self.index.name_number(&matcher.name) else {
            return if matches_empty {
                set.clone()
            } else {
                RoaringBitmap::new()
            };
        };
        let mut verdicts: HashMap<u32, bool> = HashMap::new();
        set.iter()
            .filter(|&id| match self.pair_with_name(id, name) {
                None => matches_empty,
                Some(pair) => *verdicts
                    .entry(pair)
                    .or_insert_with(|| matcher.matches(self.index.value(pair))),
            })
            .collect()
    }

    /// The pair of a series that has this name.
    fn pair_with_name(&self, id: u32, name: u32) -> Option<u32> {
        let series = self.series.get(id)?;
        self.series
            .pairs_of(series)
            .find(|&pair| self.index.name_of(pair) == name)
    }
}

fn subtract(set: &mut RoaringBitmap, postings: &[&Postings], end: u32) {
    match postings {
        [] => {}
        [one] => one.subtract_from(set),
        many => *set -= Postings::union(many.iter().copied(), end),
    }
}
