//! Bucket bounds.

use super::CUSTOM_BUCKETS_SCHEMA;
use super::fractions::FRACTIONS;

/// The upper bound of the positive bucket `index`.
pub(super) fn bound(index: i64, schema: i32, custom_values: &[f64]) -> f64 {
    if schema != CUSTOM_BUCKETS_SCHEMA {
        return exponential_bound(index, schema);
    }
    match usize::try_from(index) {
        Err(_) => f64::NEG_INFINITY,
        Ok(index) => custom_values.get(index).copied().unwrap_or(f64::INFINITY),
    }
}

/// `2^(index * 2^-schema)`, but the bucket below the one for infinities ends at the greatest float.
pub(super) fn exponential_bound(index: i64, schema: i32) -> f64 {
    let (fraction, exponent) = if schema < 0 {
        (0.5, (index << schema.unsigned_abs().min(16)) + 1)
    } else {
        // Finer schemas than there are fractions for are reduced before anyone asks for bounds.
        let shift = (schema as u32).min(8);
        let place = (index & ((1 << shift) - 1)) as usize;
        (FRACTIONS[place << (8 - shift)], (index >> shift) + 1)
    };
    if fraction == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    scale_by_power_of_two(fraction, exponent)
}

/// `fraction * 2^exponent` with one rounding, as C's `ldexp`.
fn scale_by_power_of_two(fraction: f64, exponent: i64) -> f64 {
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    match exponent {
        1025.. => f64::INFINITY,
        // Twice the fraction is exact and at least one.
        1024 => fraction * 2.0 * power(1023),
        -1022..=1023 => fraction * power(exponent),
        // Only the last step can round: what goes before stays normal.
        -1100..-1022 => fraction * power(exponent + 100) * power(-100),
        _ => 0.0,
    }
}
