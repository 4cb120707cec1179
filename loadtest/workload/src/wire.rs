//! The pieces of protobuf's wire format that the encoders are made of.

pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Key of a length-delimited field below 16, and the length.
pub(crate) fn put_length(field: u8, length: usize, out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    put_varint(length as u64, out);
}

pub(crate) fn put_bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    put_length(field, bytes.len(), out);
    out.extend_from_slice(bytes);
}

pub(crate) fn bytes_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// A varint field below 16, left out when 0 as proto3 does.
pub(crate) fn put_uint(field: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(field << 3);
        put_varint(value, out);
    }
}

/// A double field below 16, written even when 0.
pub(crate) fn put_double(field: u8, value: f64, out: &mut Vec<u8>) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// `name = 1, value = 2`, as the message `Label` of remote write 1.0, below field `field`.
pub(crate) fn put_label(field: u8, name: &str, value: &str, out: &mut Vec<u8>) {
    put_length(field, bytes_len(name.len()) + bytes_len(value.len()), out);
    put_bytes(1, name.as_bytes(), out);
    put_bytes(2, value.as_bytes(), out);
}

/// Reads a varint that this crate wrote; `None` at the end or for one that is too long.
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Reads a length and that many bytes.
pub(crate) fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_with_the_length_foretold() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1_767_225_600_000, u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(out.len(), varint_len(value), "{value}");
            assert_eq!(take_varint(&mut &*out), Some(value));
        }
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
    }
}
