//! Strict decoding with the messages of Go's yaml.v2, which users of Prometheus know.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vigie_model::parse_duration_ms;

use crate::bytes::parse_bytes;
use crate::yaml::{Node, Value};
use crate::{ConfigError, Secret};

/// What is wrong with a document.
///
/// Mistakes of form are all reported together, each with its line. A mistake of meaning ends the
/// report: the first one found is told, and only if the form was right.
#[derive(Debug)]
pub struct Problems {
    /// What relative paths in the document are relative to.
    dir: PathBuf,
    form: RefCell<Vec<String>>,
    meaning: RefCell<Option<ConfigError>>,
}

impl Problems {
    pub fn new(dir: &Path) -> Problems {
        Problems {
            dir: dir.to_owned(),
            form: RefCell::default(),
            meaning: RefCell::default(),
        }
    }

    /// A path or glob as the document means it; the empty text stays empty.
    pub fn resolve(&self, path: &str) -> String {
        if path.is_empty() || Path::new(path).is_absolute() {
            return path.to_owned();
        }
        self.dir.join(path).to_string_lossy().into_owned()
    }

    pub fn form(&self, line: usize, message: impl std::fmt::Display) {
        self.form.borrow_mut().push(format!("line {line}: {message}"));
    }

    pub fn meaning(&self, error: impl Into<ConfigError>) {
        self.meaning.borrow_mut().get_or_insert_with(|| error.into());
    }

    pub fn invalid(&self, message: impl Into<String>) {
        self.meaning(ConfigError::Invalid(message.into()));
    }

    fn mismatch(&self, node: &Node, go_type: &str) {
        let found = match &node.value {
            Value::Null => "!!null".to_owned(),
            Value::List(_) => "!!seq".to_owned(),
            Value::Map(_) => "!!map".to_owned(),
            Value::Scalar { text, plain } => format!("{} `{}`", tag(text, *plain), abridged(text)),
        };
        self.form(node.line, format!("cannot unmarshal {found} into {go_type}"));
    }

    pub fn finish(self) -> Result<(), ConfigError> {
        let mut form = self.form.into_inner();
        if form.is_empty() {
            return self.meaning.into_inner().map_or(Ok(()), Err);
        }
        form.sort_by_key(|message| line_of(message));
        Err(ConfigError::Unmarshal(form))
    }

    pub fn string(&self, node: &Node) -> Option<String> {
        let text = node.text();
        if text.is_none() && !node.is_null() {
            self.mismatch(node, "string");
        }
        text.map(str::to_owned)
    }

    pub fn bool(&self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Null => None,
            Value::Scalar { text, plain: true } if bool_value(text).is_some() => bool_value(text),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                self.mismatch(node, "bool");
                None
            }
        }
    }

    /// A number that Rust reads the way YAML writes it.
    pub fn number<T: std::str::FromStr>(&self, node: &Node, go_type: &str) -> Option<T> {
        if node.is_null() {
            return None;
        }
        let number = match &node.value {
            Value::Scalar { text, plain: true } => text.replace('_', "").parse().ok(),
            Value::Scalar { .. } | Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        if number.is_none() {
            self.mismatch(node, go_type);
        }
        number
    }

    pub fn duration(&self, node: &Node) -> Option<Duration> {
        let text = self.string(node)?;
        match parse_duration_ms(&text) {
            Ok(ms) => Some(Duration::from_millis(ms.unsigned_abs())),
            Err(error) => {
                self.invalid(error.to_string());
                None
            }
        }
    }

    pub fn bytes(&self, node: &Node) -> Option<u64> {
        let text = self.string(node)?;
        parse_bytes(&text).map_err(|message| self.invalid(message)).ok()
    }

    /// The items of a list; null is an empty one.
    pub fn list<T>(&self, node: &Node, go_type: &str, item: impl FnMut(&Node) -> Option<T>) -> Vec<T> {
        match &node.value {
            Value::Null => Vec::new(),
            Value::List(items) => items.iter().filter_map(item).collect(),
            Value::Scalar { .. } | Value::Map(_) => {
                self.mismatch(node, go_type);
                Vec::new()
            }
        }
    }

    pub fn strings(&self, node: &Node) -> Vec<String> {
        self.list(node, "[]string", |item| self.string(item))
    }

    /// A map with keys chosen by the user.
    pub fn map<T>(
        &self,
        node: &Node,
        go_type: &str,
        mut value: impl FnMut(&Node) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let entries = match &node.value {
            Value::Null => return BTreeMap::new(),
            Value::Map(entries) => entries,
            Value::Scalar { .. } | Value::List(_) => {
                self.mismatch(node, go_type);
                return BTreeMap::new();
            }
        };
        let mut map = BTreeMap::new();
        for (key, node) in entries {
            let Some(name) = self.string(key) else { continue };
            if map.contains_key(&name) {
                self.form(key.line, format!("key {name:?} already set in map"));
            }
            if let Some(value) = value(node) {
                map.insert(name, value);
            }
        }
        map
    }

    pub fn string_map(&self, node: &Node) -> BTreeMap<String, String> {
        self.map(node, "map[string]string", |value| {
            Some(self.string(value).unwrap_or_default())
        })
    }
}

/// The keys of a section. Each is taken once; what nobody took is an unknown field.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: Vec<(&'n str, usize, &'n Node)>,
    go_type: &'static str,
    /// Where mistakes are told.
    pub problems: &'n Problems,
}

