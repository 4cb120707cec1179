//! Go's `Sprintf`, for the kinds of values templates have.

use vigie_model::{format_go_exponent, format_go_f, format_go_g, quote_go};

use super::Value;

/// Wider or more precise output than this is cut to it.
const MAX_WIDTH: usize = 1000;

#[derive(Debug, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

pub(crate) fn sprintf(format: &str, arguments: &[Value]) -> String {
    let mut output = String::new();
    let mut next = arguments.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        output.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (flags, verb, after) = directive(rest, &mut next);
        rest = after;
        match (verb, flags) {
            (None, _) => output.push_str("%!(NOVERB)"),
            (Some('%'), _) => output.push('%'),
            (Some(verb), flags) => match next.next() {
                None => output.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => output.push_str(&padded(&formatted(verb, &flags, value), &flags)),
            },
        }
    }
    output.push_str(rest);
    let extra: Vec<String> = next
        .map(|value| format!("{}={value}", value.type_name()))
        .collect();
    if !extra.is_empty() {
        output.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    output
}

/// Flags, width and precision, the verb, and what follows it.
fn directive<'f>(
    text: &'f str,
    arguments: &mut std::slice::Iter<'_, Value>,
) -> (Flags, Option<char>, &'f str) {
    let mut flags = Flags::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '-' => flags.minus = true,
            '+' => flags.plus = true,
            '#' => flags.sharp = true,
            ' ' => flags.space = true,
            '0' => flags.zero = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let (width, after) = number(rest, arguments);
    rest = after;
    flags.width = width.unwrap_or(0);
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after, arguments);
        rest = after;
        flags.precision = Some(precision.unwrap_or(0));
    }
    let verb = rest.chars().next();
    (flags, verb, &rest[verb.map_or(0, char::len_utf8)..])
}

fn number<'f>(text: &'f str, arguments: &mut std::slice::Iter<'_, Value>) -> (Option<usize>, &'f str) {
    if let Some(rest) = text.strip_prefix('*') {
        let value = match arguments.next() {
            Some(Value::Int(value)) => usize::try_from(*value).ok(),
            _ => None,
        };
        return (value.map(|value| value.min(MAX_WIDTH)), rest);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let value = (end > 0).then(|| {
        text[..end]
            .parse()
            .map_or(MAX_WIDTH, |value: usize| value.min(MAX_WIDTH))
    });
    (value, &text[end..])
}

fn padded(text: &str, flags: &Flags) -> String {
    let missing = flags.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    if flags.minus {
        return format!("{text}{}", " ".repeat(missing));
    }
    if flags.zero {
        let (sign, digits) = match text.split_at_checked(1) {
            Some((sign @ ("+" | "-"), digits)) => (sign, digits),
            _ => ("", text),
        };
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    format!("{}{text}", " ".repeat(missing))
}

fn formatted(verb: char, flags: &Flags, value: &Value) -> String {
    let text = match (verb, value) {
        ('v', Value::Text(text)) if flags.sharp => Some(quote_go(text)),
        ('v', Value::Float(number)) => Some(signed(float('g', flags.precision, *number), flags)),
        ('v', Value::Int(number)) => Some(signed(number.to_string(), flags)),
        ('v', Value::Nil) => Some("<nil>".to_owned()),
        ('v', other) => Some(other.to_string()),
        ('T', other) => Some(other.type_name().to_owned()),
        ('t', Value::Bool(value)) => Some(value.to_string()),
        ('s', Value::Text(text)) => Some(match flags.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.clone(),
        }),
        (
            's',
            Value::List(_)
            | Value::Labels(_)
            | Value::Map(_)
            | Value::Struct(_)
            | Value::Histogram(_)
            | Value::Time(_)
            | Value::Duration(_),
        ) => Some(value.to_string()),
        ('q', Value::Text(text)) => Some(quote_go(text)),
        ('x', Value::Text(text)) => Some(text.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ('X', Value::Text(text)) => Some(text.bytes().map(|byte| format!("{byte:02X}")).collect()),
        ('d', Value::Int(number) | Value::Duration(number)) => Some(signed(number.to_string(), flags)),
        ('b', Value::Int(number)) => Some(radix(*number, |magnitude| format!("{magnitude:b}"))),
        ('o', Value::Int(number)) => Some(radix(*number, |magnitude| format!("{magnitude:o}"))),
        ('x', Value::Int(number)) => Some(radix(*number, |magnitude| format!("{magnitude:x}"))),
        ('X', Value::Int(number)) => Some(radix(*number, |magnitude| format!("{magnitude:X}"))),
        ('c', Value::Int(number)) => Some(
            u32::try_from(*number)
                .ok()
                .and_then(char::from_u32)
                .unwrap_or('\u{fffd}')
                .to_string(),
        ),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(number)) => {
            let text = float(verb.to_ascii_lowercase(), flags.precision, *number);
            let text = if verb.is_ascii_uppercase() && verb != 'F' {
                text.to_ascii_uppercase()
            } else {
                text
            };
            Some(signed(text, flags))
        }
        _ => None,
    };
    text.unwrap_or_else(|| format!("%!{verb}({}={value})", value.type_name()))
}

fn signed(text: String, flags: &Flags) -> String {
    let has_sign = text.starts_with(['+', '-']);
    if flags.plus && !has_sign {
        format!("+{text}")
    } else if flags.space && !has_sign {
        format!(" {text}")
    } else {
        text
    }
}

fn radix(number: i64, digits: impl Fn(u64) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", digits(number.unsigned_abs()))
}

/// `%e`, `%f` and `%g`; without precision, six digits for the first two and as few as needed for the last.
fn float(verb: char, precision: Option<usize>, value: f64) -> String {
    if !value.is_finite() {
        // With their sign, as Go prints them.
        return if value.is_nan() {
            "NaN".to_owned()
        } else if value > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        };
    }
    match (verb, precision) {
        ('e', precision) => exponent(value, precision.unwrap_or(6)),
        ('f', precision) => format!("{value:.*}", precision.unwrap_or(6)),
        (_, Some(precision)) => general(value, precision),
        (_, None) => format_go_g(value),
    }
}

fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// `%.4g` and its like: that many significant digits, without zeros at the end, with an exponent if
/// it is below -4 or as large as the digits are many.
pub(crate) fn general(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return float('g', None, value);
    }
    let digits = digits.max(1);
    // Rounded to that many digits; what is left has a shortest form of no more.
    let rounded = format!("{value:.*e}", digits - 1);
    let power: i32 = rounded
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    let rounded: f64 = rounded.parse().unwrap_or(value);
    if power < -4 || power >= i32::try_from(digits).unwrap_or(i32::MAX) {
        format_go_exponent(rounded)
    } else {
        format_go_f(rounded)
    }
}
