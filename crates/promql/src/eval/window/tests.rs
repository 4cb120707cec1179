//! Window functions against the plainest computation of each window by itself.

use proptest::prelude::*;

use crate::plan::{Grid, RangeCall, RangeFunction, RangeInput, RangeSamples, Timing};
use crate::{RangeEdge, Span};

use super::super::column::{ABSENT, is_absent};
use super::super::kahan::Mean;
use super::super::scalar::ScalarColumn;
use super::Windows;
use super::compute::{Scratch, compute};

const PARAM: f64 = 0.3;

fn call(function: RangeFunction, range_ms: i64, timing: Timing) -> RangeCall {
    RangeCall {
        function,
        input: RangeInput {
            samples: RangeSamples::Selection {
                selection: 0,
                one_name: true,
                derives_hints: false,
            },
            range_ms,
            timing,
            edge: None::<RangeEdge>,
            span: Span::default(),
        },
        params: Vec::new(),
    }
}

/// One window by itself.
fn naive(
    function: RangeFunction,
    times: &[i64],
    values: &[f64],
    end_ms: i64,
    range_ms: i64,
    at_ms: i64,
) -> f64 {
    let count = values.len();
    if count == 0 {
        return ABSENT;
    }
    let sum = |values: &[f64]| {
        let mut mean = Mean::default();
        values.iter().for_each(|value| mean.add(*value));
        mean.value() * count as f64
    };
    let sorted = || {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let between = |sorted: &[f64], quantile: f64| {
        let rank = quantile * (count - 1) as f64;
        let low = rank.floor() as usize;
        let high = (low + 1).min(count - 1);
        sorted[low] + (sorted[high] - sorted[low]) * (rank - rank.floor())
    };
    let extreme = |better: fn(f64, f64) -> bool| {
        (1..count).fold(0, |best, at| {
            if better(values[best], values[at]) {
                best
            } else {
                at
            }
        })
    };
    let seconds = |time_ms: i64| time_ms as f64 / 1000.0;
    match function {
        RangeFunction::Sum => sum(values),
        RangeFunction::Avg => sum(values) / count as f64,
        RangeFunction::Count => count as f64,
        RangeFunction::Present => 1.0,
        RangeFunction::First => values[0],
        RangeFunction::Last => values[count - 1],
        RangeFunction::Min => values[extreme(|best, new| best < new)],
        RangeFunction::Max => values[extreme(|best, new| best > new)],
        RangeFunction::TimestampOfMin => seconds(times[extreme(|best, new| best < new)]),
        RangeFunction::TimestampOfMax => seconds(times[extreme(|best, new| best > new)]),
        RangeFunction::TimestampOfFirst => seconds(times[0]),
        RangeFunction::TimestampOfLast => seconds(times[count - 1]),
        RangeFunction::Quantile => between(&sorted(), PARAM),
        RangeFunction::Changes => values.windows(2).filter(|pair| pair[0] != pair[1]).count() as f64,
        RangeFunction::Resets => values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64,
        RangeFunction::Stdvar => {
            let mean = sum(values) / count as f64;
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64
        }
        RangeFunction::Mad => {
            let median = between(&sorted(), 0.5);
            let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
            distances.sort_by(f64::total_cmp);
            between(&distances, 0.5)
        }
        _ if count < 2 => ABSENT,
        RangeFunction::Irate | RangeFunction::Idelta => {
            let (before, last) = (values[count - 2], values[count - 1]);
            let interval = seconds(times[count - 1] - times[count - 2]);
            match function {
                RangeFunction::Idelta => last - before,
                _ if last < before => last / interval,
                _ => (last - before) / interval,
            }
        }
        RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
            let mut change = values[count - 1] - values[0];
            let counter = function != RangeFunction::Delta;
            for pair in values.windows(2) {
                if counter && pair[1] < pair[0] {
                    change += pair[0];
                }
            }
            let sampled = seconds(times[count - 1] - times[0]);
            let spacing = sampled / (count - 1) as f64;
            let stretch = |gap: f64| if gap >= spacing * 1.1 { spacing / 2.0 } else { gap };
            let mut before = stretch(seconds(times[0] - (end_ms - range_ms)));
            if counter && change > 0.0 && values[0] >= 0.0 {
                before = before.min(sampled * (values[0] / change));
            }
            let after = stretch(seconds(end_ms - times[count - 1]));
            let stretched = change * ((sampled + before + after) / sampled);
            if function == RangeFunction::Rate {
                stretched / seconds(range_ms)
            } else {
                stretched
            }
        }
        RangeFunction::Deriv | RangeFunction::PredictLinear => {
            let x: Vec<f64> = times.iter().map(|time_ms| seconds(time_ms - at_ms)).collect();
            let x_mean = x.iter().sum::<f64>() / count as f64;
            let y_mean = values.iter().sum::<f64>() / count as f64;
            let covariance: f64 = x
                .iter()
                .zip(values)
                .map(|(x, y)| (x - x_mean) * (y - y_mean))
                .sum();
            let variance: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
            let slope = covariance / variance;
            if function == RangeFunction::Deriv {
                slope
            } else {
                y_mean - slope * x_mean + slope * PARAM
            }
        }
        _ => unreachable!("{function:?}"),
    }
}

