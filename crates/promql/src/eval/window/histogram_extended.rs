//! rate, increase and delta of native histograms over `anchored` and `smoothed` ranges, and `smoothed`
//! selectors of them.

use std::sync::Arc;

use vigie_model::{CounterResetHint, FloatHistogram};

use crate::Series;
use crate::plan::{Grid, InstantSelector};

use super::super::column::{ABSENT, StepSeries};
use super::super::evaluator::Evaluator;
use super::Windows;
use super::rate::RateKind;
use super::remarks::Remarks;

type Point = (i64, FloatHistogram);

pub(super) fn rate(
    kind: RateKind,
    smoothed: bool,
    points: &[Point],
    end_ms: i64,
    range_ms: i64,
    remarks: &Remarks<'_>,
) -> Option<FloatHistogram> {
    let is_counter = kind != RateKind::Delta;
    let start_ms = end_ms.saturating_sub(range_ms);
    let newest = points.len().checked_sub(1)?;
    // The last sample at or before the start, or the first of all.
    let first = points[..newest]
        .partition_point(|(at_ms, _)| *at_ms <= start_ms)
        .saturating_sub(1);
    let last = if smoothed {
        points[..newest].partition_point(|(at_ms, _)| *at_ms < end_ms)
    } else {
        newest
    };
    if points[last].0 <= start_ms || (smoothed && points[first].0 > end_ms) {
        return None;
    }
    let window = &points[first..=last];
    let custom = window[0].1.uses_custom_buckets();
    // In order: what stands before the first one of the other kind is looked at.
    for (_, histogram) in window {
        if histogram.uses_custom_buckets() != custom {
            return remarks.incompatible();
        }
        if is_counter && histogram.counter_reset_hint == CounterResetHint::Gauge {
            remarks.not_counter();
        }
    }
    let left = if smoothed && points[first].0 < start_ms {
        between(&points[first], &points[first + 1], start_ms, is_counter, remarks)?
    } else {
        points[first].1.clone()
    };
    let right = if smoothed && last > 0 && points[last].0 > end_ms {
        between(&points[last - 1], &points[last], end_ms, is_counter, remarks)?
    } else {
        points[last].1.clone()
    };
    let is_gauge = |histogram: &FloatHistogram| histogram.counter_reset_hint == CounterResetHint::Gauge;
    if !is_counter && (!is_gauge(&left) || !is_gauge(&right)) {
        remarks.not_gauge();
    }
    let mut change = right.clone();
    remarks.sub(&mut change, &left)?;
    if is_counter {
        let is_left_interpolated = smoothed && points[first].0 < start_ms;
        if let Some(lost) = lost_by_resets(window, is_left_interpolated, &left, &right, remarks)? {
            remarks.add(&mut change, &lost)?;
        }
    }
    if kind == RateKind::Rate {
        change.div(range_ms as f64 / 1000.0);
    }
    change.counter_reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    Some(change)
}

/// What stood before each reset from the left edge to the right one; the edges stand for the first and
/// last sample of the window.
fn lost_by_resets(
    window: &[Point],
    is_left_interpolated: bool,
    left: &FloatHistogram,
    right: &FloatHistogram,
    remarks: &Remarks<'_>,
) -> Option<Option<FloatHistogram>> {
    let mut previous = left;
    let mut next = 1;
    // A left edge between the two sides of a reset accounts for that one.
    if is_left_interpolated
        && let Some((_, second)) = window.get(1)
        && second.is_reset_after(&window[0].1)
    {
        previous = second;
        next = 2;
    }
    let end = window.len() - 1;
    if next > end {
        return Some(None);
    }
    let mut lost: Option<FloatHistogram> = None;
    let inner = window[next..end].iter().map(|(_, histogram)| histogram);
    for current in inner.chain([right]) {
        if current.is_reset_after(previous) {
            match &mut lost {
                Some(lost) => remarks.add(lost, previous)?,
                None => lost = Some(previous.clone()),
            }
        }
        previous = current;
    }
    Some(lost)
}

/// On the line between two samples; a counter that was reset in between rose from zero.
fn between(
    before: &Point,
    after: &Point,
    time_ms: i64,
    is_counter: bool,
    remarks: &Remarks<'_>,
) -> Option<FloatHistogram> {
    let (t1, t2) = (before.0, after.0);
    if time_ms == t1 {
        return Some(before.1.clone());
    }
    let mut value = after.1.clone();
    if time_ms == t2 {
        return Some(value);
    }
    let fraction = (time_ms - t1) as f64 / (t2 - t1) as f64;
    if is_counter && value.is_reset_after(&before.1) {
        value.mul(fraction);
        return Some(value);
    }
    remarks.sub(&mut value, &before.1)?;
    value.mul(fraction);
    remarks.add(&mut value, &before.1)?;
    Some(value)
}

/// Completes the column of a `smoothed` selector, computed from the floats alone, where the series has
/// histograms. The labels are in `out`.
pub(crate) fn smooth(
    evaluator: &Evaluator<'_>,
    selector: &InstantSelector,
    series: &Series,
    grid: Grid,
    out: &mut StepSeries,
) {
    let lookback_ms = evaluator.plan.params().lookback_ms;
    let windows = Windows {
        grid,
        timing: selector.timing,
        before_ms: lookback_ms,
        ahead_ms: lookback_ms,
    };
    let remarks = Remarks {
        evaluator,
        span: selector.span,
        metric_name: out.labels.metric_name(),
    };
    let mut has_floats = vec![false; grid.len];
    windows.slide(&series.timestamps_ms, |step, _, _| has_floats[step] = true);
    let times_ms = super::histograms::times(series);
    windows.slide(&times_ms, |step, low, high| {
        if has_floats[step] {
            remarks.mixed_with_floats();
            out.values[step] = ABSENT;
        } else if let Some(histogram) = smoothed_at(
            &series.histograms[low..high],
            windows.data_time_ms(step),
            &remarks,
        ) {
            out.histograms.push((step, Arc::new(histogram)));
        }
    });
}

/// Between two samples the value on the line between them; after the last one, that one.
fn smoothed_at(points: &[Point], time_ms: i64, remarks: &Remarks<'_>) -> Option<FloatHistogram> {
    let next = points.partition_point(|(at_ms, _)| *at_ms < time_ms);
    if let Some((_, histogram)) = points.get(next).filter(|(at_ms, _)| *at_ms == time_ms) {
        return Some(histogram.clone());
    }
    let previous = &points[next.checked_sub(1)?];
    let Some(next) = points.get(next) else {
        let mut carried = previous.1.clone();
        // The hint is about neighbours, not about the value.
        carried.counter_reset_hint = CounterResetHint::Unknown;
        return Some(carried);
    };
    if previous.1.uses_custom_buckets() != next.1.uses_custom_buckets() {
        return remarks.incompatible();
    }
    let is_gauge = |histogram: &FloatHistogram| histogram.counter_reset_hint == CounterResetHint::Gauge;
    let is_counter = !is_gauge(&previous.1) || !is_gauge(&next.1);
    between(previous, next, time_ms, is_counter, remarks)
}
