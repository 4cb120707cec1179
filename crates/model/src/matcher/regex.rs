//! The pattern of a matcher.

use regex::bytes::Regex;
use regex_syntax::ParserBuilder;

use super::pieces::Pieces;
use super::{Finder, analysis};
use crate::InvalidPattern;
use crate::re2::{anchored, engine_error, re2_to_rust};

/// A fully anchored pattern of RE2 in which the dot matches newlines too, as Prometheus reads patterns.
///
/// Most patterns of dashboards need no regex engine: alternations of words (to which multi-value variables
/// are expanded) are enumerated, and texts with `.*` in between are found by searching for the texts.
#[derive(Debug, Clone)]
pub struct MatcherRegex {
    pattern: String,
    test: Test,
    finder: Option<Finder>,
}

#[derive(Debug, Clone)]
enum Test {
    /// All values that match, sorted.
    Literals(Vec<String>),
    Pieces(Pieces),
    Regex {
        prefix: Vec<u8>,
        suffix: Vec<u8>,
        regex: Regex,
    },
}

impl MatcherRegex {
    pub fn new(pattern: &str) -> Result<MatcherRegex, InvalidPattern> {
        let (test, finder) = match words(pattern) {
            Some(words) => (Test::Literals(words), None),
            None => analyse(pattern)?,
        };
        Ok(MatcherRegex {
            pattern: pattern.to_owned(),
            test,
            finder,
        })
    }

    pub fn is_match(&self, value: &str) -> bool {
        self.is_match_bytes(value.as_bytes())
    }

    /// [`MatcherRegex::is_match`] of a value that is UTF-8.
    pub fn is_match_bytes(&self, value: &[u8]) -> bool {
        match &self.test {
            Test::Literals(literals) => literals
                .binary_search_by(|literal| literal.as_bytes().cmp(value))
                .is_ok(),
            Test::Pieces(pieces) => pieces.is_match(value),
            Test::Regex {
                prefix,
                suffix,
                regex,
            } => value.starts_with(prefix) && value.ends_with(suffix) && regex.is_match(value),
        }
    }

    /// The complete set of matching values, sorted, where the pattern enumerates it.
    pub fn literals(&self) -> Option<&[String]> {
        match &self.test {
            Test::Literals(literals) => Some(literals),
            Test::Pieces(_) | Test::Regex { .. } => None,
        }
    }

    /// Whether it is `.*`.
    pub fn is_any(&self) -> bool {
        matches!(&self.test, Test::Pieces(pieces) if pieces.only_gap() == Some(0))
    }

    /// Whether it is `.+`.
    pub fn is_any_but_empty(&self) -> bool {
        matches!(&self.test, Test::Pieces(pieces) if pieces.only_gap() == Some(1))
    }

    /// Finds texts without which no value matches, if there are any.
    pub fn finder(&self) -> Option<&Finder> {
        self.finder.as_ref()
    }
}

impl PartialEq for MatcherRegex {
    fn eq(&self, other: &MatcherRegex) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for MatcherRegex {}

/// The alternatives of a pattern that is `a|b|c` of plain words, sorted.
fn words(pattern: &str) -> Option<Vec<String>> {
    if pattern.bytes().any(|byte| b"\\.+*?()[]{}^$".contains(&byte)) {
        return None;
    }
    let mut words: Vec<String> = pattern.split('|').map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    Some(words)
}

fn analyse(pattern: &str) -> Result<(Test, Option<Finder>), InvalidPattern> {
    let translated = re2_to_rust(pattern)?;
    let hir = ParserBuilder::new()
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(&translated)
        .map_err(|error| engine_error(pattern, &regex::Error::Syntax(error.to_string())))?;
    let hir = analysis::without_anchors(&hir);
    if let Some(literals) = analysis::literals(&hir) {
        return Ok((Test::Literals(literals), None));
    }
    let finder = Finder::new(analysis::required(&hir));
    if let Some(pieces) = analysis::pieces(&hir).and_then(Pieces::new) {
        return Ok((Test::Pieces(pieces), finder));
    }
    let regex = Regex::new(&anchored(&translated)).map_err(|error| engine_error(pattern, &error))?;
    let (prefix, suffix) = analysis::ends(&hir);
    Ok((
        Test::Regex {
            prefix,
            suffix,
            regex,
        },
        finder,
    ))
}
