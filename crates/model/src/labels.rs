//! Label sets in their packed form.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::{METRIC_NAME, quote_go, read_uvarint, write_uvarint};

/// An immutable label set, sorted by name, without empty values.
///
/// It is one allocation, shared by clones: for each label the name and the value, each behind its
/// length as a LEB128 integer. Equal sets have equal bytes, so equality and hashing work on the
/// packed form, which is also what travels between roles and into storage.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    /// `None` is the empty set.
    packed: Option<Arc<[u8]>>,
}

/// Why bytes or pairs are not a label set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabels {
    #[error("label set is truncated")]
    Truncated,
    #[error("label name or value is not valid UTF-8")]
    NotUtf8,
    #[error("label name is empty")]
    EmptyName,
    #[error("label \"{0}\" has an empty value")]
    EmptyValue(String),
    #[error("label name \"{0}\" is not unique")]
    DuplicateName(String),
    #[error("label \"{0}\" is out of order")]
    Unsorted(String),
}

impl Labels {
    pub const fn empty() -> Labels {
        Labels { packed: None }
    }

    /// Sorts the pairs and drops those with an empty value, as a missing label and an empty one
    /// mean the same in the data model. A name given twice is an error.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Labels, InvalidLabels>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut pairs: Vec<(N, V)> = pairs
            .into_iter()
            .filter(|(_, value)| !value.as_ref().is_empty())
            .collect();
        pairs.sort_by(|left, right| left.0.as_ref().cmp(right.0.as_ref()));
        if pairs.iter().any(|(name, _)| name.as_ref().is_empty()) {
            return Err(InvalidLabels::EmptyName);
        }
        if let Some(twice) = pairs
            .windows(2)
            .find(|pair| pair[0].0.as_ref() == pair[1].0.as_ref())
        {
            return Err(InvalidLabels::DuplicateName(twice[0].0.as_ref().to_owned()));
        }
        Ok(Labels::from_sorted(
            pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())),
        ))
    }

    /// Packs pairs that are already sorted by name, unique and without empty parts.
    fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Labels {
        let mut packed = Vec::with_capacity(256);
        for (name, value) in pairs {
            pack_pair(&mut packed, name, value);
        }
        if packed.is_empty() {
            Labels::empty()
        } else {
            Labels {
                packed: Some(packed.into()),
            }
        }
    }

    /// Checks and adopts packed bytes that come from outside this process.
    pub fn from_packed(bytes: &[u8]) -> Result<Labels, InvalidLabels> {
        check_packed(bytes)?;
        if bytes.is_empty() {
            Ok(Labels::empty())
        } else {
            Ok(Labels {
                packed: Some(bytes.into()),
            })
        }
    }

    /// As [`Labels::from_packed`], but adopts only the labels that `keep` wants; all of them are checked.
    pub fn from_packed_where(bytes: &[u8], keep: impl FnMut(&str) -> bool) -> Result<Labels, InvalidLabels> {
        check_packed(bytes)?;
        Ok(Labels::from_kept(kept_pairs(bytes, keep)))
    }

    fn from_kept(packed: Vec<u8>) -> Labels {
        Labels {
            packed: (!packed.is_empty()).then(|| packed.into()),
        }
    }

    /// The packed form; empty for the empty set.
    pub fn as_packed(&self) -> &[u8] {
        self.packed.as_deref().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_none()
    }

    /// The number of labels. Walks the set.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Name and value of every label, by ascending name.
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter {
            rest: self.as_packed(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let mut texts = Texts {
            rest: self.as_packed(),
        };
        // Names are compared as bytes: only the value that is asked for need be known as text.
        while let (Some(candidate), Some(value)) = (texts.next(), texts.next()) {
            if candidate == name.as_bytes() {
                return std::str::from_utf8(value).ok();
            }
        }
        None
    }

    /// The value of `__name__`, or the empty string.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// Names and values as the bytes they are, which are UTF-8: for writers, as it takes no look at them.
    pub fn iter_utf8(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut texts = Texts {
            rest: self.as_packed(),
        };
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    /// Only the labels that `keep` wants. Shares the allocation if these are all.
    pub fn filter(&self, keep: impl FnMut(&str) -> bool) -> Labels {
        let kept = kept_pairs(self.as_packed(), keep);
        if kept.len() == self.as_packed().len() {
            return self.clone();
        }
        Labels::from_kept(kept)
    }

    /// Starts an edit of this set.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            pairs: self
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

/// Walks a packed label set; made by [`Labels::iter`].
#[derive(Debug, Clone)]
pub struct LabelsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        // A `Labels` is checked when it is made, so neither read can fail.
        let name = read_checked(&mut self.rest).ok()?;
        let value = read_checked(&mut self.rest).ok()?;
        Some((name, value))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

fn pack_pair(packed: &mut Vec<u8>, name: &str, value: &str) {
    write_uvarint(packed, name.len() as u64);
    packed.extend_from_slice(name.as_bytes());
    write_uvarint(packed, value.len() as u64);
    packed.extend_from_slice(value.as_bytes());
}

/// The packed pairs whose name `keep` wants, as they are: what is left of a set is one.
fn kept_pairs(packed: &[u8], mut keep: impl FnMut(&str) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(packed.len());
    let mut rest = packed;
    while !rest.is_empty() {
        let pair = rest;
        // The pairs were checked, so no read fails.
        let (Ok(name), Ok(_)) = (read_checked(&mut rest), read_text(&mut rest)) else {
            break;
        };
        if keep(name) {
            kept.extend_from_slice(&pair[..pair.len() - rest.len()]);
        }
    }
    kept
}

fn check_packed(bytes: &[u8]) -> Result<(), InvalidLabels> {
    // One look at all bytes instead of one at each text: nearly all label sets are ASCII.
    if bytes.is_ascii() {
        check_pairs(bytes, read_text)
    } else {
        check_pairs(bytes, |rest| read_checked(rest).map(str::as_bytes))
    }
}

/// Whether names ascend and no part is empty. `read` takes one text off the front and checks it.
fn check_pairs<'a>(
    bytes: &'a [u8],
    read: impl Fn(&mut &'a [u8]) -> Result<&'a [u8], InvalidLabels>,
) -> Result<(), InvalidLabels> {
    let owned = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut rest = bytes;
    let mut previous: &[u8] = b"";
    while !rest.is_empty() {
        let name = read(&mut rest)?;
        let value = read(&mut rest)?;
        if name.is_empty() {
            return Err(InvalidLabels::EmptyName);
        }
        match name.cmp(previous) {
            Ordering::Equal => return Err(InvalidLabels::DuplicateName(owned(name))),
            Ordering::Less => return Err(InvalidLabels::Unsorted(owned(name))),
            Ordering::Greater if value.is_empty() => return Err(InvalidLabels::EmptyValue(owned(name))),
            Ordering::Greater => previous = name,
        }
    }
    Ok(())
}

fn read_checked<'a>(rest: &mut &'a [u8]) -> Result<&'a str, InvalidLabels> {
    std::str::from_utf8(read_text(rest)?).map_err(|_| InvalidLabels::NotUtf8)
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], InvalidLabels> {
    let length = read_uvarint(rest).ok_or(InvalidLabels::Truncated)?;
    let length = usize::try_from(length).map_err(|_| InvalidLabels::Truncated)?;
    let (text, after) = rest.split_at_checked(length).ok_or(InvalidLabels::Truncated)?;
    *rest = after;
    Ok(text)
}

