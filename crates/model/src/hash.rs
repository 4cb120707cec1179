//! Where a series lives.

use xxhash_rust::xxh3::Xxh3;

use crate::{Labels, TenantId};

/// Slots of the shard map. A series' slot never changes; slots move between shards.
pub const SLOT_COUNT: u16 = 4096;

/// The stable 128-bit hash of a tenant's series. Part of the wire contract: every process of a
/// cluster, of any version, must place a series alike, so the input and the seed may never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesHash(pub u128);

/// xxh3-128 with seed 0 over tenant, a zero byte (no tenant has one), and the packed labels.
pub fn series_hash(tenant: &TenantId, labels: &Labels) -> SeriesHash {
    let mut hasher = Xxh3::new();
    hasher.update(tenant.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(labels.as_packed());
    SeriesHash(hasher.digest128())
}

impl SeriesHash {
    /// The top bits choose the slot; the rest stays free for tables within a shard.
    pub fn slot(self) -> u16 {
        (self.0 >> (128 - SLOT_COUNT.trailing_zeros())) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_never_changes() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]).unwrap();
        let hash = series_hash(&TenantId::anonymous(), &labels);
        assert_eq!(hash, SeriesHash(GOLDEN));
        assert!(hash.slot() < SLOT_COUNT);
    }

    /// Computed once; a change of this figure would scatter every stored series.
    const GOLDEN: u128 = 192_229_873_085_830_447_602_731_398_034_000_658_929;
}
