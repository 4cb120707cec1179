//! LEB128 variable-length integers, as Protocol Buffers defines them; signed ones are zigzag coded.

/// Appends `value` in 1 to 10 bytes.
#[inline]
pub fn write_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` zigzag coded in 1 to 10 bytes.
#[inline]
pub fn write_varint(out: &mut Vec<u8>, value: i64) {
    write_uvarint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads an unsigned integer and advances `input` past it; `None` when it is truncated or
/// does not fit 64 bits (`input` is then left where it was).
#[inline]
pub fn read_uvarint(input: &mut &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = *input
        && *first < 0x80
    {
        *input = rest;
        return Some(u64::from(*first));
    }
    read_long(input)
}

/// Apart, so that the short form is put into its callers: nearly all lengths are below 128.
#[cold]
fn read_long(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (position, &byte) in input.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if position == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * position);
        if byte < 0x80 {
            *input = &input[position + 1..];
            return Some(value);
        }
    }
    None
}

/// Reads a zigzag-coded integer; see [`read_uvarint`].
#[inline]
pub fn read_varint(input: &mut &[u8]) -> Option<i64> {
    let raw = read_uvarint(input)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_survive(unsigned: u64, signed: i64) {
            let mut bytes = Vec::new();
            write_uvarint(&mut bytes, unsigned);
            write_varint(&mut bytes, signed);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read_uvarint(&mut rest), Some(unsigned));
            prop_assert_eq!(read_varint(&mut rest), Some(signed));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn truncated_or_too_long_integers_are_refused() {
        for bytes in [
            &[][..],
            &[0x80][..],
            &[0xff; 11][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2][..],
        ] {
            let mut rest = bytes;
            assert_eq!(read_uvarint(&mut rest), None, "{bytes:?}");
            assert_eq!(rest, bytes);
        }
    }
}
