//! A target's page in text exposition 0.0.4, as a scrape farm serves it.

use std::sync::Arc;

use crate::series::{Family, MetricKind, Text, push_escaped};
use crate::value::{Round, Value};
use crate::workload::{Plan, Unit};

/// What a scraper adds itself, and so an exporter's page does not have.
const TARGET_LABELS: [&str; 2] = ["instance", "job"];

/// The pages of one target. Everything but the values is written once; a page costs some ten nanoseconds a series.
///
/// Pages have the series that streams send, without external labels, `instance` and `job`, and without native
/// histograms, which the format cannot say.
pub struct Exposition {
    plan: Arc<Plan>,
    unit: Unit,
    /// The round up to which the unit's replacements are known.
    round: u64,
    lines: Vec<Line>,
    /// Comments, names and labels, one line's after the other's.
    text: String,
    target: Vec<(String, String)>,
}

/// A series.
struct Line {
    /// Where its part of `Exposition::text` ends.
    end: usize,
    value: Value,
}

impl std::fmt::Debug for Exposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exposition")
            .field("unit", &self.unit)
            .field("round", &self.round)
            .field("series", &self.lines.len())
            .finish_non_exhaustive()
    }
}

impl Exposition {
    pub(crate) fn new(plan: Arc<Plan>, unit: Unit) -> Self {
        let mut exposition = Self {
            plan,
            unit,
            round: 0,
            lines: Vec::new(),
            text: String::new(),
            target: Vec::new(),
        };
        exposition.rebuild();
        exposition
    }

    /// Series of a page.
    pub fn series(&self) -> usize {
        self.lines.len()
    }

    /// The labels `instance` and `job` of the target's series, as far as it has them: for the scraper's configuration.
    pub fn target_labels(&self) -> &[(String, String)] {
        &self.target
    }

    /// Overwrites `page` with that of a round. Going back is slower than going on.
    pub fn render(&mut self, round: u64, page: &mut Vec<u8>) {
        self.replace_until(round);
        let interval_ms = self.plan.spec.interval.0;
        let time_ms = self.plan.spec.start_ms + round as i64 * interval_ms + self.unit.offset_ms;
        let round = Round::new(round, interval_ms);
        page.clear();
        page.reserve(self.text.len() + self.lines.len() * 24);
        let text = self.text.as_bytes();
        let mut start = 0;
        for line in &self.lines {
            page.extend_from_slice(&text[start..line.end]);
            start = line.end;
            put_value(line.value.at(&round, time_ms), page);
            page.push(b'\n');
        }
    }

    /// Replaces the unit as often as churn does it up to a round.
    fn replace_until(&mut self, round: u64) {
        if round < self.round {
            self.round = 0;
            if self.unit.generation > 0 {
                self.unit.generation = 0;
                self.unit.born = 0;
                self.rebuild();
            }
        }
        let from = std::mem::replace(&mut self.round, round);
        let Some(every) = self.plan.churn_rounds() else {
            return;
        };
        let mut replaced = false;
        for boundary in (from / every + 1)..=(round / every) {
            if self.plan.replaces(&self.unit, boundary * every) {
                self.unit.generation += 1;
                self.unit.born = boundary * every;
                replaced = true;
            }
        }
        if replaced {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        let mut series = self.plan.build(&self.unit);
        series.retain(|one| !matches!(one.value, Value::Native(_)));
        self.target.clear();
        if let Some(first) = series.first() {
            let labels = first
                .labels
                .iter()
                .filter(|(name, _)| TARGET_LABELS.contains(&&**name));
            self.target
                .extend(labels.map(|(name, value)| (name.to_string(), value.to_string())));
        }
        // The series of a family must stand together; within it they keep their order.
        series.sort_by(|a, b| a.family.name.cmp(&b.family.name));
        self.text.clear();
        self.lines.clear();
        let mut family = "";
        for one in &series {
            if family != one.family.name {
                family = &one.family.name;
                self.put_comments(&one.family);
            }
            self.put_labels(&one.labels);
            self.lines.push(Line {
                end: self.text.len(),
                value: one.value.clone(),
            });
        }
    }

    fn put_comments(&mut self, family: &Family) {
        let kind = match family.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::Summary => "summary",
            MetricKind::Unknown | MetricKind::GaugeHistogram => "untyped",
        };
        let name = &family.name;
        if !family.help.is_empty() {
            // Unlike label values, help texts have no quotes to escape.
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            self.text.push_str(&format!("# HELP {name} {help}\n"));
        }
        self.text.push_str(&format!("# TYPE {name} {kind}\n"));
    }

    /// Everything of a line before its value.
    fn put_labels(&mut self, labels: &[(Text, Text)]) {
        if let Some((_, name)) = labels.iter().find(|(name, _)| name == "__name__") {
            self.text.push_str(name);
        }
        let mut separator = '{';
        for (name, value) in labels {
            let is_external = self
                .plan
                .external
                .iter()
                .any(|(known, own)| known == name && own == value);
            if name == "__name__" || is_external || TARGET_LABELS.contains(&&**name) {
                continue;
            }
            self.text.push(separator);
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(value, &mut self.text);
            self.text.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        self.text.push(' ');
    }
}

/// As the shortest text that is read as the same value.
fn put_value(value: f64, page: &mut Vec<u8>) {
    if value.fract() == 0.0 && value.abs() < 1e15 && value.to_bits() != (-0.0f64).to_bits() {
        page.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if value.is_nan() {
        page.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        page.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        page.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}
