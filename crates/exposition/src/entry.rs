//! What a parser finds.

use std::borrow::Cow;

use vigie_model::MetricKind;

use crate::labels::{LabelPair, LabelPairs, parse_series};
use crate::{SyntaxError, error};

/// One line of an exposition.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'a> {
    Series(Series<'a>),
    Type {
        name: Cow<'a, str>,
        kind: MetricKind,
    },
    /// `text` is unescaped.
    Help {
        name: Cow<'a, str>,
        text: Cow<'a, str>,
    },
    /// OpenMetrics only. The unit is empty or ends the name.
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
    /// OpenMetrics only.
    pub exemplar: Option<Exemplar<'a>>,
}

/// An example of what a sample counts. Its labels are checked, but decoded only on demand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'a> {
    /// The inside of the braces.
    pub(crate) raw_labels: &'a [u8],
    pub value: f64,
    pub timestamp_ms: Option<i64>,
}

impl<'a> Series<'a> {
    /// Name (as `__name__`, first) and labels in the order of the input; see [`parse_series`].
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
