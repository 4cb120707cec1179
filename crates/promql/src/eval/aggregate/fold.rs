//! Accumulators of the aggregations that need no more than what has been seen: per group one or a
//! few columns.

use crate::AggregateOp;

use super::super::column::{ABSENT, is_absent};
use super::super::kahan::{Mean, kahan_add};

/// Sums below this cannot overflow by adding another value below this.
const FAR_FROM_OVERFLOW: f64 = f64::MAX / 4.0;

/// A group over the grid. In the value columns [`ABSENT`] stands where nothing was seen.
#[derive(Debug)]
pub(super) enum Accumulator {
    Sum(Sums),
    Avg {
        sums: Sums,
        counts: Vec<f64>,
        /// An upper bound of every sum's magnitude.
        bound: f64,
    },
    /// The mean of a group whose sum might overflow.
    AvgNearOverflow(Vec<Mean>),
    Min(Vec<f64>),
    Max(Vec<f64>),
    Count(Vec<f64>),
    Group(Vec<f64>),
    /// `standard` takes the root.
    Variance {
        counts: Vec<f64>,
        means: Vec<f64>,
        squares: Vec<f64>,
        standard: bool,
    },
}

/// Compensated sums.
#[derive(Debug)]
pub(super) struct Sums {
    totals: Vec<f64>,
    lost: Vec<f64>,
}

impl Sums {
    fn new(len: usize) -> Sums {
        Sums {
            totals: vec![ABSENT; len],
            lost: vec![0.0; len],
        }
    }

    /// Without branches, so that it vectorises.
    fn add(&mut self, values: &[f64]) {
        for ((total, lost), &value) in self.totals.iter_mut().zip(&mut self.lost).zip(values) {
            let start = if is_absent(*total) { 0.0 } else { *total };
            let (sum, compensation) = kahan_add(value, start, *lost);
            let skip = is_absent(value);
            *total = if skip { *total } else { sum };
            *lost = if skip { *lost } else { compensation };
        }
    }
}

impl Accumulator {
    pub(super) fn new(op: AggregateOp, len: usize) -> Accumulator {
        match op {
            AggregateOp::Avg => Accumulator::Avg {
                sums: Sums::new(len),
                counts: vec![0.0; len],
                bound: 0.0,
            },
            AggregateOp::Min => Accumulator::Min(vec![ABSENT; len]),
            AggregateOp::Max => Accumulator::Max(vec![ABSENT; len]),
            AggregateOp::Count => Accumulator::Count(vec![0.0; len]),
            AggregateOp::Group => Accumulator::Group(vec![ABSENT; len]),
            AggregateOp::Stddev | AggregateOp::Stdvar => Accumulator::Variance {
                counts: vec![0.0; len],
                means: vec![0.0; len],
                squares: vec![0.0; len],
                standard: op == AggregateOp::Stddev,
            },
            _ => Accumulator::Sum(Sums::new(len)),
        }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        let columns = match self {
            Accumulator::Sum(sums) => 2 * sums.totals.len(),
            Accumulator::Avg { counts, .. } => 3 * counts.len(),
            Accumulator::AvgNearOverflow(means) => 4 * means.len(),
            Accumulator::Min(values)
            | Accumulator::Max(values)
            | Accumulator::Count(values)
            | Accumulator::Group(values) => values.len(),
            Accumulator::Variance { counts, .. } => 3 * counts.len(),
        };
        (columns * size_of::<f64>()) as u64
    }

