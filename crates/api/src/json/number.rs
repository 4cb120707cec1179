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
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value);
    let magnitude = value.abs();
    if PLAIN.contains(&magnitude) {
        out.extend_from_slice(shortest.strip_suffix(".0").unwrap_or(shortest).as_bytes());
    } else {
        let has_exponent = magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude);
        rearrange(out, shortest, has_exponent);
    }
}

/// Writes the digits of a number in the wanted notation, whatever notation they are in.
#[cold]
fn rearrange(out: &mut Vec<u8>, number: &str, has_exponent: bool) {
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (&b"-"[..], mantissa),
        None => (&b""[..], mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading_zeros = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0').as_bytes();
    // The place of the first digit: 0 for units, 1 for tens.
    let place = exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - 1 - leading_zeros as i32;
    out.extend_from_slice(sign);
    let Some((first, rest)) = digits.split_first() else {
        out.push(b'0');
        return;
    };
    if has_exponent {
        out.push(*first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.extend_from_slice(if place < 0 { b"e-" } else { b"e+" });
        out.extend_from_slice(format!("{:02}", place.unsigned_abs()).as_bytes());
    } else if place < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', place.unsigned_abs() as usize - 1));
        out.extend_from_slice(digits);
    } else {
        let whole_digits = place as usize + 1;
        out.extend_from_slice(&digits[..digits.len().min(whole_digits)]);
        match digits.get(whole_digits..) {
            Some([]) => {}
            Some(fraction) => {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
            None => out.extend(std::iter::repeat_n(b'0', whole_digits - digits.len())),
        }
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
