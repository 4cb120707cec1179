//! Operations on the histograms of a window, with the remarks they give rise to.

use vigie_model::FloatHistogram;

use crate::Span;

use super::super::evaluator::Evaluator;
use super::super::notes;

/// Whom remarks go to and what they are about.
pub(super) struct Remarks<'a> {
    pub evaluator: &'a Evaluator<'a>,
    pub span: Span,
    pub metric_name: &'a str,
}

/// Operations give `None` where the histograms do not go together, which is said.
impl Remarks<'_> {
    pub(super) fn add(&self, to: &mut FloatHistogram, histogram: &FloatHistogram) -> Option<()> {
        match to.add(histogram) {
            Ok(combined) => {
                if combined.bounds_reconciled {
                    self.note(notes::bounds_reconciled("addition"));
                }
                Some(())
            }
            Err(_) => self.incompatible(),
        }
    }

    pub(super) fn sub(&self, from: &mut FloatHistogram, histogram: &FloatHistogram) -> Option<()> {
        match from.sub(histogram) {
            Ok(combined) => {
                if combined.bounds_reconciled {
                    self.note(notes::bounds_reconciled("subtraction"));
                }
                Some(())
            }
            Err(_) => self.incompatible(),
        }
    }

    pub(super) fn incompatible<T>(&self) -> Option<T> {
        self.note(notes::mixed_exponential_custom(self.metric_name));
        None
    }

    pub(super) fn not_counter(&self) {
        self.note(notes::histogram_not_counter(self.metric_name));
    }

    pub(super) fn not_gauge(&self) {
        self.note(notes::histogram_not_gauge(self.metric_name));
    }

    pub(super) fn mixed_with_floats(&self) {
        self.note(notes::mixed_floats_histograms(self.metric_name));
    }

    pub(super) fn start_overlap(&self) {
        self.note(notes::start_overlap(self.metric_name));
    }

    pub(super) fn note(&self, note: notes::Note) {
        self.evaluator.note(self.span, note);
    }
}