    pub(super) fn add(&mut self, values: &[f64]) {
        match self {
            Accumulator::Sum(sums) => sums.add(values),
            Accumulator::Avg { sums, counts, bound } => {
                let largest = values
                    .iter()
                    .fold(0.0f64, |largest, value| largest.max(value.abs()));
                *bound += largest;
                if *bound < FAR_FROM_OVERFLOW {
                    sums.add(values);
                    for (count, value) in counts.iter_mut().zip(values) {
                        *count += if is_absent(*value) { 0.0 } else { 1.0 };
                    }
                } else {
                    *self = Accumulator::AvgNearOverflow(means(sums, counts));
                    self.add(values);
                }
            }
            Accumulator::AvgNearOverflow(means) => {
                for (mean, &value) in means.iter_mut().zip(values) {
                    if !is_absent(value) {
                        mean.add(value);
                    }
                }
            }
            Accumulator::Min(least) => choose(least, values, |value, best| value < best),
            Accumulator::Max(greatest) => choose(greatest, values, |value, best| value > best),
            Accumulator::Count(counts) => {
                for (count, value) in counts.iter_mut().zip(values) {
                    *count += if is_absent(*value) { 0.0 } else { 1.0 };
                }
            }
            Accumulator::Group(seen) => {
                for (seen, value) in seen.iter_mut().zip(values) {
                    *seen = if is_absent(*value) { *seen } else { 1.0 };
                }
            }
            Accumulator::Variance {
                counts,
                means,
                squares,
                ..
            } => {
                for (step, &value) in values.iter().enumerate() {
                    if is_absent(value) {
                        continue;
                    }
                    counts[step] += 1.0;
                    if counts[step] == 1.0 {
                        means[step] = value;
                        squares[step] = if value.is_finite() { 0.0 } else { f64::NAN };
                        continue;
                    }
                    let delta = value - means[step];
                    means[step] += delta / counts[step];
                    squares[step] += delta * (value - means[step]);
                }
            }
        }
    }

    /// Whether a sum or mean has seen a value at a step.
    pub(super) fn has_value(&self, step: usize) -> bool {
        match self {
            Accumulator::Sum(sums) => !is_absent(sums.totals[step]),
            Accumulator::Avg { counts, .. } => counts[step] > 0.0,
            Accumulator::AvgNearOverflow(means) => means[step].count > 0.0,
            _ => false,
        }
    }

    /// Takes a sample whose value does not matter.
    pub(super) fn add_at(&mut self, step: usize) {
        match self {
            Accumulator::Count(counts) => counts[step] += 1.0,
            Accumulator::Group(seen) => seen[step] = 1.0,
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Vec<f64> {
        match self {
            Accumulator::Sum(Sums { mut totals, lost }) => {
                for (total, lost) in totals.iter_mut().zip(lost) {
                    *total = if is_absent(*total) { ABSENT } else { *total + lost };
                }
                totals
            }
            Accumulator::Avg { sums, counts, .. } => finish_means(&means(&sums, &counts)),
            Accumulator::AvgNearOverflow(means) => finish_means(&means),
            Accumulator::Min(values) | Accumulator::Max(values) | Accumulator::Group(values) => values,
            Accumulator::Count(mut counts) => {
                for count in &mut counts {
                    *count = if *count == 0.0 { ABSENT } else { *count };
                }
                counts
            }
            Accumulator::Variance {
                counts,
                mut squares,
                standard,
                ..
            } => {
                for (square, count) in squares.iter_mut().zip(counts) {
                    *square = match (count == 0.0, standard) {
                        (true, _) => ABSENT,
                        (false, true) => (*square / count).sqrt(),
                        (false, false) => *square / count,
                    };
                }
                squares
            }
        }
    }
}

/// A NaN gives way to anything.
fn choose(best: &mut [f64], values: &[f64], better: impl Fn(f64, f64) -> bool) {
    for (best, &value) in best.iter_mut().zip(values) {
        let take = better(value, *best) || best.is_nan();
        *best = if take && !is_absent(value) { value } else { *best };
    }
}

fn means(sums: &Sums, counts: &[f64]) -> Vec<Mean> {
    sums.totals
        .iter()
        .zip(&sums.lost)
        .zip(counts)
        .map(|((&total, &compensation), &count)| Mean {
            count,
            total,
            compensation,
            incremental: false,
        })
        .collect()
}

fn finish_means(means: &[Mean]) -> Vec<f64> {
    means
        .iter()
        .map(|mean| if mean.count == 0.0 { ABSENT } else { mean.value() })
        .collect()
}
