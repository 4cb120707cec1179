//! Reading an open chunk's stream.

use super::value::{DELTA, RESCALE, SMALL_DELTA, XOR, XOR_SHAPES};
use super::{OpenHeader, RUN, TIME_NEAR_DELTA, TIME_NEW_DELTA, TIME_SAME_DELTA};
use crate::ChunkError;
use crate::codec::scale::{MAX_SCALE, POWERS_OF_TEN, mantissa};
use crate::frame::{take, take_uvarint, take_varint, unzigzag};

/// Reads what is between the frame's version and checksum.
pub(crate) fn decode_body(
    mut input: &[u8],
    times_ms: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let header = OpenHeader::read(&mut input)?;
    decode_stream(input, usize::from(header.count), times_ms, values)
}

pub(super) fn decode_stream(
    mut input: &[u8],
    count: usize,
    times_ms: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    if count == 0 {
        return Ok(());
    }
    // Written by position: a push would look at the capacity for every sample.
    let (times_before, values_before) = (times_ms.len(), values.len());
    times_ms.resize(times_before + count, 0);
    values.resize(values_before + count, 0.0);
    let times = &mut times_ms[times_before..];
    let values = &mut values[values_before..values_before + times.len()];
    let mut time = take_varint(&mut input)?;
    let [control] = take::<1>(&mut input)?;
    let mut state = ValueState::default();
    if control & RUN != TIME_SAME_DELTA {
        return Err(ChunkError::Inconsistent("first sample"));
    }
    state.step(control & !RUN, &mut input)?;
    times[0] = time;
    values[0] = state.value();

    let mut at = 1;
    let mut delta = 0u64;
    while at < times.len() {
        let [control] = take::<1>(&mut input)?;
        match control & RUN {
            RUN => {
                let end = at + usize::from(control & !RUN) + 1;
                let run = times.get_mut(at..end).ok_or(ChunkError::Inconsistent("run"))?;
                later(time, delta)?;
                let last = delta.checked_mul(run.len() as u64);
                last.and_then(|distance| time.checked_add_unsigned(distance))
                    .ok_or(ChunkError::Inconsistent("times do not ascend"))?;
                for (place, slot) in (1u64..).zip(run) {
                    *slot = time.wrapping_add_unsigned(delta.wrapping_mul(place));
                }
                time = times[end - 1];
                values[at..end].fill(state.value());
                at = end;
                continue;
            }
            TIME_NEAR_DELTA => {
                let [change] = take::<1>(&mut input)?;
                delta = delta.wrapping_add(i64::from(change as i8) as u64);
            }
            TIME_NEW_DELTA => delta = take_uvarint(&mut input)?,
            _ => {}
        }
        time = later(time, delta)?;
        // An interval that does not fit the encoder's state is not referred to again.
        state.step(control & !RUN, &mut input)?;
        times[at] = time;
        values[at] = state.value();
        at += 1;
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(ChunkError::Inconsistent("bytes after the last sample"))
    }
}

#[inline]
fn later(time: i64, delta: u64) -> Result<i64, ChunkError> {
    let next = time.wrapping_add_unsigned(delta);
    if next > time {
        Ok(next)
    } else {
        Err(ChunkError::Inconsistent("times do not ascend"))
    }
}

/// The decoder's side of `ValueCoder`.
#[derive(Debug)]
struct ValueState {
    bits: u64,
    scale: u8,
    /// Ten to the scale. Dividing by one where there are no places gives the same bits as not dividing.
    power: f64,
    /// The last value as an integer at `scale`, where `is_integer_known`.
    integer: i64,
    is_integer_known: bool,
}

impl Default for ValueState {
    fn default() -> ValueState {
        ValueState {
            bits: 0,
            scale: 0,
            power: 1.0,
            integer: 0,
            is_integer_known: false,
        }
    }
}

impl ValueState {
    #[inline(always)]
    fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    #[inline(always)]
    fn step(&mut self, code: u8, input: &mut &[u8]) -> Result<(), ChunkError> {
        match code {
            0 => Ok(()),
            DELTA..SMALL_DELTA => {
                let raw = take_low_bytes(input, usize::from(code - DELTA) + 1)?;
                self.add(unzigzag(raw));
                Ok(())
            }
            SMALL_DELTA..XOR => {
                self.add(unzigzag(u64::from(code - SMALL_DELTA) + 1));
                Ok(())
            }
            _ => self.step_rarely(code, input),
        }
    }

    fn step_rarely(&mut self, code: u8, input: &mut &[u8]) -> Result<(), ChunkError> {
        self.is_integer_known = false;
        match code {
            XOR..RESCALE => {
                let (trailing, bytes) = XOR_SHAPES[usize::from(code - XOR)];
                self.bits ^= take_low_bytes(input, usize::from(bytes))? << (8 * trailing);
                Ok(())
            }
            RESCALE => {
                let [scale] = take::<1>(input)?;
                if scale > MAX_SCALE {
                    return Err(ChunkError::Inconsistent("decimal places"));
                }
                self.scale = scale;
                self.power = POWERS_OF_TEN[usize::from(scale)];
                let difference = unzigzag(take_uvarint(input)?);
                self.add(difference);
                Ok(())
            }
            unknown => Err(ChunkError::UnknownCodec(unknown)),
        }
    }

    #[inline(always)]
    fn add(&mut self, difference: i64) {
        if !self.is_integer_known {
            self.integer = mantissa(self.value(), self.scale).unwrap_or(0);
            self.is_integer_known = true;
        }
        self.integer = self.integer.wrapping_add(difference);
        self.bits = (self.integer as f64 / self.power).to_bits();
    }
}

/// Takes 1 to 8 bytes as an integer, least significant first.
#[inline]
fn take_low_bytes(input: &mut &[u8], count: usize) -> Result<u64, ChunkError> {
    if let Some(word) = input.first_chunk::<8>() {
        // The common case reads a whole word and drops what belongs to the next sample.
        let value = u64::from_le_bytes(*word) & (u64::MAX >> (64 - 8 * count));
        *input = &input[count..];
        return Ok(value);
    }
    let (taken, rest) = input.split_at_checked(count).ok_or(ChunkError::Truncated)?;
    *input = rest;
    let mut word = [0; 8];
    word[..count].copy_from_slice(taken);
    Ok(u64::from_le_bytes(word))
}
