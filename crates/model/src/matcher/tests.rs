//! Matchers beside the regex engine alone.

use proptest::prelude::*;

use super::*;
use crate::anchored_regex;

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
    check(
        MatchOp::Regex,
        "a.*b",
        &["ab", "a\nb", "abab"],
        &["a", "b", "aba"],
    );
    check(MatchOp::Regex, "a.*a", &["aa"], &["a"]);
    check(MatchOp::Regex, "a.+a", &["aéa", "aaa"], &["aa"]);
    check(MatchOp::Regex, ".+.+", &["ab"], &["é", ""]);
}

fn check_literals(pattern: &str, expected: Option<&[&str]>) {
    let regex = MatcherRegex::new(pattern).unwrap();
    let literals: Option<Vec<&str>> = regex
        .literals()
        .map(|literals| literals.iter().map(String::as_str).collect());
    assert_eq!(literals.as_deref(), expected, "{pattern}");
}

#[test]
fn alternatives_are_enumerated() {
    check_literals("b|a|b", Some(&["a", "b"]));
    check_literals("a|", Some(&["", "a"]));
    check_literals(r"10\.0\.0\.1:9090", Some(&["10.0.0.1:9090"]));
    check_literals("^(?:web|db)-[12]$", Some(&["db-1", "db-2", "web-1", "web-2"]));
    check_literals("(?i)ab", Some(&["AB", "Ab", "aB", "ab"]));
    check_literals("a?b", Some(&["ab", "b"]));
    check_literals("a.*", None);
    check_literals("(a|^)b", None);
    check_literals("[a-z]{3}", None);
}

fn check_condition(op: MatchOp, value: &str, values: ValueSet<'_>, is_wanted: bool) {
    let matcher = Matcher::new(op, "l", value).unwrap();
    let condition = matcher.condition();
    assert_eq!(
        (condition.values, condition.is_wanted),
        (values, is_wanted),
        "{matcher}"
    );
}

#[test]
fn conditions_say_how_the_missing_label_counts() {
    use MatchOp::{Equal, NotEqual, NotRegex, Regex};
    use ValueSet::{AllBut, Named};
    check_condition(Equal, "a", Named(vec!["a"]), true);
    check_condition(Equal, "", AllBut(vec![]), false);
    check_condition(NotEqual, "a", Named(vec!["a"]), false);
    check_condition(NotEqual, "", AllBut(vec![]), true);
    check_condition(Regex, "a|b", Named(vec!["a", "b"]), true);
    check_condition(Regex, "a|", AllBut(vec!["a"]), false);
    check_condition(NotRegex, "a|b", Named(vec!["a", "b"]), false);
    check_condition(NotRegex, "a|", AllBut(vec!["a"]), true);
    check_condition(Regex, ".*", Named(vec![]), false);
    check_condition(Regex, ".+", AllBut(vec![]), true);
    check_condition(NotRegex, ".*", Named(vec![]), true);
    check_condition(NotRegex, ".+", AllBut(vec![]), false);
    let (some, optional) = (
        MatcherRegex::new("a.*").unwrap(),
        MatcherRegex::new("a*").unwrap(),
    );
    check_condition(Regex, "a.*", ValueSet::Matching(&some), true);
    check_condition(NotRegex, "a.*", ValueSet::Matching(&some), false);
    check_condition(Regex, "a*", ValueSet::NotMatching(&optional), false);
    check_condition(NotRegex, "a*", ValueSet::NotMatching(&optional), true);
}

#[test]
fn an_invalid_pattern_names_the_reason() {
    let error = Matcher::new(MatchOp::Regex, "l", "a(").unwrap_err();
    assert_eq!(error.to_string(), "error parsing regexp: missing closing ): `a(`");
}

fn any_pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[abé]{1,3}",
        2 => Just(".*".to_owned()),
        1 => Just(".+".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("[ab]".to_owned()),
        1 => Just("(?i)aB".to_owned()),
        1 => Just("^".to_owned()),
        1 => Just("$".to_owned()),
        1 => Just(r"\b".to_owned()),
        1 => Just(String::new()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.join("|")),
            2 => inner.clone().prop_map(|part| format!("({part})")),
            1 => inner.clone().prop_map(|part| format!("(?:{part})?")),
            1 => inner.clone().prop_map(|part| format!("(?:{part})+")),
            1 => inner.prop_map(|part| format!("(?:{part}){{2}}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is told of a pattern without the engine is what the engine says of it.
    #[test]
    fn every_test_agrees_with_the_engine(
        pattern in any_pattern(),
        values in prop::collection::vec("[abABé\n]{0,6}", 1..8),
    ) {
        let engine = anchored_regex(&pattern).unwrap();
        let regex = MatcherRegex::new(&pattern).unwrap();
        let literals = regex.literals().unwrap_or_default();
        for value in values.iter().chain(literals).chain([&String::new()]) {
            let is_match = engine.is_match(value);
            prop_assert_eq!(regex.is_match(value), is_match, "{} {:?}", pattern, value);
            if let Some(finder) = regex.finder() && is_match {
                let found = finder.find_at(value.as_bytes(), 0);
                prop_assert!(found.is_some(), "{pattern} finds nothing in {value:?}");
            }
            if regex.is_any() || (regex.is_any_but_empty() && !value.is_empty()) {
                prop_assert!(is_match);
            }
        }
        prop_assert_eq!(engine.is_match(""), regex.is_match(""));
    }
}
