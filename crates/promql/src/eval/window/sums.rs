//! Sums, means and variances over windows.

use super::super::kahan::{Mean, kahan_add};
use super::Windows;
use super::compute::Scratch;

/// A window's sum from running sums is taken only if it is not smaller than all that was summed by
/// more than this: 106 bits less these 50 leave more than a double holds.
const CANCELLATION: f64 = 1.0 / (1u64 << 50) as f64;

/// From how many windows per sample on running sums pay: those of integers are a plain addition, the
/// others a dozen operations that wait for each other.
const MIN_OVERLAP_EXACT: i64 = 2;
const MIN_OVERLAP: i64 = 4;

/// Integers up to here add without rounding.
const EXACT_INTEGERS: f64 = (1u64 << 53) as f64;

pub(crate) fn sum(times: &[i64], values: &[f64], windows: &Windows, scratch: &mut Scratch, out: &mut [f64]) {
    let prefix = Prefix::build(values, windows, &mut scratch.prefix);
    windows.slide(times, |step, low, high| {
        out[step] = prefix
            .as_ref()
            .and_then(|prefix| prefix.sum(low, high))
            .unwrap_or_else(|| kahan_sum(&values[low..high]));
    });
}

pub(crate) fn average(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    let prefix = Prefix::build(values, windows, &mut scratch.prefix);
    windows.slide(times, |step, low, high| {
        out[step] = match prefix.as_ref().and_then(|prefix| prefix.sum(low, high)) {
            Some(sum) => sum / (high - low) as f64,
            None => mean(&values[low..high]),
        };
    });
}

fn kahan_sum(values: &[f64]) -> f64 {
    let (mut sum, mut compensation) = (0.0, 0.0);
    for &value in values {
        (sum, compensation) = kahan_add(value, sum, compensation);
    }
    if sum.is_infinite() {
        sum
    } else {
        sum + compensation
    }
}

/// Only a sum that overflowed on the way takes the long one.
fn mean(values: &[f64]) -> f64 {
    let (mut sum, mut compensation) = (0.0, 0.0);
    for &value in values {
        (sum, compensation) = kahan_add(value, sum, compensation);
    }
    if sum.is_finite() {
        let count = values.len() as f64;
        return sum / count + compensation / count;
    }
    let mut mean = Mean::default();
    values.iter().for_each(|value| mean.add(*value));
    mean.value()
}

/// Running sums of a series in double-double arithmetic, so that any window is one subtraction. A
/// plain running sum would drift; this one is used only where it is as good as adding the window up.
struct Prefix<'a> {
    sums: &'a [(f64, f64)],
    /// Of all magnitudes.
    total: f64,
    exact: bool,
}

impl<'a> Prefix<'a> {
    /// `None` if adding up each window costs less, or if a value or the total is not finite.
    fn build(values: &[f64], windows: &Windows, sums: &'a mut Vec<(f64, f64)>) -> Option<Prefix<'a>> {
        if windows.overlap() < MIN_OVERLAP_EXACT {
            return None;
        }
        let total: f64 = values.iter().map(|value| value.abs()).sum();
        let exact = total < EXACT_INTEGERS && values.iter().all(|value| value.trunc() == *value);
        if !total.is_finite() || (!exact && windows.overlap() < MIN_OVERLAP) {
            return None;
        }
        sums.clear();
        sums.push((0.0, 0.0));
        let (mut high, mut low) = (0.0, 0.0);
        for &value in values {
            if exact {
                high += value;
            } else {
                let (sum, error) = two_sum(high, value);
                (high, low) = two_sum(sum, low + error);
            }
            sums.push((high, low));
        }
        Some(Prefix { sums, total, exact })
    }

    fn sum(&self, low: usize, high: usize) -> Option<f64> {
        let (start, end) = (self.sums[low], self.sums[high]);
        let (difference, error) = two_sum(end.0, -start.0);
        let sum = difference + (error + (end.1 - start.1));
        (self.exact || sum.abs() > self.total * CANCELLATION).then_some(sum)
    }
}

/// The sum and what rounding took from it (Knuth).
#[inline(always)]
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    let right_part = sum - left;
    let error = (left - (sum - right_part)) + (right - right_part);
    (sum, error)
}

/// Welford's algorithm, compensated.
pub(crate) fn variance(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    out: &mut [f64],
    finish: impl Fn(f64) -> f64,
) {
    windows.slide(times, |step, low, high| {
        let (mut count, mut mean, mut mean_lost) = (0.0, 0.0, 0.0);
        let (mut squares, mut squares_lost) = (0.0, 0.0);
        for &value in &values[low..high] {
            count += 1.0;
            let delta = value - (mean + mean_lost);
            (mean, mean_lost) = kahan_add(delta / count, mean, mean_lost);
            let square = delta * (value - (mean + mean_lost));
            (squares, squares_lost) = kahan_add(square, squares, squares_lost);
        }
        out[step] = finish((squares + squares_lost) / count);
    });
}
