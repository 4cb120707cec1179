//! Names of series as they would stand in the text format, so that all formats name them alike.

use std::io::Write as _;

use vigie_model::{is_legacy_label_name, is_legacy_metric_name};

/// Writes `name{a="b",`: the series of one metric have this in common.
///
/// Ends with `{` or a comma; [`finish_series`] closes it.
pub(crate) fn start_series(out: &mut Vec<u8>, name: &str, suffix: &str, labels: &[(&str, &str)]) {
    if is_legacy_metric_name(name) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        out.push(b'{');
    } else {
        out.extend_from_slice(b"{\"");
        escape(out, name);
        out.extend_from_slice(suffix.as_bytes());
        out.extend_from_slice(b"\",");
    }
    for (name, value) in labels {
        write_pair(out, name, value);
        out.push(b',');
    }
}

/// Adds a label whose value needs no escapes, and closes the braces.
pub(crate) fn finish_series_with(out: &mut Vec<u8>, name: &str, value: &str) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{name}=\"{value}\"}}");
}

pub(crate) fn finish_series(out: &mut Vec<u8>) {
    match out.last_mut() {
        Some(last) if *last == b',' => *last = b'}',
        _ => out.push(b'}'),
    }
}

/// The inside of an exemplar's braces.
pub(crate) fn write_pairs(out: &mut Vec<u8>, labels: &[(&str, &str)]) {
    for (position, (name, value)) in labels.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_pair(out, name, value);
    }
}

fn write_pair(out: &mut Vec<u8>, name: &str, value: &str) {
    if is_legacy_label_name(name) {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'"');
        escape(out, name);
        out.push(b'"');
    }
    out.extend_from_slice(b"=\"");
    escape(out, value);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    for at in memchr::memchr3_iter(b'"', b'\\', b'\n', bytes) {
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(match bytes[at] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        copied = at + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
}
