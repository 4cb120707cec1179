//! Writing bit by bit, as Prometheus's chunks are made.

/// What numbers are written with that are neither 0 nor take 64 bits.
const VARBIT_WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// The bits of a value that differed from the last, which is where the next difference is expected.
#[derive(Debug, Default)]
pub(super) struct ValueWindow(Option<(u32, u32)>);

impl ValueWindow {
    pub(super) fn write(&mut self, bits: &mut Bits, previous: f64, value: f64) {
        let change = previous.to_bits() ^ value.to_bits();
        if change == 0 {
            bits.write(0, 1);
            return;
        }
        bits.write(1, 1);
        // Five bits hold the number.
        let leading = change.leading_zeros().min(31);
        let trailing = change.trailing_zeros();
        match self.0 {
            Some((known_leading, known_trailing))
                if leading >= known_leading && trailing >= known_trailing =>
            {
                bits.write(0, 1);
                bits.write(change >> known_trailing, 64 - known_leading - known_trailing);
            }
            _ => {
                self.0 = Some((leading, trailing));
                let width = 64 - leading - trailing;
                bits.write(1, 1);
                bits.write(u64::from(leading), 5);
                // 64 does not fit into six bits, and 0 does not occur.
                bits.write(u64::from(width % 64), 6);
                bits.write(change >> trailing, width);
            }
        }
    }
}

/// Bits behind bytes, the highest of each byte first.
#[derive(Debug)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    free: u32,
}

impl Bits {
    pub(super) fn behind(bytes: Vec<u8>) -> Bits {
        Bits { bytes, free: 0 }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Sets these bits of a byte that is whole.
    pub(super) fn set(&mut self, at: usize, mask: u8) {
        self.bytes[at] |= mask;
    }

    /// Appends the lowest `width` bits, the highest of them first.
    pub(super) fn write(&mut self, value: u64, width: u32) {
        for position in (0..width).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            let bit = u8::from((value >> position) & 1 == 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << self.free;
            }
        }
    }

    pub(super) fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.write((value & 0x7f) | 0x80, 8);
            value >>= 7;
        }
        self.write(value, 8);
    }

    pub(super) fn varint(&mut self, value: i64) {
        self.uvarint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// As tsdb/chunkenc/varbit.go has it: a prefix that says how many bits follow.
    pub(super) fn varbit_int(&mut self, value: i64) {
        let fits = |width: u32| (-((1 << (width - 1)) - 1)..=1 << (width - 1)).contains(&value);
        let place = VARBIT_WIDTHS.iter().position(|&width| fits(width));
        self.varbit(value == 0, place, value.cast_unsigned());
    }

    pub(super) fn varbit_uint(&mut self, value: u64) {
        let place = VARBIT_WIDTHS
            .iter()
            .position(|&width| 64 - value.leading_zeros() <= width);
        self.varbit(value == 0, place, value);
    }

    fn varbit(&mut self, is_zero: bool, place: Option<usize>, value: u64) {
        match place {
            _ if is_zero => self.write(0, 1),
            // As many ones as the place says, and a zero.
            Some(place) => {
                let ones = place as u32 + 1;
                self.write((1 << (ones + 1)) - 2, ones + 1);
                self.write(value, VARBIT_WIDTHS[place]);
            }
            None => {
                self.write(0xff, 8);
                self.write(value, 64);
            }
        }
    }
}