fn is_regression(function: RangeFunction) -> bool {
    matches!(function, RangeFunction::Deriv | RangeFunction::PredictLinear)
}

/// How far a regression from sums that are not centred, which is Prometheus's, may be from the true
/// line: without end when the samples are close together and far from where x is 0.
fn regression_error(times: &[i64], values: &[f64], at_ms: i64) -> f64 {
    let count = times.len() as f64;
    let x: Vec<f64> = times
        .iter()
        .map(|time_ms| (time_ms - at_ms) as f64 / 1000.0)
        .collect();
    let mean = x.iter().sum::<f64>() / count;
    let squares: f64 = x.iter().map(|x| x * x).sum();
    let products: f64 = x.iter().zip(values).map(|(x, y)| (x * y).abs()).sum();
    let variance: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    if variance == 0.0 {
        return 0.0;
    }
    let covariance: f64 = x.iter().zip(values).map(|(x, y)| ((x - mean) * y).abs()).sum();
    let slope = covariance / variance;
    let slope_error = 8.0 * f64::EPSILON * (products + squares * slope) / variance;
    slope_error * (mean.abs() + PARAM)
}

const FUNCTIONS: [RangeFunction; 24] = [
    RangeFunction::Rate,
    RangeFunction::Increase,
    RangeFunction::Delta,
    RangeFunction::Irate,
    RangeFunction::Idelta,
    RangeFunction::Deriv,
    RangeFunction::PredictLinear,
    RangeFunction::Resets,
    RangeFunction::Changes,
    RangeFunction::Sum,
    RangeFunction::Avg,
    RangeFunction::Min,
    RangeFunction::Max,
    RangeFunction::Count,
    RangeFunction::Present,
    RangeFunction::First,
    RangeFunction::Last,
    RangeFunction::Stdvar,
    RangeFunction::Quantile,
    RangeFunction::Mad,
    RangeFunction::TimestampOfFirst,
    RangeFunction::TimestampOfLast,
    RangeFunction::TimestampOfMin,
    RangeFunction::TimestampOfMax,
];

fn check(times: &[i64], values: &[f64], windows: Windows, tolerance: f64) {
    let range_ms = windows.before_ms;
    for function in FUNCTIONS {
        let call = call(function, range_ms, windows.timing);
        let params = [ScalarColumn::Constant(PARAM)];
        let mut out = vec![ABSENT; windows.grid.len];
        let mut scratch = Scratch::default();
        compute(&call, times, values, &windows, &params, &mut scratch, &mut out).unwrap();
        for (step, &found) in out.iter().enumerate() {
            let end_ms = windows.data_time_ms(step);
            let (window_times, window_values): (Vec<i64>, Vec<f64>) = times
                .iter()
                .zip(values)
                .filter(|(time_ms, _)| **time_ms > end_ms - range_ms && **time_ms <= end_ms)
                .map(|(time_ms, value)| (*time_ms, *value))
                .unzip();
            let at_ms = windows.grid.time_ms(step);
            let expected = naive(function, &window_times, &window_values, end_ms, range_ms, at_ms);
            let scale = window_values
                .iter()
                .fold(1.0, |scale: f64, value| scale.max(value.abs()));
            let allowed = if is_regression(function) {
                regression_error(&window_times, &window_values, at_ms)
            } else {
                0.0
            };
            let near = (found - expected).abs()
                <= allowed + tolerance * found.abs().max(expected.abs()).max(scale * scale);
            assert!(
                (is_absent(found) && is_absent(expected)) || near || (found.is_nan() && expected.is_nan()),
                "{function:?} at step {step}: {found}, expected {expected} of {window_values:?}"
            );
        }
    }
}

