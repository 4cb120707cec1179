//! Walking the packed form of labels without losing the packed bytes of each pair.

use vigie_model::read_uvarint;

/// A name and value, and the bytes that hold both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackedPair<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) name: &'a str,
}

/// The pairs of a packed label set that was checked before.
pub(crate) fn packed_pairs(packed: &[u8]) -> impl Iterator<Item = PackedPair<'_>> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let start = rest;
        let name = take_text(&mut rest)?;
        take_text(&mut rest)?;
        Some(PackedPair {
            bytes: &start[..start.len() - rest.len()],
            name,
        })
    })
}

/// The value of a packed pair.
pub(crate) fn pair_value(pair: &[u8]) -> &str {
    let mut rest = pair;
    take_text(&mut rest)
        .and_then(|_| take_text(&mut rest))
        .unwrap_or_default()
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(read_uvarint(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}
