//! A column of integers in the order of time: start times, or one number of all histograms of a segment.

use vigie_model::write_uvarint;

use crate::ChunkError;
use crate::bitpack;
use crate::frame::{take, take_uvarint, unzigzag, zigzag};

/// Every number is the first.
const CONSTANT: u8 = 0;
/// Differences to the number before.
const DELTA: u8 = 1;
/// Differences of the differences, the first being to zero.
const DELTA_OF_DELTA: u8 = 2;

/// Appends a column of at least one number in the form that is smallest.
pub(crate) fn encode(out: &mut Vec<u8>, numbers: &[u64]) {
    let first = numbers.first().copied().unwrap_or_default();
    if numbers.iter().all(|number| *number == first) {
        out.push(CONSTANT);
        write_uvarint(out, first);
        return;
    }
    let deltas = differences(numbers, first);
    let mut packed = Vec::new();
    bitpack::pack(&mut packed, &zigzagged(&deltas));
    let mut packed_again = Vec::new();
    bitpack::pack(&mut packed_again, &zigzagged(&differences(&deltas, 0)));
    let (order, packed) = if packed_again.len() < packed.len() {
        (DELTA_OF_DELTA, packed_again)
    } else {
        (DELTA, packed)
    };
    out.push(order);
    write_uvarint(out, first);
    out.extend_from_slice(&packed);
}

/// Each number less the one before it; `before` comes before the first.
fn differences(numbers: &[u64], mut before: u64) -> Vec<u64> {
    numbers
        .iter()
        .map(|number| number.wrapping_sub(std::mem::replace(&mut before, *number)))
        .collect()
}

fn zigzagged(differences: &[u64]) -> Vec<u64> {
    differences
        .iter()
        .map(|difference| zigzag(*difference as i64))
        .collect()
}

/// Reads a column of `count` numbers, which the caller has bounded, in place of what `numbers` held.
pub(crate) fn decode(input: &mut &[u8], count: usize, numbers: &mut Vec<u64>) -> Result<(), ChunkError> {
    let [order] = take::<1>(input)?;
    let first = take_uvarint(input)?;
    numbers.clear();
    if order == CONSTANT {
        numbers.resize(count, first);
        return Ok(());
    }
    if order > DELTA_OF_DELTA {
        return Err(ChunkError::UnknownCodec(order));
    }
    bitpack::unpack(input, count, numbers)?;
    let (mut number, mut delta) = (first, 0u64);
    for coded in numbers {
        let difference = unzigzag(*coded) as u64;
        delta = if order == DELTA {
            difference
        } else {
            delta.wrapping_add(difference)
        };
        number = number.wrapping_add(delta);
        *coded = number;
    }
    Ok(())
}
