use serde::{Deserialize, Serialize};

/// What queries a generator writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The time of the oldest sample, in milliseconds since the epoch.
    pub start_ms: i64,
    /// The time of the newest sample.
    pub end_ms: i64,
    /// The usual distance of two samples of a series; ranges are chosen by it.
    #[serde(default = "defaults::interval_ms")]
    pub interval_ms: i64,
    /// Operations above a selector.
    #[serde(default = "defaults::max_depth")]
    pub max_depth: u32,
    /// The most samples that a query may touch, as estimated from series, ranges and steps.
    #[serde(default = "defaults::max_samples")]
    pub max_samples: u64,
    /// Percentage of queries that are grammatical but wrong: types, arguments, grids, labels.
    #[serde(default = "defaults::wrong_percent")]
    pub wrong_percent: u32,
    /// Percentage of queries whose text was damaged; a few of them stay valid.
    #[serde(default = "defaults::damaged_percent")]
    pub damaged_percent: u32,
    /// Experimental functions and aggregations (`promql-experimental-functions`).
    #[serde(default)]
    pub experimental_functions: bool,
    /// Functions and operators of native histograms, also over floats.
    #[serde(default)]
    pub native_histograms: bool,
    /// Arithmetic in ranges and offsets.
    #[serde(default)]
    pub duration_expressions: bool,
    /// `fill`, `fill_left`, `fill_right` (`promql-binop-fill-modifiers`).
    #[serde(default)]
    pub fill: bool,
    /// `anchored` and `smoothed` (`promql-extended-range-selectors`).
    #[serde(default)]
    pub extended_ranges: bool,
}

mod defaults {
    pub(super) fn interval_ms() -> i64 {
        15_000
    }

    pub(super) fn max_depth() -> u32 {
        4
    }

    pub(super) fn max_samples() -> u64 {
        1_000_000
    }

    pub(super) fn wrong_percent() -> u32 {
        5
    }

    pub(super) fn damaged_percent() -> u32 {
        5
    }
}

impl Options {
    /// Stable PromQL over data of the given window.
    pub fn new(start_ms: i64, end_ms: i64) -> Self {
        Self {
            start_ms,
            end_ms,
            interval_ms: defaults::interval_ms(),
            max_depth: defaults::max_depth(),
            max_samples: defaults::max_samples(),
            wrong_percent: defaults::wrong_percent(),
            damaged_percent: defaults::damaged_percent(),
            experimental_functions: false,
            native_histograms: false,
            duration_expressions: false,
            fill: false,
            extended_ranges: false,
        }
    }
}
