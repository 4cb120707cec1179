//! Walking the packed form of labels without losing the packed bytes of each pair.

use vigie_model::read_uvarint;

/// The pairs of a packed label set that was checked before, each in packed form.
pub(crate) fn packed_pairs(packed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let start = rest;
        take_bytes(&mut rest)?;
        take_bytes(&mut rest)?;
        Some(&start[..start.len() - rest.len()])
    })
}

/// Whether the bytes are a label set in packed form, and not the empty one: what
/// `Labels::from_packed` checks, without making one.
pub(crate) fn are_labels(packed: &[u8]) -> bool {
    let mut rest = packed;
    let mut previous = "";
    while !rest.is_empty() {
        match (take_text(&mut rest), take_text(&mut rest)) {
            (Some(name), Some(value)) if name > previous && !value.is_empty() => previous = name,
            _ => return false,
        }
    }
    !packed.is_empty()
}

/// The name of a packed pair.
pub(crate) fn pair_name(pair: &[u8]) -> &str {
    let mut rest = pair;
    take_text(&mut rest).unwrap_or_default()
}

/// A packed pair's name and value, each behind its length.
pub(crate) fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = pair;
    take_bytes(&mut rest)?;
    Some(pair.split_at(pair.len() - rest.len()))
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_uvarint(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(rest)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vigie_model::Labels;

    use super::*;

    fn check(packed: &[u8]) {
        let valid = Labels::from_packed(packed).is_ok_and(|labels| !labels.is_empty());
        assert_eq!(are_labels(packed), valid, "{packed:?}");
    }

    proptest! {
        #[test]
        fn the_check_is_that_of_labels(
            texts in prop::collection::vec("[ab]{0,2}", 0..6),
            damage in any::<Option<(prop::sample::Index, u8)>>(),
        ) {
            let mut packed: Vec<u8> = Vec::new();
            for text in texts {
                packed.push(text.len() as u8);
                packed.extend_from_slice(text.as_bytes());
            }
            check(&packed);
            if let Some((index, value)) = damage.filter(|_| !packed.is_empty()) {
                let at = index.index(packed.len());
                packed[at] = value;
                check(&packed);
            }
        }
    }
}
