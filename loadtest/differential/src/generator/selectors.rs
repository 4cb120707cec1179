//! Selectors, which mostly match something: their matchers are taken from a live series.

use super::{Vector, Writer};
use crate::duration::write_ms;
use crate::expression::{Expression, Literal, MatchOperator, Matcher, Quote, Selector, Shift};
use crate::query::seconds;
use crate::schema::{Labels, Metric, MetricKind};

impl<'a> Writer<'a> {
    /// A metric, mostly of the kind asked for. `None` only over an empty schema.
    pub(super) fn metric(&mut self, kind: Option<MetricKind>) -> Option<&'a Metric> {
        let schema = self.schema;
        let wanted: Vec<&Metric> = match kind {
            Some(kind) if self.rng.chance(90) => schema.of_kind(kind).collect(),
            // Histograms mean little to most functions: fewer of them.
            None if self.rng.chance(80) => schema
                .of_kind(MetricKind::Gauge)
                .chain(schema.of_kind(MetricKind::Counter))
                .collect(),
            _ => Vec::new(),
        };
        if !wanted.is_empty() {
            return Some(*self.rng.pick(&wanted));
        }
        (!schema.metrics.is_empty()).then(|| self.rng.pick(&schema.metrics))
    }

    pub(super) fn instant_selector(&mut self, kind: Option<MetricKind>) -> Vector {
        let metric = self.metric(kind);
        self.selector_of(metric)
    }

    /// An instant selector of the metric, with modifiers now and then.
    pub(super) fn selector_of(&mut self, metric: Option<&Metric>) -> Vector {
        let mut selector = self.plain_selector(metric);
        selector.shift = self.shift();
        if self.options.extended_ranges && self.rng.chance(3) {
            selector.extension = Some("smoothed");
        }
        Vector {
            expression: Expression::Selector(selector),
            labels: labels_of(metric),
        }
    }

    /// Name and matchers.
    pub(super) fn plain_selector(&mut self, metric: Option<&Metric>) -> Selector {
        let Some(metric) = metric else {
            return Selector {
                name: Some("nothing".to_owned()),
                ..Selector::default()
            };
        };
        let series = self.rng.pick(&metric.series);
        let mut matchers = Vec::new();
        for (label, value) in series {
            // Without all its buckets a histogram has no quantiles.
            let percent = if label == "le" { 4 } else { 30 };
            if self.rng.chance(percent) {
                matchers.push(self.matcher(label, value));
            }
        }
        if self.rng.chance(4) {
            matchers.push(self.matcher_of_absent_label(series));
        }
        let name = match self.rng.below(40) {
            0 => {
                matchers.insert(0, self.matcher("__name__", &metric.name));
                None
            }
            1 if !matchers.is_empty() && self.rejects_empty(&matchers) => None,
            _ => Some(metric.name.clone()),
        };
        Selector {
            name,
            matchers,
            ..Selector::default()
        }
    }

    /// Whether one of the matchers rejects the empty string for sure, as one must without a name.
    fn rejects_empty(&self, matchers: &[Matcher]) -> bool {
        matchers
            .iter()
            .any(|matcher| matcher.operator == MatchOperator::Equal && !matcher.value.content.is_empty())
    }

    /// A matcher that the value satisfies, mostly.
    fn matcher(&mut self, label: &str, value: &str) -> Matcher {
        let schema = self.schema;
        let other = match schema.label_values.get(label) {
            Some(values) if !values.is_empty() => self.rng.pick(values).clone(),
            _ => "other".to_owned(),
        };
        let other = if other == value { "other".to_owned() } else { other };
        let (operator, content) = match self.rng.weighted(&[45, 15, 25, 15, 2]) {
            0 => (MatchOperator::Equal, value.to_owned()),
            1 => (MatchOperator::NotEqual, other),
            2 => (MatchOperator::Matches, self.pattern(value, &other)),
            3 => {
                let other = escape_regex(&other);
                let forms = [other.clone(), format!("{other}.*"), format!("x|{other}")];
                (MatchOperator::NotMatches, self.rng.pick(&forms).clone())
            }
            _ => (MatchOperator::Equal, other),
        };
        Matcher {
            label: label.to_owned(),
            operator,
            value: self.literal(&content),
        }
    }

    /// A regular expression that matches the value.
    fn pattern(&mut self, value: &str, other: &str) -> String {
        let (whole, other) = (escape_regex(value), escape_regex(other));
        let cut = value.char_indices().nth(1 + self.rng.below(3));
        let prefix = escape_regex(cut.map_or(value, |(at, _)| &value[..at]));
        let forms = [
            whole.clone(),
            format!("{whole}|{other}"),
            format!("({other}|{whole})"),
            format!("{prefix}.*"),
            format!("{prefix}.+|{whole}"),
            format!(".*{whole}"),
            ".+".to_owned(),
            ".*".to_owned(),
            format!("(?i){whole}"),
            format!("{whole}x?"),
            format!("[^\\n]{{{}}}", value.chars().count()),
        ];
        self.rng.pick(&forms).clone()
    }

    fn matcher_of_absent_label(&mut self, series: &Labels) -> Matcher {
        let label = if series.contains_key("absent") {
            "never"
        } else {
            "absent"
        };
        let (operator, value) = *self.rng.pick(&[
            (MatchOperator::Equal, ""),
            (MatchOperator::NotEqual, "x"),
            (MatchOperator::Matches, "|x"),
            (MatchOperator::NotMatches, ".+"),
            (MatchOperator::NotEqual, ""),
        ]);
        Matcher {
            label: label.to_owned(),
            operator,
            value: self.literal(value),
        }
    }

    pub(super) fn literal(&mut self, content: &str) -> Literal {
        let quote = match self.rng.below(10) {
            0 => Quote::Single,
            1 => Quote::Raw,
            _ => Quote::Double,
        };
        Literal {
            content: content.to_owned(),
            quote,
        }
    }

    pub(super) fn shift(&mut self) -> Shift {
        let offset = self.rng.chance(15).then(|| self.offset());
        let at = self.rng.chance(8).then(|| match self.rng.below(4) {
            0 => "start()".to_owned(),
            1 => "end()".to_owned(),
            _ => seconds(self.time_ms()),
        });
        Shift {
            offset,
            at,
            at_first: self.rng.chance(50),
        }
    }

    fn offset(&mut self) -> String {
        let window = (self.options.end_ms - self.options.start_ms).max(1);
        let ms = match self.rng.below(6) {
            0 => self.rng.between(1, window / 4 + 1),
            1 => -1000 * self.rng.between(1, 600),
            2 => self.options.interval_ms * self.rng.between(1, 40),
            _ => 60_000 * self.rng.between(1, 30),
        };
        if self.options.duration_expressions && self.rng.chance(25) {
            return self.duration_expression(ms);
        }
        write_ms(ms, &mut self.rng)
    }

    /// An expression in parentheses, near the value asked for.
    pub(super) fn duration_expression(&mut self, ms: i64) -> String {
        let plain = write_ms(ms, &mut self.rng);
        let forms = [
            format!("({plain} + 15s)"),
            format!("({plain} * 2)"),
            format!("({plain} / 2)"),
            format!("(2 ^ 3 * {plain} % 7m)"),
            format!("(-({plain} - 1h))"),
            format!("max_of({plain}, step())"),
            format!("min_of({plain}, 10m)"),
            format!("(step() + {plain})"),
            format!("max_of(range() / 4, {plain})"),
        ];
        self.rng.pick(&forms).clone()
    }
}

fn labels_of(metric: Option<&Metric>) -> Vec<String> {
    metric
        .map(|metric| metric.label_names.clone())
        .unwrap_or_default()
}

fn escape_regex(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
