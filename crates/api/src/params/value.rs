//! Times, durations and limits as Prometheus reads them.

use std::num::{IntErrorKind, ParseIntError};

use jiff::Timestamp;
use vigie_model::{parse_go_float, quote_go};

/// How Prometheus prints the ends of its time; clients send them back.
const MIN_TIME: &str = "-292273086-05-16T16:47:06Z";
const MAX_TIME: &str = "292277025-08-18T07:12:54.999999999Z";

/// Float seconds, rounded to milliseconds, or RFC 3339.
pub(super) fn parse_time_ms(text: &str) -> Result<i64, String> {
    let invalid = || format!("cannot parse {} to a valid timestamp", quote_go(text));
    match (parse_seconds(text), text) {
        (Some(seconds), _) if seconds.is_finite() => Ok((seconds * 1000.0).round() as i64),
        (Some(_), _) => Err(invalid()),
        (None, MIN_TIME) => Ok(i64::MIN),
        (None, MAX_TIME) => Ok(i64::MAX),
        (None, _) if !is_strict(text) => Err(invalid()),
        (None, _) => text
            .parse::<Timestamp>()
            .map(|time| time.as_millisecond())
            .map_err(|_| invalid()),
    }
}

/// A number as Go reads it, underscores between digits included.
fn parse_seconds(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return parse_go_float(text);
    }
    let bytes = text.as_bytes();
    let is_digit = |position: Option<usize>| {
        position
            .and_then(|position| bytes.get(position))
            .is_some_and(u8::is_ascii_digit)
    };
    let is_between_digits =
        |(position, _): (usize, &str)| is_digit(position.checked_sub(1)) && is_digit(Some(position + 1));
    if text.match_indices('_').all(is_between_digits) {
        parse_go_float(&text.replace('_', ""))
    } else {
        None
    }
}

/// What Go asks of the form beyond what our parser does: `T` and `Z` in capitals, and no leap seconds.
fn is_strict(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.get(10) == Some(&b'T') && !text.contains('z') && bytes.get(17) != Some(&b'6')
}

/// Float seconds or a Prometheus duration.
pub(super) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_seconds(text) {
        let nanoseconds = seconds * 1e9;
        if nanoseconds.is_nan() || nanoseconds.abs() > i64::MAX as f64 {
            return Err(format!(
                "cannot parse {} to a valid duration. It overflows int64",
                quote_go(text)
            ));
        }
        // By way of nanoseconds, as Prometheus has it: 34.221 becomes 34,220 ms.
        return Ok(nanoseconds as i64 / 1_000_000);
    }
    vigie_model::parse_duration_ms(text)
        .map_err(|_| format!("cannot parse {} to a valid duration", quote_go(text)))
}

/// What Go's `strconv` says of a text that is not a number.
pub(crate) fn go_number_error(function: &str, text: &str, error: &ParseIntError) -> String {
    let reason = match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.{function}: parsing {}: {reason}", quote_go(text))
}

/// The spellings of Go's `strconv.ParseBool`.
pub(crate) fn parse_go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            quote_go(text)
        )),
    }
}

/// `None` for zero: no limit.
pub(super) fn parse_limit(text: &str) -> Result<Option<usize>, String> {
    let limit: i64 = text
        .parse()
        .map_err(|error| go_number_error("Atoi", text, &error))?;
    match usize::try_from(limit) {
        Err(_) => Err("limit must be non-negative".to_owned()),
        Ok(0) => Ok(None),
        Ok(limit) => Ok(Some(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, ms) in [
            ("0", 0),
            ("1435781451.781", 1_435_781_451_781),
            ("1.0004", 1000),
            ("-1.5", -1500),
            ("1_000", 1_000_000),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2015-07-01T22:10:51+02:00", 1_435_781_451_000),
            (MIN_TIME, i64::MIN),
            (MAX_TIME, i64::MAX),
        ] {
            assert_eq!(parse_time_ms(text), Ok(ms), "{text}");
        }
        let malformed = [
            "",
            "NaN",
            "Inf",
            "foo",
            "2015-07-01",
            "30s",
            "1__0",
            "2015-07-01t20:10:51z",
            "2015-07-01 20:10:51Z",
            "2015-07-01T20:10:60Z",
        ];
        for text in malformed {
            assert_eq!(
                parse_time_ms(text),
                Err(format!("cannot parse {text:?} to a valid timestamp"))
            );
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [
            ("15", 15_000),
            ("0.25", 250),
            ("34.221", 34_220),
            ("1h30m", 5_400_000),
            ("-1", -1000),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        assert_eq!(
            parse_duration_ms("5x"),
            Err("cannot parse \"5x\" to a valid duration".to_owned())
        );
        for text in ["1e10", "NaN", "-Inf"] {
            assert_eq!(
                parse_duration_ms(text),
                Err(format!(
                    "cannot parse {text:?} to a valid duration. It overflows int64"
                ))
            );
        }
    }

    #[test]
    fn limits() {
        assert_eq!(parse_limit("0"), Ok(None));
        assert_eq!(parse_limit("7"), Ok(Some(7)));
        assert_eq!(parse_limit("-1"), Err("limit must be non-negative".to_owned()));
        assert!(parse_limit("x").is_err());
    }
}
