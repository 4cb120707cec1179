//! Integers in as many bits as most of them need, the few larger ones patched in.
//!
//! One missed scrape or one counter reset must not widen the whole column, so the width is the one
//! with the smallest sum of packed bits and patches.

use vigie_model::write_uvarint;

use crate::ChunkError;
use crate::frame::{take, take_uvarint};

/// What a patch is taken to cost besides its high bits when the width is chosen.
const PATCH_BITS: usize = 8;

/// Appends `values`: width, number of patches, the packed low bits (least significant first,
/// padded to whole bytes), then for each patch the distance of its position to the previous patch
/// and its high bits.
pub(crate) fn pack(out: &mut Vec<u8>, values: &[u64]) {
    let width = best_width(values);
    let patched = |value: u64| width < 64 && value >> width != 0;
    out.push(width as u8);
    write_uvarint(out, values.iter().filter(|&&value| patched(value)).count() as u64);
    let mut writer = BitWriter::new(out);
    if width > 0 {
        for &value in values {
            writer.write(value & mask(width), width);
        }
    }
    writer.finish();
    let mut previous = 0;
    for (position, &value) in values.iter().enumerate() {
        if patched(value) {
            write_uvarint(out, (position - previous) as u64);
            write_uvarint(out, value >> width);
            previous = position;
        }
    }
}

/// Reads `count` integers into `values`, which is cleared first. `count` must be bounded by the caller.
pub(crate) fn unpack(input: &mut &[u8], count: usize, values: &mut Vec<u64>) -> Result<(), ChunkError> {
    let [width] = take::<1>(input)?;
    let width = u32::from(width);
    if width > 64 {
        return Err(ChunkError::Inconsistent("bit width"));
    }
    let patches = take_uvarint(input)?;
    let packed_bytes = (count * width as usize).div_ceil(8);
    let (packed, rest) = input
        .split_at_checked(packed_bytes)
        .ok_or(ChunkError::Truncated)?;
    *input = rest;
    values.clear();
    values.reserve(count);
    if width == 0 {
        values.resize(count, 0);
    } else if width <= WORD_BITS {
        unpack_words(packed, width, count, values);
    } else {
        let mut reader = BitReader::new(packed);
        for _ in 0..count {
            values.push(reader.read(width)?);
        }
    }
    let mut position = 0usize;
    for _ in 0..patches {
        let distance = usize::try_from(take_uvarint(input)?).unwrap_or(usize::MAX);
        position = position.saturating_add(distance);
        let high = take_uvarint(input)?;
        let patched = values
            .get_mut(position)
            .ok_or(ChunkError::Inconsistent("patch position"))?;
        *patched |= high.checked_shl(width).unwrap_or(0);
    }
    Ok(())
}

/// An integer of so many bits is within the eight bytes from the one it begins in, wherever in that it begins.
const WORD_BITS: u32 = 57;

/// Appends `count` integers of at most [`WORD_BITS`] bits, all of which are there. Each is read by itself, so
/// that none waits for the one before.
fn unpack_words(packed: &[u8], width: u32, count: usize, values: &mut Vec<u64>) {
    let mask = mask(width);
    let width = width as usize;
    let read = |bytes: &[u8], bit: usize| match bytes.get(bit / 8..).and_then(<[u8]>::first_chunk) {
        Some(word) => u64::from_le_bytes(*word) >> (bit % 8) & mask,
        None => 0,
    };
    // Eight integers take `width` whole bytes: their places within those are the same each time.
    let mut whole = 0;
    while whole + 8 <= count
        && let Some(group) = packed.get(whole / 8 * width..)
        && group.len() >= width + 8
    {
        values.extend((0..8).map(|at| read(group, at * width)));
        whole += 8;
    }
    // The rest is read from a copy that does not end so soon.
    let start = whole / 8 * width;
    let mut tail = [0; 9 * 8 + WORD_BITS as usize];
    let rest = packed.get(start..).unwrap_or_default();
    let taken = rest.len().min(tail.len() - 8);
    tail[..taken].copy_from_slice(&rest[..taken]);
    for at in whole..count {
        values.push(read(&tail, (at - whole) * width));
    }
}

fn mask(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

fn best_width(values: &[u64]) -> u32 {
    let mut by_bits = [0usize; 65];
    for &value in values {
        by_bits[(64 - value.leading_zeros()) as usize] += 1;
    }
    let cost = |width: usize| {
        let patches: usize = (width + 1..=64)
            .map(|bits| by_bits[bits] * (PATCH_BITS + (bits - width).next_multiple_of(8)))
            .sum();
        values.len() * width + patches
    };
    (0..=64).min_by_key(|&width| cost(width)).unwrap_or(64) as u32
}

/// Appends bits to bytes, least significant first.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> BitWriter<'a> {
        BitWriter {
            out,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// `value` must fit `bits`, of which there are at most 64.
    #[inline]
    pub(crate) fn write(&mut self, value: u64, bits: u32) {
        self.pending |= u128::from(value) << self.pending_bits;
        self.pending_bits += bits;
        if self.pending_bits >= 64 {
            self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.pending_bits -= 64;
        }
    }

    /// Pads to a whole byte.
    pub(crate) fn finish(self) {
        let bytes = self.pending_bits.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..bytes]);
    }
}

/// Reads what [`BitWriter`] wrote.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    input: &'a [u8],
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> BitReader<'a> {
        BitReader {
            input,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// Reads at most 64 bits.
    #[inline]
    pub(crate) fn read(&mut self, bits: u32) -> Result<u64, ChunkError> {
        if self.pending_bits < bits {
            self.refill();
            if self.pending_bits < bits {
                return Err(ChunkError::Truncated);
            }
        }
        let value = self.pending as u64 & mask(bits);
        self.pending >>= bits;
        self.pending_bits -= bits;
        Ok(value)
    }

    #[inline]
    fn refill(&mut self) {
        if let Some((word, rest)) = self.input.split_first_chunk::<8>() {
            self.pending |= u128::from(u64::from_le_bytes(*word)) << self.pending_bits;
            self.pending_bits += 64;
            self.input = rest;
        } else {
            for &byte in self.input {
                self.pending |= u128::from(byte) << self.pending_bits;
                self.pending_bits += 8;
            }
            self.input = &[];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_of_any_width_survive(width in 0..=64u32, mut values in prop::collection::vec(any::<u64>(), 0..200), outlier: Option<u64>) {
            values.iter_mut().for_each(|value| *value &= mask(width));
            if let (Some(first), Some(outlier)) = (values.first_mut(), outlier) {
                *first = outlier;
            }
            let mut packed = Vec::new();
            pack(&mut packed, &values);
            packed.extend_from_slice(b"after");
            let mut input = packed.as_slice();
            let mut read = vec![1];
            unpack(&mut input, values.len(), &mut read).unwrap();
            prop_assert_eq!(read, values);
            prop_assert_eq!(input, b"after");
        }
    }
}
