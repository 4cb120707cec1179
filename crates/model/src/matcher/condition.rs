//! What a matcher asks of an index.

use super::{MatchOp, Matcher, MatcherRegex};

/// A matcher, said by the values that a label has. No label has an empty value.
#[derive(Debug, Clone)]
pub struct Condition<'a> {
    pub values: ValueSet<'a>,
    /// True: those series match that have one of the values. False: all others match, among them those
    /// without the label.
    pub is_wanted: bool,
}

/// Some of a label's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSet<'a> {
    Named(Vec<&'a str>),
    AllBut(Vec<&'a str>),
    Matching(&'a MatcherRegex),
    NotMatching(&'a MatcherRegex),
}

impl Matcher {
    pub fn condition(&self) -> Condition<'_> {
        let is_wanted = !self.matches_empty();
        let is_positive = matches!(self.op, MatchOp::Equal | MatchOp::Regex);
        // Those that the text or pattern names, or the others?
        let are_meant = is_positive == is_wanted;
        let values = match &self.regex {
            None => named(vec![&self.value], are_meant),
            Some(regex) => match regex.literals() {
                Some(literals) => named(literals.iter().map(String::as_str).collect(), are_meant),
                None if regex.is_any() || regex.is_any_but_empty() => named(Vec::new(), !are_meant),
                None if are_meant => ValueSet::Matching(regex),
                None => ValueSet::NotMatching(regex),
            },
        };
        Condition { values, is_wanted }
    }
}

/// The values, or all others.
fn named(mut values: Vec<&str>, are_meant: bool) -> ValueSet<'_> {
    values.retain(|value| !value.is_empty());
    match are_meant {
        true => ValueSet::Named(values),
        false => ValueSet::AllBut(values),
    }
}
