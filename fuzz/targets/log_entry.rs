//! Any bytes as entries of a shard's log, their checksums put right: what `verify` accepts, `apply` accepts, and two heads
//! that apply the same are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie_head::{Head, HeadOptions, batch};
use vigie_model::ShardId;

const HEADER_BYTES: usize = 32;

fuzz_target!(|data: &[u8]| {
    let mut heads = [0, 0].map(|_| Head::new(HeadOptions::new(ShardId(0))));
    let mut rest = data;
    // Entries one after the other, each after its length.
    while let Some((&[low, high], after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (entry, after) = after.split_at(length);
        rest = after;
        let entry = with_checksum(entry);
        let verdict = batch::verify(&entry);
        let outcomes = heads.each_mut().map(|head| head.apply(&entry));
        assert_eq!(verdict.is_ok(), outcomes[0].is_ok());
        assert_eq!(outcomes[0], outcomes[1]);
    }
    assert_eq!(heads[0].digest(), heads[1].digest());
});

/// A checksum is hardly ever right by chance, and its test is not what is tested here.
fn with_checksum(entry: &[u8]) -> Vec<u8> {
    let mut entry = entry.to_vec();
    if entry.len() >= HEADER_BYTES && entry[0] == 1 {
        let checksum = crc32c::crc32c(&entry[HEADER_BYTES..]);
        entry[4..8].copy_from_slice(&checksum.to_le_bytes());
    } else if entry.len() == 20 && entry[0] == 2 {
        let checksum = crc32c::crc32c(&entry[..16]);
        entry[16..].copy_from_slice(&checksum.to_le_bytes());
    }
    entry
}
