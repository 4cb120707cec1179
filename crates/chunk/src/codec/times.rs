//! The times column: nothing at all for a regular interval, else packed differences.

use vigie_model::write_uvarint;

use crate::ChunkError;
use crate::bitpack;
use crate::frame::{take_uvarint, unzigzag, zigzag};

pub(crate) const REGULAR: u8 = 0;
pub(crate) const DELTA_OF_DELTA: u8 = 1;

/// Appends the payload for strictly ascending times and gives the codec's id.
pub(crate) fn encode(out: &mut Vec<u8>, times_ms: &[i64]) -> u8 {
    let deltas: Vec<u64> = times_ms
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]) as u64)
        .collect();
    if deltas.windows(2).all(|pair| pair[0] == pair[1]) {
        return REGULAR;
    }
    let changes: Vec<u64> = deltas
        .windows(2)
        .map(|pair| zigzag(pair[1].wrapping_sub(pair[0]) as i64))
        .collect();
    write_uvarint(out, deltas[0]);
    bitpack::pack(out, &changes);
    DELTA_OF_DELTA
}

/// Appends `count` times. The result is checked to ascend strictly from `min` to `max`.
pub(crate) fn decode(
    codec: u8,
    input: &mut &[u8],
    count: usize,
    (min, max): (i64, i64),
    times_ms: &mut Vec<i64>,
) -> Result<(), ChunkError> {
    times_ms.reserve(count);
    match codec {
        REGULAR => {
            let span = max.wrapping_sub(min) as u64;
            let steps = count as u64 - 1;
            let step = span.checked_div(steps).unwrap_or(0);
            if step * steps != span || (steps > 0 && step == 0) {
                return Err(ChunkError::Inconsistent("interval"));
            }
            times_ms.extend((0..count as u64).map(|at| min.wrapping_add_unsigned(at * step)));
            Ok(())
        }
        DELTA_OF_DELTA => {
            let mut delta = take_uvarint(input)?;
            let mut changes = Vec::new();
            let changes_count = count.checked_sub(2).ok_or(ChunkError::Inconsistent("interval"))?;
            bitpack::unpack(input, changes_count, &mut changes)?;
            let mut time = min;
            times_ms.push(time);
            let deltas = std::iter::once(0).chain(changes.iter().map(|&raw| unzigzag(raw)));
            for change in deltas {
                delta = delta.wrapping_add(change as u64);
                let next = time.wrapping_add_unsigned(delta);
                if next <= time {
                    return Err(ChunkError::Inconsistent("times do not ascend"));
                }
                time = next;
                times_ms.push(time);
            }
            if time == max {
                Ok(())
            } else {
                Err(ChunkError::Inconsistent("newest time"))
            }
        }
        unknown => Err(ChunkError::UnknownCodec(unknown)),
    }
}
