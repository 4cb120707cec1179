//! Values and timestamps, read as Prometheus reads them.

use vigie_model::{NORMAL_NAN_BITS, format_go_g, parse_go_float};

/// Integers up to this many digits are exact in a float.
const EXACT_DIGITS: usize = 15;

/// Reads a value. Hexadecimal floats and underscores are refused, and so is a number that a float
/// can only hold as an infinity. Every NaN becomes the canonical one.
#[inline]
pub(crate) fn parse_value(text: &[u8]) -> Option<f64> {
    match parse_small_integer(text) {
        Some(value) => Some(value),
        None => parse_any(text),
    }
}

/// Most values of most targets are small whole numbers.
#[inline]
fn parse_small_integer(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > EXACT_DIGITS {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value as f64)
}

fn parse_any(text: &[u8]) -> Option<f64> {
    let value = parse_go_float(std::str::from_utf8(text).ok()?)?;
    if value.is_nan() {
        return Some(f64::from_bits(NORMAL_NAN_BITS));
    }
    let is_word = text.iter().any(|byte| matches!(byte, b'i' | b'I'));
    (value.is_finite() || is_word).then_some(value)
}

/// Whole milliseconds, as in the text format.
pub(crate) fn parse_timestamp_ms(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Seconds with a fraction, as in OpenMetrics; cut to milliseconds.
pub(crate) fn parse_timestamp_seconds(text: &[u8]) -> Option<i64> {
    let seconds = parse_value(text).filter(|seconds| seconds.is_finite())?;
    Some((seconds * 1000.0) as i64)
}

/// The text of a float in OpenMetrics: always with a point or an exponent, so `1` becomes `1.0`.
/// This is how bucket bounds and quantiles are written, so that they are the same series whatever
/// format they were scraped in.
pub(crate) fn format_openmetrics_float(value: f64) -> String {
    let mut text = format_go_g(value);
    if value.is_finite() && !text.contains(['e', '.']) {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (text, value) in [
            ("0", 0.0),
            ("123456789012345", 123_456_789_012_345.0),
            ("1234567890123456789", 1_234_567_890_123_456_789.0),
            ("-1.5e-3", -0.0015),
            ("+Inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
        ] {
            assert_eq!(parse_value(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(parse_value(b"nan").map(f64::to_bits), Some(NORMAL_NAN_BITS));
        for text in [
            "", "1_000", "0x1p3", "0x1", "1e999", "-1e999", "1,5", "--1", "1\r", "\u{661}",
        ] {
            assert_eq!(parse_value(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn bounds_have_one_spelling() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (0.5, "0.5"),
            (1e6, "1e+06"),
            (100.0, "100.0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(format_openmetrics_float(value), text);
        }
    }
}
