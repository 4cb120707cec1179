//! What a histogram must be like to be stored.

use super::{CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMAS, FloatHistogram, Span};
use crate::format_go_g;

/// Why a histogram is refused, in Prometheus's words.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidHistogram {
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for \
         custom buckets, got schema {0}"
    )]
    Schema(i32),
    #[error(
        "{context}span number {number} with offset {offset}: histogram has a span whose offset is negative"
    )]
    NegativeOffset {
        context: &'static str,
        number: usize,
        offset: i32,
    },
    #[error(
        "{context}spans need {needed} buckets, have {held} buckets: histogram spans specify different number \
         of buckets than provided"
    )]
    BucketNumber {
        context: &'static str,
        needed: u64,
        held: usize,
    },
    #[error(
        "{context}bucket number {number} has observation count of {count}: histogram has a bucket whose \
         observation count is negative"
    )]
    NegativeBucket {
        context: &'static str,
        number: usize,
        count: String,
    },
    #[error(
        "zero bucket has observation count of {0}: histogram has a bucket whose observation count is negative"
    )]
    NegativeZeroBucket(String),
    #[error("observation count is {0}: histogram's observation count is negative")]
    NegativeCount(String),
    #[error(
        "{in_buckets} observations found in buckets, but the Count field is {count}: histogram's observation \
         count should be at least the number of observations found in the buckets"
    )]
    CountTooSmall { in_buckets: u64, count: u64 },
    #[error(
        "{in_buckets} observations found in buckets, but the Count field is {count}: histogram's observation \
         count should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    CountMismatch { in_buckets: u64, count: u64 },
    #[error("zero threshold must be a number that is not negative, got {0}")]
    ZeroThreshold(String),
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialWithBounds,
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    #[error("custom buckets: must not have negative spans")]
    CustomNegativeSpans,
    #[error("custom buckets: must not have negative buckets")]
    CustomNegativeBuckets,
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    BoundIsNan,
    #[error(
        "custom buckets: previous bound is {previous:.6} and current is {current:.6}: histogram custom bounds \
         must be in strictly increasing order"
    )]
    BoundOrder { previous: f64, current: f64 },
    #[error(
        "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite"
    )]
    BoundIsInfinite,
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length \
         of {needed}: histogram custom bounds are too few"
    )]
    TooFewBounds { bounds: usize, needed: u64 },
}

pub(super) const POSITIVE: &str = "positive side: ";
pub(super) const NEGATIVE: &str = "negative side: ";
const CUSTOM: &str = "custom buckets: ";

impl FloatHistogram {
    pub fn validate(&self) -> Result<(), InvalidHistogram> {
        self.validate_layout()?;
        if self.zero_count < 0.0 {
            return Err(InvalidHistogram::NegativeZeroBucket(format_go_g(self.zero_count)));
        }
        check_counts(&self.negative_buckets, NEGATIVE)?;
        if self.count < 0.0 {
            return Err(InvalidHistogram::NegativeCount(format_go_g(self.count)));
        }
        check_counts(&self.positive_buckets, POSITIVE)
    }

    fn validate_layout(&self) -> Result<(), InvalidHistogram> {
        Layout {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0.0,
            positive: (&self.positive_spans, self.positive_buckets.len()),
            negative: (&self.negative_spans, self.negative_buckets.len()),
            custom_values: &self.custom_values,
        }
        .validate()
    }
}

/// What does not depend on how counts are held. Sides are their spans and how many buckets are held.
pub(super) struct Layout<'a> {
    pub schema: i32,
    pub zero_threshold: f64,
    pub has_zero_count: bool,
    pub positive: (&'a [Span], usize),
    pub negative: (&'a [Span], usize),
    pub custom_values: &'a [f64],
}

impl Layout<'_> {
    pub(super) fn validate(&self) -> Result<(), InvalidHistogram> {
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            self.validate_custom()
        } else if EXPONENTIAL_SCHEMAS.contains(&self.schema) {
            check_spans(self.positive, POSITIVE)?;
            check_spans(self.negative, NEGATIVE)?;
            if self.zero_threshold.is_nan() || self.zero_threshold < 0.0 {
                return Err(InvalidHistogram::ZeroThreshold(format_go_g(self.zero_threshold)));
            }
            if !self.custom_values.is_empty() {
                return Err(InvalidHistogram::ExponentialWithBounds);
            }
            Ok(())
        } else {
            Err(InvalidHistogram::Schema(self.schema))
        }
    }

    fn validate_custom(&self) -> Result<(), InvalidHistogram> {
        if self.custom_values.iter().any(|bound| bound.is_nan()) {
            return Err(InvalidHistogram::BoundIsNan);
        }
        if let Some(pair) = self.custom_values.windows(2).find(|pair| pair[1] <= pair[0]) {
            return Err(InvalidHistogram::BoundOrder {
                previous: pair[0],
                current: pair[1],
            });
        }
        if self.custom_values.last() == Some(&f64::INFINITY) {
            return Err(InvalidHistogram::BoundIsInfinite);
        }
        let (spans, held) = self.positive;
        if let Some(first) = spans.first().filter(|span| span.offset < 0) {
            return Err(InvalidHistogram::NegativeOffset {
                context: CUSTOM,
                number: 1,
                offset: first.offset,
            });
        }
        check_spans((spans, held), CUSTOM)?;
        let needed = spans
            .iter()
            .map(|span| u64::from(span.length) + u64::from(span.offset.unsigned_abs()))
            .sum();
        if (self.custom_values.len() as u64 + 1) < needed {
            return Err(InvalidHistogram::TooFewBounds {
                bounds: self.custom_values.len(),
                needed,
            });
        }
        if self.has_zero_count {
            return Err(InvalidHistogram::CustomZeroCount);
        }
        if self.zero_threshold != 0.0 {
            return Err(InvalidHistogram::CustomZeroThreshold);
        }
        let (negative_spans, negative_held) = self.negative;
        if !negative_spans.is_empty() {
            return Err(InvalidHistogram::CustomNegativeSpans);
        }
        if negative_held > 0 {
            return Err(InvalidHistogram::CustomNegativeBuckets);
        }
        Ok(())
    }
}

/// The first offset may be negative: the index of a bucket below one is.
fn check_spans((spans, held): (&[Span], usize), context: &'static str) -> Result<(), InvalidHistogram> {
    if let Some((at, span)) = spans.iter().enumerate().skip(1).find(|(_, span)| span.offset < 0) {
        return Err(InvalidHistogram::NegativeOffset {
            context,
            number: at + 1,
            offset: span.offset,
        });
    }
    let needed: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if needed != held as u64 {
        return Err(InvalidHistogram::BucketNumber {
            context,
            needed,
            held,
        });
    }
    Ok(())
}

fn check_counts(counts: &[f64], context: &'static str) -> Result<(), InvalidHistogram> {
    match counts.iter().position(|count| *count < 0.0) {
        None => Ok(()),
        Some(at) => Err(InvalidHistogram::NegativeBucket {
            context,
            number: at + 1,
            count: format_go_g(counts[at]),
        }),
    }
}
