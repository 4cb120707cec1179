//! and, or, unless.

use crate::EvalError;
use crate::plan::{BinaryNode, Grid};

use super::super::column::StepSet;
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::memory::Charge;
use super::super::merge::Merger;
use super::matching::Signatures;

/// At which steps each group has a series.
struct Presence<'m> {
    steps: Vec<StepSet>,
    len: usize,
    charge: Charge<'m>,
}

impl<'m> Presence<'m> {
    fn new(len: usize, charge: Charge<'m>) -> Presence<'m> {
        Presence {
            steps: Vec::new(),
            len,
            charge,
        }
    }

    fn group(&mut self, ordinal: usize) -> Result<&mut StepSet, EvalError> {
        while self.steps.len() <= ordinal {
            let steps = StepSet::new(self.len);
            self.charge.grow(0, steps.size_bytes())?;
            self.steps.push(steps);
        }
        Ok(&mut self.steps[ordinal])
    }

    fn contains(&self, ordinal: usize, step: usize) -> bool {
        self.steps.get(ordinal).is_some_and(|steps| steps.contains(step))
    }
}

impl Evaluator<'_> {
    /// `and` keeps the left samples with a partner, `unless` those without. Only which steps the
    /// right has is remembered, and the left streams.
    pub(super) fn keep_matched(
        &self,
        node: &BinaryNode,
        keep_matched: bool,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let mut signatures = Signatures::new(&node.matching);
        let mut right = Presence::new(grid.len, self.memory.empty_charge());
        self.vector(&node.right, grid, &mut |series| {
            right
                .group(signatures.ordinal(&series.labels))?
                .insert_present(series);
            self.work(grid.len)
        })?;
        self.vector(&node.left, grid, &mut |series| {
            let ordinal = signatures.ordinal(&series.labels);
            series.retain_steps(|step| right.contains(ordinal, step) == keep_matched);
            self.work(grid.len)?;
            sink(series)
        })
    }

    /// All of the left, and what of the right has no partner there.
    pub(super) fn union(&self, node: &BinaryNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let mut signatures = Signatures::new(&node.matching);
        let mut left = Presence::new(grid.len, self.memory.empty_charge());
        let mut merger = Merger::new(&self.memory);
        self.vector(&node.left, grid, &mut |series| {
            left.group(signatures.ordinal(&series.labels))?
                .insert_present(series);
            self.work(grid.len)?;
            merger.push(series)
        })?;
        self.vector(&node.right, grid, &mut |series| {
            let ordinal = signatures.ordinal(&series.labels);
            series.retain_steps(|step| !left.contains(ordinal, step));
            self.work(grid.len)?;
            merger.push(series)
        })?;
        push_all(merger.finish(), sink)
    }
}
