//! Native histograms.

use vigie_model::{Bucket, FloatHistogram};

use crate::json::{write_array, write_float};

/// Count, sum and every bucket that is not empty, in ascending order.
pub(crate) fn write_histogram(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    out.extend_from_slice(b"{\"count\":");
    write_quoted(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    write_quoted(out, histogram.sum);
    let buckets: Vec<Bucket> = histogram.buckets().filter(|bucket| bucket.count != 0.0).collect();
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
