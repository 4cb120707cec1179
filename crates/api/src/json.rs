//! JSON written straight into a buffer, in Prometheus's forms.

mod histogram;
mod number;
mod times;
mod value;

use vigie_model::Labels;

pub(crate) use number::write_float;
pub use value::write_query_value;

/// A string with quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    write_utf8(out, text.as_bytes());
}

/// A string with quotes, of bytes that are UTF-8, which stands as it is.
pub(crate) fn write_utf8(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    // Without a way out of the loop, many bytes are looked at together.
    let is_plain = bytes
        .iter()
        .fold(true, |plain, &byte| plain & stands_as_it_is(byte));
    if is_plain {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if stands_as_it_is(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

fn stands_as_it_is(byte: u8) -> bool {
    (byte >= b' ') & (byte != b'"') & (byte != b'\\')
}

/// An object of strings.
pub(crate) fn write_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (position, (name, value)) in labels.iter_utf8().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_utf8(out, name);
        out.push(b':');
        write_utf8(out, value);
    }
    out.push(b'}');
}

pub(crate) fn write_array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Seconds, with three digits of a fraction if there is one.
#[inline]
pub(crate) fn write_timestamp(out: &mut Vec<u8>, timestamp_ms: i64) {
    if timestamp_ms < 0 {
        out.push(b'-');
    }
    let magnitude = timestamp_ms.unsigned_abs();
    let (seconds, fraction) = (magnitude / 1000, magnitude % 1000);
    out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
    if fraction > 0 {
        let digit = |value: u64| b'0' + u8::try_from(value % 10).unwrap_or_default();
        out.extend_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped() {
        let text = "a\"b\\c\n\r\t\u{1}\u{1f}<é\u{2028}";
        let json = written(|out| write_string(out, text));
        assert_eq!(json, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f<é\u{2028}\"");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn timestamps_have_three_decimals_or_none() {
        for (timestamp_ms, text) in [
            (0, "0"),
            (1500, "1.500"),
            (1_435_781_451_781, "1435781451.781"),
            (60_000, "60"),
            (5, "0.005"),
            (-1, "-0.001"),
            (-2000, "-2"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(written(|out| write_timestamp(out, timestamp_ms)), text);
        }
    }
}
