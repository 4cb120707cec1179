//! Requests that differ in values and times only: compressed once, then patched.
//!
//! Compressing costs most of what it takes to make a request. Of a page's requests all bytes but those of values and times
//! are alike and stand in the same places, so they are compressed once, in a way that leaves every value a literal;
//! afterwards a request is a copy in which these literals are overwritten. What a decompressor makes of it is what it
//! would make of the request compressed as a whole; it is some bytes a sample longer.

use crate::page::{Page, TIME_BYTES, time_bytes};
use crate::random::mix;
use crate::request::Row;

/// The requests of one page.
#[derive(Debug)]
pub(crate) struct Template {
    /// Compressed, with masks where values and times are.
    body: Vec<u8>,
    patches: Vec<Patch>,
}

/// A place to overwrite: bytes of one value or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Patch {
    /// In the compressed body.
    at: u32,
    row: u32,
    /// Bytes `from` to `from + length` of the value, or of the time.
    from: u8,
    length: u8,
    is_time: bool,
}

/// What a byte of the uncompressed request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Fixed,
    Value {
        row: u32,
        index: u8,
    },
    /// The same in all rows of a group, so one may be a copy of another.
    Time {
        row: u32,
        group: u32,
        index: u8,
    },
}

impl Role {
    /// Whether two bytes are the same in every request if they are in one.
    fn moves_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Fixed, Self::Fixed) => true,
            (
                Self::Time { group, index, .. },
                Self::Time {
                    group: other_group,
                    index: other_index,
                    ..
                },
            ) => group == other_group && index == other_index,
            _ => false,
        }
    }
}

impl Template {
    /// `groups` says of each series, in order, with which others it always has the time in common. `None` if the
    /// compressor refuses, which it has no reason to.
    pub(crate) fn new(page: &Page, groups: &[u32], snappy: &mut snap::raw::Encoder) -> Option<Self> {
        // Masks that match nothing nearby, so that the compressor loses no time with them.
        let rows: Vec<Row> = (0..groups.len() as u32)
            .map(|slot| Row {
                slot,
                native: false,
                time_ms: 0,
                bits: mix(u64::from(slot)),
            })
            .collect();
        let mut raw = Vec::new();
        page.encode(&rows, &[], &[], &mut raw);
        let mut roles = vec![Role::Fixed; raw.len()];
        for (row, (places, group)) in page.sample_places().zip(groups).enumerate() {
            let (row, group) = (row as u32, *group);
            for index in 0..8u8 {
                roles[places.value + usize::from(index)] = Role::Value { row, index };
            }
            let mask = mix(!u64::from(group)).to_le_bytes();
            for index in 0..TIME_BYTES as u8 {
                let at = places.time + usize::from(index);
                roles[at] = Role::Time { row, group, index };
                raw[at] = mask[usize::from(index)];
            }
        }
        let compressed = snappy.compress_vec(&raw).ok()?;
        Rewriter::new(&raw, &roles).rewrite(&compressed)
    }

    /// Overwrites `body` with the compressed request of these rows: one float of each series, in order.
    pub(crate) fn fill(&self, rows: &[Row], body: &mut Vec<u8>) {
        body.clear();
        body.extend_from_slice(&self.body);
        for patch in &self.patches {
            let row = &rows[patch.row as usize];
            let (at, from, length) = (
                patch.at as usize,
                usize::from(patch.from),
                usize::from(patch.length),
            );
            let value = row.bits.to_le_bytes();
            if length == value.len() {
                body[at..at + value.len()].copy_from_slice(&value);
            } else if patch.is_time {
                body[at..at + length].copy_from_slice(&time_bytes(row.time_ms)[from..from + length]);
            } else {
                body[at..at + length].copy_from_slice(&value[from..from + length]);
            }
        }
    }
}

/// Writes a compressed block again, in which nothing is copied that will not be alike in every request
/// (<https://github.com/google/snappy/blob/main/format_description.txt>).
struct Rewriter<'a> {
    raw: &'a [u8],
    roles: &'a [Role],
    body: Vec<u8>,
    patches: Vec<Patch>,
    /// Of `raw`: what is before is written, as far as it belongs to no literal that is still growing.
    written: usize,
    /// Of `raw`: the end of that literal.
    seen: usize,
}

/// A copy takes three bytes, so a shorter one is not worth it.
const MIN_COPY: usize = 4;

