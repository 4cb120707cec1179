//! Durations as PromQL writes them.

use crate::rng::Rng;

const UNITS: &[(&str, i64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The value of a plain duration literal or number of seconds; `None` for a duration expression.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds * 1000.0) as i64);
    }
    if let Some(rest) = text.strip_prefix('-') {
        return parse_ms(rest).map(|ms| -ms);
    }
    let mut total = 0i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// In as few units as possible: `1h30m`, `45s`, `0s`.
pub(crate) fn print_ms(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    if ms < 0 {
        text.push('-');
    }
    let mut left = ms.abs();
    // Years and weeks do not divide into the units below them as people expect: they are not used.
    for (unit, factor) in &UNITS[2..] {
        if left >= *factor {
            text.push_str(&format!("{}{unit}", left / factor));
            left %= factor;
        }
    }
    text
}

/// The same duration in one of the ways to write it.
pub(crate) fn write_ms(ms: i64, rng: &mut Rng) -> String {
    match rng.below(10) {
        0 if ms % 1000 == 0 => (ms / 1000).to_string(),
        1 => format!("{}ms", ms),
        2 if ms % 60_000 == 0 && ms != 0 => format!("{}m", ms / 60_000),
        _ => print_ms(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let mut rng = Rng::new(1);
        for ms in [0, 1, 999, 15_000, 90_000, 3_661_001, 86_400_000, -300_000] {
            assert_eq!(parse_ms(&print_ms(ms)), Some(ms));
            for _ in 0..20 {
                let text = write_ms(ms, &mut rng);
                assert_eq!(parse_ms(&text), Some(ms), "{text}");
            }
        }
        assert_eq!(parse_ms("1w2d"), Some(9 * 86_400_000));
        for wrong in ["", "m", "1x", "step()", "5m + 1m"] {
            assert_eq!(parse_ms(wrong), None, "{wrong}");
        }
    }
}
