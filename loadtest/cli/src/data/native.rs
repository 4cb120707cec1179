//! Native histograms as the query API prints them, back to what a ledger compares.

use serde::Deserialize;
use vigie_ledger::{BoxError, SampleValue};
use vigie_workload::NativeHistogram;

#[derive(Deserialize)]
struct Printed {
    sum: String,
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

/// The bounds of a bucket around zero belong to it on both sides.
const BOTH_BOUNDS: u8 = 3;
/// Printed bounds are exact to the last digit, so a ratio is off by no more than rounding.
const SCHEMAS: std::ops::RangeInclusive<i8> = -4..=8;

/// The digest of a histogram, equal to the one made where it was sent ([`NativeHistogram::content_hash`]).
pub(super) fn histogram_value(json: &str) -> Result<SampleValue, BoxError> {
    let printed: Printed = serde_json::from_str(json)?;
    let mut histogram = NativeHistogram {
        sum: printed.sum.parse()?,
        ..NativeHistogram::default()
    };
    let mut is_first = true;
    for (bounds, lower, upper, count) in &printed.buckets {
        let count: f64 = count.parse()?;
        if count < 0.0 || count.fract() != 0.0 {
            return Err(format!("a bucket with {count} observations").into());
        }
        let count = count as u64;
        if *bounds == BOTH_BOUNDS {
            histogram.zero_count = count;
            continue;
        }
        let (lower, upper): (f64, f64) = (lower.parse()?, upper.parse()?);
        if is_first {
            histogram.schema = schema(lower, upper)?;
        }
        let index = (upper.log2() * f64::from(histogram.schema).exp2()).round() as i32;
        if is_first {
            histogram.first = index;
            is_first = false;
        }
        // Empty buckets are not printed.
        let Ok(place) = usize::try_from(index - histogram.first) else {
            return Err("buckets that do not ascend".into());
        };
        if place > 100_000 {
            return Err("buckets further apart than any histogram's".into());
        }
        histogram.buckets.resize(place.max(histogram.buckets.len()), 0);
        histogram.buckets.push(count);
    }
    Ok(SampleValue::Histogram(histogram.content_hash()))
}

fn schema(lower: f64, upper: f64) -> Result<i8, BoxError> {
    // upper / lower = 2^(2^-schema)
    let schema = -(upper / lower).log2().log2();
    let rounded = schema.round();
    if !(schema - rounded).abs().lt(&0.01) || !SCHEMAS.contains(&(rounded as i8)) {
        return Err(format!("bounds {lower} and {upper}, which no standard schema has").into());
    }
    Ok(rounded as i8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_histograms_equal_those_sent() {
        let sent = NativeHistogram {
            schema: 1,
            first: 2,
            buckets: vec![3, 0, 5],
            zero_count: 2,
            sum: 12.5,
        };
        // Bounds of schema 1: 2^(1/2), 2, 2^(3/2), 4.
        let json = r#"{"count":"10","sum":"12.5","buckets":[
            [3,"-2.938735877055719e-39","2.938735877055719e-39","2"],
            [0,"1.414213562373095","2","3"],[0,"2.82842712474619","4","5"]]}"#;
        let expected = SampleValue::Histogram(sent.content_hash());
        assert_eq!(histogram_value(json).unwrap(), expected);
    }
}
