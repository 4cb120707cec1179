//! Which labels of a series matter, as bytes that can be compared and hashed.

use vigie_model::{Labels, read_uvarint};

/// Appends the packed form of the labels whose name `keeps` wants: equal bytes for equal labels.
///
/// Works on the packed bytes as they are. What a walk over names and values would cost, checking again that
/// each is UTF-8, is a good part of what grouping costs.
pub(crate) fn write_key(key: &mut Vec<u8>, labels: &Labels, mut keeps: impl FnMut(&[u8]) -> bool) {
    let mut rest = labels.as_packed();
    while !rest.is_empty() {
        let pair = rest;
        let Some(name) = take_text(&mut rest) else { return };
        if take_text(&mut rest).is_none() {
            return;
        }
        if keeps(name) {
            key.extend_from_slice(&pair[..pair.len() - rest.len()]);
        }
    }
}

/// Packed labels are checked when they are made; `None` cannot come up.
#[inline]
fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = match rest.split_first() {
        // Nearly every name and value is shorter than 128 bytes.
        Some((&short, after)) if short < 0x80 => {
            *rest = after;
            usize::from(short)
        }
        _ => usize::try_from(read_uvarint(rest)?).ok()?,
    };
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}
