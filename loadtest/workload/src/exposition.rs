//! A target's page in text exposition 0.0.4, as a scrape farm serves it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::series::{Family, MetricKind, Series, Text, push_escaped};
use crate::value::{Round, Value};
use crate::workload::{Plan, Unit};

/// What a scraper adds itself, and so an exporter's page does not have.
const TARGET_LABELS: [&str; 2] = ["instance", "job"];
/// Series that a scraper makes itself of each scrape.
const OF_SCRAPERS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// The pages of one target. Everything but the values is written once; a page costs some ten nanoseconds a series.
///
/// A target is all series of a shape with the same `instance` and `job`. Pages have the series that streams send, without
/// external labels, `instance` and `job`, without native histograms, which the format cannot say, and without those that
/// scrapers make themselves, like `up`. When one of a target's units is replaced its whole page is built again.
pub struct Exposition {
    plan: Arc<Plan>,
    parts: Vec<Part>,
    /// The round up to which replacements are known.
    round: u64,
    lines: Vec<Line>,
    /// Comments, names and labels, one line's after the other's.
    text: String,
    target: Labels,
}

type Labels = Vec<(String, String)>;

/// What a unit has of a target: units may be spread over targets, and targets over units.
#[derive(Debug)]
struct Part {
    unit: Unit,
    /// Which of the unit's targets it is, in the order in which its series show them. Names change with churn, the
    /// order does not.
    target: usize,
}

/// A series.
struct Line {
    /// Its unit's offset within the interval.
    offset_ms: i64,
    /// Where its part of `Exposition::text` ends.
    end: usize,
    value: Value,
}

impl std::fmt::Debug for Exposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exposition")
            .field("parts", &self.parts)
            .field("round", &self.round)
            .field("series", &self.lines.len())
            .finish_non_exhaustive()
    }
}

impl Exposition {
    /// All targets; takes as long as building all series.
    pub(crate) fn all(plan: &Arc<Plan>, units: impl Iterator<Item = Unit>) -> impl Iterator<Item = Self> {
        let mut order = Vec::new();
        let mut parts: HashMap<(u32, Labels), Vec<Part>> = HashMap::new();
        for unit in units {
            let mut seen: Vec<Labels> = Vec::new();
            for one in plan.build(&unit) {
                let labels = target_of(&one);
                if seen.last() == Some(&labels) || seen.contains(&labels) {
                    continue;
                }
                let key = (unit.id.shape, labels.clone());
                let part = Part {
                    unit,
                    target: seen.len(),
                };
                seen.push(labels);
                parts
                    .entry(key)
                    .or_insert_with_key(|key| {
                        order.push(key.clone());
                        Vec::new()
                    })
                    .push(part);
            }
        }
        let plan = Arc::clone(plan);
        order.into_iter().filter_map(move |key| {
            let mut exposition = Self {
                plan: Arc::clone(&plan),
                parts: parts.remove(&key)?,
                round: 0,
                lines: Vec::new(),
                text: String::new(),
                target: Vec::new(),
            };
            exposition.rebuild();
            Some(exposition)
        })
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
        let time_ms = self.plan.spec.start_ms + round as i64 * interval_ms;
        let round = Round::new(round, interval_ms);
        page.clear();
        page.reserve(self.text.len() + self.lines.len() * 24);
        let text = self.text.as_bytes();
        let mut start = 0;
        for line in &self.lines {
            page.extend_from_slice(&text[start..line.end]);
            start = line.end;
            put_value(line.value.at(&round, time_ms + line.offset_ms), page);
            page.push(b'\n');
        }
    }

    /// Replaces units as often as churn does it up to a round.
    fn replace_until(&mut self, round: u64) {
        let back = round < self.round;
        let from = if back { 0 } else { self.round };
        self.round = round;
        let mut replaced = false;
        for Part { unit, .. } in &mut self.parts {
            if back && unit.generation > 0 {
                unit.generation = 0;
                unit.born = 0;
                replaced = true;
            }
            let Some(every) = self.plan.churn_rounds() else {
                continue;
            };
            for boundary in (from / every + 1)..=(round / every) {
                if self.plan.replaces(unit, boundary * every) {
                    unit.generation += 1;
                    unit.born = boundary * every;
                    replaced = true;
                }
            }
        }
        if replaced {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        let mut series = Vec::new();
        for part in &self.parts {
            let mut seen: Vec<Labels> = Vec::new();
            for one in self.plan.build(&part.unit) {
                let labels = target_of(&one);
                let target = seen
                    .iter()
                    .position(|known| *known == labels)
                    .unwrap_or(seen.len());
                if target == seen.len() {
                    seen.push(labels);
                }
                if target == part.target && is_of_page(&one) {
                    series.push((part.unit.offset_ms, one));
                }
            }
            if let Some(labels) = seen.into_iter().nth(part.target) {
                self.target = labels;
            }
        }
        // The series of a family must stand together; within it they keep their order.
        series.sort_by(|(_, a), (_, b)| a.family.name.cmp(&b.family.name));
        self.text.clear();
        self.lines.clear();
        let mut family = "";
        for (offset_ms, one) in &series {
            if family != one.family.name {
                family = &one.family.name;
                self.put_comments(&one.family);
            }
            self.put_labels(&one.labels);
            self.lines.push(Line {
                offset_ms: *offset_ms,
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

fn target_of(series: &Series) -> Labels {
    let labels = series
        .labels
        .iter()
        .filter(|(name, _)| TARGET_LABELS.contains(&&**name));
    labels
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn is_of_page(series: &Series) -> bool {
    let mut labels = series.labels.iter();
    !matches!(series.value, Value::Native(_))
        && !labels.any(|(name, value)| name == "__name__" && OF_SCRAPERS.contains(&&**value))
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
