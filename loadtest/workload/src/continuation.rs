//! A recording that goes on beyond its end, differently for every host.
//!
//! Played in a loop a recording would compress to nothing, and the disk it takes would be a lie. So a host draws runs of
//! recorded intervals, and makes the same moves in each of them for all its series: what belongs together, as the
//! buckets of a histogram do, stays together. To each move a little of that of another interval is mixed, so that
//! sizes vary too. Values are whole multiples of the series' smallest decimal place, so none gets more decimals than
//! it had.
//!
//! Two things are not as recorded: a counter that mostly rests and then grows by much grows up to an eighth slower, as
//! what is mixed in is mostly 0; and gauges do not add up, as free and used memory would.

mod host;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use host::RecordedHost;

use crate::recording::{RecordedSeries, Recording, RecordingError};
use crate::series::{Family, MetricKind, canonical_text};

/// Fewer scrapes say too little about how values move.
const MIN_SCRAPES: usize = 10;
/// Scaled values stay below, so that they are exact as floats and can be multiplied by 256.
const MAX_SCALED: f64 = (1u64 << 53) as f64;
/// Powers of ten are exact as floats up to this one.
const MAX_DECIMALS: usize = 22;
/// In place of a move: the value starts again as recorded.
const RESET: i64 = i64::MIN;

/// A recording made ready.
#[derive(Debug)]
pub(crate) struct Continuation {
    /// Those that were there in at least half of the scrapes.
    pub(crate) series: Vec<ContinuedSeries>,
    /// Of the recorded instance, with the colon; empty if it had none.
    pub(crate) port: String,
    /// The mean time between scrapes.
    pub(crate) interval_ms: i64,
    /// Of the recording's content.
    pub(crate) checksum: u64,
    motions: Vec<Motion>,
    /// Scrape by scrape, of all series: the scaled value, or bits for [`Law::Verbatim`].
    levels: Vec<i64>,
    /// Interval by interval, of all series: the scaled move, or [`RESET`]; 0 where the law looks at levels only.
    moves: Vec<i64>,
    intervals: usize,
}

/// The labels of a series, its name apart.
#[derive(Debug)]
pub(crate) struct ContinuedSeries {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) family: Arc<Family>,
}

#[derive(Debug, Clone, Copy)]
struct Motion {
    law: Law,
    /// Value times this is whole.
    scale: f64,
    /// What all moves, or all levels where they count, are multiples of.
    unit: i64,
}

/// How a value goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Law {
    Constant,
    /// Moves add up and are never below 0.
    Counter,
    /// Moves add up, and are reflected at the recorded bounds.
    Walk {
        low: i64,
        high: i64,
    },
    /// Gauges that are 0 now and then, by which zeros stay as frequent: levels as recorded, a little mixed.
    Level,
    /// Not finite, or too large or fine to be scaled: what was recorded.
    Verbatim,
}

