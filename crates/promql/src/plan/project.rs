//! Which labels of a selection an aggregation needs.

use std::sync::Arc;

use vigie_model::METRIC_NAME;

use crate::{AggregateExpr, AggregateOp, Grouping, SelectRequest};

use super::{RangeCall, RangeSamples, VectorNode};

/// Tells the selection that an aggregation is fed from which labels are needed, where that is known: those it groups by,
/// and those that remarks and the kinds of counters depend on.
pub(super) fn project(aggregate: &AggregateExpr, input: &VectorNode, selections: &mut [SelectRequest]) {
    let Grouping::By(names) = &aggregate.grouping else {
        return;
    };
    let keeps_series = matches!(
        aggregate.op,
        AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio
            | AggregateOp::CountValues
    );
    if keeps_series {
        return;
    }
    if let Some(request) = leaf(input).and_then(|selection| selections.get_mut(selection)) {
        let always = [METRIC_NAME, "__type__", "__unit__"].map(str::to_owned);
        let labels: Arc<[String]> = names.iter().cloned().chain(always).collect();
        request.labels = Some(labels);
    }
}

/// The selection whose series reach the aggregation one by one, none of them being joined to or compared
/// with another by its labels on the way. Nobody else reads it.
fn leaf(node: &VectorNode) -> Option<usize> {
    match node {
        VectorNode::Selector(selector) => Some(selector.selection),
        VectorNode::SelectorTime(selector, _) => selector.one_name.then_some(selector.selection),
        VectorNode::Range(call) => leaf_of_range(call),
        VectorNode::Map { input, .. } | VectorNode::Negate(input) => leaf_of_one_name(input),
        VectorNode::BinaryScalar(node) => leaf_of_one_name(&node.vector),
        VectorNode::Repeat(input) => leaf(input),
        _ => None,
    }
}

/// Where names are dropped, series that differ in nothing else are an error.
fn leaf_of_one_name(node: &VectorNode) -> Option<usize> {
    leaf(node).filter(|_| node.has_one_name())
}

fn leaf_of_range(call: &RangeCall) -> Option<usize> {
    match call.input.samples {
        RangeSamples::Selection {
            selection, one_name, ..
        } => (one_name || call.function.keeps_name()).then_some(selection),
        RangeSamples::Subquery { .. } => None,
    }
}
