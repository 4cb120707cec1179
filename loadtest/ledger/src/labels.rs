use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::codec::{Cursor, Malformed, write_uvarint};

/// The labels of a series, its name among them, ascending by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SeriesLabels(Vec<(String, String)>);

impl SeriesLabels {
    /// Sorts the pairs, and drops empty values, which mean the same as an absent label.
    pub fn new<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut pairs: Vec<(String, String)> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        pairs.sort_unstable();
        Self(pairs)
    }

    /// The value of a label; empty if it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The form of docs/formats/loadtest-ledger.md; equal labels have equal bytes.
    pub(crate) fn pack(&self, into: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            for text in [name, value] {
                write_uvarint(into, text.len() as u64);
                into.extend_from_slice(text.as_bytes());
            }
        }
    }

    pub(crate) fn unpack(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let mut pairs = Vec::new();
        while !cursor.is_empty() {
            pairs.push((cursor.text()?, cursor.text()?));
        }
        Ok(Self(pairs))
    }
}

/// Identifies a series by its packed labels. At 128 bits, a collision among all series of a run is out of reach.
pub(crate) fn series_key(packed: &[u8]) -> u128 {
    xxh3_128(packed)
}

impl fmt::Display for SeriesLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value:?}")?;
        }
        write!(f, "}}")
    }
}
