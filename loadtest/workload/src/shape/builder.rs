//! Collects the series of a unit.

use std::sync::Arc;

use crate::random::{Rng, mix2};
use crate::series::{Family, MetricKind, Series, Text};
use crate::value::{Counter, Events, Round, Value};

/// Takes the series of one unit, and draws the parameters of their values from the unit's seed.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    /// Of the unit in its present generation.
    pub(crate) seed: u64,
    /// How often the unit was replaced.
    pub(crate) generation: u32,
    /// The round in which the unit was born; 0 for the first ones.
    birth: &'a Round,
    interval_s: f64,
    /// On every series: external labels and those of the target.
    common: Vec<(Text, Text)>,
    external: usize,
    family: Arc<Family>,
    rng: Rng,
    pub(crate) series: Vec<Series>,
}

/// Bounds of request durations in seconds, as client libraries have them by default.
const BOUNDS: [(&str, f64); 11] = [
    ("0.005", 0.005),
    ("0.01", 0.01),
    ("0.025", 0.025),
    ("0.05", 0.05),
    ("0.1", 0.1),
    ("0.25", 0.25),
    ("0.5", 0.5),
    ("1", 1.0),
    ("2.5", 2.5),
    ("5", 5.0),
    ("10", 10.0),
];

impl<'a> Builder<'a> {
    pub(crate) fn new(
        seed: u64,
        generation: u32,
        birth: &'a Round,
        interval_ms: i64,
        external: &[(Text, Text)],
    ) -> Self {
        Self {
            seed,
            generation,
            birth,
            interval_s: interval_ms as f64 / 1_000.0,
            common: external.to_vec(),
            external: external.len(),
            family: Arc::new(Family {
                name: String::new(),
                kind: MetricKind::Unknown,
                help: String::new(),
                unit: String::new(),
            }),
            rng: Rng::new(seed),
            series: Vec::new(),
        }
    }

