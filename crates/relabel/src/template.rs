//! Replacement templates: text with `$1`, `${1}` and `${name}`.

use regex::{Captures, Regex};

/// A template split once, so that applying a rule only copies.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Group(usize),
}

impl Template {
    /// Follows Go's `Regexp.Expand`: an unbraced reference takes as many letters, digits and
    /// underscores as there are (`$1x` is a group named `1x`), a group the pattern lacks expands to
    /// nothing, `$$` is a dollar, and a dollar that starts no reference stands for itself.
    pub(crate) fn new(text: &str, regex: &Regex) -> Template {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            literal.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix('$') {
                literal.push('$');
                rest = after;
            } else if let Some((name, after)) = reference(after) {
                if let Some(group) = resolve(name, regex) {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                    parts.push(Part::Group(group));
                }
                rest = after;
            } else {
                literal.push('$');
                rest = after;
            }
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        Template { parts }
    }

    /// The text of a template without references.
    pub(crate) fn as_static(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn expand(&self, captures: &Captures<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Group(group) => text.push_str(captures.get(*group).map_or("", |found| found.as_str())),
            }
        }
        text
    }
}

/// Splits the name of a reference from what follows it. The dollar is already gone.
fn reference(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let start = braced.unwrap_or(text);
    let end = start
        .find(|c: char| !(c == '_' || c.is_alphanumeric()))
        .unwrap_or(start.len());
    let (name, after) = start.split_at(end);
    let after = if braced.is_some() {
        after.strip_prefix('}')?
    } else {
        after
    };
    (!name.is_empty()).then_some((name, after))
}

fn resolve(name: &str, regex: &Regex) -> Option<usize> {
    let is_number =
        name.bytes().all(|byte| byte.is_ascii_digit()) && !(name.len() > 1 && name.starts_with('0'));
    if is_number {
        return name
            .parse()
            .ok()
            .filter(|&group: &usize| group < regex.captures_len());
    }
    regex
        .capture_names()
        .position(|candidate| candidate == Some(name))
}
