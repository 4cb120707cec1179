//! The plan as a tree of operations, with what a profile counted of each.

use crate::plan::{
    AggregateNode, BinaryNode, MapFunction, RangeCall, RangeFunction, RangeInput, RangeSamples, RootNode,
    ScalarNode, VectorNode,
};
use crate::{Explained, Grouping, Plan, QueryValue};

use super::profile::Profile;

/// `took_ns` is the time of the whole evaluation.
pub(super) fn explain(plan: &Plan, profile: &Profile<'_>, value: &QueryValue, took_ns: u64) -> Explained {
    let explainer = Explainer { plan, profile };
    let mut result = Explained {
        took_ns,
        ..Explained::default()
    };
    match plan.root() {
        RootNode::String(_) => "a string".clone_into(&mut result.operation),
        RootNode::Scalar(node) => {
            "a scalar".clone_into(&mut result.operation);
            result.parts = explainer.parts_of_scalar(node);
        }
        RootNode::Vector(node) => {
            "the series, sorted".clone_into(&mut result.operation);
            result.parts = vec![explainer.vector(node)];
        }
        RootNode::Matrix(input) => {
            result.operation = format!("samples of {}", window(input));
            explainer.add_input(&mut result, input);
        }
    }
    (result.series, result.samples) = size(value);
    result.bytes = result.samples * 16;
    settle(&mut result);
    result
}

/// Series and samples of an answer.
fn size(value: &QueryValue) -> (u64, u64) {
    match value {
        QueryValue::Scalar { .. } | QueryValue::String { .. } => (1, 1),
        QueryValue::Vector(vector) => (vector.len() as u64, vector.len() as u64),
        QueryValue::Matrix(matrix) => {
            let samples = matrix.iter().map(|row| row.values.len() + row.histograms.len());
            (matrix.len() as u64, samples.sum::<usize>() as u64)
        }
    }
}

/// What is not its parts' is its own.
fn settle(explained: &mut Explained) {
    let parts: u64 = explained.parts.iter().map(|part| part.took_ns).sum();
    explained.own_ns = explained.took_ns.saturating_sub(parts);
}

struct Explainer<'a> {
    plan: &'a Plan,
    profile: &'a Profile<'a>,
}

