//! What a series is: its labels, the family it belongs to, how its value moves; and its identity.

use std::borrow::Cow;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::value::Value;

/// A name or a value of a label.
pub(crate) type Text = Cow<'static, str>;

/// The kinds of metrics of remote write 2.0, under its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum MetricKind {
    /// Nothing is known.
    #[default]
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
    Info = 6,
    StateSet = 7,
}

/// What is said once of all series of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Family {
    /// As in `# TYPE`: without `_bucket`, `_sum` and `_count` for histograms and summaries.
    pub name: String,
    pub kind: MetricKind,
    pub help: String,
    /// Empty if the metric has none; otherwise the ending of its name.
    pub unit: String,
}

/// A series of a unit: labels by ascending name, `__name__` among them.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(Text, Text)>,
    pub(crate) family: Arc<Family>,
    pub(crate) value: Value,
}

/// The identity of a label set: xxh3-128, seed 0, of its canonical text.
///
/// The text is `{name="value",...}` with all labels, `__name__` too, by ascending bytes of their names; in values `\`,
/// `"` and line feeds are written `\\`, `\"` and `\n`. Labels without a value do not exist and are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey(pub u128);

impl SeriesKey {
    /// Of a canonical text.
    pub fn of_text(text: &str) -> Self {
        Self(xxh3_128(text.as_bytes()))
    }

    /// Of labels in any order, for example as an HTTP API returned them.
    pub fn of_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::of_text(&canonical_text(labels))
    }

    /// Half of the key, for a ledger that takes 64 bits for enough.
    pub fn low_bits(self) -> u64 {
        self.0 as u64
    }
}

/// The canonical text of labels in any order; see [`SeriesKey`].
pub fn canonical_text<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut labels: Vec<_> = labels
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    labels.sort_unstable();
    let mut text = String::with_capacity(256);
    text.push('{');
    for (index, (name, value)) in labels.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        push_escaped(value, &mut text);
        text.push('"');
    }
    text.push('}');
    text
}

/// A label value as all text formats write it between quotes.
pub(crate) fn push_escaped(value: &str, out: &mut String) {
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        out.push_str(value);
        return;
    }
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_sorted_escaped_and_without_empty_values() {
        let text = canonical_text([("b", "x\"\\\n"), ("__name__", "up"), ("A", "1"), ("c", "")]);
        assert_eq!(text, r#"{A="1",__name__="up",b="x\"\\\n"}"#);
        assert_eq!(
            SeriesKey::of_text(&text),
            SeriesKey::of_labels([("A", "1"), ("b", "x\"\\\n"), ("__name__", "up")])
        );
        // Golden: ledgers on disk depend on it.
        assert_eq!(
            SeriesKey::of_text(r#"{__name__="up"}"#).0,
            xxh3_128(br#"{__name__="up"}"#)
        );
    }
}
