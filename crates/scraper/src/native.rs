//! Limits on native histograms.

use vigie_config::ScrapeConfig;
use vigie_exposition::NativeValue;
use vigie_model::{EXPONENTIAL_SCHEMAS, KNOWN_EXPONENTIAL_SCHEMAS};

use crate::ScrapeError;

/// Makes a histogram as coarse as the configuration wants it. What is still too large, or is no valid
/// histogram, fails the whole scrape.
pub(crate) fn limit(value: &mut NativeValue, config: &ScrapeConfig) -> Result<(), ScrapeError> {
    let finest = finest_schema(config.native_histogram_min_bucket_factor);
    if KNOWN_EXPONENTIAL_SCHEMAS.contains(&value.schema()) && value.schema() > finest {
        coarsen(value, finest)?;
    }
    let limit = usize::try_from(config.native_histogram_bucket_limit).unwrap_or(usize::MAX);
    while limit > 0 && value.bucket_count() > limit {
        let schema = value.schema();
        if !EXPONENTIAL_SCHEMAS.contains(&schema) || schema == *EXPONENTIAL_SCHEMAS.start() {
            return Err(ScrapeError::BucketLimit);
        }
        coarsen(value, schema - 1)?;
    }
    match value {
        NativeValue::Integer(histogram) => histogram.validate(),
        NativeValue::Float(histogram) => histogram.validate(),
    }
    .map_err(|error| ScrapeError::Histogram(Box::new(error)))
}

fn coarsen(value: &mut NativeValue, schema: i32) -> Result<(), ScrapeError> {
    value
        .change(|histogram| histogram.reduce_resolution(schema))
        .map_err(|_| ScrapeError::BucketLimit)
}

/// The finest schema whose buckets grow by at least `factor`; 0 stands for no wish.
fn finest_schema(factor: f64) -> i32 {
    let finest = *EXPONENTIAL_SCHEMAS.end();
    if factor <= 1.0 {
        return finest;
    }
    let schema = (-factor.log2().log2()).floor();
    schema.clamp(f64::from(*EXPONENTIAL_SCHEMAS.start()), f64::from(finest)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_choose_schemas() {
        for (factor, schema) in [
            (0.0, 8),
            (1.0, 8),
            (1.002, 8),
            (1.1, 2),
            (2.0, 0),
            (4.0, -1),
            (1e6, -4),
            (f64::INFINITY, -4),
        ] {
            assert_eq!(finest_schema(factor), schema, "{factor}");
        }
    }
}