/// Label by label, as Prometheus orders series: the name decides, then the value, and a set that is
/// a prefix of another comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Labels) -> Ordering {
        let texts = |labels| Texts { rest: labels };
        texts(self.as_packed()).cmp(texts(other.as_packed()))
    }
}

/// The names and values of a packed label set in turn, as bytes, which order as text does.
struct Texts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        read_text(&mut self.rest).ok()
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The form users write: `{__name__="up", job="node"}`, values escaped, names quoted where the
/// legacy character set does not hold them.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, (name, value)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            if is_legacy_label_name(name) {
                write!(f, "{separator}{name}={}", quote_go(value))?;
            } else {
                write!(f, "{separator}{}={}", quote_go(name), quote_go(value))?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Collects and edits labels before they are packed.
///
/// Kept sorted by name, so that building is a walk; label sets are small enough that moving the
/// tail on insert costs less than hashing.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    pub fn new() -> LabelsBuilder {
        LabelsBuilder::default()
    }

    pub fn get(&self, name: &str) -> &str {
        self.position(name).map_or("", |at| &self.pairs[at].1)
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        match self.position(name) {
            Ok(at) if value.is_empty() => drop(self.pairs.remove(at)),
            Ok(at) => self.pairs[at].1 = value,
            Err(_) if value.is_empty() => {}
            Err(at) => self.pairs.insert(at, (name.to_owned(), value)),
        }
        self
    }

    pub fn remove(&mut self, name: &str) -> &mut Self {
        if let Ok(at) = self.position(name) {
            self.pairs.remove(at);
        }
        self
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) -> &mut Self {
        self.pairs.retain(|(name, _)| keep(name));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn build(&self) -> Labels {
        Labels::from_sorted(self.iter())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.pairs
            .binary_search_by(|(candidate, _)| candidate.as_str().cmp(name))
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, the names every Prometheus version accepts without quotes.
pub fn is_legacy_label_name(name: &str) -> bool {
    name.bytes()
        .enumerate()
        .all(|(at, byte)| byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit()))
        && !name.is_empty()
}

/// Legacy label names with colons allowed besides.
pub fn is_legacy_metric_name(name: &str) -> bool {
    name.bytes().enumerate().all(|(at, byte)| {
        matches!(byte, b'_' | b':') || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit())
    }) && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn pairs_are_sorted_and_empty_values_dropped() {
        let set = labels(&[("job", "node"), ("__name__", "up"), ("gone", "")]);
        assert_eq!(set.to_string(), r#"{__name__="up", job="node"}"#);
        assert_eq!((set.len(), set.metric_name(), set.get("gone")), (2, "up", None));
    }

    #[test]
    fn order_is_by_name_then_value_then_length() {
        let ascending = [
            labels(&[]),
            labels(&[("a", "1")]),
            labels(&[("a", "1"), ("b", "0")]),
            labels(&[("a", "11")]),
            labels(&[("a", "2")]),
            labels(&[("aa", "0")]),
        ];
        assert!(ascending.is_sorted(), "{ascending:?}");
    }

    #[test]
    fn invalid_sets_say_why() {
        assert_eq!(
            Labels::from_pairs([("a", "1"), ("a", "2")]),
            Err(InvalidLabels::DuplicateName("a".into()))
        );
        assert_eq!(Labels::from_pairs([("", "1")]), Err(InvalidLabels::EmptyName));
        for (bytes, expected) in [
            (
                &[1, b'b', 1, b'x', 1, b'a', 1, b'x'][..],
                InvalidLabels::Unsorted("a".into()),
            ),
            (&[1, b'a', 0][..], InvalidLabels::EmptyValue("a".into())),
            (&[9, b'a'][..], InvalidLabels::Truncated),
            (&[1, 0xff, 1, b'x'][..], InvalidLabels::NotUtf8),
        ] {
            assert_eq!(Labels::from_packed(bytes), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn packed_sets_survive(pairs in prop::collection::btree_map("[a-z]{1,5}", "\\PC{1,20}", 0..12)) {
            let set = Labels::from_pairs(&pairs).unwrap();
            prop_assert_eq!(&Labels::from_packed(set.as_packed()).unwrap(), &set);
            prop_assert_eq!(&set.to_builder().build(), &set);
            prop_assert!(set.iter().eq(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))));
            prop_assert!(set.iter_utf8().eq(pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()))));
        }
    }
}
