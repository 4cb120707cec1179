//! What /federate shows: series as metric families, in text or in protobuf.

mod messages;
mod protobuf;
mod text;

use vigie_exposition::TextEncoder;
use vigie_model::{CounterResetHint, FloatHistogram, Labels, METRIC_NAME};
use vigie_promql::VectorSample;

/// The forms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    /// Messages behind their lengths. Native histograms exist in this form alone; those with custom buckets are classic
    /// ones in both.
    Protobuf,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Text => TextEncoder::CONTENT_TYPE,
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited; escaping=allow-utf-8"
            }
        }
    }

    /// The form that a client likes best; text if it says nothing about either.
    pub(crate) fn accepted(accept: &str) -> Format {
        let mut wishes: Vec<(f64, Format)> = accept.split(',').filter_map(wish).collect();
        wishes.sort_by(|left, right| right.0.total_cmp(&left.0));
        wishes.first().map_or(Format::Text, |(_, format)| *format)
    }

    /// Sorted by name. Samples without a name cannot be shown.
    pub(crate) fn encode(self, mut vector: Vec<VectorSample>, external_labels: &Labels) -> Vec<u8> {
        vector.retain(|sample| {
            let histogram = sample.histogram.as_deref();
            let is_shown =
                self == Format::Protobuf || histogram.is_none_or(FloatHistogram::uses_custom_buckets);
            is_shown && !sample.labels.metric_name().is_empty()
        });
        vector.sort_by(|left, right| left.labels.metric_name().cmp(right.labels.metric_name()));
        let external = ExternalLabels::new(external_labels);
        let mut body = Vec::new();
        for samples in vector.chunk_by(|left, right| {
            left.labels.metric_name() == right.labels.metric_name() && Kind::of(left) == Kind::of(right)
        }) {
            match self {
                Format::Text => text::write(&mut body, samples, &external),
                Format::Protobuf => protobuf::write(&mut body, samples, &external),
            }
        }
        body
    }
}

/// A clause of an Accept header, if it names a form that there is: its weight and the form.
fn wish(clause: &str) -> Option<(f64, Format)> {
    let mut parts = clause.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let parameters: Vec<(&str, &str)> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .collect();
    let value = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value)
    };
    let format = match &*media_type {
        "application/vnd.google.protobuf"
            if value("proto") == Some("io.prometheus.client.MetricFamily")
                && value("encoding") == Some("delimited") =>
        {
            Format::Protobuf
        }
        "text/plain" if matches!(value("version"), None | Some("0.0.4")) => Format::Text,
        _ => return None,
    };
    let weight = value("q").map_or(Some(1.0), |weight| weight.parse().ok())?;
    (weight > 0.0).then_some((weight, format))
}

/// What a family is said to be. A metric may have several families, which a Prometheus that scrapes them takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Untyped,
    Histogram,
    GaugeHistogram,
}

impl Kind {
    fn of(sample: &VectorSample) -> Kind {
        match &sample.histogram {
            None => Kind::Untyped,
            Some(histogram) if histogram.counter_reset_hint == CounterResetHint::Gauge => {
                Kind::GaugeHistogram
            }
            Some(_) => Kind::Histogram,
        }
    }
}

/// Labels for series that do not have them, by name.
struct ExternalLabels<'a>(Vec<(&'a str, &'a str)>);

impl<'a> ExternalLabels<'a> {
    fn new(labels: &'a Labels) -> ExternalLabels<'a> {
        let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
        if labels.get("instance").is_none() {
            // The scraping server would otherwise take this server for the instance.
            pairs.push(("instance", ""));
            pairs.sort_unstable();
        }
        ExternalLabels(pairs)
    }

    /// Those of a series but its name, and behind them those that it lacks.
    fn added_to<'s>(&'s self, series: &'s Labels) -> impl Iterator<Item = (&'s str, &'s str)> {
        let own = series.iter().filter(|(name, _)| *name != METRIC_NAME);
        let missing = self.0.iter().copied();
        own.chain(missing.filter(|(name, _)| series.get(name).is_none()))
    }
}

/// The buckets of a histogram with custom bounds as classic ones: bound and all that is not above it. The one
/// without a bound is left out.
fn classic_buckets(histogram: &FloatHistogram) -> impl Iterator<Item = (f64, f64)> {
    let mut buckets = histogram.buckets().peekable();
    let mut total = 0.0;
    histogram.custom_values.iter().map(move |&bound| {
        while let Some(bucket) = buckets.next_if(|bucket| bucket.upper <= bound) {
            total += bucket.count;
        }
        (bound, total)
    })
}

#[cfg(test)]
mod tests;
