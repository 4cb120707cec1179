//! Prometheus's XOR2 chunks (tsdb/chunkenc/xor2.go), written only: times, values and start times.

use vigie_model::is_stale_nan;

use super::bits::Bits;

/// Where the header says from which sample on start times are in the stream.
const HEADER_AT: usize = 2;
/// In the header: the first sample's start time is there.
const FIRST_START: u8 = 0x80;
/// The rest of the header has room for positions up to this; a chunk that gets there has start times from there on.
const LAST_POSITION: usize = 0x7f;

/// Encodes samples with ascending times, each with when it began to count, 0 where that is not known. There are at
/// most 65,535 of them, and as many values and start times as times.
pub(super) fn encode(timestamps_ms: &[i64], values: &[f64], starts_ms: &[i64]) -> Vec<u8> {
    let count = u16::try_from(timestamps_ms.len()).unwrap_or(u16::MAX);
    let [high, low] = count.to_be_bytes();
    let mut bits = Bits::behind(vec![high, low, 0]);
    let mut coder = ValueCoder::default();
    let mut starts = StartCoder::default();
    let (mut previous_time, mut previous_delta) = (0_i64, 0_i64);
    let samples = timestamps_ms.iter().zip(values).zip(starts_ms);
    for (position, ((&time, &value), &start)) in samples.take(usize::from(count)).enumerate() {
        let delta = time.wrapping_sub(previous_time);
        match position {
            0 => {
                bits.varint(time);
                bits.write(value.to_bits(), 64);
            }
            1 => {
                bits.uvarint(delta.cast_unsigned());
                coder.write(&mut bits, value);
            }
            _ => write_joint(&mut bits, delta.wrapping_sub(previous_delta), &mut coder, value),
        }
        coder.follow(value);
        starts.write(&mut bits, position, (previous_time, time), start);
        (previous_time, previous_delta) = (time, delta);
    }
    bits.into_bytes()
}

/// How much longer or shorter an interval is than the one before, together with the value.
fn write_joint(bits: &mut Bits, change: i64, coder: &mut ValueCoder, value: f64) {
    let fits = |width: u32| (-(1 << (width - 1))..1 << (width - 1)).contains(&change);
    if change == 0 {
        match coder.change(value) {
            _ if is_stale_nan(value) => bits.write(0b11111, 5),
            0 => bits.write(0, 1),
            change => {
                bits.write(0b10, 2);
                coder.write_window(bits, change, (0b1, 1));
            }
        }
        return;
    }
    let (prefix, prefix_width, width) = match change {
        _ if fits(13) => (0b110, 3, 13),
        _ if fits(20) => (0b1110, 4, 20),
        _ => (0b11110, 5, 64),
    };
    bits.write(prefix, prefix_width);
    bits.write(change.cast_unsigned(), width);
    coder.write(bits, value);
}

/// What values are compared with. Staleness markers have codes of their own and are not compared with.
#[derive(Debug, Default)]
struct ValueCoder {
    bits_before: u64,
    /// Zero bits before and after those that differed last.
    window: Option<(u32, u32)>,
}

impl ValueCoder {
    fn change(&self, value: f64) -> u64 {
        self.bits_before ^ value.to_bits()
    }

    fn follow(&mut self, value: f64) {
        if !is_stale_nan(value) {
            self.bits_before = value.to_bits();
        }
    }

    fn write(&mut self, bits: &mut Bits, value: f64) {
        match self.change(value) {
            _ if is_stale_nan(value) => bits.write(0b111, 3),
            0 => bits.write(0, 1),
            change => {
                bits.write(1, 1);
                self.write_window(bits, change, (0b10, 2));
            }
        }
    }

    /// A change that is not 0, after a bit 0 if it is within the last window, else after `new_window`: a code and its
    /// width, which differ in what other codes they leave.
    fn write_window(&mut self, bits: &mut Bits, change: u64, new_window: (u64, u32)) {
        // Five bits hold the number.
        let leading = change.leading_zeros().min(31);
        let trailing = change.trailing_zeros();
        match self.window {
            Some((known_leading, known_trailing))
                if leading >= known_leading && trailing >= known_trailing =>
            {
                bits.write(0, 1);
                bits.write(change >> known_trailing, 64 - known_leading - known_trailing);
            }
            _ => {
                self.window = Some((leading, trailing));
                let width = 64 - leading - trailing;
                bits.write(new_window.0, new_window.1);
                bits.write(u64::from(leading), 5);
                // 64 does not fit into six bits, and 0 does not occur.
                bits.write(u64::from(width % 64), 6);
                bits.write(change >> trailing, width);
            }
        }
    }
}

