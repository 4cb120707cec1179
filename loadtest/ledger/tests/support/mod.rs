//! A system under test in memory, which shows exactly what it was told to store.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use vigie_ledger::{
    BoxError, Exactness, MatchKind, Matcher, ReadTotals, Reader, SampleValue, SeriesLabels, SeriesVisitor,
};

/// Samples in stored order, so that one may be there twice.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) series: BTreeMap<SeriesLabels, Vec<(i64, SampleValue)>>,
    pub(crate) exactness: Exactness,
    /// What it claims to hold.
    pub(crate) totals: Option<ReadTotals>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            series: BTreeMap::new(),
            exactness: Exactness {
                nan_bits: true,
                stale_markers: true,
            },
            totals: None,
        }
    }
}

impl Store {
    pub(crate) fn put(&mut self, labels: &SeriesLabels, time_ms: i64, value: SampleValue) {
        self.series
            .entry(labels.clone())
            .or_default()
            .push((time_ms, value));
    }

    /// As Prometheus's JSON: NaNs lose their bits and staleness markers do not show.
    pub(crate) fn as_json_shows_it(&self) -> Self {
        let mut shown = self.clone();
        shown.exactness = Exactness {
            nan_bits: false,
            stale_markers: false,
        };
        for samples in shown.series.values_mut() {
            samples.retain(|(_, value)| !value.is_stale_marker());
            for (_, value) in samples.iter_mut().filter(|(_, value)| value.is_nan()) {
                *value = SampleValue::float(f64::NAN);
            }
        }
        shown
    }

    fn matching<'a>(
        &'a self,
        matchers: &'a [Matcher],
    ) -> impl Iterator<Item = (&'a SeriesLabels, &'a Vec<(i64, SampleValue)>)> {
        self.series.iter().filter(|(labels, _)| {
            matchers.iter().all(|matcher| {
                let value = labels.get(&matcher.label);
                match matcher.kind {
                    MatchKind::Equal => value == matcher.value,
                    MatchKind::NotEqual => value != matcher.value,
                    // The tests use `.+` only.
                    MatchKind::Regex => !value.is_empty(),
                    MatchKind::NotRegex => value.is_empty(),
                }
            })
        })
    }
}

impl Reader for Store {
    fn exactness(&self) -> Exactness {
        self.exactness
    }

    fn label_values(
        &mut self,
        label: &str,
        matchers: &[Matcher],
        _from_ms: i64,
        _to_ms: i64,
    ) -> Result<Vec<String>, BoxError> {
        Ok(self
            .matching(matchers)
            .map(|(labels, _)| labels.get(label).to_owned())
            .filter(|value| !value.is_empty())
            .collect())
    }

    fn read(
        &mut self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        visit: &mut SeriesVisitor<'_>,
    ) -> Result<(), BoxError> {
        for (labels, samples) in self.matching(matchers) {
            let inside: Vec<(i64, SampleValue)> = samples
                .iter()
                .filter(|(time_ms, _)| (from_ms..=to_ms).contains(time_ms))
                .copied()
                .collect();
            if !inside.is_empty() {
                visit(labels.clone(), &inside);
            }
        }
        Ok(())
    }

    fn totals(&mut self, _: &[Matcher], _: i64, _: i64) -> Result<Option<ReadTotals>, BoxError> {
        Ok(self.totals)
    }
}
