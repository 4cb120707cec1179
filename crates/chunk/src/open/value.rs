//! How one value follows another in an open chunk.

use super::Record;
use crate::codec::scale::{MAX_SCALE, mantissa};
use crate::frame::zigzag;

/// Value codes, the six low bits of a control byte.
pub(super) const SAME: u8 = 0;
/// Plus `n - 1`: the integer difference in `n` bytes, 1 to 7.
pub(super) const DELTA: u8 = 1;
/// Plus `z - 1`: the integer difference is `z`, 1 to 16 after zigzag coding.
pub(super) const SMALL_DELTA: u8 = 8;
pub(super) const SMALL_DELTAS: u64 = 16;
/// Plus [`xor_code`]: which bytes of the XOR follow.
pub(super) const XOR: u8 = 24;
/// A byte with the new number of decimal places, then the integer difference as LEB128.
pub(super) const RESCALE: u8 = 60;

/// How often the values of a chunk may fail to be decimals before that is not tried any more.
const MAX_ATTEMPTS: u8 = 3;

/// The state that values are coded against. Both sides keep it alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueCoder {
    last_bits: u64,
    /// Decimal places; only ever grows.
    scale: u8,
    /// How many values were no decimals with up to `MAX_SCALE` places.
    attempts: u8,
}

impl ValueCoder {
    #[inline]
    pub(super) fn last_bits(&self) -> u64 {
        self.last_bits
    }

    /// Decimal places in the low half, failed attempts in the high half.
    pub(super) fn packed_scale(&self) -> u8 {
        self.scale | self.attempts << 4
    }

    #[inline]
    pub(super) fn unpack(last_bits: u64, packed_scale: u8) -> ValueCoder {
        ValueCoder {
            last_bits,
            scale: packed_scale & 0x0f,
            attempts: packed_scale >> 4,
        }
    }

    /// Appends the payload and gives the value code.
    #[inline]
    pub(super) fn encode(&mut self, value: f64, record: &mut Record) -> u8 {
        let bits = value.to_bits();
        if bits == self.last_bits {
            return SAME;
        }
        let last = f64::from_bits(self.last_bits);
        let xor = bits ^ self.last_bits;
        self.last_bits = bits;
        let xor_trailing = xor.trailing_zeros() / 8;
        let xor_bytes = 8 - xor.leading_zeros() / 8 - xor_trailing;
        if let Some(integer) = mantissa(value, self.scale) {
            // A predecessor that is no decimal counts as 0.
            let base = mantissa(last, self.scale).unwrap_or(0);
            let difference = zigzag(integer - base);
            if (1..=SMALL_DELTAS).contains(&difference) {
                return SMALL_DELTA + (difference - 1) as u8;
            }
            let bytes = (64 - difference.leading_zeros()).div_ceil(8).max(1);
            if bytes <= xor_bytes {
                record.push_low_bytes(difference, bytes as usize);
                return DELTA + (bytes - 1) as u8;
            }
        } else if self.attempts < MAX_ATTEMPTS && xor_bytes > 2 && value.is_finite() {
            if let Some((scale, integer)) = (self.scale + 1..=MAX_SCALE)
                .find_map(|scale| mantissa(value, scale).map(|integer| (scale, integer)))
            {
                self.scale = scale;
                let base = mantissa(last, scale).unwrap_or(0);
                record.push(scale);
                record.push_uvarint(zigzag(integer - base));
                return RESCALE;
            }
            self.attempts += 1;
        }
        record.push_low_bytes(xor >> (8 * xor_trailing), xor_bytes as usize);
        XOR + xor_code(xor_trailing, xor_bytes)
    }
}

/// Whether [`ValueCoder::packed_scale`] can have given the byte.
pub(super) fn is_packed_scale(byte: u8) -> bool {
    byte & 0x0f <= MAX_SCALE && byte >> 4 <= MAX_ATTEMPTS
}

/// Numbers the 36 pairs of `trailing` zero bytes, 0 to 7, and `bytes` that follow, 1 to 8 - `trailing`.
#[inline]
pub(super) const fn xor_code(trailing: u32, bytes: u32) -> u8 {
    (trailing * 8 - trailing * (trailing.saturating_sub(1)) / 2 + bytes - 1) as u8
}

/// The inverse of [`xor_code`]: trailing zero bytes and bytes that follow.
pub(super) const XOR_SHAPES: [(u8, u8); 36] = {
    let mut shapes = [(0, 0); 36];
    let mut trailing = 0;
    while trailing < 8 {
        let mut bytes = 1;
        while bytes <= 8 - trailing {
            shapes[xor_code(trailing, bytes) as usize] = (trailing as u8, bytes as u8);
            bytes += 1;
        }
        trailing += 1;
    }
    shapes
};
