//! Aggregations that look at all samples of a group at once: topk, bottomk, limitk, limit_ratio and
//! quantile.

use std::cmp::Ordering;

use vigie_model::Labels;
use xxhash_rust::xxh64::xxh64;

use crate::plan::{AggregateNode, Grid};
use crate::{AggregateOp, EvalError};

use super::super::column::{StepSeries, StepSet, is_absent};
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::merge::Collected;
use super::super::notes;
use super::super::scalar::ScalarColumn;
use super::super::window::quantile;
use super::Groups;

/// A sample that may be chosen.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    value: f64,
    /// Among the collected series.
    position: usize,
}

/// Steps looked at together: the values of a series for as many are one cache line.
const BLOCK_STEPS: usize = 8;

/// The candidates of a group at some consecutive steps.
#[derive(Debug, Default)]
struct Block {
    candidates: [Vec<Candidate>; BLOCK_STEPS],
}

impl Block {
    fn gather(&mut self, series: &[StepSeries], members: &[usize], steps: std::ops::Range<usize>) {
        self.candidates.iter_mut().for_each(Vec::clear);
        for &position in members {
            let series = &series[position];
            for (step, candidates) in steps.clone().zip(&mut self.candidates) {
                if series.is_present(step) {
                    let value = series.values[step];
                    candidates.push(Candidate { value, position });
                }
            }
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn rank(
        &self,
        node: &AggregateNode,
        param: &ScalarColumn,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        // The input first, even if none of it is kept: what is wrong with it is an error all the same.
        let mut collected = self.collect(&node.input, grid)?;
        if !self.check_rank_param(node, param)? {
            return Ok(());
        }
        let groups = self.members(node, &collected);
        if matches!(node.op, AggregateOp::Topk | AggregateOp::Bottomk) {
            self.drop_histograms(node, &mut collected);
        }
        let mut chosen: Vec<StepSet> = Vec::new();
        chosen.resize_with(collected.series.len(), || StepSet::new(grid.len));
        let mut order: Vec<usize> = Vec::new();
        let mut block = Block::default();
        for members in &groups {
            for first_step in (0..grid.len).step_by(BLOCK_STEPS) {
                let steps = first_step..grid.len.min(first_step + BLOCK_STEPS);
                block.gather(&collected.series, members, steps.clone());
                for (step, candidates) in steps.zip(&mut block.candidates) {
                    choose(node.op, param.at(step), candidates, &collected.series);
                    for candidate in candidates.iter() {
                        chosen[candidate.position].insert(step);
                        if grid.len == 1 {
                            order.push(candidate.position);
                        }
                    }
                }
                self.work(members.len() * BLOCK_STEPS)?;
            }
        }
        for (series, steps) in collected.series.iter_mut().zip(&chosen) {
            series.retain_steps(|step| steps.contains(step));
        }
        if grid.len > 1 {
            return push_all(collected, sink);
        }
        // The order of an instant query's result is that of the ranks.
        order
            .iter()
            .try_for_each(|&position| sink(&mut collected.series[position]))
    }

    /// Whether there is anything to choose; fails for parameters that are not numbers of series.
    fn check_rank_param(&self, node: &AggregateNode, param: &ScalarColumn) -> Result<bool, EvalError> {
        let (least, greatest, any_nan) = param.extremes();
        if node.op == AggregateOp::LimitRatio {
            if least == 0.0 && greatest == 0.0 && !any_nan {
                return Ok(false);
            }
            if any_nan {
                return Err(EvalError::Execution("Ratio value is NaN".to_owned()));
            }
            if greatest > 1.0 {
                self.note(node.param_span, notes::invalid_ratio(greatest, 1.0));
            }
            if least < -1.0 {
                self.note(node.param_span, notes::invalid_ratio(least, -1.0));
            }
            return Ok(true);
        }
        if greatest < 1.0 && greatest > f64::NEG_INFINITY {
            return Ok(false);
        }
        if any_nan {
            return Err(EvalError::Execution("Parameter value is NaN".to_owned()));
        }
        let limit = i64::MAX as f64;
        if least <= -limit {
            return Err(EvalError::Execution(format!(
                "Scalar value {} underflows int64",
                vigie_model::format_go_g(least)
            )));
        }
        if greatest >= limit {
            return Err(EvalError::Execution(format!(
                "Scalar value {} overflows int64",
                vigie_model::format_go_g(greatest)
            )));
        }
        Ok(true)
    }

    pub(super) fn quantiles(
        &self,
        node: &AggregateNode,
        param: &ScalarColumn,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let (least, greatest, any_nan) = param.extremes();
        if any_nan {
            self.note(node.param_span, notes::invalid_quantile(f64::NAN));
        }
        if greatest > 1.0 {
            self.note(node.param_span, notes::invalid_quantile(greatest));
        }
        if least < 0.0 {
            self.note(node.param_span, notes::invalid_quantile(least));
        }
        let mut collected = self.collect(&node.input, grid)?;
        let groups = self.members(node, &collected);
        self.drop_histograms(node, &mut collected);
        let labels_of = Groups::new(&node.grouping);
        let mut columns: [Vec<f64>; BLOCK_STEPS] = Default::default();
        for members in &groups {
            let Some(first) = members.first().map(|&position| &collected.series[position]) else {
                continue;
            };
            let mut out = StepSeries::new(labels_of.labels(&first.labels), grid.len);
            out.drop_name = members
                .iter()
                .any(|&position| collected.series[position].drop_name);
            for first_step in (0..grid.len).step_by(BLOCK_STEPS) {
                let steps = first_step..grid.len.min(first_step + BLOCK_STEPS);
                columns.iter_mut().for_each(Vec::clear);
                for &position in members {
                    let values = &collected.series[position].values[steps.clone()];
                    for (column, &value) in columns.iter_mut().zip(values) {
                        if !is_absent(value) {
                            column.push(value);
                        }
                    }
                }
                for (step, column) in steps.zip(&mut columns) {
                    if !column.is_empty() {
                        out.values[step] = quantile(param.at(step), column);
                    }
                }
                self.work(members.len() * BLOCK_STEPS)?;
            }
            sink(&mut out)?;
        }
        Ok(())
    }

    /// The positions of each group's series, in the order the groups appear.
    fn members(&self, node: &AggregateNode, collected: &Collected<'_>) -> Vec<Vec<usize>> {
        let mut groups = Groups::new(&node.grouping);
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (position, series) in collected.series.iter().enumerate() {
            let group = groups.position(&series.labels);
            if group == members.len() {
                members.push(Vec::new());
            }
            members[group].push(position);
        }
        members
    }

    fn drop_histograms(&self, node: &AggregateNode, collected: &mut Collected<'_>) {
        let (operator, span) = match node.op {
            AggregateOp::Topk => ("topk", node.span),
            AggregateOp::Bottomk => ("bottomk", node.span),
            _ => ("quantile", node.input_span),
        };
        for series in &mut collected.series {
            if !series.histograms.is_empty() {
                series.histograms.clear();
                self.note(span, notes::histogram_ignored_in_aggregation(operator));
            }
        }
    }
}

/// Leaves those that stay, for topk and bottomk in the order of their ranks. Equal values keep the
/// order of their series, and NaN ranks last.
fn choose(op: AggregateOp, param: f64, candidates: &mut Vec<Candidate>, series: &[StepSeries]) {
    let count = if param < 1.0 { 0 } else { param as usize };
    let by_rank = |left: &Candidate, right: &Candidate| {
        let ordering = if op == AggregateOp::Topk {
            right.value.partial_cmp(&left.value)
        } else {
            left.value.partial_cmp(&right.value)
        };
        ordering
            .unwrap_or_else(|| left.value.is_nan().cmp(&right.value.is_nan()))
            .then(left.position.cmp(&right.position))
    };
    match op {
        AggregateOp::Limitk => candidates.truncate(count),
        AggregateOp::LimitRatio => {
            candidates.retain(|candidate| in_ratio(param, &series[candidate.position].labels));
        }
        _ => {
            if count == 0 {
                candidates.clear();
            } else if count < candidates.len() {
                candidates.select_nth_unstable_by(count - 1, by_rank);
                candidates.truncate(count);
            }
            candidates.sort_unstable_by(|left, right| -> Ordering { by_rank(left, right) });
        }
    }
}

/// A positive ratio takes the lowest part of the hash space, a negative one the rest, so that `r` and
/// `r - 1` complement each other.
fn in_ratio(ratio: f64, labels: &Labels) -> bool {
    let place = label_hash(labels) as f64 / u64::MAX as f64;
    if ratio >= 0.0 {
        place < ratio
    } else {
        place >= 1.0 + ratio
    }
}

/// The hash Prometheus gives a label set: of its names and values, each behind its length in one byte,
/// or from 255 on in a byte 255 and three more, the lowest first.
fn label_hash(labels: &Labels) -> u64 {
    let mut bytes = Vec::with_capacity(256);
    let mut push = |text: &str| {
        let length = text.len();
        if length < 255 {
            bytes.push(length as u8);
        } else {
            bytes.extend_from_slice(&[255, length as u8, (length >> 8) as u8, (length >> 16) as u8]);
        }
        bytes.extend_from_slice(text.as_bytes());
    };
    for (name, value) in labels {
        push(name);
        push(value);
    }
    xxh64(&bytes, 0)
}
