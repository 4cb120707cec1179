//! Functions of one value.

use crate::EvalError;
use crate::plan::{Grid, MapFunction, ScalarNode, VectorNode};

use super::super::column::{ABSENT, is_absent};
use super::super::evaluator::{Evaluator, Sink};
use super::super::scalar::ScalarColumn;
use super::calendar::calendar_field;

impl Evaluator<'_> {
    pub(crate) fn map(
        &self,
        function: MapFunction,
        input: &VectorNode,
        params: &[ScalarNode],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let params = self.scalars(params, grid)?;
        self.unique(!input.has_one_name(), sink, &mut |sink| {
            self.vector(input, grid, &mut |series| {
                if function == MapFunction::Timestamp {
                    for (step, _) in &series.histograms {
                        series.values[*step] = 0.0;
                    }
                }
                series.histograms.clear();
                apply(function, &mut series.values, &params, grid);
                self.drop_name(series);
                self.work(grid.len)?;
                sink(series)
            })
        })
    }
}

/// Above this the square root inside the area functions is the value itself, to the last bit; and the
/// standard library's formulas double the value, which overflows at the far end.
const AREA_FUNCTIONS_LARGE: f64 = (1u64 << 28) as f64;

fn asinh(value: f64) -> f64 {
    if value.abs() > AREA_FUNCTIONS_LARGE {
        (value.abs().ln() + std::f64::consts::LN_2).copysign(value)
    } else {
        value.asinh()
    }
}

fn acosh(value: f64) -> f64 {
    if value > AREA_FUNCTIONS_LARGE {
        value.ln() + std::f64::consts::LN_2
    } else {
        value.acosh()
    }
}

fn apply(function: MapFunction, values: &mut [f64], params: &[ScalarColumn], grid: Grid) {
    match function {
        MapFunction::Abs => each(values, f64::abs),
        MapFunction::Ceil => each(values, f64::ceil),
        MapFunction::Floor => each(values, f64::floor),
        MapFunction::Exp => each(values, f64::exp),
        MapFunction::Sqrt => each(values, f64::sqrt),
        MapFunction::Ln => each(values, f64::ln),
        MapFunction::Log2 => each(values, f64::log2),
        MapFunction::Log10 => each(values, f64::log10),
        MapFunction::Sin => each(values, f64::sin),
        MapFunction::Cos => each(values, f64::cos),
        MapFunction::Tan => each(values, f64::tan),
        MapFunction::Asin => each(values, f64::asin),
        MapFunction::Acos => each(values, f64::acos),
        MapFunction::Atan => each(values, f64::atan),
        MapFunction::Sinh => each(values, f64::sinh),
        MapFunction::Cosh => each(values, f64::cosh),
        MapFunction::Tanh => each(values, f64::tanh),
        MapFunction::Asinh => each(values, asinh),
        MapFunction::Acosh => each(values, acosh),
        MapFunction::Atanh => each(values, f64::atanh),
        MapFunction::Rad => each(values, |value| value * std::f64::consts::PI / 180.0),
        MapFunction::Deg => each(values, |value| value * 180.0 / std::f64::consts::PI),
        MapFunction::Sgn => each(values, |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        }),
        MapFunction::Round => each_step(values, |step, value| {
            // By the inverse, as Prometheus does: 1/0.1 is exact where 0.1 is not.
            let inverse = 1.0 / params[0].at(step);
            (value * inverse + 0.5).floor() / inverse
        }),
        MapFunction::Clamp => clamp(values, |step| (params[0].at(step), params[1].at(step))),
        MapFunction::ClampMin => clamp(values, |step| (params[0].at(step), f64::INFINITY)),
        MapFunction::ClampMax => clamp(values, |step| (f64::NEG_INFINITY, params[0].at(step))),
        MapFunction::Timestamp => each_step(values, |step, _| grid.time_ms(step) as f64 / 1000.0),
        MapFunction::Calendar(field) => each(values, |value| calendar_field(field, value)),
    }
}

fn each(values: &mut [f64], function: impl Fn(f64) -> f64) {
    for value in values {
        if !is_absent(*value) {
            *value = function(*value);
        }
    }
}

fn each_step(values: &mut [f64], function: impl Fn(usize, f64) -> f64) {
    for (step, value) in values.iter_mut().enumerate() {
        if !is_absent(*value) {
            *value = function(step, *value);
        }
    }
}

fn clamp(values: &mut [f64], bounds: impl Fn(usize) -> (f64, f64)) {
    for (step, value) in values.iter_mut().enumerate() {
        if is_absent(*value) {
            continue;
        }
        let (least, greatest) = bounds(step);
        *value = if greatest < least {
            ABSENT
        } else {
            go_max(least, go_min(greatest, *value))
        };
    }
}

/// The lesser, but NaN if either is, unlike [`f64::min`].
pub(crate) fn go_min(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        // An infinity of the right sign wins over NaN in Go.
        if left == f64::NEG_INFINITY || right == f64::NEG_INFINITY {
            return f64::NEG_INFINITY;
        }
        return f64::NAN;
    }
    left.min(right)
}

/// The greater, but NaN if either is, unlike [`f64::max`].
pub(crate) fn go_max(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        if left == f64::INFINITY || right == f64::INFINITY {
            return f64::INFINITY;
        }
        return f64::NAN;
    }
    left.max(right)
}
