//! `_created` lines of OpenMetrics as start timestamps.

use std::borrow::Cow;

use vigie_model::{METRIC_NAME, MetricKind};

use crate::labels::LabelPair;
use crate::{Entry, ParseError, Parser, Series};

/// Gives the series of a metric the time that its `_created` line says, and leaves out that line.
///
/// The line may come behind the others of its metric, so the first of them makes the reader look ahead
/// to the end of the metric.
#[derive(Debug)]
pub(crate) struct StartTimes<'a> {
    parser: Parser<'a>,
    /// Otherwise entries are handed through as they are.
    is_enabled: bool,
    /// What the last TYPE line named, if metrics of its kind have a start.
    family: Option<Cow<'a, str>>,
    /// The metric being read.
    metric: Option<(Metric<'a>, Option<i64>)>,
}

/// The labels of a metric, those of its parts left out, sorted.
type Metric<'a> = Vec<LabelPair<'a>>;

impl<'a> StartTimes<'a> {
    pub(crate) fn new(parser: Parser<'a>, is_enabled: bool) -> StartTimes<'a> {
        StartTimes {
            parser,
            is_enabled,
            family: None,
            metric: None,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<Entry<'a>>, ParseError> {
        loop {
            let before = self.parser.clone();
            let mut entry = self.parser.next()?;
            if !self.is_enabled {
                return Ok(entry);
            }
            match &mut entry {
                Some(Entry::Type { name, kind }) => {
                    self.metric = None;
                    self.family = has_start(*kind).then(|| name.clone());
                }
                Some(Entry::Series(series)) => {
                    if let Some((name, metric)) = self.metric_of(series) {
                        if self.is_created(&name) {
                            continue;
                        }
                        series.start_timestamp_ms = self.start_of(metric, before);
                    }
                }
                _ => {}
            }
            return Ok(entry);
        }
    }

    /// Name and metric of a series in a family with starts. A malformed one is left to whoever stores it.
    fn metric_of(&self, series: &Series<'a>) -> Option<(Cow<'a, str>, Metric<'a>)> {
        let family = self.family.as_deref()?;
        let mut pairs = series.labels().ok()?;
        let (_, name) = pairs.remove(0);
        if !name.starts_with(family) {
            return None;
        }
        pairs.retain(|(label, _)| !matches!(&**label, METRIC_NAME | "le" | "quantile"));
        pairs.sort_unstable();
        Some((name, pairs))
    }

    fn is_created(&self, name: &str) -> bool {
        let family = self.family.as_deref().unwrap_or_default();
        name.strip_prefix(family) == Some("_created")
    }

    fn start_of(&mut self, metric: Metric<'a>, mut ahead: Parser<'a>) -> Option<i64> {
        if let Some((known, start_ms)) = &self.metric
            && *known == metric
        {
            return *start_ms;
        }
        let mut start_ms = None;
        // What is malformed ahead is reported when it is reached.
        while let Ok(Some(Entry::Series(series))) = ahead.next()
            && let Some((name, other)) = self.metric_of(&series)
            && other == metric
        {
            if self.is_created(&name) {
                start_ms = Some((series.value * 1000.0) as i64);
                break;
            }
        }
        self.metric = Some((metric, start_ms));
        start_ms
    }
}

fn has_start(kind: MetricKind) -> bool {
    matches!(
        kind,
        MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary
    )
}
