//! The held buckets of one side, with their indexes.

use super::{NativeHistogram, Span};

/// Pairs each count with the index of its bucket, from both ends.
///
/// Spans that hold more or fewer buckets than there are counts are an error that
/// [`super::FloatHistogram::validate`] finds; here the pairs just end.
#[derive(Debug, Clone)]
pub(super) struct Cells<'a, C> {
    counts: std::slice::Iter<'a, C>,
    front: std::slice::Iter<'a, Span>,
    front_index: i64,
    left_in_front: u32,
    back: std::slice::Iter<'a, Span>,
    /// One past the next bucket from behind.
    back_end: i64,
    left_in_back: u32,
    /// Of the span that is being read from behind.
    back_offset: i64,
}

impl<'a, C> Cells<'a, C> {
    pub(super) fn new(spans: &'a [Span], counts: &'a [C]) -> Cells<'a, C> {
        let end = spans
            .iter()
            .map(|span| i64::from(span.offset) + i64::from(span.length))
            .sum();
        Cells {
            counts: counts.iter(),
            front: spans.iter(),
            front_index: 0,
            left_in_front: 0,
            back: spans.iter(),
            back_end: end,
            left_in_back: 0,
            back_offset: 0,
        }
    }
}

impl<C: Copy> Iterator for Cells<'_, C> {
    type Item = (i64, C);

    #[inline]
    fn next(&mut self) -> Option<(i64, C)> {
        let count = *self.counts.next()?;
        while self.left_in_front == 0 {
            let span = self.front.next()?;
            self.front_index += i64::from(span.offset);
            self.left_in_front = span.length;
        }
        let index = self.front_index;
        self.front_index += 1;
        self.left_in_front -= 1;
        Some((index, count))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.counts.len()))
    }
}

impl<C: Copy> DoubleEndedIterator for Cells<'_, C> {
    #[inline]
    fn next_back(&mut self) -> Option<(i64, C)> {
        let count = *self.counts.next_back()?;
        while self.left_in_back == 0 {
            let span = self.back.next_back()?;
            self.back_end -= self.back_offset;
            self.back_offset = i64::from(span.offset);
            self.left_in_back = span.length;
        }
        self.back_end -= 1;
        self.left_in_back -= 1;
        Some((self.back_end, count))
    }
}

impl<C: Copy> NativeHistogram<C> {
    pub(super) fn positive_cells(&self) -> Cells<'_, C> {
        Cells::new(&self.positive_spans, &self.positive_buckets)
    }

    pub(super) fn negative_cells(&self) -> Cells<'_, C> {
        Cells::new(&self.negative_spans, &self.negative_buckets)
    }
}

/// Builds spans from ascending indexes.
#[derive(Debug, Default)]
pub(super) struct Layout {
    spans: Vec<Span>,
    next_index: i64,
}

impl Layout {
    pub(super) fn push(&mut self, index: i64) {
        let gap = index - self.next_index;
        self.next_index = index + 1;
        match self.spans.last_mut() {
            Some(last) if gap == 0 => last.length += 1,
            // Indexes come from spans of 32 bits, so their differences fit but for nonsense.
            _ => self.spans.push(Span {
                offset: i32::try_from(gap).unwrap_or(i32::MAX),
                length: 1,
            }),
        }
    }

    pub(super) fn finish(self) -> Vec<Span> {
        self.spans
    }
}