impl<'a> Rewriter<'a> {
    fn new(raw: &'a [u8], roles: &'a [Role]) -> Self {
        Self {
            raw,
            roles,
            body: Vec::new(),
            patches: Vec::new(),
            written: 0,
            seen: 0,
        }
    }

    /// `None` if it is no block of snappy's format.
    fn rewrite(mut self, compressed: &[u8]) -> Option<Template> {
        // The length, a varint.
        let mut at = compressed.iter().position(|byte| byte & 0x80 == 0)? + 1;
        self.body.extend_from_slice(&compressed[..at]);
        while let Some(tag) = compressed.get(at) {
            at += 1;
            let number = |count: usize| -> Option<usize> {
                let bytes = compressed.get(at..at + count)?;
                Some(
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
                )
            };
            let high = usize::from(tag >> 2);
            match tag & 3 {
                0 => {
                    let extra = high.saturating_sub(59);
                    let length = if extra == 0 { high } else { number(extra)? } + 1;
                    at += extra + length;
                    self.seen += length;
                }
                1 => {
                    let offset = usize::from(tag >> 5) << 8 | number(1)?;
                    at += 1;
                    self.copy(4 + (high & 7), offset)?;
                }
                2 => {
                    let offset = number(2)?;
                    at += 2;
                    self.copy(high + 1, offset)?;
                }
                _ => {
                    let offset = number(4)?;
                    at += 4;
                    self.copy(high + 1, offset)?;
                }
            }
        }
        self.end_literal(self.seen)?;
        (self.written == self.raw.len()).then_some(Template {
            body: self.body,
            patches: self.patches,
        })
    }

    /// A copy of up to 64 bytes from `offset` before: as copies where it may stay one, else as literals.
    fn copy(&mut self, length: usize, offset: usize) -> Option<()> {
        let end = self.seen + length;
        let from = self.seen.checked_sub(offset)?;
        if offset == 0 || end > self.raw.len() {
            return None;
        }
        let may_copy = |at: usize| {
            let source = self.roles[from + (at - self.seen)];
            offset <= usize::from(u16::MAX) && self.roles[at].moves_with(source)
        };
        let mut runs = Vec::new();
        let mut at = self.seen;
        while at < end {
            let run = (at..end).take_while(|at| may_copy(*at)).count();
            if run >= MIN_COPY {
                runs.push(at..at + run);
            }
            at += run.max(1);
        }
        for run in runs {
            self.end_literal(run.start)?;
            self.body.push((run.len() as u8 - 1) << 2 | 2);
            self.body.extend_from_slice(&(offset as u16).to_le_bytes());
            self.written = run.end;
        }
        self.seen = end;
        Some(())
    }

    /// Writes what has gathered up to `end` as a literal.
    fn end_literal(&mut self, end: usize) -> Option<()> {
        let literal = self.raw.get(self.written..end)?;
        if literal.is_empty() {
            return Some(());
        }
        let length = (literal.len() - 1) as u32;
        match length {
            0..60 => self.body.push((length as u8) << 2),
            60..0x100 => self.body.extend([60 << 2, length as u8]),
            0x100..0x1_0000 => {
                self.body.push(61 << 2);
                self.body.extend_from_slice(&(length as u16).to_le_bytes());
            }
            _ => {
                self.body.push(63 << 2);
                self.body.extend_from_slice(&length.to_le_bytes());
            }
        }
        let start = self.body.len();
        self.body.extend_from_slice(literal);
        for (offset, role) in self.roles[self.written..end].iter().enumerate() {
            self.put_patch(start + offset, *role);
        }
        self.written = end;
        Some(())
    }

    /// Neighbouring bytes are patched together.
    fn put_patch(&mut self, at: usize, role: Role) {
        let (row, index, is_time) = match role {
            Role::Fixed => return,
            Role::Value { row, index } => (row, index, false),
            Role::Time { row, index, .. } => (row, index, true),
        };
        let at = at as u32;
        if let Some(last) = self.patches.last_mut()
            && last.row == row
            && last.is_time == is_time
            && last.at + u32::from(last.length) == at
            && last.from + last.length == index
        {
            last.length += 1;
            return;
        }
        self.patches.push(Patch {
            at,
            row,
            from: index,
            length: 1,
            is_time,
        });
    }
}
