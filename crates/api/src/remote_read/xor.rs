//! Prometheus's XOR chunks (tsdb/chunkenc/xor.go), written only.

use super::bits::{Bits, ValueWindow};

/// Encodes samples with ascending times. There are at most 65,535 of them.
pub(super) fn encode(timestamps_ms: &[i64], values: &[f64]) -> Vec<u8> {
    let count = u16::try_from(timestamps_ms.len()).unwrap_or(u16::MAX);
    let mut bits = Bits::behind(count.to_be_bytes().to_vec());
    let mut previous_time = 0_i64;
    let mut previous_delta = 0_i64;
    let mut window = ValueWindow::default();
    let mut previous_value = 0.0_f64;
    let samples = timestamps_ms.iter().zip(values).take(usize::from(count));
    for (position, (&time, &value)) in samples.enumerate() {
        match position {
            0 => {
                bits.varint(time);
                bits.write(value.to_bits(), 64);
            }
            1 => {
                previous_delta = time.wrapping_sub(previous_time);
                bits.uvarint(previous_delta.cast_unsigned());
                window.write(&mut bits, previous_value, value);
            }
            _ => {
                let delta = time.wrapping_sub(previous_time);
                write_change(&mut bits, delta.wrapping_sub(previous_delta));
                previous_delta = delta;
                window.write(&mut bits, previous_value, value);
            }
        }
        previous_time = time;
        previous_value = value;
    }
    bits.into_bytes()
}

/// How much longer or shorter an interval is than the one before.
fn write_change(bits: &mut Bits, change: i64) {
    let fits = |width: u32| (-((1 << (width - 1)) - 1)..=1 << (width - 1)).contains(&change);
    let (prefix, prefix_width, width) = match change {
        0 => (0b0, 1, 0),
        _ if fits(14) => (0b10, 2, 14),
        _ if fits(17) => (0b110, 3, 17),
        _ if fits(20) => (0b1110, 4, 20),
        _ => (0b1111, 4, 64),
    };
    bits.write(prefix, prefix_width);
    bits.write(change.cast_unsigned(), width);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_prometheus_reads_them() {
        // Count, varint 2000, bits of 1.0; uvarint 15000, no change; no change of the interval, 1 → 2.
        let chunk = encode(&[1000, 16_000, 31_000], &[1.0, 1.0, 2.0]);
        let mut expected = vec![0, 3, 0xd0, 0x0f, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x98, 0x75];
        // 0 | 0, 1 1 00001 001010(11 bits wide) 11111111111…
        let change = 1.0_f64.to_bits() ^ 2.0_f64.to_bits();
        let (leading, trailing) = (change.leading_zeros(), change.trailing_zeros());
        let mut tail = Bits::behind(Vec::new());
        for (value, width) in [
            (0, 1),
            (0, 1),
            (0b11, 2),
            (u64::from(leading), 5),
            (u64::from(64 - leading - trailing), 6),
            (change >> trailing, 64 - leading - trailing),
        ] {
            tail.write(value, width);
        }
        expected.extend(tail.into_bytes());
        assert_eq!(chunk, expected);
    }
}
