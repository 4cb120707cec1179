//! Writes the Prometheus text format.

use std::io::Write as _;

use vigie_model::{
    Labels, METRIC_NAME, MetricKind, format_go_g, is_legacy_label_name, is_legacy_metric_name,
};

/// Appends lines to a buffer. The caller keeps the samples of a family together, behind its TYPE.
#[derive(Debug)]
pub struct TextEncoder<'a> {
    buffer: &'a mut Vec<u8>,
}

impl<'a> TextEncoder<'a> {
    /// What to send as Content-Type.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";

    pub fn new(buffer: &'a mut Vec<u8>) -> TextEncoder<'a> {
        TextEncoder { buffer }
    }

    pub fn help(&mut self, name: &str, text: &str) {
        self.buffer.extend_from_slice(b"# HELP ");
        self.metadata_name(name);
        self.buffer.push(b' ');
        self.escaped(text, false);
        self.buffer.push(b'\n');
    }

    /// Kinds that the format does not have are written as the nearest that it has.
    pub fn kind(&mut self, name: &str, kind: MetricKind) {
        let word = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::Summary => "summary",
            MetricKind::Unknown | MetricKind::GaugeHistogram => "untyped",
        };
        self.buffer.extend_from_slice(b"# TYPE ");
        self.metadata_name(name);
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(word.as_bytes());
        self.buffer.push(b'\n');
    }

    /// A sample of the series `labels`, its name included.
    pub fn sample(&mut self, labels: &Labels, value: f64, timestamp_ms: Option<i64>) {
        let pairs = labels.iter().filter(|(label, _)| *label != METRIC_NAME);
        self.sample_of(labels.metric_name(), pairs, value, timestamp_ms);
    }

    /// A sample whose labels may be empty and in any order; the name is not among them.
    pub fn sample_of<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        timestamp_ms: Option<i64>,
    ) {
        let mut separator = b'{';
        if is_legacy_metric_name(name) {
            self.buffer.extend_from_slice(name.as_bytes());
        } else {
            self.buffer.push(b'{');
            self.quoted(name);
            separator = b',';
        }
        for (label, value) in labels {
            self.buffer.push(separator);
            separator = b',';
            if is_legacy_label_name(label) {
                self.buffer.extend_from_slice(label.as_bytes());
            } else {
                self.quoted(label);
            }
            self.buffer.push(b'=');
            self.quoted(value);
        }
        if separator == b',' {
            self.buffer.push(b'}');
        }
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(format_go_g(value).as_bytes());
        if let Some(timestamp_ms) = timestamp_ms {
            // Writing to a vector cannot fail.
            let _ = write!(self.buffer, " {timestamp_ms}");
        }
        self.buffer.push(b'\n');
    }

    fn metadata_name(&mut self, name: &str) {
        if is_legacy_metric_name(name) {
            self.buffer.extend_from_slice(name.as_bytes());
        } else {
            self.quoted(name);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.buffer.push(b'"');
        self.escaped(text, true);
        self.buffer.push(b'"');
    }

    fn escaped(&mut self, text: &str, quotes: bool) {
        for byte in text.bytes() {
            match byte {
                b'\\' => self.buffer.extend_from_slice(b"\\\\"),
                b'\n' => self.buffer.extend_from_slice(b"\\n"),
                b'"' if quotes => self.buffer.extend_from_slice(b"\\\""),
                byte => self.buffer.push(byte),
            }
        }
    }
}