impl<'n> Fields<'n> {
    pub fn new(node: &'n Node, go_type: &'static str, problems: &'n Problems) -> Fields<'n> {
        let mut fields = Fields {
            entries: Vec::new(),
            go_type,
            problems,
        };
        match &node.value {
            Value::Null => {}
            Value::Map(entries) => {
                for (key, value) in entries {
                    fields.add(key, value);
                }
            }
            Value::Scalar { .. } | Value::List(_) => problems.mismatch(node, go_type),
        }
        fields
    }

    fn add(&mut self, key: &'n Node, value: &'n Node) {
        match key.text() {
            Some(name) if self.entries.iter().any(|(present, ..)| *present == name) => {
                let message = format!("field {name} already set in type {}", self.go_type);
                self.problems.form(key.line, message);
            }
            Some(name) => self.entries.push((name, key.line, value)),
            None => self.problems.mismatch(key, "string"),
        }
    }

    pub fn take(&mut self, name: &str) -> Option<&'n Node> {
        let at = self.entries.iter().position(|(present, ..)| *present == name)?;
        Some(self.entries.swap_remove(at).2)
    }

    pub fn string(&mut self, name: &str) -> String {
        self.take(name)
            .and_then(|node| self.problems.string(node))
            .unwrap_or_default()
    }

    pub fn secret(&mut self, name: &str) -> Secret {
        Secret::new(self.string(name))
    }

    /// A path, made absolute or relative to the working directory.
    pub fn path(&mut self, name: &str) -> String {
        let path = self.string(name);
        self.problems.resolve(&path)
    }

    /// A key Prometheus knows and that can have no effect here.
    pub fn refuse(&mut self, name: &str, reason: &str) {
        if self.take(name).is_some_and(|node| !node.is_null()) {
            self.problems
                .invalid(format!("{name} is not supported: {reason}"));
        }
    }

    /// A null is the empty text, not the default.
    pub fn string_or(&mut self, name: &str, default: &str) -> String {
        match self.take(name) {
            Some(node) => self.problems.string(node).unwrap_or_default(),
            None => default.to_owned(),
        }
    }

    /// A null is false, whatever the default.
    pub fn bool(&mut self, name: &str) -> Option<bool> {
        self.take(name)
            .map(|node| self.problems.bool(node).unwrap_or(false))
    }

    pub fn uint(&mut self, name: &str) -> u64 {
        self.take(name)
            .and_then(|node| self.problems.number(node, "uint"))
            .unwrap_or_default()
    }

    pub fn int(&mut self, name: &str) -> Option<i64> {
        self.take(name).and_then(|node| self.problems.number(node, "int"))
    }

    pub fn float(&mut self, name: &str) -> f64 {
        self.take(name)
            .and_then(|node| self.problems.number(node, "float64"))
            .unwrap_or_default()
    }

    pub fn duration(&mut self, name: &str) -> Option<Duration> {
        self.take(name).and_then(|node| self.problems.duration(node))
    }

    pub fn bytes(&mut self, name: &str) -> u64 {
        self.take(name)
            .and_then(|node| self.problems.bytes(node))
            .unwrap_or_default()
    }

    pub fn strings(&mut self, name: &str) -> Vec<String> {
        self.take(name)
            .map(|node| self.problems.strings(node))
            .unwrap_or_default()
    }

    pub fn string_map(&mut self, name: &str) -> BTreeMap<String, String> {
        self.take(name)
            .map(|node| self.problems.string_map(node))
            .unwrap_or_default()
    }

    /// Items of a list of sections. A null item is a mistake of meaning with the given message.
    pub fn sections<T>(
        &mut self,
        name: &str,
        null_message: &str,
        mut section: impl FnMut(&'n Node, &'n Problems) -> T,
    ) -> Vec<T> {
        let Some(node) = self.take(name) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            if !node.is_null() {
                self.problems.mismatch(node, "[]section");
            }
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                if item.is_null() {
                    self.problems.invalid(null_message);
                    return None;
                }
                Some(section(item, self.problems))
            })
            .collect()
    }

    /// Keys that end in the suffix, taken.
    pub fn take_suffixed(&mut self, suffix: &str) -> Vec<(&'n str, usize, &'n Node)> {
        let (taken, kept) = self
            .entries
            .drain(..)
            .partition(|(name, ..)| name.ends_with(suffix));
        self.entries = kept;
        taken
    }

    pub fn finish(self) {
        for (name, line, _) in self.entries {
            let message = format!("field {name} not found in type {}", self.go_type);
            self.problems.form(line, message);
        }
    }
}

fn line_of(message: &str) -> usize {
    message
        .strip_prefix("line ")
        .and_then(|rest| rest.split(':').next()?.parse().ok())
        .unwrap_or(0)
}

/// YAML 1.1's booleans, which Go still reads.
pub(crate) fn bool_value(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn tag(text: &str, plain: bool) -> &'static str {
    if !plain {
        "!!str"
    } else if bool_value(text).is_some() {
        "!!bool"
    } else if text.parse::<i64>().is_ok() {
        "!!int"
    } else if text.parse::<f64>().is_ok() {
        "!!float"
    } else {
        "!!str"
    }
}

/// Long values are cut the way yaml.v2 cuts them.
fn abridged(text: &str) -> String {
    if text.chars().count() <= 10 {
        return text.to_owned();
    }
    text.chars().take(7).chain("...".chars()).collect()
}
