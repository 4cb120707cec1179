//! What each part of a plan costs, counted while it is evaluated.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::{Grid, VectorNode};
use crate::{EvalError, ReadCost};

use super::column::StepSeries;
use super::evaluator::{Evaluator, Sink};
use super::memory::series_bytes;

/// Nanoseconds since any moment.
pub(crate) type Clock<'a> = dyn Fn() -> u64 + Sync + 'a;

/// Costs of one evaluation.
pub(crate) struct Profile<'a> {
    clock: &'a Clock<'a>,
    /// By the node's address, which the plan keeps while it is evaluated.
    nodes: Mutex<HashMap<usize, NodeCost>>,
    /// By selection. Several threads count here.
    reads: Mutex<HashMap<usize, ReadCost>>,
    /// By shared expression, the node that came to it first.
    firsts: Mutex<HashMap<usize, usize>>,
}

/// What evaluating a node cost, its inputs included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NodeCost {
    pub took_ns: u64,
    pub series: u64,
    pub samples: u64,
    pub bytes: u64,
}

impl<'a> Profile<'a> {
    pub(crate) fn new(clock: &'a Clock<'a>) -> Profile<'a> {
        Profile {
            clock,
            nodes: Mutex::default(),
            reads: Mutex::default(),
            firsts: Mutex::default(),
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        (self.clock)()
    }

    /// Nothing for a node that was not evaluated.
    pub(crate) fn node(&self, node: &VectorNode) -> NodeCost {
        locked(&self.nodes)
            .get(&address(node))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn read(&self, selection: usize) -> ReadCost {
        locked(&self.reads).get(&selection).copied().unwrap_or_default()
    }

    /// Whether this is where a shared expression was evaluated first.
    pub(crate) fn is_first(&self, shared: usize, node: &VectorNode) -> bool {
        locked(&self.firsts).get(&shared) == Some(&address(node))
    }

    fn begin(&self, node: &VectorNode) {
        if let VectorNode::Shared { at, .. } = node {
            locked(&self.firsts).entry(*at).or_insert(address(node));
        }
    }

    fn add(&self, node: &VectorNode, cost: NodeCost) {
        let mut nodes = locked(&self.nodes);
        let sum = nodes.entry(address(node)).or_default();
        sum.took_ns += cost.took_ns;
        sum.series += cost.series;
        sum.samples += cost.samples;
        sum.bytes += cost.bytes;
    }

    /// Notes a series that was read.
    pub(crate) fn add_read(&self, selection: usize, samples: u64, bytes: u64) {
        let mut reads = locked(&self.reads);
        let sum = reads.entry(selection).or_default();
        sum.series += 1;
        sum.samples += samples;
        sum.bytes += bytes;
    }
}

impl Evaluator<'_> {
    /// Evaluates a node with a look at the clock before and after, and around each series that is handed on:
    /// what happens to it there is not this node's.
    pub(super) fn profiled(
        &self,
        profile: &Profile<'_>,
        node: &VectorNode,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        profile.begin(node);
        let start_ns = profile.now_ns();
        let mut cost = NodeCost::default();
        let mut elsewhere_ns = 0;
        let outcome = self.vector_unprofiled(node, grid, &mut |series| {
            let handed_ns = profile.now_ns();
            cost.count(series);
            let outcome = sink(series);
            elsewhere_ns += profile.now_ns().saturating_sub(handed_ns);
            outcome
        });
        let passed_ns = profile.now_ns().saturating_sub(start_ns);
        cost.took_ns = passed_ns.saturating_sub(elsewhere_ns);
        profile.add(node, cost);
        outcome
    }
}

impl NodeCost {
    fn count(&mut self, series: &StepSeries) {
        let samples = series.sample_count() as u64;
        if samples > 0 {
            self.series += 1;
            self.samples += samples;
            self.bytes += series_bytes(series);
        }
    }
}

fn address(node: &VectorNode) -> usize {
    std::ptr::from_ref(node).addr()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
