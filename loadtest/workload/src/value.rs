//! How values move: functions of a series' parameters and the number of the round, so nothing has to be remembered.
//!
//! Rates follow two waves, a day and 37 minutes long, and noise. The waves are made of parabolas, not of sines, whose
//! last bit depends on the machine's C library.

use std::sync::Arc;

use crate::continuation::RecordedHost;
use crate::native::NativeModel;
use crate::random::{mix2, unit};

const PHASES: usize = 64;
const DAY_MS: f64 = 86_400_000.0;
const SHORT_MS: f64 = 37.0 * 60_000.0;
/// How strong each wave is; the rate never falls below 1 - 2 * 0.3 of the mean.
const STRENGTH: f64 = 0.3;
/// Noise of a counter, as a share of the mean of one round: less than the lowest rate, or counters would fall.
const COUNTER_NOISE: f64 = 0.35;

/// One scrape of everything: its number, and where the waves stand.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) number: u64,
    /// Rounds that passed, more at busy and fewer at quiet times, per phase.
    cumulated: [f64; PHASES],
    /// Between 0 (quiet) and 1 (busy), per phase.
    level: [f64; PHASES],
}

impl Round {
    pub(crate) fn new(number: u64, interval_ms: i64) -> Self {
        let mut cumulated = [0.0; PHASES];
        let mut level = [0.0; PHASES];
        for phase in 0..PHASES {
            let shift = phase as f64 / PHASES as f64;
            let mut sum = number as f64;
            let mut slope = 1.0;
            for (period_ms, shift) in [(DAY_MS, shift), (SHORT_MS, shift * 5.0)] {
                let period = (period_ms / interval_ms as f64).max(4.0);
                let turns = number as f64 / period + shift;
                slope += STRENGTH * wave(turns);
                sum += STRENGTH * period * wave_integral(turns);
            }
            cumulated[phase] = sum;
            level[phase] = (slope - (1.0 - 2.0 * STRENGTH)) / (4.0 * STRENGTH);
        }
        Self {
            number,
            cumulated,
            level,
        }
    }

    /// Busy-weighted rounds, for the base of a counter that starts now.
    pub(crate) fn cumulated(&self, phase: u8) -> f64 {
        self.cumulated[usize::from(phase) % PHASES]
    }
}

/// Between -1 and 1, once around per turn.
fn wave(turns: f64) -> f64 {
    let u = 2.0 * (turns - turns.floor()) - 1.0;
    4.0 * u * (1.0 - u.abs())
}

/// The integral of [`wave`] over turns.
fn wave_integral(turns: f64) -> f64 {
    let u = 2.0 * (turns - turns.floor()) - 1.0;
    0.5 * (2.0 * u * u - 4.0 / 3.0 * u.abs() * u * u)
}

/// A count that grows with the load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counter {
    pub(crate) base: f64,
    /// Mean growth a round.
    pub(crate) rate: f64,
    pub(crate) phase: u8,
    pub(crate) seed: u32,
}

impl Counter {
    /// A whole number, never less than at an earlier round.
    #[inline]
    pub(crate) fn at(&self, round: &Round) -> u64 {
        let noise = unit(mix2(u64::from(self.seed), round.number)) * COUNTER_NOISE;
        (self.base + self.rate * (round.cumulated[usize::from(self.phase) % PHASES] + noise)) as u64
    }
}

/// Two kinds of events (quick and slow ones, say) from which the parts of a histogram are shares, so that buckets, sum
/// and count belong together and quantiles move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Events {
    pub(crate) quick: Counter,
    pub(crate) slow: Counter,
}

/// How a series' value follows from the round.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Constant(f64),
    /// The count divided by `scale`: 1 for whole numbers, 100 for seconds with two decimals; times `quantum`.
    Counter {
        counter: Counter,
        scale: f64,
        quantum: f64,
    },
    /// Moves between two bounds with the load, `noise` wide beside it; rounded to `quantum / scale`.
    Gauge {
        low: f64,
        high: f64,
        noise: f64,
        scale: f64,
        quantum: f64,
        phase: u8,
        seed: u32,
    },
    /// Takes another whole number of a range every `hold` rounds.
    Step {
        low: f64,
        high: f64,
        hold: u32,
        seed: u32,
    },
    /// Unix time in seconds, with three decimals.
    Time,
    /// The events at most as large as a bucket's bound. `exemplar` is a typical value within the bucket.
    Bucket {
        events: Arc<Events>,
        quick_share: f64,
        slow_share: f64,
        exemplar: f64,
    },
    /// What the events add up to, with six decimals.
    Sum {
        events: Arc<Events>,
        quick_mean: f64,
        slow_mean: f64,
    },
    Native(Arc<NativeModel>),
    /// As a recording goes on for this host.
    Recorded {
        host: Arc<RecordedHost>,
        series: u32,
    },
}

impl Value {
    /// Not for native histograms, which are NaN here.
    #[inline]
    pub(crate) fn at(&self, round: &Round, time_ms: i64) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Counter {
                counter,
                scale,
                quantum,
            } => counter.at(round) as f64 / scale * quantum,
            Self::Gauge {
                low,
                high,
                noise,
                scale,
                quantum,
                phase,
                seed,
            } => {
                let level = round.level[usize::from(*phase) % PHASES];
                let shake = noise * (unit(mix2(u64::from(*seed), round.number)) - 0.5);
                let value = low + (high - low) * level + shake;
                ((value * scale / quantum) as i64) as f64 / scale * quantum
            }
            Self::Step {
                low,
                high,
                hold,
                seed,
            } => {
                let step = (round.number + u64::from(*seed)) / u64::from((*hold).max(1));
                low + ((high - low + 1.0) * unit(mix2(u64::from(*seed), step))) as i64 as f64
            }
            Self::Time => time_ms as f64 / 1000.0,
            Self::Bucket {
                events,
                quick_share,
                slow_share,
                ..
            } => {
                let quick = (events.quick.at(round) as f64 * quick_share) as u64;
                let slow = (events.slow.at(round) as f64 * slow_share) as u64;
                (quick + slow) as f64
            }
            Self::Sum {
                events,
                quick_mean,
                slow_mean,
            } => {
                let quick = events.quick.at(round) as f64 * quick_mean;
                let slow = events.slow.at(round) as f64 * slow_mean;
                ((quick + slow) * 1e6) as u64 as f64 / 1e6
            }
            Self::Native(_) => f64::NAN,
            Self::Recorded { host, series } => host.value(*series as usize, round.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counters_never_fall(seed: u32, phase: u8, base in 0.0..1e12, rate in 0.0..1e9, start in 0u64..1_000_000) {
            let counter = Counter { base, rate, phase, seed };
            let mut last = 0;
            for number in start..start + 60 {
                let now = counter.at(&Round::new(number, 15_000));
                prop_assert!(now >= last, "{now} after {last}");
                last = now;
            }
        }

        #[test]
        fn gauges_keep_to_their_bounds(seed: u32, phase: u8, number in 0u64..10_000_000) {
            let gauge = Value::Gauge { low: 10.0, high: 90.0, noise: 4.0, scale: 100.0, quantum: 1.0, phase, seed };
            let value = gauge.at(&Round::new(number, 15_000), 0);
            prop_assert!((7.9..=92.1).contains(&value), "{value}");
            prop_assert_eq!((value * 100.0).round() / 100.0, value);
        }
    }
}
