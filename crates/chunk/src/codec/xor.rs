//! Values against their predecessor, XORed, after Pelkonen et al., "Gorilla: A Fast, Scalable,
//! In-Memory Time Series Database" (VLDB 2015): the meaningful bits only.

use crate::ChunkError;
use crate::bitpack::{BitReader, BitWriter};

/// Appends the values as one bit stream, least significant bit first:
/// the first value in 64 bits, then per value
/// `0` (the same bits again),
/// `1 0` and the meaningful bits of the XOR in the window used last, or
/// `1 1`, 6 bits leading zeros, 6 bits length minus 1, and that many bits.
pub(crate) fn encode(out: &mut Vec<u8>, values: &[f64]) {
    let mut writer = BitWriter::new(out);
    let mut previous = values.first().map_or(0, |value| value.to_bits());
    writer.write(previous, 64);
    let (mut leading, mut trailing) = (64, 64);
    for value in values.iter().skip(1) {
        let bits = value.to_bits();
        let xor = bits ^ previous;
        previous = bits;
        if xor == 0 {
            writer.write(0, 1);
            continue;
        }
        let (leads, trails) = (xor.leading_zeros(), xor.trailing_zeros());
        let window = 64u32.saturating_sub(leading + trailing);
        // A new window costs 12 bits more; do not stay in a far too wide one.
        let fits = window > 0 && leads >= leading && trails >= trailing;
        if fits && window <= 64 - leads - trails + 12 {
            writer.write(0b01, 2);
            writer.write(xor >> trailing, window);
        } else {
            (leading, trailing) = (leads, trails);
            let length = 64 - leading - trailing;
            writer.write(0b11, 2);
            writer.write(u64::from(leading), 6);
            writer.write(u64::from(length - 1), 6);
            writer.write(xor >> trailing, length);
        }
    }
    writer.finish();
}

/// Appends `count` values, which is at least 1.
pub(crate) fn decode(input: &[u8], count: usize, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let mut reader = BitReader::new(input);
    let mut bits = reader.read(64)?;
    values.reserve(count);
    values.push(f64::from_bits(bits));
    let (mut length, mut trailing) = (0, 0);
    for _ in 1..count {
        if reader.read(1)? == 1 {
            if reader.read(1)? == 1 {
                let leading = reader.read(6)? as u32;
                length = reader.read(6)? as u32 + 1;
                trailing = 64u32
                    .checked_sub(leading + length)
                    .ok_or(ChunkError::Inconsistent("bit window"))?;
            } else if length == 0 {
                return Err(ChunkError::Inconsistent("bit window"));
            }
            bits ^= reader.read(length)? << trailing;
        }
        values.push(f64::from_bits(bits));
    }
    Ok(())
}
