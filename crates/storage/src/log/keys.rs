//! Keys and values of LogDB, as docs/formats/storage-keys.md has them.

use crate::Incarnation;

/// Column family of everything that is not an entry.
pub(super) const META: &str = "meta";
/// Written at creation; a database of another version is refused.
pub(super) const FORMAT_VERSION: u8 = 1;
pub(super) const FORMAT_KEY: &[u8] = b"\x00format";
pub(super) const INCARNATION_KEY: &[u8] = b"\x00incarnation";
/// First byte of the meta keys that belong to groups.
pub(super) const GROUP_TAG: u8 = 1;

const CRC_BYTES: usize = 4;

/// What a meta record says of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Vote = 1,
    Committed = 2,
    Floor = 3,
}

/// Name of a segment's column family.
pub(super) fn segment_name(number: u64) -> String {
    format!("seg-{number}")
}

/// Number of a segment's column family, if it is one.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    name.strip_prefix("seg-")?.parse().ok()
}

/// `0x01 | group u64 BE | field u8`.
pub(super) fn meta_key(group: u64, field: Field) -> [u8; 10] {
    let mut key = [GROUP_TAG; 10];
    key[1..9].copy_from_slice(&group.to_be_bytes());
    key[9] = field as u8;
    key
}

/// Inverse of [`meta_key`]; the field stays a number as a later version may know more of them.
pub(super) fn parse_meta_key(key: &[u8]) -> Option<(u64, u8)> {
    let key: &[u8; 10] = key.try_into().ok()?;
    let group: [u8; 8] = key[1..9].try_into().ok()?;
    (key[0] == GROUP_TAG).then(|| (u64::from_be_bytes(group), key[9]))
}

/// `group u64 BE | index u64 BE`.
pub(super) fn entry_key(group: u64, index: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&group.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Inverse of [`entry_key`].
pub(super) fn parse_entry_key(key: &[u8]) -> Option<(u64, u64)> {
    let (group, index) = key.split_first_chunk::<8>()?;
    Some((
        u64::from_be_bytes(*group),
        u64::from_be_bytes(index.try_into().ok()?),
    ))
}

/// Writes `entry | crc32c u32 LE` over `value`. The checksum covers the key too, so an entry cannot pass for
/// another.
pub(super) fn encode_entry(key: &[u8; 16], entry: &[u8], value: &mut Vec<u8>) {
    value.clear();
    value.extend_from_slice(entry);
    value.extend_from_slice(&entry_crc(key, entry).to_le_bytes());
}

/// The entry inside a value, or what is wrong with it.
pub(super) fn decode_entry<'a>(key: &[u8; 16], value: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (entry, crc) = value
        .split_last_chunk::<CRC_BYTES>()
        .ok_or("shorter than its checksum")?;
    if entry_crc(key, entry) == u32::from_le_bytes(*crc) {
        Ok(entry)
    } else {
        Err("checksum mismatch")
    }
}

fn entry_crc(key: &[u8; 16], entry: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), entry)
}

/// `first index u64 BE | 0`, or `first index u64 BE | 1 | purged` once the log was purged.
pub(super) fn encode_floor(first_index: u64, purged: Option<&[u8]>) -> Vec<u8> {
    let mut value = Vec::with_capacity(9 + purged.map_or(0, <[u8]>::len));
    value.extend_from_slice(&first_index.to_be_bytes());
    value.push(u8::from(purged.is_some()));
    value.extend_from_slice(purged.unwrap_or_default());
    value
}

/// Inverse of [`encode_floor`].
pub(super) fn decode_floor(value: &[u8]) -> Option<(u64, Option<&[u8]>)> {
    let (first_index, rest) = value.split_first_chunk::<8>()?;
    let purged = match rest.split_first()? {
        (0, []) => None,
        (1, purged) => Some(purged),
        _ => return None,
    };
    Some((u64::from_be_bytes(*first_index), purged))
}

/// Checks a stored incarnation's length.
pub(super) fn decode_incarnation(value: &[u8]) -> Option<Incarnation> {
    value.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_bytes() {
        assert_eq!(
            entry_key(2, 0x0102_0304_0506_0708),
            *b"\0\0\0\0\0\0\0\x02\x01\x02\x03\x04\x05\x06\x07\x08"
        );
        assert_eq!(parse_entry_key(&entry_key(2, 258)), Some((2, 258)));
        assert_eq!(meta_key(7, Field::Floor), *b"\x01\0\0\0\0\0\0\0\x07\x03");
        assert_eq!(parse_meta_key(&meta_key(7, Field::Vote)), Some((7, 1)));
        assert_eq!(encode_floor(9, None), b"\0\0\0\0\0\0\0\x09\0");
        assert_eq!(encode_floor(9, Some(b"id")), b"\0\0\0\0\0\0\0\x09\x01id");
        assert_eq!(
            decode_floor(&encode_floor(9, Some(b"id"))),
            Some((9, Some(&b"id"[..])))
        );
        assert_eq!(decode_floor(b"\0\0\0\0\0\0\0\x09\x02"), None);
        assert_eq!(segment_number(&segment_name(42)), Some(42));
        assert_eq!(segment_number("meta"), None);
        let (key, mut value) = (entry_key(1, 2), Vec::new());
        encode_entry(&key, b"abc", &mut value);
        assert_eq!(value, b"abc\x21\x04\xaa\x6d");
        assert_eq!(decode_entry(&key, &value), Ok(&b"abc"[..]));
        assert_eq!(decode_entry(&entry_key(1, 3), &value), Err("checksum mismatch"));
        assert_eq!(decode_entry(&key, b"abc"), Err("shorter than its checksum"));
    }
}