impl Continuation {
    pub(crate) fn new(recording: &Recording) -> Result<Self, RecordingError> {
        let scrapes = recording.times_ms.len();
        if scrapes < MIN_SCRAPES {
            return Err(RecordingError::Unusable(format!(
                "it has {scrapes} scrapes, too few to go on from; record at least {MIN_SCRAPES}, better an hour"
            )));
        }
        let kept: Vec<_> = recording
            .series
            .iter()
            .filter(|one| is_kept(one, scrapes))
            .collect();
        let intervals = scrapes - 1;
        let width = kept.len();
        let mut levels = vec![0; scrapes * width];
        let mut moves = vec![0; intervals * width];
        let mut motions = Vec::with_capacity(width);
        let mut groups: HashMap<String, Group> = HashMap::new();
        for (column, series) in kept.iter().enumerate() {
            let values = without_gaps(series, scrapes);
            let group = group_of(series);
            let (motion, scaled) = Motion::of(series, &values, &recording.times_ms, group.is_some());
            for (scrape, level) in scaled.iter().enumerate() {
                levels[scrape * width + column] = *level;
            }
            if matches!(motion.law, Law::Counter | Law::Walk { .. }) {
                for (interval, pair) in scaled.windows(2).enumerate() {
                    let falls = motion.law == Law::Counter && pair[1] < pair[0];
                    moves[interval * width + column] = if falls { RESET } else { pair[1] - pair[0] };
                }
            }
            if motion.law == Law::Counter
                && let Some(group) = group
            {
                let group = groups.entry(group).or_default();
                group.columns.push(column);
                let bound = label(series, "le").and_then(|bound| bound.parse::<f64>().ok());
                group.buckets.extend(bound.map(|bound| (bound, column)));
            }
            motions.push(motion);
        }
        for group in groups.into_values() {
            group.reset_together(&mut moves, width);
        }
        let instance = kept
            .iter()
            .find_map(|one| label(one, "instance"))
            .unwrap_or_default();
        let port = instance
            .rfind(':')
            .map_or("", |colon| &instance[colon..])
            .to_owned();
        let span_ms = recording.times_ms[intervals] - recording.times_ms[0];
        Ok(Self {
            series: kept.iter().map(|one| ContinuedSeries::new(one)).collect(),
            port,
            interval_ms: (span_ms + intervals as i64 / 2) / intervals as i64,
            checksum: recording.checksum(),
            motions,
            levels,
            moves,
            intervals,
        })
    }

    fn width(&self) -> usize {
        self.series.len()
    }

    fn level_row(&self, scrape: usize) -> &[i64] {
        &self.levels[scrape * self.width()..][..self.width()]
    }

    fn move_row(&self, interval: usize) -> &[i64] {
        &self.moves[interval * self.width()..][..self.width()]
    }
}

/// Counters that one process counts together: those of a histogram, or sum and count of a summary.
#[derive(Debug, Default)]
struct Group {
    columns: Vec<usize>,
    /// With their upper bounds.
    buckets: Vec<(f64, usize)>,
}

impl Group {
    /// When one bucket starts again all do, even one that was 0 then: it may have grown since on a host. A restart also
    /// shows in a bucket that grew more than one with a higher bound, which cannot happen otherwise.
    fn reset_together(mut self, moves: &mut [i64], width: usize) {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        for row in moves.chunks_exact_mut(width.max(1)) {
            let falls = self.columns.iter().any(|column| row[*column] == RESET);
            if falls || !self.buckets.is_sorted_by_key(|(_, column)| row[*column]) {
                self.columns.iter().for_each(|column| row[*column] = RESET);
            }
        }
    }
}

impl ContinuedSeries {
    fn new(series: &RecordedSeries) -> Self {
        let (name, labels): (Vec<_>, Vec<_>) = series
            .labels
            .iter()
            .cloned()
            .partition(|(name, _)| name == "__name__");
        Self {
            name: name.into_iter().next().unwrap_or_default().1,
            labels,
            family: Arc::clone(&series.family),
        }
    }
}

fn label<'a>(series: &'a RecordedSeries, name: &str) -> Option<&'a str> {
    let found = series.labels.iter().find(|(known, _)| known == name)?;
    Some(&found.1)
}

fn is_kept(series: &RecordedSeries, scrapes: usize) -> bool {
    let present = (0..scrapes).filter(|scrape| series.at(*scrape).is_some()).count();
    present * 2 >= scrapes
}

/// Gaps have the value before them, one at the beginning the first value.
fn without_gaps(series: &RecordedSeries, scrapes: usize) -> Vec<f64> {
    let mut last = (0..scrapes).find_map(|scrape| series.at(scrape)).unwrap_or(0.0);
    let filled = (0..scrapes).map(|scrape| {
        last = series.at(scrape).unwrap_or(last);
        last
    });
    filled.collect()
}

/// What the series of a histogram or the counters of a summary have in common.
fn group_of(series: &RecordedSeries) -> Option<String> {
    let part = label(series, "__name__") != Some(&*series.family.name);
    if !part || !matches!(series.family.kind, MetricKind::Histogram | MetricKind::Summary) {
        return None;
    }
    let labels = series
        .labels
        .iter()
        .filter(|(name, _)| name != "le" && name != "__name__");
    let text = canonical_text(labels.map(|(name, value)| (&**name, &**value)));
    Some(format!("{}{text}", series.family.name))
}

