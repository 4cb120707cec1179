//! Texts of timestamps that come again and again.

use crate::json::write_timestamp;

/// The series of a matrix share the steps of the query, so their timestamps are formatted once.
#[derive(Debug)]
pub(crate) struct TimeTexts<'a> {
    timestamps_ms: &'a [i64],
    /// `[1700000000.500,"` for each timestamp: the head of a point.
    text: Vec<u8>,
    /// Where the head of each timestamp ends in `text`.
    ends: Vec<usize>,
}

impl<'a> TimeTexts<'a> {
    /// `timestamps_ms` ascend.
    pub(crate) fn new(timestamps_ms: &'a [i64]) -> TimeTexts<'a> {
        let mut text = Vec::with_capacity(timestamps_ms.len() * 16);
        let ends = timestamps_ms.iter().map(|&timestamp_ms| {
            write_head(&mut text, timestamp_ms);
            text.len()
        });
        TimeTexts {
            timestamps_ms,
            ends: ends.collect(),
            text,
        }
    }

    /// Starts a walk over ascending timestamps.
    pub(crate) fn walk(&self) -> TimeWalk<'_> {
        TimeWalk { texts: self, next: 0 }
    }
}

/// A place in the texts; made by [`TimeTexts::walk`].
#[derive(Debug)]
pub(crate) struct TimeWalk<'a> {
    texts: &'a TimeTexts<'a>,
    next: usize,
}

impl TimeWalk<'_> {
    /// Appends the head of a point. Times that are not among the texts, or were passed by, are
    /// formatted anew.
    #[inline]
    pub(crate) fn write_head(&mut self, out: &mut Vec<u8>, timestamp_ms: i64) {
        let TimeTexts {
            timestamps_ms,
            text,
            ends,
        } = self.texts;
        while timestamps_ms
            .get(self.next)
            .is_some_and(|&time_ms| time_ms < timestamp_ms)
        {
            self.next += 1;
        }
        if timestamps_ms.get(self.next) == Some(&timestamp_ms) {
            let start = self.next.checked_sub(1).map_or(0, |previous| ends[previous]);
            out.extend_from_slice(&text[start..ends[self.next]]);
        } else {
            write_head(out, timestamp_ms);
        }
    }
}

fn write_head(out: &mut Vec<u8>, timestamp_ms: i64) {
    out.push(b'[');
    write_timestamp(out, timestamp_ms);
    out.extend_from_slice(b",\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_times_are_written_alike() {
        let texts = TimeTexts::new(&[1000, 2000, 2500, 4000]);
        let mut out = Vec::new();
        let mut walk = texts.walk();
        for timestamp_ms in [-1, 2000, 2400, 2500, 1000, 4000, 9000] {
            walk.write_head(&mut out, timestamp_ms);
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "[-0.001,\"[2,\"[2.400,\"[2.500,\"[1,\"[4,\"[9,\"");
    }
}
