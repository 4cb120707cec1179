//! Sums and means of native histograms.

use vigie_model::{CounterResetHint, FloatHistogram, HistogramSum, IncompatibleSchemas};

/// While every number stays below this, no addition of another such number can overflow.
const FAR_FROM_OVERFLOW: f64 = f64::MAX / 4.0;

/// What a fold gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoldKind {
    Sum,
    Mean,
}

/// Adds histograms up; for a mean it divides in the end, or keeps a running mean once the sum overflows.
#[derive(Debug)]
pub(crate) struct HistogramFold {
    kind: FoldKind,
    /// The sum, or the mean once incremental.
    total: HistogramSum,
    count: f64,
    incremental: bool,
    /// An upper bound of every number's magnitude.
    magnitude: f64,
    reset_seen: bool,
    not_reset_seen: bool,
    bounds_reconciled: bool,
}

impl HistogramFold {
    pub(crate) fn start(kind: FoldKind, first: &FloatHistogram) -> HistogramFold {
        let mut fold = HistogramFold {
            kind,
            total: HistogramSum::start(first),
            count: 1.0,
            incremental: false,
            magnitude: first.largest_magnitude(),
            reset_seen: false,
            not_reset_seen: false,
            bounds_reconciled: false,
        };
        fold.track(first.counter_reset_hint);
        fold
    }

    pub(crate) fn add(&mut self, histogram: &FloatHistogram) -> Result<(), IncompatibleSchemas> {
        self.track(histogram.counter_reset_hint);
        self.count += 1.0;
        if self.kind == FoldKind::Sum {
            self.bounds_reconciled |= self.total.add(histogram)?.bounds_reconciled;
            return Ok(());
        }
        if !self.incremental {
            self.magnitude += histogram.largest_magnitude();
            if self.magnitude < FAR_FROM_OVERFLOW {
                self.bounds_reconciled |= self.total.add(histogram)?.bounds_reconciled;
                return Ok(());
            }
            let mut total = self.total.clone();
            self.bounds_reconciled |= total.add(histogram)?.bounds_reconciled;
            if !total.has_overflow() {
                self.total = total;
                return Ok(());
            }
            self.incremental = true;
            self.total.div(self.count - 1.0);
        }
        let mut part = histogram.clone();
        part.div(self.count);
        self.total.mul((self.count - 1.0) / self.count);
        self.bounds_reconciled |= self.total.add(&part)?.bounds_reconciled;
        Ok(())
    }

    fn track(&mut self, hint: CounterResetHint) {
        self.reset_seen |= hint == CounterResetHint::Reset;
        self.not_reset_seen |= hint == CounterResetHint::NotReset;
    }

    /// Some were marked as after a counter reset, others as not.
    pub(crate) fn resets_collide(&self) -> bool {
        self.reset_seen && self.not_reset_seen
    }

    /// Custom bounds differed and were reduced to those in common.
    pub(crate) fn bounds_reconciled(&self) -> bool {
        self.bounds_reconciled
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.total.size_bytes()
    }

    pub(crate) fn finish(mut self) -> FloatHistogram {
        if self.kind == FoldKind::Mean && !self.incremental {
            self.total.div(self.count);
        }
        let mut histogram = self.total.finish();
        histogram.compact(0);
        histogram
    }
}
