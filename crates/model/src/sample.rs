//! Float samples and the NaN that marks the end of a series.

/// The NaN that Prometheus writes when a series has ended.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;
/// The NaN that every other not-a-number from a scrape is stored as.
pub const NORMAL_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// A value at a time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Milliseconds since the Unix epoch; may be negative.
    pub timestamp_ms: i64,
    /// Kept to the last bit: NaN payloads carry meaning.
    pub value: f64,
}

pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

#[inline]
pub fn is_stale_nan(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}
