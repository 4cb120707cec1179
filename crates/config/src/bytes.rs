//! Byte quantities: `512`, `10MB`, `1GiB`, `1MiB512KiB`. All units are powers of 1,024, with or
//! without the `i`, as in Prometheus.

const UNITS: [(&str, u32); 6] = [("E", 60), ("P", 50), ("T", 40), ("G", 30), ("M", 20), ("K", 10)];

/// A size as Prometheus writes it in files and flags. The error text is that of the library it uses.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    if text == "0" {
        return Ok(0);
    }
    let invalid = || format!("units: invalid {text}");
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(number_length(rest));
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let shift = shift(unit).ok_or_else(|| format!("units: unknown unit {unit} in {text}"))?;
        let part = number * (1u64 << shift) as f64;
        // Signed there.
        if part >= i64::MAX as f64 {
            return Err(invalid());
        }
        total = total.checked_add(part as u64).ok_or_else(invalid)?;
        rest = after;
    }
    if text.is_empty() {
        Err(invalid())
    } else {
        Ok(total)
    }
}

fn number_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len())
}

fn shift(unit: &str) -> Option<u32> {
    let prefix = unit.strip_suffix('B')?;
    let prefix = prefix.strip_suffix('i').unwrap_or(prefix);
    if prefix.is_empty() {
        return (unit == "B").then_some(0);
    }
    UNITS
        .iter()
        .find_map(|&(name, shift)| (name == prefix).then_some(shift))
}

pub(crate) fn format_bytes(bytes: u64) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    for (unit, shift) in UNITS {
        let count = rest >> shift;
        if count > 0 {
            text.push_str(&format!("{count}{unit}iB"));
            rest &= (1 << shift) - 1;
        }
    }
    if rest > 0 || text.is_empty() {
        text.push_str(&format!("{rest}B"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_and_print() {
        for (text, bytes, printed) in [
            ("0", 0, "0B"),
            ("512B", 512, "512B"),
            ("10MB", 10 << 20, "10MiB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("1.5KB", 1536, "1KiB512B"),
            ("1MiB512KiB", (1 << 20) + (512 << 10), "1MiB512KiB"),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
            assert_eq!(format_bytes(bytes), printed);
        }
        for text in ["", "10", "MB", "10XB", "-1MB", "99999999EB", "1MB "] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(parse_bytes("10").unwrap_err(), "units: unknown unit  in 10");
    }
}
