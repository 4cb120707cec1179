//! Which segment holds which entries.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// Entries `min..=max` of one group in one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) min: u64,
    pub(super) max: u64,
    /// Payload bytes ever written to it; purging does not lower it.
    pub(super) bytes: u64,
}

/// One segment's column family.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) spans: HashMap<u64, Span>,
    pub(super) bytes: u64,
    pub(super) opened_at: Instant,
}

impl Segment {
    pub(super) fn new() -> Segment {
        Segment {
            spans: HashMap::new(),
            bytes: 0,
            opened_at: Instant::now(),
        }
    }

    /// Notes that `min..=max` of `group` was written.
    pub(super) fn extend(&mut self, group: u64, min: u64, max: u64, bytes: u64) {
        self.bytes += bytes;
        let span = self.spans.entry(group).or_insert(Span { min, max, bytes: 0 });
        span.min = span.min.min(min);
        span.max = max;
        span.bytes += bytes;
    }

    fn truncate_from(&mut self, group: u64, index: u64) {
        if let Some(span) = self.spans.get_mut(&group) {
            if span.min >= index {
                self.spans.remove(&group);
            } else {
                span.max = span.max.min(index - 1);
            }
        }
    }

    fn purge_to(&mut self, group: u64, index: u64) {
        if let Some(span) = self.spans.get_mut(&group) {
            if span.max <= index {
                self.spans.remove(&group);
            } else {
                span.min = span.min.max(index + 1);
            }
        }
    }
}

/// A part of a read: entries `start..end` of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) segment: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// All segments by number. The spans of one group do not overlap and ascend with the segments' numbers.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) closed: BTreeMap<u64, Segment>,
    pub(super) active_number: u64,
    pub(super) active: Segment,
    /// The segment created beforehand, once it exists.
    pub(super) next: Option<u64>,
    /// Segments that hold nothing any group needs and are still there, as a crash would show.
    pub(super) leaving: BTreeSet<u64>,
}

impl Segments {
    pub(super) fn len(&self) -> usize {
        self.closed.len() + 1
    }

    /// Closes the active segment in favour of the one created beforehand. Gives the new one's number.
    pub(super) fn rotate(&mut self) -> Option<u64> {
        let next = self.next.take()?;
        let former = std::mem::replace(&mut self.active, Segment::new());
        self.closed
            .insert(std::mem::replace(&mut self.active_number, next), former);
        Some(next)
    }

    /// All segments, oldest first. Not only those with a span of a group have entries of it: those that
    /// were copied forward stay where they were until their segment goes.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.closed.keys().copied().chain([self.active_number]).collect()
    }

    /// Notes that a segment is gone.
    pub(super) fn dropped(&mut self, number: u64) {
        self.leaving.remove(&number);
    }

    pub(super) fn truncate_from(&mut self, group: u64, index: u64) {
        self.each(|segment| segment.truncate_from(group, index));
    }

    pub(super) fn purge_to(&mut self, group: u64, index: u64) {
        self.each(|segment| segment.purge_to(group, index));
    }

    pub(super) fn remove_group(&mut self, group: u64) {
        self.each(|segment| {
            segment.spans.remove(&group);
        });
    }

    /// Takes closed segments that hold nothing any more out of the map, to be dropped.
    pub(super) fn take_dead(&mut self) -> Vec<u64> {
        let dead = self.closed.extract_if(.., |_, segment| segment.spans.is_empty());
        let dead: Vec<u64> = dead.map(|(number, _)| number).collect();
        self.leaving.extend(&dead);
        dead
    }

    /// Where entries `start..end` of `group` are; ascending, only those that are held.
    pub(super) fn locate(&self, group: u64, start: u64, end: u64) -> Vec<Located> {
        let all = self.closed.iter().map(|(number, segment)| (*number, segment));
        all.chain([(self.active_number, &self.active)])
            .filter_map(|(number, segment)| {
                let span = segment.spans.get(&group)?;
                let part = Located {
                    segment: number,
                    start: start.max(span.min),
                    end: end.min(span.max + 1),
                };
                (part.start < part.end).then_some(part)
            })
            .collect()
    }

    /// Groups in the oldest segments beyond `keep` closed ones, with the highest index there.
    pub(super) fn pinning(&self, keep: usize) -> BTreeMap<u64, u64> {
        let excess = self.closed.len().saturating_sub(keep);
        let mut pinning = BTreeMap::new();
        for segment in self.closed.values().take(excess) {
            pinning.extend(segment.spans.iter().map(|(group, span)| (*group, span.max)));
        }
        pinning
    }

    /// First and last index of `group` in closed segments, and its bytes there.
    pub(super) fn closed_span(&self, group: u64) -> Option<Span> {
        let spans = self
            .closed
            .values()
            .filter_map(|segment| segment.spans.get(&group));
        spans.copied().reduce(|a, b| Span {
            min: a.min.min(b.min),
            max: a.max.max(b.max),
            bytes: a.bytes + b.bytes,
        })
    }

    /// Payload bytes of `group` in all segments.
    pub(super) fn group_bytes(&self, group: u64) -> u64 {
        let closed = self.closed_span(group).map_or(0, |span| span.bytes);
        closed + self.active.spans.get(&group).map_or(0, |span| span.bytes)
    }

    /// Notes that everything of `group` was copied to the active segment.
    pub(super) fn moved_to_active(&mut self, group: u64, span: Span) {
        for segment in self.closed.values_mut() {
            segment.spans.remove(&group);
        }
        self.active.extend(group, span.min, span.max, span.bytes);
    }

    fn each(&mut self, mut change: impl FnMut(&mut Segment)) {
        self.closed.values_mut().for_each(&mut change);
        change(&mut self.active);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_entries_through_segments() {
        let mut segments = Segments {
            closed: BTreeMap::new(),
            active_number: 1,
            active: Segment::new(),
            next: None,
            leaving: BTreeSet::new(),
        };
        segments.active.extend(7, 0, 9, 100);
        segments.active.extend(8, 0, 3, 10);
        assert_eq!(segments.rotate(), None, "no next segment yet");
        segments.next = Some(2);
        assert_eq!(segments.rotate(), Some(2));
        segments.active.extend(7, 10, 19, 100);
        let part = |segment, start, end| Located { segment, start, end };
        assert_eq!(segments.locate(7, 8, 12), [part(1, 8, 10), part(2, 10, 12)]);
        assert_eq!(segments.locate(8, 2, 12), [part(1, 2, 4)]);
        assert_eq!(
            segments.pinning(0).into_iter().collect::<Vec<_>>(),
            [(7, 9), (8, 3)]
        );
        assert_eq!(segments.numbers(), [1, 2]);
        segments.truncate_from(7, 8);
        assert_eq!(segments.locate(7, 0, 99), [part(1, 0, 8)]);
        segments.purge_to(7, 7);
        assert_eq!(segments.take_dead(), []);
        let span = segments.closed_span(8).unwrap();
        segments.moved_to_active(8, span);
        assert_eq!(segments.locate(8, 0, 99), [part(2, 0, 4)]);
        assert_eq!(segments.take_dead(), [1]);
        assert_eq!(segments.leaving.iter().collect::<Vec<_>>(), [&1]);
        segments.dropped(1);
        assert!(segments.leaving.is_empty());
        segments.remove_group(8);
        assert_eq!(segments.locate(8, 0, 99), []);
    }
}
