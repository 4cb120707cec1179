//! Times, durations and limits as Prometheus reads them.

use jiff::Timestamp;
use vigie_model::parse_go_float;

/// How Prometheus prints the ends of its time; clients send them back.
const MIN_TIME: &str = "-292273086-05-16T16:47:06Z";
const MAX_TIME: &str = "292277025-08-18T07:12:54.999999999Z";

/// Float seconds, rounded to milliseconds, or RFC 3339.
pub(super) fn parse_time_ms(text: &str) -> Result<i64, String> {
    let invalid = || format!("cannot parse {text:?} to a valid timestamp");
    match (parse_go_float(text), text) {
        (Some(seconds), _) if seconds.is_finite() => Ok((seconds * 1000.0).round() as i64),
        (Some(_), _) => Err(invalid()),
        (None, MIN_TIME) => Ok(i64::MIN),
        (None, MAX_TIME) => Ok(i64::MAX),
        (None, _) => text
            .parse::<Timestamp>()
            .map(|time| time.as_millisecond())
            .map_err(|_| invalid()),
    }
}

/// Float seconds or a Prometheus duration.
pub(super) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_go_float(text) {
        let nanoseconds = seconds * 1e9;
        if nanoseconds.is_nan() || nanoseconds.abs() > i64::MAX as f64 {
            return Err(format!(
                "cannot parse {text:?} to a valid duration. It overflows int64"
            ));
        }
        // By way of nanoseconds, as Prometheus has it: 34.221 becomes 34,220 ms.
        return Ok(nanoseconds as i64 / 1_000_000);
    }
    vigie_model::parse_duration_ms(text).map_err(|_| format!("cannot parse {text:?} to a valid duration"))
}

/// `None` for zero: no limit.
pub(super) fn parse_limit(text: &str) -> Result<Option<usize>, String> {
    let limit: i64 = text
        .parse()
        .map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))?;
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
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781),
            ("2015-07-01T22:10:51+02:00", 1_435_781_451_000),
            (MIN_TIME, i64::MIN),
            (MAX_TIME, i64::MAX),
        ] {
            assert_eq!(parse_time_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "NaN", "Inf", "foo", "2015-07-01", "30s"] {
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
