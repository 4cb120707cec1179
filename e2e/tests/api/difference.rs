//! What two answers to one request differ in.

use serde_json::Value;

use crate::request::Request;

/// An answer as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Those of [`HEADERS`] that were sent, in that order, with their values sorted.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Decompressed.
    pub(crate) body: String,
}

/// The headers that mean something to a client.
pub(crate) const HEADERS: &[&str] = &[
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "allow",
    "cache-control",
    "content-encoding",
    "content-type",
    "location",
    "vary",
    "x-content-type-options",
];

/// One line for each difference; `wanted` is what Prometheus said.
pub(crate) fn differences(request: &Request, wanted: &Reply, got: &Reply) -> Vec<String> {
    let mut found = Vec::new();
    if wanted.status != got.status {
        found.push(format!("status {} instead of {}", got.status, wanted.status));
    }
    if wanted.headers != got.headers {
        found.push(format!(
            "headers {:?}\n          instead of {:?}",
            got.headers, wanted.headers
        ));
    }
    if request.without_body {
        return found;
    }
    match (
        serde_json::from_str::<Value>(&wanted.body),
        serde_json::from_str::<Value>(&got.body),
    ) {
        (Ok(wanted), Ok(got)) => compare(request, "", &wanted, &got, &mut found),
        _ if wanted.body != got.body => {
            found.push(format!(
                "body {:?}\n          instead of {:?}",
                cut(&got.body),
                cut(&wanted.body)
            ));
        }
        _ => {}
    }
    found
}

fn compare(request: &Request, path: &str, wanted: &Value, got: &Value, found: &mut Vec<String>) {
    if listed(&request.volatile, path) {
        if std::mem::discriminant(wanted) != std::mem::discriminant(got) {
            found.push(format!(
                "{path}: type of {} instead of {}",
                show(got),
                show(wanted)
            ));
        }
        return;
    }
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, value) in wanted {
                let path = join(path, name);
                match got.get(name) {
                    Some(other) => compare(request, &path, value, other, found),
                    None => found.push(format!("{path}: missing, should be {}", show(value))),
                }
            }
            if !listed(&request.superset, path) {
                let more = got.iter().filter(|(name, _)| !wanted.contains_key(*name));
                found.extend(
                    more.map(|(name, value)| format!("{}: unexpected {}", join(path, name), show(value))),
                );
            }
        }
        (Value::Array(wanted), Value::Array(got)) => compare_arrays(request, path, wanted, got, found),
        _ if !same(wanted, got) => found.push(format!("{path}: {} instead of {}", show(got), show(wanted))),
        _ => {}
    }
}

/// The last bits of a computed value are free.
fn same(wanted: &Value, got: &Value) -> bool {
    const TOLERANCE: f64 = 1e-12;
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    match (number(wanted), number(got)) {
        (Some(wanted), Some(got)) if wanted.is_finite() && got.is_finite() => {
            (wanted - got).abs() <= TOLERANCE * wanted.abs().max(got.abs())
        }
        _ => wanted == got,
    }
}

fn compare_arrays(request: &Request, path: &str, wanted: &[Value], got: &[Value], found: &mut Vec<String>) {
    if listed(&request.superset, path) {
        let missing = wanted.iter().filter(|value| !got.contains(value));
        found.extend(missing.map(|value| format!("{path}: {} is missing", show(value))));
        return;
    }
    if wanted.len() != got.len() {
        found.push(format!(
            "{path}: {} elements instead of {}: {}\n          instead of {}",
            got.len(),
            wanted.len(),
            show(&got.into()),
            show(&wanted.into())
        ));
        return;
    }
    if listed(&request.length, path) {
        return;
    }
    let (mut wanted, mut got) = (wanted.to_vec(), got.to_vec());
    if listed(&request.unordered, path) {
        wanted.sort_by_key(Value::to_string);
        got.sort_by_key(Value::to_string);
    }
    for (position, (wanted, got)) in wanted.iter().zip(&got).enumerate() {
        compare(request, &join(path, &position.to_string()), wanted, got, found);
    }
}

fn listed(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| {
        let (mut pattern, mut path) = (pattern.split('.'), path.split('.'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) | (Some("**"), Some(_)) => return true,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(name)) if wanted == name => {}
                _ => return false,
            }
        }
    })
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn show(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    const MAX_CHARS: usize = 700;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
