//! Classic histograms: cumulative buckets told apart by their `le` label.

use hashbrown::HashMap;
use vigie_model::{Labels, METRIC_NAME, parse_go_float};

use crate::plan::{Grid, VectorNode};
use crate::{EvalError, Span};

use super::super::column::{ABSENT, StepSeries, is_absent};
use super::super::evaluator::Evaluator;
use super::super::merge::Collected;
use super::super::notes;

const BUCKET_LABEL: &str = "le";

/// The buckets of one histogram.
pub(super) struct Histogram {
    /// Without `le`; the name is still there.
    pub labels: Labels,
    pub drop_name: bool,
    /// Upper bound and position among the collected series, by bound.
    pub buckets: Vec<(f64, usize)>,
}

/// What a vector has of histograms of both kinds. Where one is there in both kinds it is left out.
pub(super) struct Histograms<'m> {
    /// The bucket series.
    pub buckets: Collected<'m>,
    pub classic: Vec<Histogram>,
    /// Without columns of values.
    pub natives: Collected<'m>,
}

impl Evaluator<'_> {
    /// Groups the series of a vector by all their labels but `le`.
    pub(super) fn collect_histograms(
        &self,
        input: &VectorNode,
        span: Span,
        grid: Grid,
    ) -> Result<Histograms<'_>, EvalError> {
        let mut collected = Collected::new(&self.memory);
        let mut natives = Collected::new(&self.memory);
        let mut histograms: Vec<Histogram> = Vec::new();
        let mut positions: HashMap<Labels, usize> = HashMap::new();
        self.vector(input, grid, &mut |series| {
            if !series.histograms.is_empty() {
                let mut native = StepSeries::new(series.labels.clone(), 0);
                native.drop_name = series.drop_name;
                native.histograms = std::mem::take(&mut series.histograms);
                natives.push(&mut native)?;
            }
            if series.is_empty() {
                return Ok(());
            }
            let bound = series.labels.get(BUCKET_LABEL).unwrap_or_default();
            let Some(bound) = parse_go_float(bound) else {
                let note = notes::bad_bucket_label(bound, &self.annotated_name(&series.labels));
                self.note(span, note);
                return Ok(());
            };
            let labels = series.labels.filter(|name| name != BUCKET_LABEL);
            let position = *positions.entry(labels).or_insert_with_key(|labels| {
                histograms.push(Histogram {
                    labels: labels.clone(),
                    drop_name: series.drop_name,
                    buckets: Vec::new(),
                });
                histograms.len() - 1
            });
            histograms[position].buckets.push((bound, collected.series.len()));
            collected.push(series)
        })?;
        for histogram in &mut histograms {
            histogram
                .buckets
                .sort_by(|left, right| left.0.total_cmp(&right.0));
        }
        for native in &mut natives.series {
            let Some(&classic) = positions.get(&native.labels) else {
                continue;
            };
            let buckets = &histograms[classic].buckets;
            let name = self.annotated_name(&native.labels);
            native.histograms.retain(|(step, _)| {
                let mut is_mixed = false;
                for &(_, position) in buckets {
                    let value = &mut collected.series[position].values[*step];
                    is_mixed |= !is_absent(*value);
                    *value = ABSENT;
                }
                if is_mixed {
                    self.note(span, notes::mixed_classic_native(&name));
                }
                !is_mixed
            });
        }
        Ok(Histograms {
            buckets: collected,
            classic: histograms,
            natives,
        })
    }

    /// Prometheus names the metric in these remarks only while names are still there.
    pub(super) fn annotated_name(&self, labels: &Labels) -> String {
        if self.plan.params().delayed_name_removal {
            labels.get(METRIC_NAME).unwrap_or_default().to_owned()
        } else {
            String::new()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub upper_bound: f64,
    pub count: f64,
}

/// The buckets that have a value at a step, those with equal bounds added up.
pub(super) fn gather(histogram: &Histogram, series: &[StepSeries], step: usize, buckets: &mut Vec<Bucket>) {
    buckets.clear();
    for &(upper_bound, position) in &histogram.buckets {
        let count = series[position].values[step];
        if is_absent(count) {
            continue;
        }
        match buckets.last_mut() {
            Some(last) if last.upper_bound == upper_bound => last.count += count,
            _ => buckets.push(Bucket { upper_bound, count }),
        }
    }
}
