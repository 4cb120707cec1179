//! Snapshot blocks: sorted records of one column family with a checksum, as docs/formats/storage-keys.md has
//! them.

use super::keys::{CHUNKS, HEADS, META, SERIES};
use crate::StorageError;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 6;
const CRC_BYTES: usize = 4;

/// What a block holds. Blocks of a snapshot come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Content {
    Meta = 1,
    Series = 2,
    Heads = 3,
    Chunks = 4,
    /// No records: everything was sent.
    End = 5,
}

impl Content {
    pub(super) const RECORDS: [Content; 4] =
        [Content::Meta, Content::Series, Content::Heads, Content::Chunks];

    pub(super) fn family(self) -> Option<&'static str> {
        match self {
            Content::Meta => Some(META),
            Content::Series => Some(SERIES),
            Content::Heads => Some(HEADS),
            Content::Chunks => Some(CHUNKS),
            Content::End => None,
        }
    }

    fn from_tag(tag: u8) -> Option<Content> {
        Content::RECORDS
            .into_iter()
            .chain([Content::End])
            .find(|content| *content as u8 == tag)
    }
}

/// Gathers records: `version u8 | content u8 | records u32 LE | (key bytes u16 LE | value bytes u32 LE | key
/// | value)* | crc32c u32 LE`.
#[derive(Debug)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    records: u32,
}

impl BlockBuilder {
    pub(super) fn new(content: Content) -> BlockBuilder {
        BlockBuilder {
            bytes: vec![VERSION, content as u8, 0, 0, 0, 0],
            records: 0,
        }
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        let too_long = |_| StorageError::Corrupt {
            what: "snapshot record",
            reason: "longer than a block can say",
        };
        self.bytes
            .extend_from_slice(&u16::try_from(key.len()).map_err(too_long)?.to_le_bytes());
        self.bytes
            .extend_from_slice(&u32::try_from(value.len()).map_err(too_long)?.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.records += 1;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes[2..HEADER_BYTES].copy_from_slice(&self.records.to_le_bytes());
        let crc = crc32c::crc32c(&self.bytes);
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        self.bytes
    }
}

/// A key and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// A verified block.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) content: Content,
    records: u32,
    rest: &'a [u8],
}

impl<'a> Block<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Block<'a>, StorageError> {
        let (body, crc) = bytes
            .split_last_chunk::<CRC_BYTES>()
            .ok_or_else(|| bad("shorter than its checksum"))?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(bad("checksum mismatch"));
        }
        let (header, rest) = body
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or_else(|| bad("shorter than its header"))?;
        let [version, tag, records @ ..] = *header;
        if version != VERSION {
            return Err(bad("written by another version"));
        }
        let content = Content::from_tag(tag).ok_or_else(|| bad("unknown content"))?;
        Ok(Block {
            content,
            records: u32::from_le_bytes(records),
            rest,
        })
    }

    /// The next record, `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Record<'a>>, StorageError> {
        if self.records == 0 {
            return if self.rest.is_empty() {
                Ok(None)
            } else {
                Err(bad("bytes after the last record"))
            };
        }
        self.records -= 1;
        let key_bytes = u16::from_le_bytes(*self.take::<2>()?);
        let value_bytes = u32::from_le_bytes(*self.take::<4>()?);
        let key = self.slice(usize::from(key_bytes))?;
        Ok(Some((key, self.slice(value_bytes as usize)?)))
    }

    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], StorageError> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| bad("ends within a record"))?;
        self.rest = rest;
        Ok(head)
    }

    fn slice(&mut self, bytes: usize) -> Result<&'a [u8], StorageError> {
        let (head, rest) = self
            .rest
            .split_at_checked(bytes)
            .ok_or_else(|| bad("ends within a record"))?;
        self.rest = rest;
        Ok(head)
    }
}

fn bad(reason: &'static str) -> StorageError {
    StorageError::Corrupt {
        what: "snapshot block",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trips_and_refuses_damage(
            records in vec((vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..50)), 0..20),
            flip: prop::sample::Index,
            noise in vec(any::<u8>(), 0..40),
        ) {
            let mut builder = BlockBuilder::new(Content::Series);
            for (key, value) in &records {
                builder.push(key, value).unwrap();
            }
            let mut bytes = builder.finish();
            let mut block = Block::parse(&bytes).unwrap();
            prop_assert_eq!(block.content, Content::Series);
            for (key, value) in &records {
                prop_assert_eq!(block.next().unwrap(), Some((&key[..], &value[..])));
            }
            prop_assert_eq!(block.next().unwrap(), None);
            let at = flip.index(bytes.len());
            bytes[at] ^= 1;
            prop_assert!(Block::parse(&bytes).is_err());
            // A checksum over nonsense must not make it panic.
            let mut sealed = noise.clone();
            sealed.extend_from_slice(&crc32c::crc32c(&noise).to_le_bytes());
            if let Ok(mut block) = Block::parse(&sealed) {
                while let Ok(Some(_)) = block.next() {}
            }
        }
    }
}
