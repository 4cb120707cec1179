//! Removing empty buckets.

use super::cells::{Cells, Layout};
use super::count::Count;
use super::{NativeHistogram, Span};

impl<C: Count> NativeHistogram<C> {
    /// Removes empty buckets, but keeps or makes up to `max_empty` between two that are not empty,
    /// so that there are fewer spans.
    pub fn compact(&mut self, max_empty: usize) {
        compact(&mut self.positive_spans, &mut self.positive_buckets, max_empty);
        compact(&mut self.negative_spans, &mut self.negative_buckets, max_empty);
    }
}

pub(super) fn compact<C: Count>(spans: &mut Vec<Span>, counts: &mut Vec<C>, max_empty: usize) {
    let is_compact = max_empty == 0
        && counts.iter().all(|count| !count.is_zero())
        && spans.iter().all(|span| span.length > 0)
        && spans.iter().skip(1).all(|span| span.offset > 0);
    if is_compact {
        return;
    }
    let mut layout = Layout::default();
    let mut kept: Vec<C> = Vec::with_capacity(counts.len());
    let mut next_index = None;
    for (index, count) in Cells::new(spans, counts).filter(|(_, count)| !count.is_zero()) {
        if let Some(next) = next_index
            && index - next <= i64::try_from(max_empty).unwrap_or(i64::MAX)
        {
            for empty in next..index {
                layout.push(empty);
                kept.push(C::default());
            }
        }
        layout.push(index);
        kept.push(count);
        next_index = Some(index + 1);
    }
    *spans = layout.finish();
    *counts = kept;
}
