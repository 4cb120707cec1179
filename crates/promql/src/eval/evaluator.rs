//! Walks the plan.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use vigie_model::Labels;

use crate::plan::{Grid, ScalarNode, VectorNode};
use crate::{Annotations, EvalError, MatrixSeries, Plan, Source, SourceError, Span};

use super::column::{StepSeries, without_metadata};
use super::context::{Interrupt, QueryContext, QueryStats};
use super::memory::Memory;
use super::merge::{Collected, Merger};
use super::notes::{Note, Notes};
use super::profile::Profile;
use super::shared::SharedValue;

/// Takes a series; may take its columns out and leave it empty.
pub(crate) type Sink<'s> = dyn FnMut(&mut StepSeries) -> Result<(), EvalError> + 's;

/// Samples of work between two looks at the interrupt. The dearest work per sample is some
/// hundred nanoseconds (a sort per window), the usual one a few: well under the few milliseconds allowed.
const WORK_PER_POLL: usize = 32_768;

const PHASE: &str = "expression evaluation";

pub(crate) struct Evaluator<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a dyn Source,
    pub(crate) memory: Memory,
    pub(crate) context: &'a QueryContext<'a>,
    /// Counts what each part costs, if somebody wants to know.
    pub(super) profile: Option<Profile<'a>>,
    /// What was kept of the plan's shared expressions.
    pub(super) shared: Vec<Mutex<SharedValue>>,
    notes: Mutex<Notes>,
    samples_read: AtomicU64,
    work: AtomicUsize,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        source: &'a dyn Source,
        context: &'a QueryContext<'a>,
    ) -> Evaluator<'a> {
        Evaluator {
            plan,
            source,
            memory: Memory::new(context),
            context,
            profile: None,
            shared: plan.shared().iter().map(|_| Mutex::default()).collect(),
            notes: Mutex::default(),
            samples_read: AtomicU64::new(0),
            work: AtomicUsize::new(0),
        }
    }

    /// Pushes the series of a vector, no two with the same labels, in a fixed order. Some may be
    /// empty.
    pub(crate) fn vector(&self, node: &VectorNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        if grid.len == 0 {
            return Ok(());
        }
        // Before anything of that length is allocated: a subquery may ask for any number of steps.
        self.memory.check(grid.len)?;
        match &self.profile {
            None => self.vector_unprofiled(node, grid, sink),
            Some(profile) => self.profiled(profile, node, grid, sink),
        }
    }

    pub(super) fn vector_unprofiled(
        &self,
        node: &VectorNode,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        match node {
            VectorNode::Selector(selector) => self.select_instant(selector, grid, None, sink),
            VectorNode::SelectorTime(selector, time) => self.unique(!selector.one_name, sink, &mut |sink| {
                self.select_instant(selector, grid, Some(*time), &mut |series| {
                    self.drop_name(series);
                    sink(series)
                })
            }),
            VectorNode::Range(call) => self.range_call(call, grid, sink),
            VectorNode::AbsentOverTime { input, labels } => self.absent_over_time(input, labels, grid, sink),
            VectorNode::Map {
                function,
                input,
                params,
            } => self.map(*function, input, params, grid, sink),
            VectorNode::Negate(input) => self.negate(input, grid, sink),
            VectorNode::FromScalar(scalar) => {
                let column = self.scalar(scalar, grid)?;
                let mut series = StepSeries::new(Labels::empty(), grid.len);
                column.write(&mut series.values);
                sink(&mut series)
            }
            VectorNode::Absent { input, labels } => self.absent(input, labels, grid, sink),
            VectorNode::LabelReplace(call) => self.label_replace(call, grid, sink),
            VectorNode::LabelJoin {
                input,
                target,
                separator,
                sources,
            } => self.label_join((input, grid), target, separator, sources, sink),
            VectorNode::Sort { input, order, span } => self.sort(input, order, *span, grid, sink),
            VectorNode::HistogramQuantile(call) => self.histogram_quantile(call, grid, sink),
            VectorNode::HistogramFraction(call) => self.histogram_fraction(call, grid, sink),
            VectorNode::Info(call) => self.info(call, grid, sink),
            VectorNode::Aggregate(node) => self.aggregate(node, grid, sink),
            VectorNode::BinaryScalar(node) => self.binary_scalar(node, grid, sink),
            VectorNode::Binary(node) => self.binary(node, grid, sink),
            VectorNode::Repeat(inner) => self.repeat(inner, grid, sink),
            VectorNode::Shared { at, .. } => self.shared(*at, sink),
            VectorNode::Nothing => Ok(()),
        }
    }

    /// The series of a vector, held.
    pub(crate) fn collect(&self, node: &VectorNode, grid: Grid) -> Result<Collected<'_>, EvalError> {
        let mut collected = Collected::new(&self.memory);
        self.vector(node, grid, &mut |series| {
            if series.is_empty() {
                return Ok(());
            }
            collected.push(series)
        })?;
        Ok(collected)
    }

    /// The series of the whole query.
    pub(crate) fn final_vector(&self, node: &VectorNode, grid: Grid) -> Result<Collected<'_>, EvalError> {
        if !self.plan.params().delayed_name_removal {
            return self.collect(node, grid);
        }
        let mut merger = Merger::new(&self.memory);
        self.vector(node, grid, &mut |series| {
            if series.drop_name {
                series.labels = without_metadata(&series.labels);
            }
            merger.push(series)
        })?;
        Ok(merger.finish())
    }

    /// Runs `produce` into the sink; if its series may share labels, joins those first.
    pub(crate) fn unique(
        &self,
        may_collide: bool,
        sink: &mut Sink<'_>,
        produce: &mut dyn FnMut(&mut Sink<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        if !may_collide || self.plan.params().delayed_name_removal {
            return produce(sink);
        }
        let mut merger = Merger::new(&self.memory);
        produce(&mut |series| merger.push(series))?;
        push_all(merger.finish(), sink)
    }

    /// Removes the name now or marks it for removal.
    pub(crate) fn drop_name(&self, series: &mut StepSeries) {
        if self.plan.params().delayed_name_removal {
            series.drop_name = true;
        } else {
            series.labels = without_metadata(&series.labels);
        }
    }

    fn repeat(&self, inner: &VectorNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        self.vector(inner, grid.first(), &mut |series| {
            if let Some(&value) = series.values.first() {
                series.values.resize(grid.len, value);
            }
            if let Some((_, histogram)) = series.histograms.first().cloned() {
                series.histograms = (0..grid.len).map(|step| (step, histogram.clone())).collect();
            }
            self.work(grid.len)?;
            sink(series)
        })
    }

    fn negate(&self, input: &VectorNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        self.unique(!input.has_one_name(), sink, &mut |sink| {
            self.vector(input, grid, &mut |series| {
                for value in &mut series.values {
                    if !super::column::is_absent(*value) {
                        *value = -*value;
                    }
                }
                for (_, histogram) in &mut series.histograms {
                    Arc::make_mut(histogram).mul(-1.0);
                }
                self.drop_name(series);
                sink(series)
            })
        })
    }

    pub(crate) fn note(&self, span: Span, note: Note) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.add(span, note);
    }

    /// How often something was noted.
    pub(super) fn note_count(&self) -> u64 {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).count()
    }

    pub(crate) fn annotations(&self) -> Annotations {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.render(&self.plan.params().query)
    }

    pub(crate) fn stats(&self) -> QueryStats {
        QueryStats {
            samples_read: self.samples_read.load(Ordering::Relaxed),
            peak_samples: self.memory.peak_samples(),
            peak_bytes: self.memory.peak_bytes(),
        }
    }

    pub(super) fn samples_read(&self) -> u64 {
        self.samples_read.load(Ordering::Relaxed)
    }

    pub(crate) fn count_read(&self, samples: usize) {
        self.samples_read.fetch_add(samples as u64, Ordering::Relaxed);
    }

    /// Notes that some samples are being worked on, and looks at the interrupt if it is time.
    #[inline]
    pub(crate) fn work(&self, samples: usize) -> Result<(), EvalError> {
        let work = self.work.load(Ordering::Relaxed) + samples + 1;
        if work < WORK_PER_POLL {
            // What several threads count at once may get lost: each of them still gets here soon.
            self.work.store(work, Ordering::Relaxed);
            return Ok(());
        }
        self.poll()
    }

    /// Why a read failed. A source that gives up because of the interrupt is not what failed.
    pub(crate) fn read_failed(&self, error: SourceError) -> EvalError {
        match self.poll() {
            Err(interrupt) => interrupt,
            Ok(()) => error.into(),
        }
    }

    pub(crate) fn poll(&self) -> Result<(), EvalError> {
        self.work.store(0, Ordering::Relaxed);
        match (self.context.interrupted)() {
            None => Ok(()),
            Some(Interrupt::Timeout) => Err(EvalError::Timeout { phase: PHASE }),
            Some(Interrupt::Canceled) => Err(EvalError::Canceled { phase: PHASE }),
        }
    }

    /// A scalar at every step, for functions that take one per step.
    pub(crate) fn scalars(
        &self,
        nodes: &[ScalarNode],
        grid: Grid,
    ) -> Result<Vec<super::scalar::ScalarColumn>, EvalError> {
        nodes.iter().map(|node| self.scalar(node, grid)).collect()
    }

    /// A range vector at the top of an instant query: the samples themselves.
    pub(crate) fn raw_matrix(
        &self,
        input: &crate::plan::RangeInput,
        grid: Grid,
    ) -> Result<Vec<MatrixSeries>, EvalError> {
        super::window::raw_matrix(self, input, grid)
    }
}

/// Hands collected series on.
pub(crate) fn push_all(collected: Collected<'_>, sink: &mut Sink<'_>) -> Result<(), EvalError> {
    let mut collected = collected;
    collected.series.iter_mut().try_for_each(sink)
}
