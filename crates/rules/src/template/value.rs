//! What templates calculate with.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use vigie_model::{FloatHistogram, format_go_g};

/// A value; its text is what Go's `%v` prints.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `nil`, and what is missing from a map of anything.
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    /// Labels: a missing key is the empty text.
    Labels(BTreeMap<String, String>),
    /// What `args` gives.
    Map(BTreeMap<String, Value>),
    /// Fields by name; any other is an error.
    Struct(BTreeMap<&'static str, Value>),
    Histogram(Box<FloatHistogram>),
    /// Nanoseconds since 1970.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
}

impl Value {
    /// Whether `if` takes it.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) | Value::Duration(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Labels(labels) => !labels.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Struct(_) | Value::Histogram(_) | Value::Time(_) => true,
        }
    }

    /// The name of its type in Go.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::List(_) => "template.queryResult",
            Value::Labels(_) => "map[string]string",
            Value::Map(_) => "map[string]interface {}",
            Value::Struct(_) => "struct",
            Value::Histogram(_) => "*histogram.FloatHistogram",
            Value::Time(_) => "*time.Time",
            Value::Duration(_) => "*time.Duration",
        }
    }

    /// The number functions take it for.
    pub(crate) fn to_float(&self) -> Result<f64, String> {
        match self {
            Value::Float(value) => Ok(*value),
            Value::Int(value) => Ok(*value as f64),
            Value::Duration(nanoseconds) => Ok(*nanoseconds as f64 / 1e9),
            Value::Text(text) => vigie_model::parse_go_float(text)
                .ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
            other => Err(format!("can't convert {} to float", other.type_name())),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("<no value>"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => f.write_str(&format_go_g(*value)),
            Value::Text(text) => f.write_str(text),
            Value::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    let separator = if at == 0 { "" } else { " " };
                    write!(f, "{separator}{item}")?;
                }
                f.write_str("]")
            }
            Value::Labels(labels) => write_map(f, labels),
            Value::Map(map) => write_map(f, map),
            Value::Struct(fields) => {
                f.write_str("{")?;
                for (at, value) in fields.values().enumerate() {
                    let separator = if at == 0 { "" } else { " " };
                    write!(f, "{separator}{value}")?;
                }
                f.write_str("}")
            }
            Value::Histogram(histogram) => write!(f, "{histogram}"),
            Value::Time(nanoseconds) => f.write_str(&time_text(*nanoseconds)),
            Value::Duration(nanoseconds) => f.write_str(&duration_text(*nanoseconds)),
        }
    }
}

fn write_map<T: fmt::Display>(f: &mut fmt::Formatter<'_>, map: &BTreeMap<String, T>) -> fmt::Result {
    f.write_str("map[")?;
    for (at, (key, value)) in map.iter().enumerate() {
        let separator = if at == 0 { "" } else { " " };
        write!(f, "{separator}{key}:{value}")?;
    }
    f.write_str("]")
}

/// As Go prints a time: `2015-01-01 00:00:00.5 +0000 UTC`.
pub(crate) fn time_text(nanoseconds: i64) -> String {
    let Ok(time) = Timestamp::from_nanosecond(i128::from(nanoseconds)) else {
        return String::new();
    };
    let seconds = time.strftime("%Y-%m-%d %H:%M:%S");
    let fraction = match nanoseconds.rem_euclid(1_000_000_000) {
        0 => String::new(),
        fraction => format!(".{fraction:09}").trim_end_matches('0').to_owned(),
    };
    format!("{seconds}{fraction} +0000 UTC")
}

/// As Go prints a duration: `1h2m3.5s`, `15ms`, `0s`.
pub(crate) fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    let with_unit = |per_unit: u64, unit: &str| {
        let whole = magnitude / per_unit;
        let digits = per_unit.ilog10() as usize;
        let fraction = match magnitude % per_unit {
            0 => String::new(),
            rest => format!(".{rest:0digits$}").trim_end_matches('0').to_owned(),
        };
        format!("{sign}{whole}{fraction}{unit}")
    };
    match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => with_unit(1_000, "\u{b5}s"),
        1_000_000..1_000_000_000 => with_unit(1_000_000, "ms"),
        _ => {
            let seconds = magnitude / 1_000_000_000;
            let fraction = match magnitude % 1_000_000_000 {
                0 => String::new(),
                rest => format!(".{rest:09}").trim_end_matches('0').to_owned(),
            };
            let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{rest}{fraction}s"),
                (0, _) => format!("{sign}{minutes}m{rest}{fraction}s"),
                _ => format!("{sign}{hours}h{minutes}m{rest}{fraction}s"),
            }
        }
    }
}
