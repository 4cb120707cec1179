//! Floats that are decimals with few digits, as integers.

/// The most decimal places tried. Nanoseconds given as seconds need nine.
pub(crate) const MAX_SCALE: u8 = 9;

/// Powers of ten by exponent; all exact.
pub(crate) const POWERS_OF_TEN: [f64; MAX_SCALE as usize + 1] =
    [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Every integer below is a double.
const MANTISSA_LIMIT: f64 = 9_007_199_254_740_992.0;

/// `m` such that `m / 10^scale` is `value` to the last bit, if there is one. So neither NaN,
/// infinity nor the negative zero has one.
#[inline]
pub(crate) fn mantissa(value: f64, scale: u8) -> Option<i64> {
    let power = POWERS_OF_TEN[usize::from(scale)];
    let scaled = value * power;
    if scaled.is_nan() || scaled.abs() >= MANTISSA_LIMIT {
        return None;
    }
    let integer = if scale == 0 {
        scaled as i64
    } else {
        (scaled + 0.5_f64.copysign(scaled)) as i64
    };
    (from_mantissa(integer, scale).to_bits() == value.to_bits()).then_some(integer)
}

/// The inverse of [`mantissa`].
#[inline]
pub(crate) fn from_mantissa(mantissa: i64, scale: u8) -> f64 {
    if scale == 0 {
        mantissa as f64
    } else {
        mantissa as f64 / POWERS_OF_TEN[usize::from(scale)]
    }
}