impl Explainer<'_> {
    fn vector(&self, node: &VectorNode) -> Explained {
        let cost = self.profile.node(node);
        let mut explained = Explained {
            took_ns: cost.took_ns,
            series: cost.series,
            samples: cost.samples,
            bytes: cost.bytes,
            ..Explained::default()
        };
        self.describe(node, &mut explained);
        settle(&mut explained);
        explained
    }

    /// Fills in the operation, what it reads, and its parts.
    fn describe(&self, node: &VectorNode, out: &mut Explained) {
        out.operation = match node {
            VectorNode::Selector(selector) => {
                out.read = Some(self.profile.read(selector.selection));
                self.select(selector.selection)
            }
            VectorNode::SelectorTime(selector, _) => {
                out.read = Some(self.profile.read(selector.selection));
                format!("times of {}", self.select(selector.selection))
            }
            VectorNode::Range(call) => {
                self.add_input(out, &call.input);
                out.parts.extend(self.parts_of_scalars(&call.params));
                self.range(call)
            }
            VectorNode::AbsentOverTime { input, .. } => {
                self.add_input(out, input);
                format!("absent_over_time of {}", window(input))
            }
            VectorNode::Map {
                function,
                input,
                params,
            } => {
                out.parts.push(self.vector(input));
                out.parts.extend(self.parts_of_scalars(params));
                map_name(*function)
            }
            VectorNode::Negate(input) => self.of("negate", input, out),
            VectorNode::FromScalar(scalar) => {
                out.parts = self.parts_of_scalar(scalar);
                "vector of a scalar".to_owned()
            }
            VectorNode::Absent { input, .. } => self.of("absent", input, out),
            VectorNode::LabelReplace(call) => self.of("label_replace", &call.input, out),
            VectorNode::LabelJoin { input, .. } => self.of("label_join", input, out),
            VectorNode::Sort { input, .. } => self.of("sort", input, out),
            VectorNode::HistogramQuantile(call) => {
                let name = self.of("histogram_quantile", &call.input, out);
                for (quantile, _) in &call.quantiles {
                    out.parts.extend(self.parts_of_scalar(quantile));
                }
                name
            }
            VectorNode::HistogramFraction(call) => {
                let name = self.of("histogram_fraction", &call.input, out);
                out.parts.extend(self.parts_of_scalar(&call.lower));
                out.parts.extend(self.parts_of_scalar(&call.upper));
                name
            }
            VectorNode::Info(call) => {
                out.read = Some(self.profile.read(call.selection));
                self.of("info", &call.input, out)
            }
            VectorNode::Aggregate(node) => {
                out.parts.push(self.vector(&node.input));
                if let Some(param) = &node.param {
                    out.parts.extend(self.parts_of_scalar(param));
                }
                aggregate_name(node)
            }
            VectorNode::BinaryScalar(node) => {
                out.parts.push(self.vector(&node.vector));
                out.parts.extend(self.parts_of_scalar(&node.scalar));
                format!("{} with a scalar", node.op.as_str())
            }
            VectorNode::Binary(node) => {
                out.parts.push(self.vector(&node.left));
                out.parts.push(self.vector(&node.right));
                binary_name(node)
            }
            VectorNode::Repeat(input) => self.of("repeat at every step", input, out),
            VectorNode::Shared { at, .. } => self.shared(*at, node, out),
            VectorNode::Nothing => "nothing".to_owned(),
        };
    }

    fn of(&self, name: &str, input: &VectorNode, out: &mut Explained) -> String {
        out.parts.push(self.vector(input));
        name.to_owned()
    }

    /// Its parts stand where it was evaluated first.
    fn shared(&self, at: usize, node: &VectorNode, out: &mut Explained) -> String {
        match self.plan.shared().get(at) {
            Some(shared) if self.profile.is_first(at, node) => {
                out.parts.push(self.vector(&shared.node));
                format!("common expression {}, evaluated", at + 1)
            }
            _ => format!("common expression {}, again", at + 1),
        }
    }

    fn add_input(&self, out: &mut Explained, input: &RangeInput) {
        match &input.samples {
            RangeSamples::Selection { selection, .. } => out.read = Some(self.profile.read(*selection)),
            RangeSamples::Subquery { input, .. } => out.parts.push(self.vector(input)),
        }
    }

    fn range(&self, call: &RangeCall) -> String {
        let name = range_name(call.function);
        match &call.input.samples {
            RangeSamples::Selection { selection, .. } => {
                let window = window(&call.input);
                format!("{name} of {window} of {}", self.select(*selection))
            }
            RangeSamples::Subquery { .. } => format!("{name} of {}", window(&call.input)),
        }
    }

    fn select(&self, selection: usize) -> String {
        let matchers = self
            .plan
            .selections()
            .get(selection)
            .map_or(&[][..], |request| &request.matchers);
        let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        format!("select {{{}}}", matchers.join(","))
    }

    fn parts_of_scalars(&self, nodes: &[ScalarNode]) -> Vec<Explained> {
        nodes.iter().flat_map(|node| self.parts_of_scalar(node)).collect()
    }

    /// The vectors that a scalar is computed from.
    fn parts_of_scalar(&self, node: &ScalarNode) -> Vec<Explained> {
        match node {
            ScalarNode::Number(_) | ScalarNode::Time => Vec::new(),
            ScalarNode::FromVector(input) => vec![self.vector(input)],
            ScalarNode::Negate(inner) | ScalarNode::Repeat(inner) => self.parts_of_scalar(inner),
            ScalarNode::Binary { left, right, .. }
            | ScalarNode::MinOf(left, right)
            | ScalarNode::MaxOf(left, right) => {
                let mut parts = self.parts_of_scalar(left);
                parts.extend(self.parts_of_scalar(right));
                parts
            }
        }
    }
}

fn window(input: &RangeInput) -> String {
    let range = vigie_model::format_duration_ms(input.range_ms);
    match &input.samples {
        RangeSamples::Selection { .. } => format!("[{range}]"),
        RangeSamples::Subquery { grid, .. } => {
            format!("[{range}:{}]", vigie_model::format_duration_ms(grid.step_ms))
        }
    }
}

fn range_name(function: RangeFunction) -> String {
    let name = snake_case(&format!("{function:?}"));
    match function {
        RangeFunction::Rate
        | RangeFunction::Increase
        | RangeFunction::Delta
        | RangeFunction::Irate
        | RangeFunction::Idelta
        | RangeFunction::Deriv
        | RangeFunction::PredictLinear
        | RangeFunction::DoubleExponentialSmoothing
        | RangeFunction::Resets
        | RangeFunction::Changes => name,
        _ => format!("{}_over_time", name.replace("timestamp_of", "ts_of")),
    }
}

fn map_name(function: MapFunction) -> String {
    match function {
        MapFunction::Calendar(field) => snake_case(&format!("{field:?}")),
        MapFunction::Histogram(statistic) => {
            format!("histogram_{}", snake_case(&format!("{statistic:?}")))
        }
        other => snake_case(&format!("{other:?}")),
    }
}

/// `ClampMin` is `clamp_min`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn aggregate_name(node: &AggregateNode) -> String {
    let op = node.op.as_str();
    match &node.grouping {
        Grouping::By(names) if names.is_empty() => op.to_owned(),
        Grouping::By(names) => format!("{op} by ({})", names.join(", ")),
        Grouping::Without(names) => format!("{op} without ({})", names.join(", ")),
    }
}

fn binary_name(node: &BinaryNode) -> String {
    let (op, labels) = (node.op.as_str(), node.matching.labels.join(", "));
    match (node.matching.on, labels.is_empty()) {
        (true, _) => format!("{op} on ({labels})"),
        (false, true) => op.to_owned(),
        (false, false) => format!("{op} ignoring ({labels})"),
    }
}
