//! The time series that reports plot.

use crate::units::Unit;
use crate::{Interval, RunResult, SystemRun};

/// A quantity over time, taken from intervals.
#[derive(Clone, Copy)]
pub(crate) struct Quantity {
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    /// Latencies span magnitudes.
    pub(crate) is_logarithmic: bool,
    pub(crate) value: fn(&Interval) -> Option<f64>,
}

fn per_second(amount: f64, interval: &Interval) -> Option<f64> {
    (interval.length_seconds > 0.0).then(|| amount / interval.length_seconds)
}

fn latency(us: Option<u64>) -> Option<f64> {
    us.map(|us| us as f64 / 1e6)
}

const fn linear(title: &'static str, unit: Unit, value: fn(&Interval) -> Option<f64>) -> Quantity {
    Quantity {
        title,
        unit,
        is_logarithmic: false,
        value,
    }
}

const fn logarithmic(title: &'static str, value: fn(&Interval) -> Option<f64>) -> Quantity {
    Quantity {
        title,
        unit: Unit::Seconds,
        is_logarithmic: true,
        value,
    }
}

pub(crate) const QUANTITIES: &[Quantity] = &[
    linear("Acknowledged samples", Unit::PerSecond, |interval| {
        per_second(interval.samples_acked as f64, interval)
    }),
    logarithmic("Acknowledgement latency, p50", |interval| {
        latency(interval.ack_p50_us)
    }),
    logarithmic("Acknowledgement latency, p99", |interval| {
        latency(interval.ack_p99_us)
    }),
    logarithmic("Acknowledgement latency, p99.9", |interval| {
        latency(interval.ack_p999_us)
    }),
    logarithmic("Query latency, p99", |interval| latency(interval.query_p99_us)),
    linear("CPU of the system, cores", Unit::Cores, |interval| {
        interval.cpu_seconds.and_then(|cpu| per_second(cpu, interval))
    }),
    linear("Resident memory", Unit::Bytes, |interval| {
        interval.resident_bytes.map(|bytes| bytes as f64)
    }),
    linear("Disk", Unit::Bytes, |interval| {
        interval.disk_bytes.map(|bytes| bytes as f64)
    }),
    linear(
        "Errors: refused, failed and missed",
        Unit::PerSecond,
        |interval| per_second(interval.errors as f64, interval),
    ),
    linear("CPU of the load tester, cores", Unit::Cores, |interval| {
        interval
            .generator_cpu_seconds
            .and_then(|cpu| per_second(cpu, interval))
    }),
];

impl Quantity {
    pub(crate) fn values(&self, run: &SystemRun) -> Vec<Option<f64>> {
        run.intervals.iter().map(self.value).collect()
    }

    /// Whether any system has it.
    pub(crate) fn is_in(&self, result: &RunResult) -> bool {
        result.systems.iter().any(|run| {
            run.intervals
                .iter()
                .any(|interval| (self.value)(interval).is_some())
        })
    }
}
