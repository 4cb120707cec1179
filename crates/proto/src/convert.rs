//! Model types to wire types and back.

use vigie_model::{
    Exemplar, InvalidLabels, InvalidMatcher, Labels, MatchOp, Matcher, MetricKind, MetricMetadata,
};

use crate::v1;

/// Matchers from another role cannot be used.
pub type WireMatcherError = InvalidMatcher;

pub fn matchers_to_wire(matchers: &[Matcher]) -> Vec<v1::Matcher> {
    matchers
        .iter()
        .map(|matcher| v1::Matcher {
            op: match matcher.op {
                MatchOp::Equal => v1::matcher::Op::Equal,
                MatchOp::NotEqual => v1::matcher::Op::NotEqual,
                MatchOp::Regex => v1::matcher::Op::Regex,
                MatchOp::NotRegex => v1::matcher::Op::NotRegex,
            } as i32,
            name: matcher.name.clone(),
            value: matcher.value.clone(),
        })
        .collect()
}

/// Compiles the patterns again; a peer of another version might send one this process cannot read.
pub fn matchers_from_wire(matchers: &[v1::Matcher]) -> Result<Vec<Matcher>, WireMatcherError> {
    matchers
        .iter()
        .map(|matcher| {
            let op = match matcher.op() {
                v1::matcher::Op::Equal => MatchOp::Equal,
                v1::matcher::Op::NotEqual => MatchOp::NotEqual,
                v1::matcher::Op::Regex => MatchOp::Regex,
                v1::matcher::Op::NotRegex => MatchOp::NotRegex,
            };
            Matcher::new(op, &matcher.name, &matcher.value)
        })
        .collect()
}

/// Labels of an exemplar from another role cannot be read.
pub type WireExemplarError = InvalidLabels;

impl From<&Exemplar> for v1::Exemplar {
    fn from(exemplar: &Exemplar) -> v1::Exemplar {
        v1::Exemplar {
            labels: exemplar.labels.as_packed().to_vec().into(),
            value_bits: exemplar.value.to_bits(),
            timestamp_ms: exemplar.timestamp_ms,
            has_own_time: exemplar.has_own_time,
        }
    }
}

impl TryFrom<&v1::Exemplar> for Exemplar {
    type Error = WireExemplarError;

    fn try_from(wire: &v1::Exemplar) -> Result<Exemplar, WireExemplarError> {
        let labels = if wire.labels.is_empty() {
            Labels::empty()
        } else {
            Labels::from_packed(&wire.labels)?
        };
        Ok(Exemplar {
            labels,
            value: f64::from_bits(wire.value_bits),
            timestamp_ms: wire.timestamp_ms,
            has_own_time: wire.has_own_time,
        })
    }
}

impl From<MetricKind> for v1::MetricKind {
    fn from(kind: MetricKind) -> v1::MetricKind {
        match kind {
            MetricKind::Unknown => v1::MetricKind::Unknown,
            MetricKind::Counter => v1::MetricKind::Counter,
            MetricKind::Gauge => v1::MetricKind::Gauge,
            MetricKind::Histogram => v1::MetricKind::Histogram,
            MetricKind::GaugeHistogram => v1::MetricKind::GaugeHistogram,
            MetricKind::Summary => v1::MetricKind::Summary,
            MetricKind::Info => v1::MetricKind::Info,
            MetricKind::StateSet => v1::MetricKind::StateSet,
        }
    }
}

impl From<v1::MetricKind> for MetricKind {
    fn from(kind: v1::MetricKind) -> MetricKind {
        match kind {
            v1::MetricKind::Unknown => MetricKind::Unknown,
            v1::MetricKind::Counter => MetricKind::Counter,
            v1::MetricKind::Gauge => MetricKind::Gauge,
            v1::MetricKind::Histogram => MetricKind::Histogram,
            v1::MetricKind::GaugeHistogram => MetricKind::GaugeHistogram,
            v1::MetricKind::Summary => MetricKind::Summary,
            v1::MetricKind::Info => MetricKind::Info,
            v1::MetricKind::StateSet => MetricKind::StateSet,
        }
    }
}

impl v1::FamilyMetadata {
    pub fn new(name: &str, metadata: &MetricMetadata) -> v1::FamilyMetadata {
        v1::FamilyMetadata {
            name: name.to_owned(),
            kind: v1::MetricKind::from(metadata.kind) as i32,
            help: metadata.help.clone(),
            unit: metadata.unit.clone(),
        }
    }

    pub fn metadata(&self) -> MetricMetadata {
        MetricMetadata {
            kind: self.kind().into(),
            help: self.help.clone(),
            unit: self.unit.clone(),
        }
    }
}
