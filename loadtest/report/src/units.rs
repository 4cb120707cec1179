//! Numbers as people read them: three significant digits and a unit.

/// What a number counts, which decides how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    PerSecond,
    Cores,
}

impl Unit {
    pub(crate) fn format(self, value: f64) -> String {
        match self {
            Self::Seconds => seconds(value),
            Self::Bytes => bytes(value),
            Self::PerSecond => format!("{}/s", metric(value)),
            Self::Cores => digits(value),
        }
    }

    /// For an axis, where steps are round numbers.
    pub(crate) fn format_tick(self, value: f64) -> String {
        let text = self.format(value);
        let number_end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(number_end);
        if number.contains('.') {
            format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
        } else {
            text
        }
    }

    /// Between steps of an axis: bytes go by powers of two.
    pub(crate) fn is_binary(self) -> bool {
        self == Self::Bytes
    }
}

/// Three significant digits, thousands separated.
pub(crate) fn digits(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    if magnitude >= 99.95 {
        return thousands(value.round() as i64);
    }
    let decimals = if magnitude >= 9.995 {
        1
    } else if magnitude >= 0.9995 {
        2
    } else {
        // So that the third significant digit shows, up to a millionth.
        (2 - magnitude.log10().floor() as i32).clamp(3, 6) as usize
    };
    format!("{value:.decimals$}")
}

pub(crate) fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    if value < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn count(value: u64) -> String {
    thousands(i64::try_from(value).unwrap_or(i64::MAX))
}

fn metric(value: f64) -> String {
    scaled(value, 1000.0, &["", " k", " M", " G", " T"])
}

pub(crate) fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB"])
}

pub(crate) fn seconds(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        "0 s".to_owned()
    } else if magnitude < 0.000_999_5 {
        format!("{} µs", digits(value * 1e6))
    } else if magnitude < 0.999_5 {
        format!("{} ms", digits(value * 1e3))
    } else if magnitude < 600.0 {
        format!("{} s", digits(value))
    } else if magnitude < 36_000.0 {
        format!("{} min", digits(value / 60.0))
    } else {
        format!("{} h", digits(value / 3600.0))
    }
}

fn scaled(value: f64, base: f64, names: &[&str]) -> String {
    let mut rest = value;
    let mut name = 0;
    while rest.abs() >= base * 0.999_5 && name + 1 < names.len() {
        rest /= base;
        name += 1;
    }
    format!("{}{}", digits(rest), names[name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: Unit, cases: &[(f64, &str)]) {
        for (value, expected) in cases {
            assert_eq!(unit.format(*value), *expected, "{value:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        check(
            Unit::Cores,
            &[
                (0.0, "0"),
                (0.000_012_3, "0.000012"),
                (0.012_34, "0.0123"),
                (0.9076, "0.908"),
                (1.0, "1.00"),
                (-12.34, "-12.3"),
                (99.96, "100"),
                (1_234_567.8, "1,234,568"),
                (f64::NAN, "NaN"),
            ],
        );
        check(
            Unit::Seconds,
            &[
                (0.0, "0 s"),
                (0.000_002_5, "2.50 µs"),
                (0.000_999_9, "1.00 ms"),
                (0.25, "250 ms"),
                (12.0, "12.0 s"),
                (3600.0, "60.0 min"),
                (86_400.0, "24.0 h"),
            ],
        );
        check(
            Unit::Bytes,
            &[(0.0, "0 B"), (1023.9, "1.00 KiB"), (1_500_000_000.0, "1.40 GiB")],
        );
        check(Unit::PerSecond, &[(12.0, "12.0/s"), (689_000.0, "689 k/s")]);
        assert_eq!(Unit::PerSecond.format_tick(2500.0), "2.5 k/s");
        assert_eq!(Unit::Seconds.format_tick(0.1), "100 ms");
        assert_eq!(Unit::Cores.format_tick(1.0), "1");
    }
}
