//! Values that are decimals with few places: integers, differenced and packed.

use vigie_model::{write_uvarint, write_varint};

use super::scale::{MAX_SCALE, POWERS_OF_TEN, mantissa};
use crate::ChunkError;
use crate::bitpack;
use crate::frame::{take, take_uvarint, take_varint, unzigzag, zigzag};

/// The values as integers at one scale.
#[derive(Debug)]
pub(crate) struct Decimals {
    pub(crate) scale: u8,
    /// An exception repeats its predecessor here.
    pub(crate) integers: Vec<i64>,
    /// Position and bits of the values that are no decimals, such as staleness markers.
    pub(crate) exceptions: Vec<(usize, u64)>,
}

impl Decimals {
    /// Finds the smallest scale that holds all values but a few.
    pub(crate) fn find(values: &[f64]) -> Option<Decimals> {
        let allowed = values.len() / 16 + 1;
        let mut scale = 0;
        'scales: loop {
            let mut integers = Vec::with_capacity(values.len());
            let mut exceptions = Vec::new();
            let mut previous = 0;
            for (position, &value) in values.iter().enumerate() {
                match mantissa(value, scale) {
                    Some(integer) => previous = integer,
                    None if exceptions.len() < allowed => exceptions.push((position, value.to_bits())),
                    None if scale < MAX_SCALE => {
                        scale += 1;
                        continue 'scales;
                    }
                    None => return None,
                }
                integers.push(previous);
            }
            return Some(Decimals {
                scale,
                integers,
                exceptions,
            });
        }
    }
}

/// Appends scale, order of differencing, the leading integers, the exceptions and the packed
/// differences of first or second order, whichever is smaller.
pub(crate) fn encode(out: &mut Vec<u8>, decimals: &Decimals) {
    out.push(decimals.scale);
    let mut best: Option<Vec<u8>> = None;
    for order in 1..=2 {
        let mut candidate = vec![order];
        encode_order(&mut candidate, &decimals.integers, order);
        if best.as_ref().is_none_or(|best| candidate.len() < best.len()) {
            best = Some(candidate);
        }
    }
    write_uvarint(out, decimals.exceptions.len() as u64);
    let mut previous = 0;
    for &(position, bits) in &decimals.exceptions {
        write_uvarint(out, (position - previous) as u64);
        out.extend_from_slice(&bits.to_le_bytes());
        previous = position;
    }
    out.extend_from_slice(&best.unwrap_or_default());
}

fn encode_order(out: &mut Vec<u8>, integers: &[i64], order: u8) {
    write_varint(out, integers[0]);
    let mut differences: Vec<i64> = integers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if order == 2 {
        // The first difference stands where the packed column cannot be widened by it.
        write_varint(out, differences.first().copied().unwrap_or(0));
        differences = differences.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    let packed: Vec<u64> = differences.into_iter().map(zigzag).collect();
    bitpack::pack(out, &packed);
}

/// Appends `count` values, which is at least 1.
pub(crate) fn decode(input: &mut &[u8], count: usize, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let [scale] = take::<1>(input)?;
    if scale > MAX_SCALE {
        return Err(ChunkError::Inconsistent("decimal places"));
    }
    let exceptions_count = take_uvarint(input)?;
    let mut exceptions = Vec::new();
    let mut position = 0usize;
    for _ in 0..exceptions_count {
        let distance = usize::try_from(take_uvarint(input)?).unwrap_or(usize::MAX);
        position = position.saturating_add(distance);
        if position >= count {
            return Err(ChunkError::Inconsistent("exception position"));
        }
        exceptions.push((position, u64::from_le_bytes(take(input)?)));
    }
    let [order] = take::<1>(input)?;
    let mut integer = take_varint(input)?;
    let first = values.len();
    values.reserve(count);
    // By one, where there are no places: the same bits as without dividing, and no branch for each value.
    let power = POWERS_OF_TEN[usize::from(scale)];
    values.push(integer as f64 / power);
    let mut packed = Vec::new();
    match order {
        1 => {
            bitpack::unpack(input, count - 1, &mut packed)?;
            values.extend(packed.iter().map(|&raw| {
                integer = integer.wrapping_add(unzigzag(raw));
                integer as f64 / power
            }));
        }
        2 => {
            let mut delta = take_varint(input)?;
            bitpack::unpack(input, count.saturating_sub(2), &mut packed)?;
            if count > 1 {
                integer = integer.wrapping_add(delta);
                values.push(integer as f64 / power);
            }
            values.extend(packed.iter().map(|&raw| {
                delta = delta.wrapping_add(unzigzag(raw));
                integer = integer.wrapping_add(delta);
                integer as f64 / power
            }));
        }
        _ => return Err(ChunkError::Inconsistent("order of differences")),
    }
    for (position, bits) in exceptions {
        values[first + position] = f64::from_bits(bits);
    }
    Ok(())
}
