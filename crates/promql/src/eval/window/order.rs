//! Quantiles and median deviations of windows.

use std::cmp::Ordering;

use super::super::scalar::ScalarColumn;
use super::Windows;
use super::compute::Scratch;

pub(crate) fn quantiles(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    quantiles: &ScalarColumn,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    windows.slide(times, |step, low, high| {
        scratch.values.clear();
        scratch.values.extend_from_slice(&values[low..high]);
        out[step] = quantile(quantiles.at(step), &mut scratch.values);
    });
}

/// The median distance from the median; NaN as soon as a value is.
pub(crate) fn median_deviation(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    let sorted = &mut scratch.values;
    windows.slide(times, |step, low, high| {
        let window = &values[low..high];
        if window.iter().any(|value| value.is_nan()) {
            out[step] = f64::NAN;
            return;
        }
        sorted.clear();
        sorted.extend_from_slice(window);
        let median = quantile(0.5, sorted);
        sorted
            .iter_mut()
            .for_each(|value| *value = (*value - median).abs());
        out[step] = quantile(0.5, sorted);
    });
}

/// The φ-quantile, between two values in proportion; NaN ranks lowest. Changes the order of the values,
/// of which it needs two neighbours by rank: no more is sorted than finds those.
pub(crate) fn quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let highest = (values.len() - 1) as f64;
    let rank = quantile * highest;
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min(highest);
    let weight = rank - rank.floor();
    let (_, &mut low, above) = values.select_nth_unstable_by(lower as usize, nan_first);
    let high = if upper <= lower {
        low
    } else if low.is_nan() {
        above.iter().copied().min_by(nan_first).unwrap_or(low)
    } else {
        above.iter().copied().fold(f64::INFINITY, f64::min)
    };
    low * (1.0 - weight) + high * weight
}

pub(crate) fn nan_first(left: &f64, right: &f64) -> Ordering {
    left.partial_cmp(right)
        .unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}
