//! Expressions that stand in a query several times, evaluated once.
//!
//! The first who asks for one gets its series as they are made; copies stay for those who ask later, as long
//! as they take a small part of what the query may hold. Beyond that, and where something was remarked, which
//! may be counted by occurrence, each evaluates it anew.

use std::sync::PoisonError;

use crate::EvalError;
use crate::plan::SharedNode;

use super::column::StepSeries;
use super::evaluator::{Evaluator, Sink};
use super::memory::Held;
use super::merge::Collected;

/// What an evaluation has of a shared expression.
#[derive(Debug, Default)]
pub(crate) enum SharedValue {
    /// Not evaluated yet, or being so.
    #[default]
    Unknown,
    Kept(Kept),
    /// Too large, or with remarks.
    NotKept,
}

#[derive(Debug)]
pub(crate) struct Kept {
    series: Vec<StepSeries>,
    held: Held,
    /// What its evaluation read. Counted for each use, as in Prometheus, where each reads for itself.
    samples_read: usize,
    uses_left: usize,
}

impl Evaluator<'_> {
    pub(super) fn shared(&self, at: usize, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let (Some(shared), Some(value)) = (self.plan.shared().get(at), self.shared.get(at)) else {
            return Ok(());
        };
        if shared.uses < 2 {
            return self.vector(&shared.node, shared.grid, sink);
        }
        // Only the evaluation's own thread comes here, and not again from within.
        let value = || value.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = std::mem::take(&mut *value());
        let after = match so_far {
            SharedValue::Unknown => self.evaluate_and_keep(shared, sink)?,
            SharedValue::Kept(kept) => self.replay(kept, sink)?,
            SharedValue::NotKept => {
                self.vector(&shared.node, shared.grid, sink)?;
                SharedValue::NotKept
            }
        };
        *value() = after;
        Ok(())
    }

    fn evaluate_and_keep(&self, shared: &SharedNode, sink: &mut Sink<'_>) -> Result<SharedValue, EvalError> {
        let (notes, read) = (self.note_count(), self.samples_read());
        let mut copies = Some(Collected::new(&self.memory));
        self.vector(&shared.node, shared.grid, &mut |series| {
            let keeps = match &mut copies {
                Some(kept) if !series.is_empty() => {
                    kept.stays_small_with(series) && kept.push(&mut series.clone()).is_ok()
                }
                _ => true,
            };
            if !keeps {
                copies = None;
            }
            sink(series)
        })?;
        Ok(match copies {
            Some(copies) if self.note_count() == notes => {
                let (series, held) = copies.into_held();
                SharedValue::Kept(Kept {
                    series,
                    held,
                    samples_read: (self.samples_read() - read) as usize,
                    uses_left: shared.uses - 1,
                })
            }
            _ => SharedValue::NotKept,
        })
    }

    fn replay(&self, mut kept: Kept, sink: &mut Sink<'_>) -> Result<SharedValue, EvalError> {
        self.count_read(kept.samples_read);
        kept.uses_left = kept.uses_left.saturating_sub(1);
        if kept.uses_left > 0 {
            for series in &kept.series {
                self.work(series.values.len())?;
                sink(&mut series.clone())?;
            }
            return Ok(SharedValue::Kept(kept));
        }
        self.memory.give_back(kept.held);
        for series in &mut kept.series {
            self.work(series.values.len())?;
            sink(series)?;
        }
        Ok(SharedValue::NotKept)
    }
}
