//! Walking protobuf messages in place.

use vigie_model::{read_uvarint, read_varint};

use super::ProtobufReason;

/// The content of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Walks the fields of one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, ProtobufReason> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
                    return Err(ProtobufReason::Truncated);
                };
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => {
                self.array::<4>()?;
                Value::Fixed32
            }
            unknown => return Err(ProtobufReason::WireType(unknown as u8)),
        };
        match tag >> 3 {
            0 => Err(ProtobufReason::FieldNumber),
            number => Ok(Some((number, value))),
        }
    }

    /// Not by `ok_or`, here and below: the error would be made and dropped for every number.
    #[inline]
    fn varint(&mut self) -> Result<u64, ProtobufReason> {
        let Some(value) = read_uvarint(&mut self.rest) else {
            return Err(ProtobufReason::Truncated);
        };
        Ok(value)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], ProtobufReason> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(ProtobufReason::Truncated);
        };
        self.rest = rest;
        Ok(bytes)
    }
}

impl<'a> Value<'a> {
    /// A message, text or packed list.
    #[inline]
    pub(super) fn bytes(self, field: &'static str) -> Result<&'a [u8], ProtobufReason> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(ProtobufReason::FieldType(field)),
        }
    }

    pub(super) fn text(self, field: &'static str) -> Result<&'a str, ProtobufReason> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| ProtobufReason::NotUtf8(field))
    }

    #[inline]
    pub(super) fn varint(self, field: &'static str) -> Result<u64, ProtobufReason> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(ProtobufReason::FieldType(field)),
        }
    }

    #[inline]
    pub(super) fn double(self, field: &'static str) -> Result<f64, ProtobufReason> {
        match self {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(ProtobufReason::FieldType(field)),
        }
    }

    /// Appends a `repeated double`, packed or one by one.
    pub(super) fn doubles(self, field: &'static str, out: &mut Vec<f64>) -> Result<(), ProtobufReason> {
        match self {
            Value::Fixed64(bits) => out.push(f64::from_bits(bits)),
            Value::Bytes(packed) => {
                let (words, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(ProtobufReason::Truncated);
                }
                out.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
            }
            _ => return Err(ProtobufReason::FieldType(field)),
        }
        Ok(())
    }

    /// Appends a `repeated sint64`, packed or one by one.
    pub(super) fn signed(self, field: &'static str, out: &mut Vec<i64>) -> Result<(), ProtobufReason> {
        match self {
            Value::Varint(value) => out.push(zigzag(value)),
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    out.push(read_varint(&mut packed).ok_or(ProtobufReason::Truncated)?);
                }
            }
            _ => return Err(ProtobufReason::FieldType(field)),
        }
        Ok(())
    }
}

/// `sint32` and `sint64`.
pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
