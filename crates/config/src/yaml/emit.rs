//! Writing YAML in the layout of Go's yaml.v2.

use std::time::Duration;

use vigie_model::format_duration_ms;

use crate::yaml::decode::bool_value;

/// A document to write.
#[derive(Debug, Clone)]
pub(crate) enum Yaml {
    /// Quoted where it would otherwise read as something else.
    Text(String),
    /// Written as it is: numbers, booleans, durations.
    Plain(String),
    List(Vec<Yaml>),
    /// `[a, b]`
    Flow(Vec<String>),
    Map(YamlMap),
}

impl Yaml {
    pub(crate) fn bool(value: bool) -> Yaml {
        Yaml::Plain(value.to_string())
    }

    pub(crate) fn duration(value: Duration) -> Yaml {
        let ms = i64::try_from(value.as_millis()).unwrap_or(i64::MAX);
        Yaml::Plain(format_duration_ms(ms))
    }

    pub(crate) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Yaml {
        Yaml::List(
            values
                .into_iter()
                .map(|value| Yaml::Text(value.as_ref().to_owned()))
                .collect(),
        )
    }
}

/// A mapping in writing order. The `some_*` methods leave zero values out, as `omitempty` does.
#[derive(Debug, Clone, Default)]
pub(crate) struct YamlMap {
    entries: Vec<(String, Yaml)>,
}

impl YamlMap {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn put(&mut self, name: &str, value: Yaml) -> &mut YamlMap {
        self.entries.push((name.to_owned(), value));
        self
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) -> &mut YamlMap {
        self.put(name, Yaml::bool(value))
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut YamlMap {
        self.put(name, Yaml::Text(value.to_owned()))
    }

    pub(crate) fn duration(&mut self, name: &str, value: Duration) -> &mut YamlMap {
        self.put(name, Yaml::duration(value))
    }

    pub(crate) fn plain(&mut self, name: &str, value: impl ToString) -> &mut YamlMap {
        self.put(name, Yaml::Plain(value.to_string()))
    }

    pub(crate) fn some_bool(&mut self, name: &str, value: bool) -> &mut YamlMap {
        if value { self.bool(name, value) } else { self }
    }

    pub(crate) fn some_text(&mut self, name: &str, value: &str) -> &mut YamlMap {
        if value.is_empty() {
            self
        } else {
            self.text(name, value)
        }
    }

    pub(crate) fn some_duration(&mut self, name: &str, value: Duration) -> &mut YamlMap {
        if value.is_zero() {
            self
        } else {
            self.duration(name, value)
        }
    }

    pub(crate) fn some_number<T: ToString + Default + PartialEq>(
        &mut self,
        name: &str,
        value: T,
    ) -> &mut YamlMap {
        if value == T::default() {
            self
        } else {
            self.plain(name, value)
        }
    }

    pub(crate) fn some_bytes(&mut self, name: &str, bytes: u64) -> &mut YamlMap {
        if bytes == 0 {
            self
        } else {
            self.plain(name, crate::bytes::format_bytes(bytes))
        }
    }

    pub(crate) fn some_texts<T: AsRef<str>>(&mut self, name: &str, values: &[T]) -> &mut YamlMap {
        if values.is_empty() {
            self
        } else {
            self.put(name, Yaml::texts(values))
        }
    }

    pub(crate) fn some_map(&mut self, name: &str, map: YamlMap) -> &mut YamlMap {
        if map.is_empty() {
            self
        } else {
            self.put(name, Yaml::Map(map))
        }
    }

    pub(crate) fn some_list(&mut self, name: &str, items: Vec<Yaml>) -> &mut YamlMap {
        if items.is_empty() {
            self
        } else {
            self.put(name, Yaml::List(items))
        }
    }

    pub(crate) fn extend(&mut self, other: YamlMap) -> &mut YamlMap {
        self.entries.extend(other.entries);
        self
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        write_map(&mut text, self, 0, false);
        text
    }
}

impl<'a> FromIterator<(&'a str, Yaml)> for YamlMap {
    fn from_iter<I: IntoIterator<Item = (&'a str, Yaml)>>(entries: I) -> YamlMap {
        YamlMap {
            entries: entries
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }
}

/// `inline_first`: the cursor stands behind a dash, so the first key needs no indentation.
fn write_map(text: &mut String, map: &YamlMap, indent: usize, inline_first: bool) {
    for (at, (name, value)) in map.entries.iter().enumerate() {
        if at > 0 || !inline_first {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        text.push_str(&scalar(name));
        text.push(':');
        write_value(text, value, indent);
    }
}

/// Writes what follows a colon, line end included.
fn write_value(text: &mut String, value: &Yaml, indent: usize) {
    match value {
        Yaml::Map(map) if map.is_empty() => text.push_str(" {}\n"),
        Yaml::List(items) if items.is_empty() => text.push_str(" []\n"),
        Yaml::Map(map) => {
            text.push('\n');
            write_map(text, map, indent + 2, false);
        }
        Yaml::List(items) => {
            text.push('\n');
            write_list(text, items, indent);
        }
        Yaml::Text(_) | Yaml::Plain(_) | Yaml::Flow(_) => {
            text.push(' ');
            write_inline(text, value);
        }
    }
}

fn write_list(text: &mut String, items: &[Yaml], indent: usize) {
    for item in items {
        text.extend(std::iter::repeat_n(' ', indent));
        text.push('-');
        match item {
            Yaml::Map(map) if !map.is_empty() => {
                text.push(' ');
                write_map(text, map, indent + 2, true);
            }
            Yaml::List(items) if !items.is_empty() => {
                text.push('\n');
                write_list(text, items, indent + 2);
            }
            Yaml::Map(_) | Yaml::List(_) => write_value(text, item, indent),
            Yaml::Text(_) | Yaml::Plain(_) | Yaml::Flow(_) => {
                text.push(' ');
                write_inline(text, item);
            }
        }
    }
}

fn write_inline(text: &mut String, value: &Yaml) {
    match value {
        Yaml::Text(value) => text.push_str(&scalar(value)),
        Yaml::Plain(value) => text.push_str(value),
        Yaml::Flow(values) => {
            let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
            text.push_str(&format!("[{}]", values.join(", ")));
        }
        Yaml::List(_) | Yaml::Map(_) => {}
    }
    text.push('\n');
}

fn scalar(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return double_quoted(text);
    }
    if is_plain(text) {
        text.to_owned()
    } else if needs_double_quotes(text) {
        double_quoted(text)
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Text that would read as another type is quoted doubly by yaml.v2, other text singly.
fn needs_double_quotes(text: &str) -> bool {
    text.is_empty()
        || bool_value(text).is_some()
        || text.parse::<f64>().is_ok()
        || text == "null"
        || text == "~"
}

fn is_plain(text: &str) -> bool {
    let starts_well = text
        .chars()
        .next()
        .is_some_and(|first| first.is_alphanumeric() || "/_.$(^<+\\;=)".contains(first));
    starts_well
        && !needs_double_quotes(text)
        && !matches!(text, "Null" | "NULL" | "<<" | "=")
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !text.contains(['{', '}', '[', ']', ','])
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() && u32::from(c) < 0x100 => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(c)))
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
