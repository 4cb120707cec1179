//! Durations as Prometheus writes them: `1h30m`, `15s`, `500ms`.

use crate::quote_go;

const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("empty duration string")]
    Empty,
    #[error("not a valid duration string: {}", quote_go(.0))]
    Invalid(String),
    #[error("unknown unit {} in duration {}", quote_go(.unit), quote_go(.text))]
    UnknownUnit { unit: String, text: String },
    #[error("duration out of range")]
    OutOfRange,
}

/// Reads whole numbers with units in descending order, each unit at most once; `0` alone needs no unit.
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    match text {
        "" => return Err(DurationError::Empty),
        "0" => return Ok(0),
        _ => {}
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total_ms = 0i64;
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (digits, after) = rest.split_at(digits_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if digits.is_empty() {
            return Err(invalid());
        }
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(DurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        }
        // Going on in the same iterator is what enforces the order and forbids repetition.
        let (_, unit_ms) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let count: i64 = digits.parse().map_err(|_| invalid())?;
        total_ms = count
            .checked_mul(*unit_ms)
            .and_then(|part| total_ms.checked_add(part))
            // Prometheus holds nanoseconds in 64 bits; longer ones would not mean the same there.
            .filter(|&sum| sum <= i64::MAX / 1_000_000)
            .ok_or(DurationError::OutOfRange)?;
        rest = after;
    }
    Ok(total_ms)
}

/// The shortest form [`parse_duration_ms`] reads back. Weeks and years are only used when they
/// divide the duration, as Prometheus does, so `90d` stays `90d`. Negative durations get a sign.
pub fn format_duration_ms(duration_ms: i64) -> String {
    if duration_ms == 0 {
        return "0s".to_owned();
    }
    let mut text = if duration_ms < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    let mut rest = duration_ms.unsigned_abs();
    for (unit, unit_ms) in UNITS {
        let unit_ms = unit_ms.unsigned_abs();
        let exact_only = matches!(unit, "y" | "w");
        if rest < unit_ms || (exact_only && !rest.is_multiple_of(unit_ms)) {
            continue;
        }
        text.push_str(&format!("{}{unit}", rest / unit_ms));
        rest %= unit_ms;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, ms) in [
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("15s", 15_000),
            ("1d", 86_400_000),
            ("2w", 14 * 86_400_000),
            ("1y", 365 * 86_400_000),
            ("1m1ms", 60_001),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
            assert_eq!(format_duration_ms(ms), text);
        }
        assert_eq!(parse_duration_ms("0"), Ok(0));
        assert_eq!(format_duration_ms(90 * 86_400_000), "90d");
        assert_eq!(format_duration_ms(-60_000), "-1m");
    }

    #[test]
    fn malformed_durations_are_refused() {
        let error = parse_duration_ms("5mx").unwrap_err();
        assert_eq!(error.to_string(), r#"unknown unit "mx" in duration "5mx""#);
        for text in [
            "",
            "1",
            "s",
            "1.5h",
            "1m1h",
            "1s1s",
            "-1s",
            "1x",
            "1 s",
            "999999999999y",
            "9999999999999999999999s",
        ] {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
    }
}
