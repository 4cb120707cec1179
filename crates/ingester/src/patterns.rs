//! Matchers that were asked for before, with their patterns compiled.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use vigie_model::{InvalidMatcher, Matcher};
use vigie_proto::{matchers_from_wire, v1};

/// Lists of matchers in each of the two halves.
const MAX_LISTS: usize = 64;
/// Longer patterns are compiled each time: their machines may be large.
const MAX_PATTERN_BYTES: usize = 512;

/// Dashboards and rules ask for the same patterns again and again. Compiling one costs as much as finding some hundred
/// series by it, and the engine builds its machine while it matches, so one that was used before is faster as well.
///
/// What has not been asked for while `MAX_LISTS` others were is forgotten.
#[derive(Debug, Default)]
pub(crate) struct PatternCache {
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    newer: Lists,
    older: Lists,
}

type Lists = HashMap<Vec<v1::Matcher>, Arc<[Matcher]>>;

impl PatternCache {
    pub(crate) fn matchers(&self, wire: Vec<v1::Matcher>) -> Result<Arc<[Matcher]>, InvalidMatcher> {
        let patterns = wire
            .iter()
            .filter(|matcher| matches!(matcher.op(), v1::matcher::Op::Regex | v1::matcher::Op::NotRegex));
        let pattern_bytes: usize = patterns.map(|matcher| matcher.value.len()).sum();
        if !(1..=MAX_PATTERN_BYTES).contains(&pattern_bytes) {
            return matchers_from_wire(&wire).map(Arc::from);
        }
        if let Some(known) = self.halves.lock().get(&wire) {
            return Ok(known);
        }
        let matchers: Arc<[Matcher]> = matchers_from_wire(&wire)?.into();
        self.halves.lock().insert(wire, Arc::clone(&matchers));
        Ok(matchers)
    }
}

impl Halves {
    fn get(&mut self, wire: &Vec<v1::Matcher>) -> Option<Arc<[Matcher]>> {
        if let Some(known) = self.newer.get(wire) {
            return Some(Arc::clone(known));
        }
        let (wire, known) = self.older.remove_entry(wire)?;
        self.insert(wire, Arc::clone(&known));
        Some(known)
    }

    fn insert(&mut self, wire: Vec<v1::Matcher>, matchers: Arc<[Matcher]>) {
        if self.newer.len() >= MAX_LISTS {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(wire, matchers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(op: v1::matcher::Op, value: &str) -> Vec<v1::Matcher> {
        vec![v1::Matcher {
            op: op as i32,
            name: "pod".to_owned(),
            value: value.to_owned(),
        }]
    }

    #[test]
    fn patterns_are_compiled_once_until_forgotten() {
        let cache = PatternCache::default();
        let ask = |value: &str| cache.matchers(wire(v1::matcher::Op::Regex, value)).unwrap();
        let first = ask("a.*");
        assert!(first[0].matches("ab") && !first[0].matches("b"));
        assert!(Arc::ptr_eq(&first, &ask("a.*")));
        for number in 0..MAX_LISTS - 1 {
            ask(&format!("{number}.*"));
        }
        assert!(Arc::ptr_eq(&first, &ask("a.*")));
        ask("new.*");
        // In the older half now, and back in the newer one when it is asked for.
        assert!(Arc::ptr_eq(&first, &ask("a.*")));
        for number in 0..2 * MAX_LISTS {
            ask(&format!("{number}.+"));
        }
        assert!(!Arc::ptr_eq(&first, &ask("a.*")));
        let halves = cache.halves.lock();
        assert!(halves.newer.len() <= MAX_LISTS && halves.older.len() <= MAX_LISTS);
    }

    #[test]
    fn others_are_made_each_time() {
        let cache = PatternCache::default();
        let long = "a".repeat(MAX_PATTERN_BYTES + 1);
        for matcher in [
            wire(v1::matcher::Op::Equal, "a"),
            wire(v1::matcher::Op::Regex, &long),
        ] {
            let first = cache.matchers(matcher.clone()).unwrap();
            assert!(!Arc::ptr_eq(&first, &cache.matchers(matcher).unwrap()));
        }
        assert!(cache.matchers(wire(v1::matcher::Op::Regex, "(")).is_err());
    }
}
