//! Native histograms as remote read sends them, with counts as floats: in messages, and in Prometheus's chunks of float
//! histograms (tsdb/chunkenc/float_histogram.go), written only.

use vigie_model::{CounterResetHint, FloatHistogram, Span};

use super::bits::{Bits, ValueWindow};
use super::messages::{BucketSpan, Histogram};

/// How many of the samples, at least one, fit into the first chunk: a chunk has one layout of buckets, and all but its
/// first are known to be free of resets.
pub(super) fn chunk_len(samples: &[(i64, FloatHistogram)]) -> usize {
    let follow = |pair: &&[(i64, FloatHistogram)]| follows(&pair[0].1, &pair[1].1);
    1 + samples.windows(2).take_while(follow).count()
}

fn follows(previous: &FloatHistogram, next: &FloatHistogram) -> bool {
    use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
    let has_same_layout = previous.schema == next.schema
        && previous.zero_threshold.to_bits() == next.zero_threshold.to_bits()
        && previous.positive_spans == next.positive_spans
        && previous.negative_spans == next.negative_spans
        && previous.custom_values == next.custom_values;
    let is_continued = match (previous.counter_reset_hint, next.counter_reset_hint) {
        (Gauge, Gauge) | (Unknown | Reset | NotReset, NotReset) => true,
        (Gauge, _) | (_, Gauge | Reset) => false,
        (_, Unknown) => !next.is_reset_after(previous),
    };
    // A marker of the end has no buckets, in whatever layout.
    !previous.is_stale() && !next.is_stale() && has_same_layout && is_continued
}

/// Encodes samples with ascending times, of which each follows the one before; at least one and at most 65,535.
pub(super) fn encode(samples: &[(i64, FloatHistogram)]) -> Vec<u8> {
    let Some(((first_ms, first), rest)) = samples.split_first() else {
        return Vec::new();
    };
    let count = u16::try_from(samples.len()).unwrap_or(u16::MAX);
    let mut bytes = count.to_be_bytes().to_vec();
    bytes.push(match first.counter_reset_hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 0b1000_0000,
        CounterResetHint::NotReset => 0b0100_0000,
        CounterResetHint::Gauge => 0b1100_0000,
    });
    let mut bits = Bits::behind(bytes);
    write_layout(&mut bits, first);
    bits.varbit_int(*first_ms);
    let mut numbers: Vec<(f64, ValueWindow)> = numbers(first)
        .map(|number| (number, ValueWindow::default()))
        .collect();
    for (number, _) in &numbers {
        bits.write(number.to_bits(), 64);
    }
    let (mut previous_ms, mut previous_delta) = (*first_ms, 0_i64);
    for (time_ms, histogram) in rest {
        let delta = time_ms.wrapping_sub(previous_ms);
        bits.varbit_int(delta.wrapping_sub(previous_delta));
        (previous_ms, previous_delta) = (*time_ms, delta);
        for ((previous, window), number) in numbers.iter_mut().zip(self::numbers(histogram)) {
            window.write(&mut bits, *previous, number);
            *previous = number;
        }
    }
    bits.into_bytes()
}

/// All that changes from one histogram to the next.
fn numbers(histogram: &FloatHistogram) -> impl Iterator<Item = f64> {
    let buckets = histogram
        .positive_buckets
        .iter()
        .chain(&histogram.negative_buckets);
    [histogram.count, histogram.zero_count, histogram.sum]
        .into_iter()
        .chain(buckets.copied())
}

fn write_layout(bits: &mut Bits, histogram: &FloatHistogram) {
    write_zero_threshold(bits, histogram.zero_threshold);
    bits.varbit_int(histogram.schema.into());
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        bits.varbit_uint(spans.len() as u64);
        for span in spans {
            bits.varbit_uint(span.length.into());
            bits.varbit_int(span.offset.into());
        }
    }
    if histogram.uses_custom_buckets() {
        bits.varbit_uint(histogram.custom_values.len() as u64);
        for &bound in &*histogram.custom_values {
            write_custom_bound(bits, bound);
        }
    }
}

/// A power of two from 2^-243 to 2^10 takes a byte.
fn write_zero_threshold(bits: &mut Bits, threshold: f64) {
    const MANTISSA_BITS: u32 = 52;
    let raw = threshold.to_bits();
    // Of half the threshold, as frexp counts it; subnormal numbers come out far too small.
    let exponent = (raw >> MANTISSA_BITS) as i64 - 1022;
    let is_power = raw.trailing_zeros() >= MANTISSA_BITS;
    if threshold == 0.0 {
        bits.write(0, 8);
    } else if is_power && (-242..=11).contains(&exponent) {
        bits.write((exponent + 243).cast_unsigned(), 8);
    } else {
        bits.write(255, 8);
        bits.write(raw, 64);
    }
}

