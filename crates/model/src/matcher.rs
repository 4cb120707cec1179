//! Label matchers: `name op "value"`.

use std::fmt;

use regex::Regex;

use crate::{is_legacy_label_name, quote_go};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// One condition on a label value. A missing label counts as the empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    /// Set for the two regex operators only.
    regex: Option<MatcherRegex>,
}

/// The pattern of a matcher is not a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}")]
pub struct InvalidMatcher {
    pub reason: String,
}

impl Matcher {
    pub fn new(
        op: MatchOp,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Matcher, InvalidMatcher> {
        let value = value.into();
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(MatcherRegex::new(&value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Matcher {
            name: name.into(),
            op,
            value,
            regex,
        })
    }

    /// An equality matcher, which cannot be invalid.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Matcher {
        Matcher {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            regex: None,
        }
    }

    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => self.value == value,
            (MatchOp::NotEqual, _) => self.value != value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            // `new` compiles the pattern of every regex matcher.
            (MatchOp::Regex | MatchOp::NotRegex, None) => false,
        }
    }

    /// Whether series without the label pass.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The pattern of a regex matcher.
    pub fn regex(&self) -> Option<&MatcherRegex> {
        self.regex.as_ref()
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        self.op == other.op && self.name == other.name && self.value == other.value
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.name, self.op, &self.value).hash(state);
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_legacy_label_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quote_go(&self.name))?;
        }
        f.write_str(self.op.as_str())?;
        f.write_str(&quote_go(&self.value))
    }
}

/// A fully anchored pattern in which the dot matches newlines too, as Prometheus reads patterns.
///
/// The alternation of plain words, by far the most used pattern (dashboards expand multi-value
/// variables to it), is matched and enumerated without the regex engine.
#[derive(Debug, Clone)]
pub struct MatcherRegex {
    pattern: Regex,
    /// All values that match, if the pattern is `a|b|c` of plain words; sorted.
    literals: Option<Vec<String>>,
}

impl MatcherRegex {
    pub fn new(pattern: &str) -> Result<MatcherRegex, InvalidMatcher> {
        let compiled = Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| InvalidMatcher {
            reason: describe(pattern, &error),
        })?;
        Ok(MatcherRegex {
            pattern: compiled,
            literals: literal_alternatives(pattern),
        })
    }

    pub fn is_match(&self, value: &str) -> bool {
        match &self.literals {
            Some(literals) => literals
                .binary_search_by(|literal| literal.as_str().cmp(value))
                .is_ok(),
            None => self.pattern.is_match(value),
        }
    }

    /// The complete set of matching values, where the pattern enumerates it.
    pub fn literals(&self) -> Option<&[String]> {
        self.literals.as_deref()
    }

    /// The compiled, anchored pattern.
    pub fn as_regex(&self) -> &Regex {
        &self.pattern
    }
}

/// The engine's message quotes the wrapped pattern over several lines; users get their own
/// pattern and the last line, which is the reason.
fn describe(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    format!("{}: `{pattern}`", reason.trim_start_matches("error: "))
}

fn literal_alternatives(pattern: &str) -> Option<Vec<String>> {
    if pattern.bytes().any(|byte| b"\\.+*?()[]{}^$".contains(&byte)) {
        return None;
    }
    let mut literals: Vec<String> = pattern.split('|').map(str::to_owned).collect();
    literals.sort_unstable();
    literals.dedup();
    Some(literals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: MatchOp, pattern: &str, matching: &[&str], others: &[&str]) {
        let matcher = Matcher::new(op, "l", pattern).unwrap();
        for value in matching {
            assert!(matcher.matches(value), "{matcher} should match {value:?}");
        }
        for value in others {
            assert!(!matcher.matches(value), "{matcher} should not match {value:?}");
        }
    }

    #[test]
    fn patterns_are_anchored_and_the_dot_matches_newlines() {
        check(MatchOp::Regex, "a.b", &["a\nb", "axb"], &["xaxb", "axbx"]);
        check(MatchOp::Regex, "a|b.+", &["a", "bc"], &["b", "ax", "ab"]);
        check(MatchOp::NotRegex, "a|b", &["", "ab"], &["a", "b"]);
    }

    #[test]
    fn words_are_enumerated() {
        check(MatchOp::Regex, "b|a|b", &["a", "b"], &["", "ab"]);
        check(MatchOp::Regex, "a|", &["a", ""], &["b"]);
        let regex = MatcherRegex::new("b|a|b").unwrap();
        assert_eq!(regex.literals(), Some(&["a".to_owned(), "b".to_owned()][..]));
        assert_eq!(MatcherRegex::new("a.*").unwrap().literals(), None);
    }

    #[test]
    fn an_invalid_pattern_names_the_reason() {
        let error = Matcher::new(MatchOp::Regex, "l", "a(").unwrap_err();
        assert_eq!(error.to_string(), "error parsing regexp: unclosed group: `a(`");
    }
}