fn samples() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    let value = prop_oneof![
        4 => (0u32..50).prop_map(f64::from),
        2 => -1e3..1e3f64,
        1 => Just(0.0),
    ];
    let gap = prop_oneof![6 => Just(15_000i64), 1 => 1i64..90_000];
    proptest::collection::vec((gap, value), 0..60).prop_map(|samples| {
        let mut time_ms = -100_000;
        samples
            .into_iter()
            .map(|(gap, value)| {
                time_ms += gap;
                (time_ms, value)
            })
            .unzip()
    })
}

proptest! {
    #[test]
    fn sliding_gives_what_each_window_gives_by_itself(
        (times, values) in samples(),
        start_ms in -200_000i64..200_000,
        step_ms in prop_oneof![Just(15_000i64), Just(60_000), 1i64..200_000],
        before_ms in prop_oneof![Just(60_000i64), Just(300_000), 1i64..400_000],
        offset_ms in prop_oneof![3 => Just(0i64), 1 => -60_000i64..60_000],
        len in 1usize..40,
        pinned in proptest::bool::weighted(0.1),
    ) {
        let timing = if pinned { Timing::Pinned(start_ms) } else { Timing::Offset(offset_ms) };
        let grid = Grid { start_ms, step_ms, len };
        check(&times, &values, Windows { grid, timing, before_ms, ahead_ms: 0 }, 1e-9);
    }
}

/// Two samples a millisecond apart and three minutes from the evaluation: the sums lose what tells them
/// apart, as Prometheus's do.
#[test]
fn regressions_of_samples_close_together_lose_digits() {
    check(
        &[-40_000, -39_999],
        &[0.0, 1.0],
        Windows {
            grid: Grid {
                start_ms: -37_212,
                step_ms: 60_000,
                len: 4,
            },
            timing: Timing::Offset(25_363),
            before_ms: 157_426,
            ahead_ms: 0,
        },
        1e-9,
    );
}

/// A sum over a window must not feel what came before it.
#[test]
fn sums_do_not_drift() {
    let huge = [1e300, 3.25, -1e300, 1e17, 1.0, -1e17];
    let values: Vec<f64> = (0..600)
        .map(|at| if at < 300 { huge[at % 6] } else { 0.1 * at as f64 })
        .collect();
    let times: Vec<i64> = (0..600).map(|at| at * 1000).collect();
    let windows = Windows {
        grid: Grid::new(0, 600_000, 1000),
        timing: Timing::Offset(0),
        before_ms: 12_000,
        ahead_ms: 0,
    };
    for function in [RangeFunction::Sum, RangeFunction::Avg] {
        let mut out = vec![ABSENT; windows.grid.len];
        let call = call(function, 12_000, windows.timing);
        compute(
            &call,
            &times,
            &values,
            &windows,
            &[],
            &mut Scratch::default(),
            &mut out,
        )
        .unwrap();
        for step in 320..600 {
            let window: Vec<f64> = values[step - 11..=step].to_vec();
            let sum: f64 = window.iter().sum();
            let expected = if function == RangeFunction::Sum {
                sum
            } else {
                sum / 12.0
            };
            assert!(
                (out[step] - expected).abs() <= 1e-12 * expected,
                "{} {expected}",
                out[step]
            );
        }
    }
}

#[test]
fn nan_is_an_extreme_only_by_itself() {
    let nan = f64::NAN;
    let times: Vec<i64> = (1..=6).map(|at| at * 10).collect();
    let values = [nan, nan, 5.0, nan, 3.0, nan];
    let windows = Windows {
        grid: Grid::new(10, 60, 10),
        timing: Timing::Offset(0),
        before_ms: 20,
        ahead_ms: 0,
    };
    for (function, expected) in [
        (RangeFunction::Max, [nan, nan, 5.0, 5.0, 3.0, 3.0]),
        (
            RangeFunction::TimestampOfMax,
            [0.01, 0.02, 0.03, 0.03, 0.05, 0.05],
        ),
    ] {
        let mut out = vec![ABSENT; 6];
        let call = call(function, 20, windows.timing);
        compute(
            &call,
            &times,
            &values,
            &windows,
            &[],
            &mut Scratch::default(),
            &mut out,
        )
        .unwrap();
        for (found, expected) in out.iter().zip(expected) {
            assert!(
                *found == expected || (found.is_nan() && expected.is_nan()),
                "{function:?} {out:?}"
            );
        }
    }
}