    /// The labels of the target whose series follow.
    pub(crate) fn target(&mut self, labels: &[(&'static str, &str)]) {
        self.common.truncate(self.external);
        for (name, value) in labels {
            self.common.push(((*name).into(), (*value).to_owned().into()));
        }
    }

    /// The family whose series follow. A unit is known by its ending.
    pub(crate) fn family(&mut self, name: &str, kind: MetricKind, help: &str) -> &mut Self {
        let bare = name.strip_suffix("_total").unwrap_or(name);
        let unit = ["seconds", "bytes", "celsius", "ratio"]
            .into_iter()
            .find(|unit| bare.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
            .unwrap_or_default();
        self.family = Arc::new(Family {
            name: name.to_owned(),
            kind,
            help: help.to_owned(),
            unit: unit.to_owned(),
        });
        self
    }

    /// A series of the present family, named like it.
    pub(crate) fn push(&mut self, own: &[(&'static str, &str)], value: Value) {
        let name = self.family.name.clone();
        self.push_named(name, own, value);
    }

    /// A series of the present family with a name of its own, as the parts of a histogram have.
    pub(crate) fn push_named(&mut self, name: String, own: &[(&'static str, &str)], value: Value) {
        let own = own
            .iter()
            .map(|(name, value)| (Text::from(*name), Text::from((*value).to_owned())));
        self.push_labels(name, own, value);
    }

    pub(crate) fn push_labels(
        &mut self,
        name: String,
        own: impl Iterator<Item = (Text, Text)>,
        value: Value,
    ) {
        let mut labels: Vec<(Text, Text)> = vec![("__name__".into(), name.into())];
        labels.extend(own.filter(|(_, value)| !value.is_empty()));
        for (name, value) in self.common.iter().rev() {
            // What stands closer to the series wins: its own labels, then the target's, then external ones.
            if !labels.iter().any(|(known, _)| known == name) {
                labels.push((name.clone(), value.clone()));
            }
        }
        labels.sort_unstable();
        self.series.push(Series {
            labels,
            family: Arc::clone(&self.family),
            value,
        });
    }

    /// A count of about `per_second`, starting with the unit.
    fn draw_counter(&mut self, per_second: f64) -> Counter {
        let rate = per_second * self.interval_s * self.rng.between(0.5, 1.5);
        let phase = (self.seed % 48) as u8 + (self.rng.next_u64() % 16) as u8;
        // The first generation has run for up to three months before.
        let age = match self.generation {
            0 => self.rng.between(0.0, 90.0 * 86_400.0) / self.interval_s,
            _ => 0.0,
        };
        Counter {
            base: rate * (age - self.birth.cumulated(phase)),
            rate,
            phase,
            seed: self.rng.next_u64() as u32,
        }
        .started(self.birth)
    }

    /// A counter of whole numbers.
    pub(crate) fn counter(&mut self, per_second: f64) -> Value {
        Value::Counter {
            counter: self.draw_counter(per_second),
            scale: 1.0,
            quantum: 1.0,
        }
    }

    /// A counter of seconds: `per_second` of `decimals` each.
    pub(crate) fn seconds(&mut self, per_second: f64, decimals: i32) -> Value {
        let scale = 10f64.powi(decimals);
        Value::Counter {
            counter: self.draw_counter(per_second * scale),
            scale,
            quantum: 1.0,
        }
    }

    /// A counter of bytes, moved in pieces.
    pub(crate) fn pieces(&mut self, per_second: f64, quantum: f64) -> Value {
        Value::Counter {
            counter: self.draw_counter(per_second / quantum),
            scale: 1.0,
            quantum,
        }
    }

    /// A gauge around the middle of a range, with decimals.
    pub(crate) fn gauge(&mut self, low: f64, high: f64, decimals: i32) -> Value {
        let (scale, quantum) = (10f64.powi(decimals), 1.0);
        self.draw_gauge(low, high, scale, quantum)
    }

    /// A gauge that is a multiple of `quantum`.
    pub(crate) fn multiples(&mut self, low: f64, high: f64, quantum: f64) -> Value {
        self.draw_gauge(low, high, 1.0, quantum)
    }

    fn draw_gauge(&mut self, low: f64, high: f64, scale: f64, quantum: f64) -> Value {
        let width = high - low;
        let from = low + width * self.rng.between(0.05, 0.35);
        let to = high - width * self.rng.between(0.05, 0.35);
        Value::Gauge {
            low: from,
            high: to,
            noise: width * 0.05,
            scale,
            quantum,
            phase: (self.seed % 48) as u8 + (self.rng.next_u64() % 16) as u8,
            seed: self.rng.next_u64() as u32,
        }
    }

    /// Another whole number of a range every `hold_s` seconds.
    pub(crate) fn step(&mut self, low: u32, high: u32, hold_s: f64) -> Value {
        Value::Step {
            low: f64::from(low),
            high: f64::from(high),
            hold: (hold_s / self.interval_s).max(1.0) as u32,
            seed: self.rng.next_u64() as u32,
        }
    }

    /// A whole number that never changes.
    pub(crate) fn fixed(&mut self, low: f64, high: f64) -> Value {
        Value::Constant(self.rng.between(low, high).floor())
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    pub(crate) fn events(&mut self, per_second: f64) -> Arc<Events> {
        Arc::new(Events {
            quick: self.draw_counter(per_second * 0.9),
            slow: self.draw_counter(per_second * 0.1),
        })
    }

    /// Buckets, sum and count of the present family, a histogram of durations around `mean_s`.
    pub(crate) fn classic_histogram(&mut self, own: &[(&'static str, &str)], per_second: f64, mean_s: f64) {
        let events = self.events(per_second);
        let quick_mean = mean_s * self.rng.between(0.5, 1.0);
        let slow_mean = mean_s * self.rng.between(5.0, 20.0);
        let base = self.family.name.clone();
        // Exponential distributions without exp(): shares of b / (b + mean) rise from 0 to 1 as well.
        let share = |bound: f64, mean: f64| bound * bound / (bound * bound + mean * mean);
        let mut labels = own.to_vec();
        labels.push(("le", ""));
        let last = labels.len() - 1;
        let mut below = 0.0;
        for (text, bound) in BOUNDS {
            labels[last] = ("le", text);
            let value = Value::Bucket {
                events: Arc::clone(&events),
                quick_share: share(bound, quick_mean),
                slow_share: share(bound, slow_mean),
                exemplar: f64::midpoint(below, bound),
            };
            below = bound;
            self.push_named(format!("{base}_bucket"), &labels, value);
        }
        labels[last] = ("le", "+Inf");
        let all = |exemplar| Value::Bucket {
            events: Arc::clone(&events),
            quick_share: 1.0,
            slow_share: 1.0,
            exemplar,
        };
        self.push_named(format!("{base}_bucket"), &labels, all(below * 1.5));
        let sum = Value::Sum {
            events: Arc::clone(&events),
            quick_mean,
            slow_mean,
        };
        self.push_named(format!("{base}_sum"), own, sum);
        self.push_named(format!("{base}_count"), own, all(f64::NAN));
    }

    /// A counter for use within a native histogram.
    pub(crate) fn native_bucket(&mut self, per_second: f64) -> Counter {
        self.draw_counter(per_second)
    }

    /// The round in which the unit was born.
    pub(crate) fn birth_round(&self) -> u64 {
        self.birth.number
    }

    /// A seed that belongs to the unit, for names.
    pub(crate) fn name_seed(&self, salt: u64) -> u64 {
        mix2(self.seed, salt)
    }
}

impl Counter {
    /// Makes sure that it is not below 0 at birth.
    fn started(mut self, birth: &Round) -> Self {
        let lowest = -self.rate * birth.cumulated(self.phase);
        self.base = self.base.max(lowest);
        self
    }
}
