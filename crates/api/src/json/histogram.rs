//! Native histograms.

use vigie_model::{FloatHistogram, Span};

use crate::json::{write_array, write_float};

/// The schema of histograms that name their bounds.
const CUSTOM_BOUNDS: i32 = -53;

/// A bucket and which of its ends belong to it.
struct Bucket {
    lower: f64,
    upper: f64,
    lower_inclusive: bool,
    upper_inclusive: bool,
    count: f64,
}

/// Count, sum and every bucket that is not empty, in ascending order.
pub(crate) fn write_histogram(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    out.extend_from_slice(b"{\"count\":");
    write_quoted(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    write_quoted(out, histogram.sum);
    let buckets = buckets(histogram);
    if !buckets.is_empty() {
        out.extend_from_slice(b",\"buckets\":");
        write_array(out, &buckets, |out, bucket| {
            out.extend_from_slice(match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => b"[0,",
                (true, false) => b"[1,",
                (false, false) => b"[2,",
                (true, true) => b"[3,",
            });
            write_quoted(out, bucket.lower);
            out.push(b',');
            write_quoted(out, bucket.upper);
            out.push(b',');
            write_quoted(out, bucket.count);
            out.push(b']');
        });
    }
    out.push(b'}');
}

fn write_quoted(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    write_float(out, value);
    out.push(b'"');
}

fn buckets(histogram: &FloatHistogram) -> Vec<Bucket> {
    let negative =
        indexed(&histogram.negative_spans, &histogram.negative_buckets).map(|(index, count)| Bucket {
            lower: -bound(histogram, index),
            upper: -bound(histogram, index - 1),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        });
    let zero = Bucket {
        lower: -histogram.zero_threshold,
        upper: histogram.zero_threshold,
        lower_inclusive: true,
        upper_inclusive: true,
        count: histogram.zero_count,
    };
    let is_custom = histogram.schema == CUSTOM_BOUNDS;
    let positive =
        indexed(&histogram.positive_spans, &histogram.positive_buckets).map(|(index, count)| Bucket {
            lower: bound(histogram, index - 1),
            upper: bound(histogram, index),
            lower_inclusive: is_custom && index == 0,
            upper_inclusive: true,
            count,
        });
    let mut buckets: Vec<Bucket> = negative.collect();
    buckets.reverse();
    buckets.push(zero);
    buckets.extend(positive);
    buckets.retain(|bucket| bucket.count != 0.0);
    buckets
}

/// Pairs the held buckets with their indexes.
fn indexed<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0i64;
    let indexes = spans.iter().flat_map(move |span| {
        let start = next + i64::from(span.offset);
        next = start + i64::from(span.length);
        start..next
    });
    indexes.zip(counts.iter().copied())
}

/// The upper bound of the positive bucket `index`.
fn bound(histogram: &FloatHistogram, index: i64) -> f64 {
    if histogram.schema == CUSTOM_BOUNDS {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(index) => histogram
                .custom_values
                .get(index)
                .copied()
                .unwrap_or(f64::INFINITY),
        };
    }
    let exponent = index as f64 * (-f64::from(histogram.schema)).exp2();
    // The bucket below the one for infinity ends at the largest float, not at 2^1024.
    if exponent == 1024.0 {
        f64::MAX
    } else {
        exponent.exp2()
    }
}
