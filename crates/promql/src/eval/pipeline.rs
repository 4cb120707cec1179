//! From a selection to columns, on several threads.
//!
//! Decoding and windows are nearly all of what a query costs, and each series is computed without the
//! others. So threads take batches of series in the source's order and compute their columns; the evaluator's
//! own thread hands the columns on in that same order. Nothing downstream can tell how many threads there
//! were: sums have the same order of summation, and the first error in the order of the series is the one
//! that is reported.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::{EvalError, Series, SeriesBatch, SeriesSet, SourceError};

use super::column::StepSeries;
use super::evaluator::{Evaluator, Sink};
use super::memory::{Charge, series_bytes};
use super::window::Scratch;

/// Computes the column of a series. May take its labels and change its samples.
pub(crate) type Compute<'c> =
    dyn Fn(&mut Series, &mut Scratch, &mut StepSeries) -> Result<(), EvalError> + Sync + 'c;

/// Batches of columns that may wait for their turn, per thread: enough that one slow batch stops nobody,
/// few enough that what waits is small beside what is read.
const WAITING_PER_THREAD: usize = 2;

impl Evaluator<'_> {
    /// Pushes the columns of a selection's series.
    pub(crate) fn each_column(
        &self,
        selection: usize,
        sink: &mut Sink<'_>,
        compute: &Compute<'_>,
    ) -> Result<(), EvalError> {
        let Some(request) = self.plan.selections().get(selection) else {
            return Ok(());
        };
        if request.end_ms < request.start_ms {
            return Ok(());
        }
        let failed = |error| self.read_failed(error);
        let mut set = self.source.select(request).map_err(failed)?;
        let Some(first) = set.next_batch().map_err(failed)? else {
            return Ok(());
        };
        // A small selection is over before a thread has started.
        let second = match self.context.threads {
            0 | 1 => None,
            _ => set.next_batch().map_err(failed)?,
        };
        if let Some(second) = second {
            let feed = Feed::new(set, [first, second]);
            return self.in_parallel(selection, feed, sink, compute);
        }
        let mut worker = Worker::default();
        let mut next = Some(first);
        while let Some(mut batch) = next {
            while batch.next_into(&mut worker.series).map_err(failed)? {
                let _held = self.account(selection, &worker.series)?;
                compute(&mut worker.series, &mut worker.scratch, &mut worker.column)?;
                sink(&mut worker.column)?;
            }
            next = set.next_batch().map_err(failed)?;
        }
        Ok(())
    }

    fn in_parallel(
        &self,
        selection: usize,
        feed: Feed<'_>,
        sink: &mut Sink<'_>,
        compute: &Compute<'_>,
    ) -> Result<(), EvalError> {
        let shared = Shared {
            evaluator: self,
            selection,
            compute,
            capacity: self.context.threads * WAITING_PER_THREAD,
            feed: Mutex::new(feed),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        std::thread::scope(|scope| {
            let _ending = Ending {
                shared: &shared,
                only_by_panic: false,
            };
            for _ in 1..self.context.threads {
                scope.spawn(|| shared.help());
            }
            shared.drive(sink)
        })
    }
}

/// What a thread uses again for each series.
#[derive(Default)]
struct Worker {
    series: Series,
    scratch: Scratch,
    column: StepSeries,
}

type Batch = Result<Box<dyn SeriesBatch>, SourceError>;

/// Where batches come from, numbered in their order.
struct Feed<'s> {
    set: Box<dyn SeriesSet + 's>,
    /// Read ahead.
    ready: VecDeque<Box<dyn SeriesBatch>>,
    taken: usize,
    ended: bool,
}

impl<'s> Feed<'s> {
    fn new(set: Box<dyn SeriesSet + 's>, ready: [Box<dyn SeriesBatch>; 2]) -> Feed<'s> {
        Feed {
            set,
            ready: ready.into(),
            taken: 0,
            ended: false,
        }
    }

    /// The next batch with its number. A failure to read has one too, and is the last.
    fn take(&mut self) -> Option<(usize, Batch)> {
        if self.ended {
            return None;
        }
        let batch = match self.ready.pop_front() {
            Some(batch) => Ok(batch),
            None => match self.set.next_batch() {
                Ok(Some(batch)) => Ok(batch),
                Ok(None) => {
                    self.ended = true;
                    return None;
                }
                Err(error) => {
                    self.ended = true;
                    Err(error)
                }
            },
        };
        self.taken += 1;
        Some((self.taken - 1, batch))
    }
}

/// The columns of a batch, and what they are charged.
type Columns<'m> = Result<(Vec<StepSeries>, Charge<'m>), EvalError>;

