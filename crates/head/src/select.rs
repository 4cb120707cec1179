//! Finding series by matchers.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use vigie_model::{MatchOp, Matcher, SeriesId, TenantId, write_uvarint};

use crate::Head;
use crate::index::{LabelIndex, LabelName, Postings};
use crate::series::SeriesTable;
use crate::tenant::Tenant;

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
    pub fn select_with_exemplars(&self, tenant: &TenantId, sets: &[Vec<Matcher>]) -> Vec<SeriesId> {
        let Some(tenant) = self.tenant(tenant) else {
            return Vec::new();
        };
        let with_exemplars = tenant.exemplars.series();
        if with_exemplars.is_empty() {
            return Vec::new();
        }
        let mut selected = RoaringBitmap::new();
        for matchers in sets {
            selected |= self.select_in(tenant, matchers);
        }
        (selected & with_exemplars).into_iter().map(SeriesId).collect()
    }

    /// The names of labels that the selected series have, sorted.
    pub fn label_names(&self, tenant: &TenantId, matchers: &[Matcher]) -> Vec<String> {
        let Some(tenant) = self.tenant(tenant) else {
            return Vec::new();
        };
        let selected = (!matchers.is_empty()).then(|| self.select_in(tenant, matchers));
        let index = &tenant.index;
        let is_used = |label: &LabelName| match &selected {
            None => true,
            Some(selected) => label
                .pairs
                .iter()
                .any(|&pair| index.postings(pair).intersects(selected)),
        };
        index
            .names()
            .filter(|(_, label)| is_used(label))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The values that a label has in the selected series, sorted.
    pub fn label_values(&self, tenant: &TenantId, name: &str, matchers: &[Matcher]) -> Vec<String> {
        let Some(tenant) = self.tenant(tenant) else {
            return Vec::new();
        };
        let index = &tenant.index;
        let Some(label) = index.name(name) else {
            return Vec::new();
        };
        let selected = (!matchers.is_empty()).then(|| self.select_in(tenant, matchers));
        let mut values: Vec<String> = label
            .pairs
            .iter()
            .filter(|&&pair| {
                selected
                    .as_ref()
                    .is_none_or(|selected| index.postings(pair).intersects(selected))
            })
            .map(|&pair| index.value(pair).to_owned())
            .collect();
        values.sort_unstable();
        values
    }

    fn select_in(&self, tenant: &Tenant, matchers: &[Matcher]) -> RoaringBitmap {
        let selection = Selection {
            index: &tenant.index,
            series: &self.series,
        };
        selection.run(matchers)
    }
}

/// The evaluation of matchers over one tenant's index.
#[derive(Debug)]
struct Selection<'a> {
    index: &'a LabelIndex,
    series: &'a SeriesTable,
}

impl Selection<'_> {
    fn run(&self, matchers: &[Matcher]) -> RoaringBitmap {
        // First what names its values: look-ups, intersected from the smallest on.
        let mut named: Vec<(u64, Vec<&Postings>)> = Vec::new();
        let mut others = Vec::new();
        for matcher in matchers {
            match named_values(matcher) {
                Some(values) => {
                    let found: Vec<&Postings> = values
                        .into_iter()
                        .filter_map(|value| self.find(&matcher.name, value))
                        .collect();
                    if found.is_empty() {
                        return RoaringBitmap::new();
                    }
                    named.push((found.iter().map(|postings| postings.len()).sum(), found));
                }
                None => others.push(matcher),
            }
        }
        named.sort_by_key(|(size, _)| *size);
        let mut selected: Option<RoaringBitmap> = None;
        for (_, postings) in named {
            match (&mut selected, &postings[..]) {
                (Some(selected), [one]) => one.intersect_into(selected),
                (Some(selected), many) => *selected &= Postings::union(many.iter().copied()),
                (None, [one]) => selected = Some(one.to_bitmap()),
                (None, many) => selected = Some(Postings::union(many.iter().copied())),
            }
        }
        // Then what needs a label to be there, and last what takes series away.
        others.sort_by_key(|matcher| matcher.matches_empty());
        for matcher in others {
            let set = match selected.take() {
                Some(set) if set.is_empty() => return set,
                Some(set) => self.restrict(set, matcher),
                None if matcher.matches_empty() => self.restrict(self.index.all.clone(), matcher),
                None => self.all_matching(matcher),
            };
            selected = Some(set);
        }
        selected.unwrap_or_else(|| self.index.all.clone())
    }

    fn find(&self, name: &str, value: &str) -> Option<&Postings> {
        let mut packed = packed_name(name);
        write_uvarint(&mut packed, value.len() as u64);
        packed.extend_from_slice(value.as_bytes());
        self.index.find(&packed).map(|pair| self.index.postings(pair))
    }

    fn pairs(&self, name: &str) -> &[u32] {
        self.index.name(name).map_or(&[], |label| &label.pairs)
    }

    /// The series that have the label with a value that matches.
    fn all_matching(&self, matcher: &Matcher) -> RoaringBitmap {
        let pairs = self.pairs(&matcher.name).iter();
        Postings::union(
            pairs
                .filter(|&&pair| matcher.matches(self.index.value(pair)))
                .map(|&pair| self.index.postings(pair)),
        )
    }

    /// Those series of the set that match.
    fn restrict(&self, mut set: RoaringBitmap, matcher: &Matcher) -> RoaringBitmap {
        if matcher.op == MatchOp::NotEqual && !matcher.value.is_empty() {
            if let Some(postings) = self.find(&matcher.name, &matcher.value) {
                postings.subtract_from(&mut set);
            }
            return set;
        }
        let pairs = self.pairs(&matcher.name);
        // With fewer series left than the label has values, looking at the series is cheaper.
        if set.len() < pairs.len() as u64 {
            return self.filter_each(&set, matcher);
        }
        if matcher.matches_empty() {
            let unwanted = pairs
                .iter()
                .filter(|&&pair| !matcher.matches(self.index.value(pair)))
                .map(|&pair| self.index.postings(pair));
            set - Postings::union(unwanted)
        } else {
            set & self.all_matching(matcher)
        }
    }

    fn filter_each(&self, set: &RoaringBitmap, matcher: &Matcher) -> RoaringBitmap {
        let name = packed_name(&matcher.name);
        let matches_empty = matcher.matches_empty();
        let mut verdicts: HashMap<u32, bool> = HashMap::new();
        set.iter()
            .filter(|&id| {
                let Some(series) = self.series.get(id) else {
                    return false;
                };
                let pair = self
                    .series
                    .pairs_of(series)
                    .find(|&pair| self.index.has_name(pair, &name));
                pair.map_or(matches_empty, |pair| {
                    *verdicts
                        .entry(pair)
                        .or_insert_with(|| matcher.matches(self.index.value(pair)))
                })
            })
            .collect()
    }
}

/// The values a matcher stands for, if it names them and a series without the label cannot match.
fn named_values(matcher: &Matcher) -> Option<Vec<&str>> {
    let values: Vec<&str> = match matcher.op {
        MatchOp::Equal => vec![&matcher.value],
        MatchOp::Regex => {
            let literals = matcher.regex()?.literals()?;
            literals.iter().map(String::as_str).collect()
        }
        MatchOp::NotEqual | MatchOp::NotRegex => return None,
    };
    (!values.contains(&"")).then_some(values)
}

/// The bytes that packed pairs with this name start with.
fn packed_name(name: &str) -> Vec<u8> {
    let mut packed = Vec::with_capacity(name.len() + 64);
    write_uvarint(&mut packed, name.len() as u64);
    packed.extend_from_slice(name.as_bytes());
    packed
}
