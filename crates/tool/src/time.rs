//! Times and spans as the command line and test files write them.

use anyhow::{Result, bail};
use jiff::Timestamp;
use vigie_model::{format_go_f, parse_duration_ms};

pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Seconds since 1970, or RFC 3339.
pub(crate) fn parse_time_ms(text: &str) -> Result<i64> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok((seconds * 1000.0).round() as i64);
    }
    match text.parse::<Timestamp>() {
        Ok(time) => Ok(time.as_millisecond()),
        Err(_) => bail!("cannot parse {text:?} to a valid timestamp"),
    }
}

/// A duration as Prometheus writes it, or seconds with a fraction as Go does (`1.5s`).
pub(crate) fn parse_step_ms(text: &str) -> Result<i64> {
    if let Ok(step_ms) = parse_duration_ms(text) {
        return Ok(step_ms);
    }
    let seconds = text
        .strip_suffix('s')
        .and_then(|seconds| seconds.parse::<f64>().ok());
    match seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
        Some(seconds) => Ok((seconds * 1000.0).round() as i64),
        None => bail!("time: invalid duration {text:?}"),
    }
}

/// As the API takes and shows it: seconds with as many digits as needed.
pub(crate) fn seconds(ms: i64) -> String {
    format_go_f(ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        assert_eq!(parse_time_ms("1.5").unwrap(), 1_500);
        assert_eq!(parse_time_ms("-3").unwrap(), -3_000);
        assert_eq!(parse_time_ms("1970-01-01T00:00:01.25Z").unwrap(), 1_250);
        assert!(parse_time_ms("soon").is_err());
        assert_eq!(parse_step_ms("1m30s").unwrap(), 90_000);
        assert_eq!(parse_step_ms("0.5s").unwrap(), 500);
        assert!(parse_step_ms("often").is_err());
        assert_eq!(seconds(1_500), "1.5");
    }
}
