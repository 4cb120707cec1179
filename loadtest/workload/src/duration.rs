//! Durations as scenario files write them.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Milliseconds, written `15s`, `1h30m`, `250ms`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

const UNITS: [(&str, i64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

impl Millis {
    /// The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no duration: write for example 15s, 250ms, 10m, 1h30m or 2d");
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(refuse());
        }
        let mut total = 0i64;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let count: i64 = rest[..digits].parse().map_err(|_| refuse())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (_, factor) = UNITS
                .iter()
                .find(|(unit, _)| *unit == &rest[..letters])
                .ok_or_else(refuse)?;
            rest = &rest[letters..];
            let part = count.checked_mul(*factor).ok_or_else(refuse)?;
            total = total.checked_add(part).ok_or_else(refuse)?;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0");
        }
        for (unit, factor) in UNITS.iter().rev() {
            let count = rest / factor;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis) in [
            ("15s", 15_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("2d", 172_800_000),
            ("0", 0),
        ] {
            assert_eq!(Millis::parse(text), Ok(Millis(millis)));
            assert_eq!(Millis(millis).to_string(), text);
        }
        for wrong in ["", "15", "s", "1x", "-1s", "99999999999999999w"] {
            assert!(Millis::parse(wrong).is_err(), "{wrong}");
        }
    }
}
