//! Values by pco, which models their distribution. Its header makes it useless on short columns.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};

use super::scale::{MAX_SCALE, from_mantissa};
use crate::ChunkError;
use crate::frame::take;

/// Of fewer values it makes nothing smaller, at five times the cost of the other codecs together
/// (examples/codec_cost.rs: 120 values 0 %, 25 us against 5; 480 values up to 4 %).
pub(crate) const MIN_VALUES: usize = 256;

/// pco's compression level, 0 to 12: higher ones cost time and gain next to nothing on a few
/// hundred values.
const LEVEL: usize = 4;

fn compress<T: Number>(out: &mut Vec<u8>, numbers: &[T]) -> bool {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    match simple_compress(numbers, &config) {
        Ok(bytes) => {
            out.extend_from_slice(&bytes);
            true
        }
        // No input is refused; if one were, another codec takes the chunk.
        Err(_) => false,
    }
}

fn decompress<T: Number>(input: &[u8], numbers: &mut [T]) -> Result<(), ChunkError> {
    let progress = simple_decompress_into(input, numbers)
        .map_err(|_| ChunkError::Inconsistent("pco stream cannot be read"))?;
    if progress.n_processed == numbers.len() && progress.finished {
        Ok(())
    } else {
        Err(ChunkError::Inconsistent("pco stream has another length"))
    }
}

/// Appends the values as floats. False: do not use what was appended.
pub(crate) fn encode_floats(out: &mut Vec<u8>, values: &[f64]) -> bool {
    compress(out, values)
}

pub(crate) fn decode_floats(input: &[u8], count: usize, values: &mut Vec<f64>) -> Result<(), ChunkError> {
    let first = values.len();
    values.resize(first + count, 0.0);
    decompress(input, &mut values[first..])
}

/// Appends the scale and the values as integers. False: do not use what was appended.
pub(crate) fn encode_integers(out: &mut Vec<u8>, scale: u8, integers: &[i64]) -> bool {
    out.push(scale);
    compress(out, integers)
}

pub(crate) fn decode_integers(
    mut input: &[u8],
    count: usize,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let [scale] = take::<1>(&mut input)?;
    if scale > MAX_SCALE {
        return Err(ChunkError::Inconsistent("decimal places"));
    }
    let mut integers = vec![0i64; count];
    decompress(input, &mut integers)?;
    values.extend(integers.iter().map(|&integer| from_mantissa(integer, scale)));
    Ok(())
}
