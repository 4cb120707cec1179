use std::{fmt, num::ParseFloatError};

use serde::{Deserialize, Serialize};

/// The NaN that says that a series has ended.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// What a sample holds, compared bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SampleValue {
    /// The bits of a 64-bit float.
    Float(u64),
    /// A native histogram, as a digest of a canonical form that whoever records and whoever reads agree upon.
    Histogram(u64),
}

impl SampleValue {
    pub fn float(value: f64) -> Self {
        Self::Float(value.to_bits())
    }

    /// Reads a float as Prometheus's JSON writes it: shortest digits, `NaN`, `+Inf`, `-Inf`.
    pub fn from_text(text: &str) -> Result<Self, ParseFloatError> {
        text.parse().map(Self::float)
    }

    pub fn is_nan(self) -> bool {
        matches!(self, Self::Float(bits) if f64::from_bits(bits).is_nan())
    }

    pub fn is_stale_marker(self) -> bool {
        self == Self::Float(STALE_NAN_BITS)
    }

    pub(crate) fn bits(self) -> u64 {
        match self {
            Self::Float(bits) | Self::Histogram(bits) => bits,
        }
    }

    pub(crate) fn new(is_histogram: bool, bits: u64) -> Self {
        if is_histogram {
            Self::Histogram(bits)
        } else {
            Self::Float(bits)
        }
    }
}

/// The value and its bits, because two NaNs, or two neighbouring floats, differ only there.
impl fmt::Display for SampleValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(STALE_NAN_BITS) => write!(f, "stale marker"),
            Self::Float(bits) => write!(f, "{} ({bits:#018x})", f64::from_bits(*bits)),
            Self::Histogram(digest) => write!(f, "histogram {digest:#018x}"),
        }
    }
}

/// The millisecond that a time in an HTTP API's answer, seconds with decimals, stands for.
pub fn time_ms_from_seconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
