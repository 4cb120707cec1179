//! Query results.

use vigie_model::{FloatHistogram, Labels};
use vigie_promql::{MatrixSeries, QueryValue, VectorSample};

use crate::json::histogram::write_histogram;
use crate::json::times::TimeTexts;
use crate::json::{write_array, write_float, write_labels, write_string, write_timestamp};

/// Appends `"resultType":…,"result":…`, the members of a query's data object.
pub fn write_query_value(out: &mut Vec<u8>, value: &QueryValue) {
    let result_type: &[u8] = match value {
        QueryValue::Scalar { .. } => b"scalar",
        QueryValue::String { .. } => b"string",
        QueryValue::Vector(_) => b"vector",
        QueryValue::Matrix(_) => b"matrix",
    };
    out.extend_from_slice(b"\"resultType\":\"");
    out.extend_from_slice(result_type);
    out.extend_from_slice(b"\",\"result\":");
    match value {
        QueryValue::Scalar { timestamp_ms, value } => {
            write_point(out, &TimeTexts::new(&[]), *timestamp_ms, *value);
        }
        QueryValue::String { timestamp_ms, value } => {
            out.push(b'[');
            write_timestamp(out, *timestamp_ms);
            out.push(b',');
            write_string(out, value);
            out.push(b']');
        }
        QueryValue::Vector(vector) => {
            let time_ms = vector.first().map(|sample| sample.timestamp_ms);
            let times = TimeTexts::new(time_ms.as_slice());
            write_array(out, vector, |out, sample| write_sample(out, &times, sample));
        }
        QueryValue::Matrix(matrix) => {
            // Points make up nearly all of a matrix; 28 bytes hold most of them: a time, a value of ten digits.
            let points: usize = matrix.iter().map(|series| series.values.len()).sum();
            out.reserve(points * 28 + matrix.len() * 256);
            let longest = matrix.iter().max_by_key(|series| series.timestamps_ms.len());
            let times = TimeTexts::new(longest.map_or(&[], |series| &series.timestamps_ms));
            write_array(out, matrix, |out, series| write_series(out, &times, series));
        }
    }
}

fn write_sample(out: &mut Vec<u8>, times: &TimeTexts<'_>, sample: &VectorSample) {
    write_metric(out, &sample.labels);
    match &sample.histogram {
        None => {
            out.extend_from_slice(b",\"value\":");
            write_point(out, times, sample.timestamp_ms, sample.value);
        }
        Some(histogram) => {
            out.extend_from_slice(b",\"histogram\":");
            write_histogram_point(out, sample.timestamp_ms, histogram);
        }
    }
    out.push(b'}');
}

fn write_series(out: &mut Vec<u8>, times: &TimeTexts<'_>, series: &MatrixSeries) {
    write_metric(out, &series.labels);
    if !series.values.is_empty() {
        out.extend_from_slice(b",\"values\":");
        let points = series.timestamps_ms.iter().zip(&series.values);
        let mut times = times.walk();
        write_array(out, points, |out, (&timestamp_ms, &value)| {
            times.write_head(out, timestamp_ms);
            write_float(out, value);
            out.extend_from_slice(b"\"]");
        });
    }
    if !series.histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":");
        write_array(out, &series.histograms, |out, (timestamp_ms, histogram)| {
            write_histogram_point(out, *timestamp_ms, histogram);
        });
    }
    out.push(b'}');
}

fn write_metric(out: &mut Vec<u8>, labels: &Labels) {
    out.extend_from_slice(b"{\"metric\":");
    write_labels(out, labels);
}

fn write_point(out: &mut Vec<u8>, times: &TimeTexts<'_>, timestamp_ms: i64, value: f64) {
    times.walk().write_head(out, timestamp_ms);
    write_float(out, value);
    out.extend_from_slice(b"\"]");
}

fn write_histogram_point(out: &mut Vec<u8>, timestamp_ms: i64, histogram: &FloatHistogram) {
    out.push(b'[');
    write_timestamp(out, timestamp_ms);
    out.push(b',');
    write_histogram(out, histogram);
    out.push(b']');
}