impl Motion {
    /// Also the scaled values.
    fn of(series: &RecordedSeries, values: &[f64], times_ms: &[i64], grouped: bool) -> (Self, Vec<i64>) {
        let verbatim = |law| {
            let motion = Self {
                law,
                scale: 1.0,
                unit: 1,
            };
            (
                motion,
                values.iter().map(|value| value.to_bits() as i64).collect(),
            )
        };
        if values.iter().all(|value| value.to_bits() == values[0].to_bits()) {
            return verbatim(Law::Constant);
        }
        let Some(scale) = scale_of(values) else {
            return verbatim(Law::Verbatim);
        };
        let scaled: Vec<_> = values
            .iter()
            .map(|value| (value * scale).round() as i64)
            .collect();
        let steps = || scaled.windows(2).map(|pair| pair[1] - pair[0]);
        let (low, high) = (
            scaled.iter().copied().min().unwrap_or(0),
            scaled.iter().copied().max().unwrap_or(0),
        );
        let law = if is_counter(series) || is_clock(values, times_ms) {
            Law::Counter
        } else if scaled.contains(&0) {
            Law::Level
        } else {
            Law::Walk { low, high }
        };
        let unit = match law {
            // Units of their own would round the moves of buckets differently, and one could overtake the next.
            Law::Counter if grouped => 1,
            Law::Level => scaled.iter().copied().fold(0, divisor),
            _ => steps().fold(0, divisor),
        };
        let unit = unit.max(1);
        (Self { law, scale, unit }, scaled)
    }

    /// A move, or a level, with some of another one. 0 only for 0, and never of another sign; rises with both.
    #[inline]
    fn mix(self, own: i64, other: i64, share: i64) -> i64 {
        if own == 0 || (own < 0) != (other < 0) {
            return own;
        }
        let mixed = (own / self.unit * (256 - share) + other / self.unit * share + 128) >> 8;
        if mixed == 0 { own } else { mixed * self.unit }
    }
}

/// The power of ten that makes all values whole, or smaller if they would become too large. `None` if there is none.
fn scale_of(values: &[f64]) -> Option<f64> {
    let largest = values
        .iter()
        .fold(0f64, |largest, value| largest.max(value.abs()));
    if !values.iter().all(|value| value.is_finite()) || largest >= MAX_SCALED {
        return None;
    }
    let mut decimals = values.iter().map(|value| decimals(*value)).max().unwrap_or(0);
    decimals = decimals.min(MAX_DECIMALS);
    while largest * 10f64.powi(decimals as i32) >= MAX_SCALED {
        decimals -= 1;
    }
    let scale = 10f64.powi(decimals as i32);
    let lost = |value: &f64| *value != 0.0 && (value * scale).round() == 0.0;
    (!values.iter().any(lost)).then_some(scale)
}

/// Digits after the point in the shortest text that is read as this value.
fn decimals(value: f64) -> usize {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let after_point = digits.split_once('.').map_or(0, |(_, after)| after.len()) as i64;
    (after_point - exponent.parse::<i64>().unwrap_or(0)).max(0) as usize
}

fn divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn is_counter(series: &RecordedSeries) -> bool {
    let name = label(series, "__name__").unwrap_or_default();
    match series.family.kind {
        MetricKind::Counter => true,
        MetricKind::Histogram | MetricKind::Summary => group_of(series).is_some(),
        MetricKind::Unknown => ["_total", "_bucket", "_sum", "_count"]
            .iter()
            .any(|ending| name.ends_with(ending)),
        _ => false,
    }
}

/// Whether a gauge shows the time, which does not turn back at the recording's end.
fn is_clock(values: &[f64], times_ms: &[i64]) -> bool {
    let mut steps = values.windows(2).zip(times_ms.windows(2));
    steps.all(|(value, time)| {
        let passed = (time[1] - time[0]) as f64 / 1_000.0;
        (value[1] - value[0] - passed).abs() <= passed * 0.2
    })
}

#[cfg(test)]
mod tests;
