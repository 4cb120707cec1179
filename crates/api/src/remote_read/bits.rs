//! A stream of bits, the highest of each byte first.

#[derive(Debug)]
pub(super) struct Bits {
    pub(super) bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    free: u32,
}

impl Bits {
    /// Goes on after whole bytes.
    pub(super) fn after(bytes: Vec<u8>) -> Bits {
        Bits { bytes, free: 0 }
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
}