/// A number of thousandths takes few bits.
fn write_custom_bound(bits: &mut Bits, bound: f64) {
    /// The most that a reader can tell in four bytes.
    const MAX_THOUSANDTHS: f64 = 33_554_430.0;
    let thousandths = (bound * 1000.0).round();
    if (0.0..=MAX_THOUSANDTHS).contains(&(bound * 1000.0)) && thousandths / 1000.0 == bound {
        bits.varbit_uint(thousandths as u64 + 1);
    } else {
        bits.write(0, 1);
        bits.write(bound.to_bits(), 64);
    }
}

/// `prometheus.Histogram`.
pub(super) fn message(timestamp_ms: i64, histogram: &FloatHistogram) -> Histogram {
    Histogram {
        count_float: Some(histogram.count),
        sum: histogram.sum,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        zero_count_float: Some(histogram.zero_count),
        negative_spans: spans(&histogram.negative_spans),
        negative_counts: histogram.negative_buckets.clone(),
        positive_spans: spans(&histogram.positive_spans),
        positive_counts: histogram.positive_buckets.clone(),
        reset_hint: match histogram.counter_reset_hint {
            CounterResetHint::Unknown => 0,
            CounterResetHint::Reset => 1,
            CounterResetHint::NotReset => 2,
            CounterResetHint::Gauge => 3,
        },
        timestamp_ms,
        custom_values: histogram.custom_values.to_vec(),
    }
}

fn spans(spans: &[Span]) -> Vec<BucketSpan> {
    spans
        .iter()
        .map(|span| BucketSpan {
            offset: span.offset,
            length: span.length,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            schema: 1,
            zero_threshold: 0.25,
            zero_count: 1.0,
            count: 1.0 + counts.iter().sum::<f64>(),
            sum: 2.5,
            positive_spans: vec![Span {
                offset: -3,
                length: counts.len() as u32,
            }],
            positive_buckets: counts.to_vec(),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn bits_are_where_prometheus_reads_them() {
        let (first, second) = (histogram(&[2.0]), histogram(&[4.0]));
        let chunk = encode(&[(0, first), (8, second)]);
        let mut expected = Bits::behind(vec![0, 2, 0]);
        // 0.25 is half of 2^-1, so its exponent is -1.
        for (value, width) in [
            (243 - 1, 8),
            // Schema 1; one span of length 1 and offset -3; none; time 0.
            (0b10001, 5),
            (0b10001, 5),
            (0b10001, 5),
            (0b10101, 5),
            (0, 1),
            (0, 1),
            (3.0_f64.to_bits(), 64),
            (1.0_f64.to_bits(), 64),
            (2.5_f64.to_bits(), 64),
            (2.0_f64.to_bits(), 64),
            // Eight milliseconds later.
            (0b1_1000_1000, 9),
        ] {
            expected.write(value, width);
        }
        ValueWindow::default().write(&mut expected, 3.0, 5.0);
        expected.write(0b00, 2);
        ValueWindow::default().write(&mut expected, 2.0, 4.0);
        assert_eq!(chunk, expected.into_bytes());
    }

    #[test]
    fn a_chunk_ends_where_something_begins_anew() {
        let hinted = |hint, counts: &[f64]| FloatHistogram {
            counter_reset_hint: hint,
            ..histogram(counts)
        };
        let up = histogram(&[3.0]);
        let first = histogram(&[2.0]);
        for (next, follows) in [
            (up.clone(), true),
            (histogram(&[1.0]), false),
            (histogram(&[2.0, 1.0]), false),
            (hinted(CounterResetHint::Reset, &[3.0]), false),
            (hinted(CounterResetHint::NotReset, &[3.0]), true),
            (hinted(CounterResetHint::Gauge, &[3.0]), false),
            (FloatHistogram::stale(), false),
        ] {
            let samples = [(1, first.clone()), (2, next.clone())];
            assert_eq!(chunk_len(&samples), 1 + usize::from(follows), "{next:?}");
        }
        assert_eq!(chunk_len(&[(1, FloatHistogram::stale()), (2, first)]), 1);
        let gauge = |counts: &[f64]| hinted(CounterResetHint::Gauge, counts);
        assert_eq!(chunk_len(&[(1, gauge(&[2.0])), (2, gauge(&[1.0])), (3, up)]), 2);
    }

    #[test]
    fn bounds_and_thresholds_are_short_where_they_can_be() {
        let length = |write: &dyn Fn(&mut Bits)| {
            let mut bits = Bits::behind(Vec::new());
            write(&mut bits);
            bits.into_bytes().len()
        };
        for (threshold, bytes) in [
            (0.0, 1),
            (2.0_f64.powi(-128), 1),
            (2.0_f64.powi(10), 1),
            (2.0_f64.powi(11), 9),
            (0.3, 9),
            (5e-324, 9),
        ] {
            let written = length(&|bits| write_zero_threshold(bits, threshold));
            assert_eq!(written, bytes, "{threshold}");
        }
        for (bound, bytes) in [(0.005, 1), (1.0, 3), (-1.0, 9), (1e9, 9), (f64::NAN, 9)] {
            assert_eq!(length(&|bits| write_custom_bound(bits, bound)), bytes, "{bound}");
        }
    }
}
