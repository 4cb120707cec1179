//! rate, increase, delta, irate and idelta of native histograms.

use vigie_model::{CounterResetHint, FloatHistogram};

use super::rate::RateKind;
use super::remarks::Remarks;
use super::starts::{overlaps, starts_anew};

/// The histograms of a window, two or more of them unless there are start times.
#[derive(Clone, Copy)]
pub(super) struct Points<'a> {
    pub samples: &'a [(i64, FloatHistogram)],
    /// As many, or none.
    pub starts_ms: &'a [i64],
}

impl Points<'_> {
    /// Whether the counter was reset between a sample and the one before it, which may be replaced.
    fn is_reset(&self, at: usize, previous: &FloatHistogram) -> bool {
        self.starts_anew(at) || self.samples[at].1.is_reset_after(previous)
    }

    fn starts_anew(&self, at: usize) -> bool {
        match self.starts_ms.get(at - 1..=at) {
            Some(&[before, current]) => {
                starts_anew((before, self.samples[at - 1].0), (current, self.samples[at].0))
            }
            _ => false,
        }
    }

    fn overlaps(&self, at: usize) -> bool {
        match self.starts_ms.get(at - 1..=at) {
            Some(&[before, current]) => overlaps((before, self.samples[at - 1].0), current),
            _ => false,
        }
    }
}

/// Change over a window, extrapolated to the range's edges.
pub(super) fn extrapolated(
    kind: RateKind,
    points: Points<'_>,
    end_ms: i64,
    range_ms: i64,
    remarks: &Remarks<'_>,
) -> Option<FloatHistogram> {
    let (first_ms, first) = points.samples.first()?;
    let (last_ms, _) = points.samples.last()?;
    let is_counter = kind != RateKind::Delta;
    let intervals = points.samples.len() - 1;
    let start_ms = end_ms.saturating_sub(range_ms);
    let mut change = if intervals > 0 {
        Some(change(points, is_counter, remarks)?)
    } else {
        None
    };
    let seconds = |duration_ms: i64| duration_ms as f64 / 1000.0;
    let mut sampled = seconds(last_ms - first_ms);
    let spacing = if intervals > 0 {
        sampled / intervals as f64
    } else {
        0.0
    };
    let threshold = spacing * 1.1;
    let mut to_start = seconds(first_ms - start_ms);
    let counted_from = points.starts_ms.first().copied().unwrap_or_default();
    if is_counter && counted_from != 0 && counted_from > start_ms && counted_from < *first_ms {
        // The counter was zero at that time: nothing has to be guessed.
        to_start = 0.0;
        sampled = seconds(last_ms - counted_from);
        match &mut change {
            Some(change) => remarks.add(change, first)?,
            None => change = Some(first.clone()),
        }
    } else {
        let change = change.as_ref()?;
        if to_start >= threshold {
            to_start = spacing / 2.0;
        }
        if is_counter && change.count > 0.0 && first.count >= 0.0 {
            to_start = to_start.min(sampled * (first.count / change.count));
        }
    }
    let mut to_end = seconds(end_ms - last_ms);
    if to_end >= threshold {
        to_end = spacing / 2.0;
    }
    let mut factor = if sampled == 0.0 {
        1.0
    } else {
        (sampled + to_start + to_end) / sampled
    };
    if kind == RateKind::Rate {
        factor /= seconds(range_ms);
    }
    let mut change = change?;
    change.mul(factor);
    Some(change)
}

/// From the first to the last, with what counter resets lost. At least two samples.
fn change(points: Points<'_>, is_counter: bool, remarks: &Remarks<'_>) -> Option<FloatHistogram> {
    let samples = points.samples;
    let (first, last) = (&samples.first()?.1, &samples.last()?.1);
    let second = &samples.get(1)?.1;
    let is_gauge = |histogram: &FloatHistogram| histogram.counter_reset_hint == CounterResetHint::Gauge;
    if is_counter && samples.iter().any(|(_, histogram)| is_gauge(histogram)) {
        remarks.not_counter();
    }
    // Before a reset the first sample does not matter, nor whether it is compatible.
    let empty;
    let mut previous = first;
    if is_counter && points.is_reset(1, first) {
        empty = FloatHistogram {
            schema: second.schema,
            custom_values: second.custom_values.clone(),
            ..FloatHistogram::default()
        };
        previous = &empty;
    }
    let custom = previous.uses_custom_buckets();
    let inner = if is_counter {
        &samples[1..samples.len() - 1]
    } else {
        &[]
    };
    let is_mixed = last.uses_custom_buckets() != custom
        || inner
            .iter()
            .any(|(_, histogram)| histogram.uses_custom_buckets() != custom);
    if is_mixed {
        return remarks.incompatible();
    }
    let schema = inner
        .iter()
        .map(|(_, histogram)| histogram.schema)
        .fold(last.schema.min(previous.schema), i32::min);
    let mut change = last.clone();
    if schema < change.schema && change.reduce_resolution(schema).is_err() {
        return remarks.incompatible();
    }
    remarks.sub(&mut change, previous)?;
    if is_counter {
        let mut overlap_seen = false;
        for (at, (_, current)) in samples.iter().enumerate().skip(1) {
            if !overlap_seen && points.overlaps(at) {
                remarks.start_overlap();
                overlap_seen = true;
            }
            if points.is_reset(at, previous) {
                remarks.add(&mut change, previous)?;
            }
            previous = current;
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        remarks.not_gauge();
    }
    change.counter_reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    Some(change)
}

/// The change between the last two samples.
pub(super) fn instant(per_second: bool, points: Points<'_>, remarks: &Remarks<'_>) -> Option<FloatHistogram> {
    let [.., (previous_ms, previous), (last_ms, last)] = points.samples else {
        return None;
    };
    if last_ms == previous_ms {
        return None;
    }
    let gauges = [previous, last]
        .iter()
        .filter(|histogram| histogram.counter_reset_hint == CounterResetHint::Gauge)
        .count();
    if per_second && gauges > 0 {
        remarks.not_counter();
    }
    if !per_second && gauges < 2 {
        remarks.not_gauge();
    }
    let mut change = last.clone();
    if !per_second || !points.is_reset(points.samples.len() - 1, previous) {
        remarks.sub(&mut change, previous)?;
    }
    change.counter_reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    if per_second {
        change.div((last_ms - previous_ms) as f64 / 1000.0);
    }
    Some(change)
}
