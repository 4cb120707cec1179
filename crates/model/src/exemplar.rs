//! Exemplars: examples of what a sample counts.

use std::cmp::Ordering;

use crate::Labels;

/// What a series may have beside its samples: labels of their own, usually a trace id, for one observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// May be empty.
    pub labels: Labels,
    pub value: f64,
    pub timestamp_ms: i64,
    /// The source gave the time. Otherwise it is that of the scrape, and says nothing of the exemplar.
    pub has_own_time: bool,
}

impl Exemplar {
    /// Characters of all names and values together, as OpenMetrics limits them.
    pub const MAX_LABEL_RUNES: usize = 128;

    /// Whether the labels are short enough to be kept.
    pub fn fits(&self) -> bool {
        let runes = |(name, value): (&str, &str)| name.chars().count() + value.chars().count();
        // No character is longer than four bytes, and no text has more characters than bytes.
        let bytes = self.labels.as_packed().len();
        bytes <= Exemplar::MAX_LABEL_RUNES
            || self.labels.iter().map(runes).sum::<usize>() <= Exemplar::MAX_LABEL_RUNES
    }

    /// Whether it is the same one again: exposed without a time, it has another at every scrape.
    pub fn repeats(&self, other: &Exemplar) -> bool {
        let is_timed = self.has_own_time || other.has_own_time;
        self.labels == other.labels
            && self.value == other.value
            && (!is_timed || self.timestamp_ms == other.timestamp_ms)
    }

    /// By time, then value, then labels: the order in which exemplars of one series are taken.
    pub fn order(&self, other: &Exemplar) -> Ordering {
        self.timestamp_ms
            .cmp(&other.timestamp_ms)
            .then_with(|| self.value.partial_cmp(&other.value).unwrap_or(Ordering::Equal))
            .then_with(|| self.labels.cmp(&other.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(labels: &[(&str, &str)], timestamp_ms: i64, has_own_time: bool) -> Exemplar {
        Exemplar {
            labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
            value: 1.0,
            timestamp_ms,
            has_own_time,
        }
    }

    #[test]
    fn labels_are_limited_in_characters() {
        for (length, fits) in [(0, true), (1, true), (126, true), (127, false)] {
            for character in ["a", "é", "𝄞"] {
                let value = character.repeat(length);
                assert_eq!(exemplar(&[("id", &value)], 0, true).fits(), fits, "{value}");
            }
        }
    }

    #[test]
    fn time_tells_exemplars_apart_only_if_it_is_their_own() {
        let of = |time, own| exemplar(&[("id", "a")], time, own);
        assert!(of(1, false).repeats(&of(2, false)));
        assert!(!of(1, true).repeats(&of(2, false)));
        assert!(of(1, true).repeats(&of(1, true)));
        assert!(!of(1, true).repeats(&exemplar(&[("id", "b")], 1, true)));
    }
}
