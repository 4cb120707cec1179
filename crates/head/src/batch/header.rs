//! The fixed-size start of every entry, part of which the leader fills in place.

use super::CorruptEntry;

pub(super) const KIND_BATCH: u8 = 1;
pub(super) const KIND_RETAIN: u8 = 2;
pub(super) const VERSION: u8 = 1;

/// Size of a batch's header.
pub const HEADER_BYTES: usize = 32;
pub(super) const RETAIN_BYTES: usize = 20;

pub(super) const FLAGS_AT: usize = 2;
pub(super) const CHECKSUM_AT: usize = 4;
pub(super) const PROPOSED_AT: usize = 8;
pub(super) const WINDOW_AT: usize = 16;
pub(crate) const ROW_COUNT_AT: usize = 24;
pub(crate) const MAX_EXEMPLARS_AT: usize = 28;

/// What the leader decides about a batch, so that every replica decides alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The leader's clock when it proposes the entry.
    pub proposed_at_ms: i64,
    /// How far behind the head's newest sample late ones are accepted; 0 accepts none.
    pub out_of_order_window_ms: i64,
    /// None is defined yet: 0.
    pub flags: u16,
    /// How many exemplars a tenant may have in this shard; 0 drops those that there are.
    pub max_exemplars: u32,
}

impl Stamp {
    pub(super) fn read(header: &[u8; HEADER_BYTES]) -> Result<Stamp, CorruptEntry> {
        let stamp = Stamp {
            proposed_at_ms: i64::from_le_bytes(field(header, PROPOSED_AT)),
            out_of_order_window_ms: i64::from_le_bytes(field(header, WINDOW_AT)),
            flags: u16::from_le_bytes(field(header, FLAGS_AT)),
            max_exemplars: u32::from_le_bytes(field(header, MAX_EXEMPLARS_AT)),
        };
        if stamp.flags == 0 {
            Ok(stamp)
        } else {
            Err(CorruptEntry::UnknownFlags)
        }
    }
}

/// Copies a header field out.
pub(super) fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|offset| header[at + offset])
}

/// Fills in the leader's part of a batch's header. The body, and the checksum over it, stay as they are.
pub fn stamp(batch: &mut [u8], stamp: Stamp) -> Result<(), CorruptEntry> {
    let header = batch
        .first_chunk_mut::<HEADER_BYTES>()
        .ok_or(CorruptEntry::Truncated)?;
    match header[..2] {
        [KIND_BATCH, VERSION] => {}
        [KIND_BATCH, version] => return Err(CorruptEntry::UnknownVersion(version)),
        [kind, ..] => return Err(CorruptEntry::UnknownKind(kind)),
        [] => return Err(CorruptEntry::Truncated),
    }
    header[FLAGS_AT..FLAGS_AT + 2].copy_from_slice(&stamp.flags.to_le_bytes());
    header[PROPOSED_AT..PROPOSED_AT + 8].copy_from_slice(&stamp.proposed_at_ms.to_le_bytes());
    header[WINDOW_AT..WINDOW_AT + 8].copy_from_slice(&stamp.out_of_order_window_ms.to_le_bytes());
    header[MAX_EXEMPLARS_AT..MAX_EXEMPLARS_AT + 4].copy_from_slice(&stamp.max_exemplars.to_le_bytes());
    Ok(())
}

/// The command to forget samples older than `cutoff_ms`, and series that have no newer ones.
pub fn encode_retain(cutoff_ms: i64) -> Vec<u8> {
    let mut entry = vec![KIND_RETAIN, VERSION, 0, 0, 0, 0, 0, 0];
    entry.extend_from_slice(&cutoff_ms.to_le_bytes());
    let checksum = crc32c::crc32c(&entry);
    entry.extend_from_slice(&checksum.to_le_bytes());
    entry
}
