//! Remarks that travel with an answer.

use std::collections::BTreeSet;
use std::fmt;

/// Warnings and infos of an evaluation, each said once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    pub warnings: BTreeSet<Remark>,
    pub infos: BTreeSet<Remark>,
}

/// One warning or info. Shown, it is what Prometheus's API says: the text, then the place.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What is remarked. Two remarks of one answer differ in it.
    pub text: String,
    /// Details of the data, and line and column in the query as in ` (1:5)`; empty if the text of the
    /// query is not known.
    pub place: String,
}

impl Annotations {
    pub fn merge(&mut self, other: Annotations) {
        self.warnings.extend(other.warnings);
        self.infos.extend(other.infos);
    }
}

impl From<&str> for Remark {
    /// A remark on no place.
    fn from(text: &str) -> Remark {
        Remark {
            text: text.to_owned(),
            place: String::new(),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(&self.place)
    }
}
