//! Floats in the form of the API.

/// Whole numbers up to here are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Magnitudes that are printed without exponent by the formatter as well.
const PLAIN: std::ops::Range<f64> = 1e-3..1e15;

/// The shortest digits that read back to the same float, without quotes; an exponent below 1e-6
/// and from 1e21 on, of at least two digits.
#[inline]
pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) {
    // Most values of most series. The cast saturates, so what is no whole number differs from it.
    let whole = value as i64;
    if whole as f64 == value && value.abs() < EXACT && !(whole == 0 && value.is_sign_negative()) {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        return;
    }
    if !value.is_finite() {
        out.extend_from_slice(match value {
            f64::INFINITY => b"+Inf",
            f64::NEG_INFINITY => b"-Inf",
            _ => b"NaN",
        });
        return;
    }
    if PLAIN.contains(&value.abs()) {
        let mut buffer = zmij::Buffer::new();
        let shortest = buffer.format_finite(value);
        out.extend_from_slice(shortest.strip_suffix(".0").unwrap_or(shortest).as_bytes());
    } else {
        // Rare; what is written here for speed and there for all forms has to agree, which a test sees to.
        out.extend_from_slice(vigie_model::format_json_number(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vigie_model::format_json_number;

    use super::*;

    fn check(value: f64) {
        let mut out = Vec::new();
        write_float(&mut out, value);
        assert_eq!(String::from_utf8(out).unwrap(), format_json_number(value));
    }

    #[test]
    fn forms_at_the_borders() {
        for value in [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.1,
            1e-6,
            9.99e-7,
            -1.5e-7,
            1.25e-6,
            1e15,
            1.5e15,
            123_456_789_012_345_680.0,
            1e20,
            -1.2345e20,
            1e21,
            1.5e300,
            5e-324,
            f64::MAX,
            EXACT,
            -EXACT,
            EXACT - 1.0,
            // A tie between two shortest forms.
            101_750_519_106_202.12,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            check(value);
        }
    }

    proptest! {
        #[test]
        fn any_float_is_written_as_go_writes_it(bits in any::<u64>(), scaled in -1e7..1e7f64, digits in 0..12i32) {
            check(f64::from_bits(bits));
            check(scaled);
            check((scaled * 10f64.powi(digits)).round() / 10f64.powi(digits));
            check(scaled.trunc() * 10f64.powi(2 * digits));
        }
    }
}
