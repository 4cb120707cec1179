//! Floats as text, in the forms Go's `strconv` gives them, since users compare answers as strings.
//!
//! Go prints the shortest digits that read back to the same bits, and of several as short the nearest
//! to the value, the even one if two are as near. `zmij` decides alike; Rust's own formatting takes
//! the upper of the two. All forms here are rearrangements of `zmij`'s digits.

/// Sign, digits without a point, and the decimal exponent of the first digit.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Decimal {
    fn shortest(value: f64) -> Decimal {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('-');
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading_zeros = all.len() - significant.len();
        let digits = significant.trim_end_matches('0');
        Decimal {
            negative: value.is_sign_negative(),
            digits: if digits.is_empty() { "0" } else { digits }.to_owned(),
            exponent: if digits.is_empty() {
                0
            } else {
                exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - 1 - leading_zeros as i32
            },
        }
    }

    fn plain_form(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let digits = self.digits.as_str();
        if self.exponent < 0 {
            let zeros = "0".repeat(self.exponent.unsigned_abs() as usize - 1);
            return format!("{sign}0.{zeros}{digits}");
        }
        let whole_digits = self.exponent as usize + 1;
        match digits.split_at_checked(whole_digits) {
            Some((whole, "")) => format!("{sign}{whole}"),
            Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{digits}{}", "0".repeat(whole_digits - digits.len())),
        }
    }

    fn exponent_form(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if self.exponent < 0 { '-' } else { '+' };
        format!(
            "{sign}{first}{point}{rest}e{exponent_sign}{:02}",
            self.exponent.unsigned_abs()
        )
    }
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// `%f` with the shortest precision: never an exponent.
pub fn format_go_f(value: f64) -> String {
    special(value).map_or_else(|| Decimal::shortest(value).plain_form(), str::to_owned)
}

/// `%e` with the shortest precision.
pub fn format_go_exponent(value: f64) -> String {
    special(value).map_or_else(|| Decimal::shortest(value).exponent_form(), str::to_owned)
}

/// `%g` with the shortest precision: an exponent below 1e-4 and from 1e6 on.
pub fn format_go_g(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let decimal = Decimal::shortest(value);
    if decimal.exponent < -4 || decimal.exponent >= 6 {
        decimal.exponent_form()
    } else {
        decimal.plain_form()
    }
}

/// The value strings of the HTTP API: an exponent below 1e-6 and from 1e21 on.
pub fn format_json_number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        format_go_exponent(value)
    } else {
        format_go_f(value)
    }
}

/// Reads what Go's `strconv.ParseFloat` reads, without hexadecimal and underscore forms.
pub fn parse_go_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = match unsigned.as_bytes().first()? {
        b'0'..=b'9' | b'.' => return text.parse().ok(),
        _ if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") => {
            f64::INFINITY
        }
        // Go takes no sign before NaN.
        _ if text.eq_ignore_ascii_case("nan") => return Some(f64::from_bits(crate::NORMAL_NAN_BITS)),
        _ => return None,
    };
    Some(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::excessive_precision, reason = "a tie is shown by all its digits")]
    fn forms_follow_go() {
        for (value, f, g, json) in [
            (0.0, "0", "0", "0"),
            (-0.0, "-0", "-0", "-0"),
            (1.5, "1.5", "1.5", "1.5"),
            (1e-7, "0.0000001", "1e-07", "1e-07"),
            (1e-5, "0.00001", "1e-05", "0.00001"),
            (123456789.0, "123456789", "1.23456789e+08", "123456789"),
            (1e21, "1000000000000000000000", "1e+21", "1e+21"),
            (1e-6, "0.000001", "1e-06", "0.000001"),
            (9.99e-7, "0.000000999", "9.99e-07", "9.99e-07"),
            (1.25e-6, "0.00000125", "1.25e-06", "0.00000125"),
            (1e20, "100000000000000000000", "1e+20", "100000000000000000000"),
            (
                -1.2345e20,
                "-123450000000000000000",
                "-1.2345e+20",
                "-123450000000000000000",
            ),
            (-2.5e-10, "-0.00000000025", "-2.5e-10", "-2.5e-10"),
            // Halfway between two shortest forms: the even digit, as Go has it.
            (
                101_750_519_106_202.125,
                "101750519106202.12",
                "1.0175051910620212e+14",
                "101750519106202.12",
            ),
            (
                101_750_519_106_202.375,
                "101750519106202.38",
                "1.0175051910620238e+14",
                "101750519106202.38",
            ),
            (f64::INFINITY, "+Inf", "+Inf", "+Inf"),
            (f64::NAN, "NaN", "NaN", "NaN"),
        ] {
            assert_eq!(
                (format_go_f(value).as_str(), format_json_number(value).as_str()),
                (f, json)
            );
            assert_eq!(format_go_g(value), g);
        }
        assert_eq!(format_go_exponent(1234.5), "1.2345e+03");
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, value) in [
            ("1", 1.0),
            ("+1.5e3", 1500.0),
            ("-Inf", f64::NEG_INFINITY),
            (".5", 0.5),
            ("2.", 2.0),
            ("infinity", f64::INFINITY),
        ] {
            assert_eq!(parse_go_float(text), Some(value), "{text}");
        }
        assert!(parse_go_float("NaN").is_some_and(f64::is_nan));
        for text in ["", "x", "0x1p3", "1_000", "-nan", "1e", "+"] {
            assert_eq!(parse_go_float(text).map(f64::to_bits), None, "{text}");
        }
    }
}
