//! The functions that Go's templates have themselves.

use std::cmp::Ordering;
use std::fmt::Write;

use super::Value;
use super::printf::sprintf;

const NAMES: &[&str] = &[
    "and", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// `and` and `or` are not here: they look at their arguments one by one.
pub(crate) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match name {
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, arguments).map(Value::Bool),
        "not" => one(arguments).map(|value| Value::Bool(!value.is_true())),
        "len" => one(arguments).and_then(length).map(Value::Int),
        "index" => index(arguments),
        "slice" => slice(arguments),
        "print" => Ok(Value::Text(print(arguments, false))),
        "println" => Ok(Value::Text(print(arguments, true))),
        "printf" => match arguments.split_first() {
            Some((Value::Text(format), rest)) => Ok(Value::Text(sprintf(format, rest))),
            _ => Err("wrong type for value; expected string".to_owned()),
        },
        "html" => Ok(Value::Text(html_escape(&print(arguments, false)))),
        "js" => Ok(Value::Text(js_escape(&print(arguments, false)))),
        "urlquery" => Ok(Value::Text(query_escape(&print(arguments, false)))),
        other => Err(format!("function {other:?} not defined")),
    }
}

fn one(arguments: &[Value]) -> Result<&Value, String> {
    match arguments {
        [value] => Ok(value),
        _ => Err(format!("wrong number of args: want 1 got {}", arguments.len())),
    }
}

fn compare(name: &str, arguments: &[Value]) -> Result<bool, String> {
    let Some((first, others)) = arguments.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".to_owned());
    };
    if name == "eq" {
        return others
            .iter()
            .try_fold(false, |found, other| Ok(found || is_equal(first, other)?));
    }
    let [second] = others else {
        return Err(format!("wrong number of args: want 2 got {}", arguments.len()));
    };
    if name == "ne" {
        return Ok(!is_equal(first, second)?);
    }
    let order = order(first, second)?;
    Ok(match name {
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn is_equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        _ => Ok(order(left, right)? == Some(Ordering::Equal)),
    }
}

/// `None` where a NaN is involved.
fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) | (Value::Duration(left), Value::Duration(right)) => {
            Ok(Some(left.cmp(right)))
        }
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        (left, right) => {
            let is_basic = |value: &Value| {
                matches!(
                    value,
                    Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)
                )
            };
            let problem = if is_basic(left) && is_basic(right) {
                "incompatible types for comparison"
            } else {
                "invalid type for comparison"
            };
            Err(problem.to_owned())
        }
    }
}

fn length(value: &Value) -> Result<i64, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(map) => map.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(length as i64)
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let Some((item, indices)) = arguments.split_first() else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    let mut value = item.clone();
    for key in indices {
        value = match (value, key) {
            (Value::List(items), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| items.into_iter().nth(at))
                .ok_or_else(|| format!("index out of range: {at}"))?,
            (Value::Labels(mut labels), Value::Text(name)) => {
                Value::Text(labels.remove(name).unwrap_or_default())
            }
            (Value::Map(mut map), Value::Text(name)) => map.remove(name).unwrap_or(Value::Nil),
            (Value::Nil, _) => return Err("index of untyped nil".to_owned()),
            (other, key) => {
                return Err(format!(
                    "can't index item of type {} with {key}",
                    other.type_name()
                ));
            }
        };
    }
    Ok(value)
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let Some((item, bounds)) = arguments.split_first().filter(|(_, bounds)| bounds.len() <= 2) else {
        return Err("wrong number of args for slice".to_owned());
    };
    let length = usize::try_from(length(item)?).unwrap_or(0);
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Ok(default),
        Some(Value::Int(bound)) => usize::try_from(*bound)
            .ok()
            .filter(|bound| *bound <= length)
            .ok_or_else(|| format!("index out of range: {bound}")),
        Some(other) => Err(format!(
            "cannot index slice/array with type {}",
            other.type_name()
        )),
    };
    let (start, end) = (bound(0, 0)?, bound(1, length)?);
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    match item {
        Value::Text(text) => text
            .get(start..end)
            .map(|part| Value::Text(part.to_owned()))
            .ok_or_else(|| "slice cuts a character".to_owned()),
        Value::List(items) => Ok(Value::List(items[start..end].to_vec())),
        other => Err(format!("can't slice item of type {}", other.type_name())),
    }
}

/// As Go's `Sprint`: blanks between operands neither of which is a text; with `line`, between all.
fn print(arguments: &[Value], line: bool) -> String {
    let mut text = String::new();
    for (at, value) in arguments.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        let apart = at > 0 && (line || (!is_text(value) && !is_text(&arguments[at - 1])));
        if apart {
            text.push(' ');
        }
        let _ = write!(text, "{value}");
    }
    if line {
        text.push('\n');
    }
    text
}

fn html_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => escaped.push('\u{fffd}'),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn js_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c if c < ' ' => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// As Go's `url.QueryEscape`.
pub(crate) fn query_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(byte as char),
            b' ' => escaped.push('+'),
            byte => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}
