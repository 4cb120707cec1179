//! Native histograms in float form.

use std::sync::Arc;

/// What is known about a counter reset between a histogram and its predecessor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CounterResetHint {
    #[default]
    Unknown,
    Reset,
    NotReset,
    Gauge,
}

/// A run of consecutive buckets: `offset` empty ones after the previous span, then `length` held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub offset: i32,
    pub length: u32,
}

/// A native histogram whose counts are floats and absolute (not deltas).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FloatHistogram {
    pub counter_reset_hint: CounterResetHint,
    /// −4..=8 exponential, −53 custom bounds.
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive_spans: Vec<Span>,
    pub positive_buckets: Vec<f64>,
    pub negative_spans: Vec<Span>,
    pub negative_buckets: Vec<f64>,
    /// Upper bounds for schema −53, shared by the histograms of a series.
    pub custom_values: Arc<[f64]>,
}
