//! Native histograms with custom bounds from the classic series of a script, for `load_with_nhcb`.

use std::collections::BTreeMap;

use vigie_model::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Labels, METRIC_NAME, Span, parse_go_float};

use super::load::Item;

/// One histogram at one time.
#[derive(Debug, Default)]
struct Parts {
    count: Option<f64>,
    sum: f64,
    /// Upper bound and cumulative count, by bound.
    buckets: Vec<(f64, f64)>,
}

/// The series with the base name of those whose names end in `_bucket`, `_count` and `_sum`.
pub(crate) fn native_series(series: &[(Labels, Vec<Item>)]) -> Vec<(Labels, Vec<Item>)> {
    let mut histograms: BTreeMap<Labels, BTreeMap<usize, Parts>> = BTreeMap::new();
    for (labels, items) in series {
        let name = labels.metric_name();
        let Some((base, suffix)) = name
            .rsplit_once('_')
            .filter(|(_, suffix)| matches!(*suffix, "bucket" | "count" | "sum"))
        else {
            continue;
        };
        let bound = labels.get("le").and_then(parse_go_float);
        if suffix == "bucket" && bound.is_none_or(f64::is_nan) {
            continue;
        }
        let mut labels = labels.to_builder();
        labels.set(METRIC_NAME, base).remove("le");
        let by_time = histograms.entry(labels.build()).or_default();
        for (at, item) in items.iter().enumerate() {
            let Item::Float(value) = item else { continue };
            let parts = by_time.entry(at).or_default();
            match (suffix, bound) {
                ("count", _) => parts.count = Some(*value),
                ("sum", _) => parts.sum = *value,
                (_, Some(bound)) => parts.buckets.push((bound, *value)),
                _ => {}
            }
        }
    }
    histograms
        .into_iter()
        .map(|(labels, by_time)| {
            let len = by_time.keys().next_back().map_or(0, |last| last + 1);
            let mut items = vec![Item::Absent; len];
            for (at, parts) in by_time {
                items[at] = Item::Histogram(parts.convert());
            }
            (labels, items)
        })
        .collect()
}

impl Parts {
    fn convert(mut self) -> FloatHistogram {
        self.buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        self.buckets.dedup_by_key(|(bound, _)| *bound);
        let highest = self.buckets.last().copied();
        let count = self.count.or(highest.map(|(_, count)| count)).unwrap_or_default();
        if highest.is_none_or(|(bound, _)| bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut below = 0.0;
        let mut counts = Vec::with_capacity(self.buckets.len());
        for (bound, cumulative) in &self.buckets {
            assert!(*cumulative >= below, "buckets go down at {bound}");
            counts.push(cumulative - below);
            below = *cumulative;
        }
        let mut histogram = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: vec![Span {
                offset: 0,
                length: counts.len() as u32,
            }],
            custom_values: self
                .buckets
                .iter()
                .map(|(bound, _)| *bound)
                .filter(|bound| bound.is_finite())
                .collect(),
            positive_buckets: counts,
            ..FloatHistogram::default()
        };
        histogram.compact(0);
        histogram
    }
}