#[derive(Default)]
struct State<'m> {
    /// By number from `passed_on` on; `None` where a thread is still at work.
    waiting: VecDeque<Option<Columns<'m>>>,
    /// How many batches were handed on.
    passed_on: usize,
    /// Batches being computed or waiting.
    under_way: usize,
    /// There are no more to take.
    exhausted: bool,
    stopped: bool,
    /// Columns to use again.
    spare: Vec<Vec<StepSeries>>,
}

struct Shared<'e, 'x, 'c> {
    evaluator: &'x Evaluator<'e>,
    selection: usize,
    compute: &'c Compute<'c>,
    /// Of batches under way.
    capacity: usize,
    /// Locked while the source is waited for; never together with the state.
    feed: Mutex<Feed<'x>>,
    state: Mutex<State<'x>>,
    changed: Condvar,
}

impl<'x> Shared<'_, 'x, '_> {
    fn state(&self) -> MutexGuard<'_, State<'x>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<'x>>) -> MutexGuard<'g, State<'x>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Computes batches until there are no more or nobody wants them.
    fn help(&self) {
        let _ending = Ending {
            shared: self,
            only_by_panic: true,
        };
        let mut worker = Worker::default();
        loop {
            let mut state = self.state();
            while !state.stopped && !state.exhausted && state.under_way >= self.capacity {
                state = self.wait(state);
            }
            if state.stopped || state.exhausted {
                break;
            }
            state.under_way += 1;
            drop(state);
            self.one_batch(&mut worker);
        }
    }

    /// Takes a batch and leaves its columns in their place. `under_way` counts it already.
    fn one_batch(&self, worker: &mut Worker) {
        let taken = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((number, batch)) = taken else {
            let mut state = self.state();
            state.exhausted = true;
            state.under_way -= 1;
            self.changed.notify_all();
            return;
        };
        let spare = self.state().spare.pop().unwrap_or_default();
        let columns = match batch {
            Ok(batch) => self.columns(batch, worker, spare),
            Err(error) => Err(self.evaluator.read_failed(error)),
        };
        let mut state = self.state();
        let place = number - state.passed_on;
        if state.waiting.len() <= place {
            state.waiting.resize_with(place + 1, || None);
        }
        state.waiting[place] = Some(columns);
        self.changed.notify_all();
    }

    fn columns(
        &self,
        mut batch: Box<dyn SeriesBatch>,
        worker: &mut Worker,
        mut columns: Vec<StepSeries>,
    ) -> Columns<'x> {
        let mut charge = self.evaluator.memory.empty_charge();
        let mut count = 0;
        let failed = |error| self.evaluator.read_failed(error);
        while batch.next_into(&mut worker.series).map_err(failed)? {
            let _held = self.evaluator.account(self.selection, &worker.series)?;
            if columns.len() == count {
                columns.push(StepSeries::default());
            }
            let column = &mut columns[count];
            (self.compute)(&mut worker.series, &mut worker.scratch, column)?;
            charge.grow(0, series_bytes(column))?;
            count += 1;
        }
        columns.truncate(count);
        Ok((columns, charge))
    }

    /// Hands on what is due; works along where nothing is.
    fn drive(&self, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let mut worker = Worker::default();
        loop {
            let mut state = self.state();
            if let Some(due) = state.waiting.front_mut()
                && let Some(columns) = due.take()
            {
                state.waiting.pop_front();
                state.passed_on += 1;
                state.under_way -= 1;
                self.changed.notify_all();
                drop(state);
                let (mut columns, _charge) = columns?;
                for column in &mut columns {
                    sink(column)?;
                }
                self.state().spare.push(columns);
                continue;
            }
            if state.exhausted && state.under_way == 0 {
                return Ok(());
            }
            // A helper only stops before the end if it panics, which the end of the scope passes on.
            if state.stopped {
                return Ok(());
            }
            if state.exhausted || state.under_way >= self.capacity {
                drop(self.wait(state));
                continue;
            }
            state.under_way += 1;
            drop(state);
            self.one_batch(&mut worker);
        }
    }
}

/// Stops all threads: however the evaluator's own ends, the helpers do too, and a helper that panics does not
/// leave the others waiting.
struct Ending<'s, 'e, 'x, 'c> {
    shared: &'s Shared<'e, 'x, 'c>,
    only_by_panic: bool,
}

impl Drop for Ending<'_, '_, '_, '_> {
    fn drop(&mut self) {
        if !self.only_by_panic || std::thread::panicking() {
            self.shared.state().stopped = true;
            self.shared.changed.notify_all();
        }
    }
}
