//! Coarser buckets.

use super::cells::{Cells, Layout};
use super::count::Count;
use super::{EXPONENTIAL_SCHEMAS, KNOWN_EXPONENTIAL_SCHEMAS, NativeHistogram, Span};

/// Why a resolution cannot be reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("cannot reduce resolution when there are custom buckets")]
    Custom,
    #[error("cannot reduce resolution from schema {from} to {to}")]
    NotCoarser { from: i32, to: i32 },
}

/// The bucket that `index` is part of, in a schema that is `steps` coarser.
pub(super) fn coarser_index(index: i64, steps: u32) -> i64 {
    ((index - 1) >> steps.min(62)) + 1
}

/// Joins the buckets that become one in a schema that is `steps` coarser.
pub(super) fn coarser_cells<C: Count>(cells: Cells<'_, C>, steps: u32) -> impl Iterator<Item = (i64, C)> {
    let mut cells = cells
        .map(move |(index, count)| {
            let index = if steps == 0 {
                index
            } else {
                coarser_index(index, steps)
            };
            (index, count)
        })
        .peekable();
    std::iter::from_fn(move || {
        let (index, mut total) = cells.next()?;
        while let Some((_, count)) = cells.next_if(|(next, _)| *next == index) {
            total.add_count(count);
        }
        Some((index, total))
    })
}

impl<C: Count> NativeHistogram<C> {
    /// Joins buckets so that the schema becomes `target`.
    pub fn reduce_resolution(&mut self, target: i32) -> Result<(), SchemaError> {
        if self.uses_custom_buckets() {
            return Err(SchemaError::Custom);
        }
        if target >= self.schema || !KNOWN_EXPONENTIAL_SCHEMAS.contains(&target) {
            return Err(SchemaError::NotCoarser {
                from: self.schema,
                to: target,
            });
        }
        self.coarsen(target);
        Ok(())
    }

    /// Brings a schema that is finer than those that are stored down to the finest of them.
    pub fn reduce_to_stored_schema(&mut self) {
        let finest = *EXPONENTIAL_SCHEMAS.end();
        if self.schema > finest {
            self.coarsen(finest);
        }
    }

    /// As [`Self::reduce_resolution`]; does nothing if the schema is as coarse already.
    pub(super) fn coarsen(&mut self, target: i32) {
        if target >= self.schema {
            return;
        }
        let steps = self.schema.abs_diff(target);
        coarsen_side(&mut self.positive_spans, &mut self.positive_buckets, steps);
        coarsen_side(&mut self.negative_spans, &mut self.negative_buckets, steps);
        self.schema = target;
    }
}

fn coarsen_side<C: Count>(spans: &mut Vec<Span>, counts: &mut Vec<C>, steps: u32) {
    let mut layout = Layout::default();
    let mut kept = Vec::with_capacity(counts.len());
    for (index, count) in coarser_cells(Cells::new(spans, counts), steps) {
        layout.push(index);
        kept.push(count);
    }
    *spans = layout.finish();
    *counts = kept;
}