/// Start times: that of the first sample, and from the first that is another on how far each lies before the sample
/// before.
#[derive(Debug, Default)]
struct StartCoder {
    start_before: i64,
    /// Once they are in the stream: how far the last one lies before the sample before.
    distance: Option<i64>,
}

impl StartCoder {
    fn write(&mut self, bits: &mut Bits, position: usize, (previous_time, time): (i64, i64), start: i64) {
        let distance = previous_time.wrapping_sub(start);
        if position == 0 {
            if start != 0 {
                bits.varint(time.wrapping_sub(start));
                bits.set(HEADER_AT, FIRST_START);
            }
        } else if let Some(distance_before) = self.distance {
            bits.varbit_int(distance.wrapping_sub(distance_before));
            self.distance = Some(distance);
        } else if start != self.start_before || position == LAST_POSITION {
            bits.set(HEADER_AT, position as u8);
            bits.varbit_int(distance);
            self.distance = Some(distance);
        }
        self.start_before = start;
    }
}

#[cfg(test)]
mod tests {
    use vigie_model::STALE_NAN_BITS;

    use super::*;

    /// Start, time, value.
    type Sample = (i64, i64, f64);

    fn encoded(samples: &[Sample]) -> Vec<u8> {
        let times: Vec<i64> = samples.iter().map(|sample| sample.1).collect();
        let values: Vec<f64> = samples.iter().map(|sample| sample.2).collect();
        let starts: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
        encode(&times, &values, &starts)
    }

    /// The bytes are those that Prometheus 3.14 makes of the samples.
    #[track_caller]
    fn check(samples: &[Sample], expected: &str) {
        let hex: String = encoded(samples)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn the_bytes_are_those_of_prometheus() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        check(&[(500, 1000, 1.0)], "000180d00f3ff0000000000000e807");
        check(
            &[
                (500, 1000, 1.0),
                (500, 16000, 2.0),
                (500, 31000, 2.0),
                (500, 46000, 4.0),
                (500, 61001, 4.0),
                (500, 61003, 0.1),
            ],
            "000680d00f3ff0000000000000e8079875c12fffa001c00177e2b4e0fdfea6666666666668",
        );
        check(
            &[
                (0, 1000, 1.0),
                (0, 16000, 2.0),
                (20000, 31000, 1.0),
                (20000, 46000, 1.0),
                (0, 61000, stale),
                (50000, 76000, 7.0),
            ],
            "000602d00f3ff00000000000009875c12fffcffff7e0c0f83a98ffc445c509bffbfb7748",
        );
        check(
            &[
                (0, 1000, 5.0),
                (1000, 16000, 5.0),
                (16000, 31000, 6.0),
                (31000, 46003, 6.0),
                (46004, 600_000, stale),
                (600_000, 5_000_000, stale),
            ],
            "000601d00f401400000000000098752b02d800678000000000020e5cbdfc0000000000755ee7e2",
        );
        check(
            &[
                (-9_000_000_000_000_000, 1, stale),
                (1, 2, 0.3),
                (i64::MIN, 9_000_000_000_000, -0.3),
                (i64::MAX, 9_000_000_000_001, 1e300),
                (7, 9_000_000_000_002, f64::INFINITY),
                (0, 9_000_000_000_003, f64::INFINITY),
            ],
            "000681027ff00000000000028280d4aff9dcfc1f01c2fbfd333333333333378000020bde7363ff7001ffc0000000000000017bffffdf4218c9c00f000c1e4d70fbb3346affe00082f79cd8fff8038fc8791000eb39fefffffffffffffff2c400",
        );
    }

    /// A start time that changes where the header can no longer say so.
    #[test]
    fn long_chunks_are_those_of_prometheus() {
        let samples: Vec<Sample> = (0..200)
            .map(|at| (if at < 150 { 5 } else { 140_000 }, at * 1000, (at % 3) as f64))
            .collect();
        let bytes = encoded(&samples);
        // FNV-1a.
        let hash = bytes.iter().fold(14_695_981_039_346_656_037_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211)
        });
        assert_eq!(
            (bytes.len(), format!("{hash:016x}").as_str()),
            (524, "3c3bd67f637311c8")
        );
    }
}
