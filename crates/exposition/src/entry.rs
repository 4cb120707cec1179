//! What a parser finds.

use std::borrow::Cow;
use std::ops::Range;

use vigie_model::MetricKind;

use crate::labels::{LabelPair, LabelPairs, parse_series};
use crate::{NativeValue, SyntaxError, error};

/// One line of an exposition.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'a> {
    Series(Series<'a>),
    Histogram(Box<HistogramSeries<'a>>),
    Type {
        name: Cow<'a, str>,
        kind: MetricKind,
    },
    /// `text` is unescaped.
    Help {
        name: Cow<'a, str>,
        text: Cow<'a, str>,
    },
    /// Not in the text format. In OpenMetrics the unit is empty or ends the name.
    Unit {
        name: Cow<'a, str>,
        unit: &'a str,
    },
    /// The line without its line end. Text format only.
    Comment(&'a [u8]),
}

/// A sample and the undecoded bytes of its series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series<'a> {
    /// Name and labels exactly as they stand in the input: a cache key. Unchecked but for its end;
    /// [`Series::labels`] may still find that it is malformed.
    pub raw: &'a [u8],
    /// What the last TYPE line said.
    pub kind: MetricKind,
    /// Every NaN is the canonical one: a text target cannot forge a staleness marker.
    pub value: f64,
    pub timestamp_ms: Option<i64>,
    /// Since when the sample counts, where the format says so: protobuf, and OpenMetrics if asked for.
    pub start_timestamp_ms: Option<i64>,
    /// Not in the text format.
    pub exemplar: Option<Exemplar<'a>>,
}

/// A native histogram, in the same terms as a [`Series`].
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSeries<'a> {
    pub raw: &'a [u8],
    pub kind: MetricKind,
    /// As exposed, but for empty buckets: it may still be invalid.
    pub value: NativeValue,
    pub timestamp_ms: Option<i64>,
    pub start_timestamp_ms: Option<i64>,
    pub exemplars: Exemplars<'a>,
}

/// An example of what a sample counts. Its labels are checked, but decoded only on demand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'a> {
    /// The inside of the braces.
    pub(crate) raw_labels: &'a [u8],
    pub value: f64,
    pub timestamp_ms: Option<i64>,
}

/// The exemplars of a native histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplars<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) items: &'a [ExemplarItem],
}

/// An exemplar whose labels are in a buffer with others'.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExemplarItem {
    pub(crate) labels: Range<usize>,
    pub(crate) value: f64,
    pub(crate) timestamp_ms: Option<i64>,
}

impl<'a> Exemplars<'a> {
    /// In the order of the input.
    pub fn iter(&self) -> impl Iterator<Item = Exemplar<'a>> + use<'a> {
        let Exemplars { text, items } = *self;
        items.iter().map(move |item| Exemplar {
            raw_labels: &text[item.labels.clone()],
            value: item.value,
            timestamp_ms: item.timestamp_ms,
        })
    }
}

impl<'a> Series<'a> {
    /// Name (as `__name__`, first) and labels in the order of the input; see [`parse_series`].
    pub fn labels(&self) -> Result<Vec<LabelPair<'a>>, SyntaxError> {
        parse_series(self.raw, self.kind)
    }
}

impl<'a> HistogramSeries<'a> {
    /// As [`Series::labels`].
    pub fn labels(&self) -> Result<Vec<LabelPair<'a>>, SyntaxError> {
        parse_series(self.raw, self.kind)
    }
}

impl<'a> Exemplar<'a> {
    /// Labels in the order of the input.
    pub fn labels(&self) -> Result<Vec<LabelPair<'a>>, SyntaxError> {
        let pairs: Vec<_> = LabelPairs::new(self.raw_labels).collect::<Result<_, _>>()?;
        pairs
            .into_iter()
            .map(|(name, value)| match name {
                Some(name) => Ok((name, value)),
                None => Err(SyntaxError::LabelName(error::excerpt(value.as_bytes()))),
            })
            .collect()
    }
}
