//! Any bytes as packed labels, and any text as a matcher.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie_model::{Labels, MatchOp, Matcher};

fuzz_target!(|data: &[u8]| {
    if let Ok(labels) = Labels::from_packed(data) {
        assert_eq!(labels.as_packed(), data);
        let again = Labels::from_pairs(labels.iter()).expect("labels are labels");
        assert_eq!(again, labels);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (pattern, value) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(matcher) = Matcher::new(MatchOp::Regex, "name", pattern) {
        let opposite = Matcher::new(MatchOp::NotRegex, "name", pattern).expect("the pattern is good");
        assert_ne!(matcher.matches(value), opposite.matches(value));
    }
});
