//! Linear regression and exponential smoothing over windows.

use crate::EvalError;

use super::super::kahan::kahan_add;
use super::super::scalar::ScalarColumn;
use super::Windows;

pub(crate) fn deriv(times: &[i64], values: &[f64], windows: &Windows, out: &mut [f64]) {
    windows.slide(times, |step, low, high| {
        if high - low >= 2 {
            // Times near zero keep their digits.
            out[step] = regression(&times[low..high], &values[low..high], times[low]).slope;
        }
    });
}

/// The line's value some seconds after the evaluation time, whatever the offset.
pub(crate) fn predict_linear(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    seconds: &ScalarColumn,
    out: &mut [f64],
) {
    windows.slide(times, |step, low, high| {
        if high - low >= 2 {
            let line = regression(&times[low..high], &values[low..high], windows.grid.time_ms(step));
            out[step] = line.slope * seconds.at(step) + line.intercept;
        }
    });
}

struct Line {
    slope: f64,
    intercept: f64,
}

/// Least squares, x in seconds from `origin_ms`.
fn regression(times: &[i64], values: &[f64], origin_ms: i64) -> Line {
    let first = values[0];
    if values.iter().skip(1).all(|value| *value == first) {
        return if first.is_infinite() {
            Line {
                slope: f64::NAN,
                intercept: f64::NAN,
            }
        } else {
            Line {
                slope: 0.0,
                intercept: first,
            }
        };
    }
    let mut x_sum = (0.0, 0.0);
    let mut y_sum = (0.0, 0.0);
    let mut xy_sum = (0.0, 0.0);
    let mut xx_sum = (0.0, 0.0);
    for (&time_ms, &y) in times.iter().zip(values) {
        let x = (time_ms - origin_ms) as f64 / 1000.0;
        x_sum = kahan_add(x, x_sum.0, x_sum.1);
        y_sum = kahan_add(y, y_sum.0, y_sum.1);
        xy_sum = kahan_add(x * y, xy_sum.0, xy_sum.1);
        xx_sum = kahan_add(x * x, xx_sum.0, xx_sum.1);
    }
    let count = values.len() as f64;
    let (x, y) = (x_sum.0 + x_sum.1, y_sum.0 + y_sum.1);
    let (xy, xx) = (xy_sum.0 + xy_sum.1, xx_sum.0 + xx_sum.1);
    let covariance = xy - x * y / count;
    let variance = xx - x * x / count;
    let slope = covariance / variance;
    Line {
        slope,
        intercept: y / count - slope * x / count,
    }
}

/// Factors must lie strictly between 0 and 1 wherever there is a sample.
pub(crate) fn double_exponential_smoothing(
    times: &[i64],
    values: &[f64],
    windows: &Windows,
    (smoothing, trend): (&ScalarColumn, &ScalarColumn),
    out: &mut [f64],
) -> Result<(), EvalError> {
    let mut outcome = Ok(());
    windows.slide(times, |step, low, high| {
        let smoothing = smoothing.at(step);
        let trend = trend.at(step);
        for (name, letters, factor) in [("smoothing", "sf", smoothing), ("trend", "tf", trend)] {
            if (factor <= 0.0 || factor >= 1.0) && outcome.is_ok() {
                outcome = Err(EvalError::Execution(format!(
                    "invalid {name} factor. Expected: 0 < {letters} < 1, got: {factor:.6}"
                )));
            }
        }
        let window = &values[low..high];
        if window.len() < 2 || outcome.is_err() {
            return;
        }
        let mut before = 0.0;
        let mut level = window[0];
        let mut slope = window[1] - window[0];
        for (at, &value) in window.iter().enumerate().skip(1) {
            if at > 1 {
                slope = trend * (level - before) + (1.0 - trend) * slope;
            }
            let smoothed = smoothing * value + (1.0 - smoothing) * (level + slope);
            before = level;
            level = smoothed;
        }
        out[step] = level;
    });
    outcome
}
