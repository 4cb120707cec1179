//! Keys of StateDB, as docs/formats/storage-keys.md has them.

/// Column family of names, generations and the node's identity.
pub(super) const META: &str = "meta";
/// Column family of series labels.
pub(super) const SERIES: &str = "series";
/// Column family of open chunks.
pub(super) const HEADS: &str = "heads";
/// Column family of sealed chunks.
pub(super) const CHUNKS: &str = "chunks";
/// All of them; they are always flushed together.
pub(super) const FAMILIES: [&str; 4] = [META, SERIES, HEADS, CHUNKS];

/// Written at creation; a database of another version is refused.
pub(super) const FORMAT_VERSION: u8 = 2;
pub(super) const FORMAT_KEY: &[u8] = b"\x00format";
pub(super) const INCARNATION_KEY: &[u8] = b"\x00incarnation";
pub(super) const CURRENT_TAG: u8 = 1;
pub(super) const GARBAGE_TAG: u8 = 2;
pub(super) const NAME_TAG: u8 = 3;

/// Bytes of a chunk's key.
pub(super) const CHUNK_KEY_BYTES: usize = 32;
/// Bytes of a chunk's key as it travels between replicas: without shard and generation.
pub(super) const PORTABLE_CHUNK_BYTES: usize = 24;

/// Where a chunk lives. Windows number the time axis (chunk start divided by the window length); a chunk
/// belongs to the window of its start and must not reach beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// Time window.
    pub window: u32,
    /// Tenant number.
    pub tenant: u32,
    /// Series id within the shard.
    pub series: u32,
    /// Time of the first sample.
    pub start_ms: i64,
    /// Tells chunks of a series apart that start at the same time: late samples have chunks of their own.
    pub ordinal: u32,
}

impl ChunkKey {
    /// The least key of a series in a window.
    pub(super) fn first(window: u32, tenant: u32, series: u32) -> ChunkKey {
        ChunkKey {
            window,
            tenant,
            series,
            start_ms: i64::MIN,
            ordinal: 0,
        }
    }

    /// `window u32 BE | tenant u32 BE | series u32 BE | start | ordinal u32 BE`.
    pub(super) fn portable(&self) -> [u8; PORTABLE_CHUNK_BYTES] {
        let mut key = [0; PORTABLE_CHUNK_BYTES];
        key[..4].copy_from_slice(&self.window.to_be_bytes());
        key[4..8].copy_from_slice(&self.tenant.to_be_bytes());
        key[8..12].copy_from_slice(&self.series.to_be_bytes());
        key[12..20].copy_from_slice(&ordered(self.start_ms));
        key[20..].copy_from_slice(&self.ordinal.to_be_bytes());
        key
    }

    /// Inverse of [`ChunkKey::portable`].
    pub(super) fn from_portable(key: &[u8]) -> Option<ChunkKey> {
        let (window, rest) = split_u32(key)?;
        let (tenant, rest) = split_u32(rest)?;
        let (series, rest) = split_u32(rest)?;
        let (start, ordinal) = rest.split_first_chunk()?;
        Some(ChunkKey {
            window,
            tenant,
            series,
            start_ms: from_ordered(*start),
            ordinal: u32::from_be_bytes(ordinal.try_into().ok()?),
        })
    }
}

/// One generation of one shard: what all keys of a shard's state carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope {
    pub(super) shard: u32,
    pub(super) generation: u32,
}

impl Scope {
    /// `shard u32 BE | generation u32 BE`.
    pub(super) fn bytes(self) -> [u8; 8] {
        (u64::from(self.shard) << 32 | u64::from(self.generation)).to_be_bytes()
    }

    /// The scope that follows in key order; generations start at 0 and count installs, so the last one is
    /// never reached.
    pub(super) fn successor(self) -> Scope {
        let next = (u64::from(self.shard) << 32 | u64::from(self.generation)).saturating_add(1);
        Scope {
            shard: (next >> 32) as u32,
            generation: next as u32,
        }
    }

    /// `0x02 | shard u32 BE | generation u32 BE`.
    pub(super) fn garbage_key(self) -> [u8; 9] {
        let mut key = [GARBAGE_TAG; 9];
        key[1..].copy_from_slice(&self.bytes());
        key
    }

    /// Inverse of [`Scope::garbage_key`].
    pub(super) fn from_garbage_key(key: &[u8]) -> Option<Scope> {
        let (shard, generation) = split_u32(key.strip_prefix(&[GARBAGE_TAG])?)?;
        Some(Scope {
            shard,
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }

    /// `0x03 | shard u32 BE | generation u32 BE | name`.
    pub(super) fn name_key(self, name: &[u8]) -> Vec<u8> {
        [&[NAME_TAG], &self.bytes()[..], name].concat()
    }

    /// `shard u32 BE | generation u32 BE | page u32 BE`, in `series` and `heads`.
    pub(super) fn id_key(self, id: u32) -> [u8; 12] {
        let mut key = [0; 12];
        key[..8].copy_from_slice(&self.bytes());
        key[8..].copy_from_slice(&id.to_be_bytes());
        key
    }

    /// `window u32 BE | shard u32 BE | generation u32 BE | tenant u32 BE | series u32 BE | start | ordinal u32 BE`.
    pub(super) fn chunk_key(self, key: ChunkKey) -> [u8; CHUNK_KEY_BYTES] {
        let mut bytes = [0; CHUNK_KEY_BYTES];
        let portable = key.portable();
        bytes[..4].copy_from_slice(&portable[..4]);
        bytes[4..12].copy_from_slice(&self.bytes());
        bytes[12..].copy_from_slice(&portable[4..]);
        bytes
    }

    /// The least chunk key of this scope in a window.
    pub(super) fn window_start(self, window: u32) -> [u8; CHUNK_KEY_BYTES] {
        self.chunk_key(ChunkKey::first(window, 0, 0))
    }
}

/// Inverse of [`Scope::chunk_key`].
pub(super) fn parse_chunk_key(key: &[u8]) -> Option<(Scope, ChunkKey)> {
    let key: &[u8; CHUNK_KEY_BYTES] = key.try_into().ok()?;
    let (shard, rest) = split_u32(&key[4..])?;
    let (generation, _) = split_u32(rest)?;
    let mut portable = [0; PORTABLE_CHUNK_BYTES];
    portable[..4].copy_from_slice(&key[..4]);
    portable[4..].copy_from_slice(&key[12..]);
    Some((Scope { shard, generation }, ChunkKey::from_portable(&portable)?))
}

/// `0x01 | shard u32 BE`, whose value is the current generation, u32 BE.
pub(super) fn current_key(shard: u32) -> [u8; 5] {
    let mut key = [CURRENT_TAG; 5];
    key[1..].copy_from_slice(&shard.to_be_bytes());
    key
}

/// Inverse of [`current_key`].
pub(super) fn parse_current_key(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(
        key.strip_prefix(&[CURRENT_TAG])?.try_into().ok()?,
    ))
}

/// Name of the value that says that a span of windows is compacted: `compacted/`, the span u32 BE.
pub(super) fn compacted_name(span: u32) -> Vec<u8> {
    [&b"compacted/"[..], &span.to_be_bytes()].concat()
}

/// Last four bytes as an id.
pub(super) fn parse_id(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*key.last_chunk()?))
}

/// Big endian with the sign bit flipped, so that bytes order as numbers do.
fn ordered(start_ms: i64) -> [u8; 8] {
    (start_ms as u64 ^ 1 << 63).to_be_bytes()
}

fn from_ordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ 1 << 63) as i64
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*head), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_keep_their_bytes() {
        let scope = Scope {
            shard: 0x0102_0304,
            generation: 5,
        };
        let key = ChunkKey {
            window: 0x1112_1314,
            tenant: 6,
            series: 0x2122_2324,
            start_ms: 1,
            ordinal: 2,
        };
        assert_eq!(
            scope.chunk_key(key),
            *b"\x11\x12\x13\x14\x01\x02\x03\x04\0\0\0\x05\0\0\0\x06\x21\x22\x23\x24\x80\0\0\0\0\0\0\x01\0\0\0\x02"
        );
        assert_eq!(
            key.portable(),
            *b"\x11\x12\x13\x14\0\0\0\x06\x21\x22\x23\x24\x80\0\0\0\0\0\0\x01\0\0\0\x02"
        );
        assert_eq!(scope.id_key(7), *b"\x01\x02\x03\x04\0\0\0\x05\0\0\0\x07");
        assert_eq!(
            scope.name_key(b"applied"),
            b"\x03\x01\x02\x03\x04\0\0\0\x05applied"
        );
        assert_eq!(scope.garbage_key(), *b"\x02\x01\x02\x03\x04\0\0\0\x05");
        assert_eq!(compacted_name(258), *b"compacted/\0\0\x01\x02");
        assert_eq!(current_key(scope.shard), *b"\x01\x01\x02\x03\x04");
        assert_eq!(Scope::from_garbage_key(&scope.garbage_key()), Some(scope));
        assert_eq!(parse_current_key(&current_key(9)), Some(9));
        assert_eq!(
            Scope {
                shard: 1,
                generation: u32::MAX
            }
            .successor(),
            Scope {
                shard: 2,
                generation: 0
            }
        );
    }

    proptest! {
        #[test]
        fn chunk_keys_order_as_their_fields(
            a: (u32, u32, u32, u32, u32, i64, u32),
            b: (u32, u32, u32, u32, u32, i64, u32),
        ) {
            let encode = |(window, shard, generation, tenant, series, start_ms, ordinal)| {
                let scope = Scope { shard, generation };
                let key = ChunkKey { window, tenant, series, start_ms, ordinal };
                let bytes = scope.chunk_key(key);
                assert_eq!(parse_chunk_key(&bytes), Some((scope, key)));
                bytes
            };
            prop_assert_eq!(encode(a).cmp(&encode(b)), a.cmp(&b));
        }
    }
}
