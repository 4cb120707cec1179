//! Which shard and id a series has, by a hash of the bytes it arrived in.

use parking_lot::RwLock;
use vigie_model::{SeriesId, ShardId};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// Names a series by 128 bits of keyed hash over tenant and raw label bytes.
///
/// The key stands for the labels: they are never compared. With a secret seed per process nobody
/// can choose labels that collide, and by chance two of a billion series do with probability 1e-21.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesKey {
    home: u64,
    rest: u64,
}

/// Makes the keys of one tenant and one encoding; the same labels in two encodings have two keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesKeyer {
    seed: u64,
}

/// How the raw bytes encode a label set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LabelEncoding {
    /// The label fields of a remote write 1.0 `TimeSeries`, tags included.
    RemoteWriteV1,
    /// The symbols a remote write 2.0 `TimeSeries` refers to, in its order.
    RemoteWriteV2,
    /// [`Labels::as_packed`](vigie_model::Labels::as_packed).
    Packed,
}

impl SeriesKeyer {
    pub(crate) fn new(secret: u64, tenant: &str, encoding: LabelEncoding) -> SeriesKeyer {
        let domain = match encoding {
            LabelEncoding::RemoteWriteV1 => 1,
            LabelEncoding::Packed => 2,
            LabelEncoding::RemoteWriteV2 => 3,
        };
        SeriesKeyer {
            seed: xxh3_64_with_seed(tenant.as_bytes(), secret ^ domain),
        }
    }

    #[inline]
    pub(crate) fn key(self, raw_labels: &[u8]) -> SeriesKey {
        let hash = self.hash(raw_labels);
        SeriesKey {
            home: hash as u64,
            rest: (hash >> 64) as u64,
        }
    }

    /// The hash of a symbol, which stands for it in a key as the key does for the labels.
    #[inline]
    pub(crate) fn hash(self, bytes: &[u8]) -> u128 {
        xxh3_128_with_seed(bytes, self.seed)
    }

    /// Names what is said of a metric family, by its parts in their order.
    pub(crate) fn fingerprint<P: AsRef<[u8]>>(self, parts: impl IntoIterator<Item = P>) -> u64 {
        parts
            .into_iter()
            .fold(self.seed, |hash, part| xxh3_64_with_seed(part.as_ref(), hash))
    }
}

/// Where a series lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) shard: ShardId,
    pub(crate) id: SeriesId,
}

/// A bounded map from [`SeriesKey`] to [`Target`].
///
/// Two tables: lookups that hit the older one are copied to the newer, and when the newer is full it
/// becomes the older. So what was used since the last turn survives, at two table reads at worst and
/// no bookkeeping on a hit.
#[derive(Debug)]
pub(crate) struct SeriesCache {
    generations: RwLock<Generations>,
    /// Entries a table holds before the tables turn.
    capacity: usize,
}

#[derive(Debug)]
struct Generations {
    newer: Table,
    older: Table,
}

impl SeriesCache {
    /// At most `capacity` series are known at once.
    pub(crate) fn new(capacity: usize) -> SeriesCache {
        let generations = Generations {
            newer: Table::new(),
            older: Table::new(),
        };
        SeriesCache {
            generations: RwLock::new(generations),
            capacity: (capacity / 2).max(1),
        }
    }

    /// Looks all keys of a request up at once: the home slots are independent loads, which the
    /// processor overlaps, where one look-up after the other would wait for memory each time.
    pub(crate) fn lookup_all(&self, keys: &[SeriesKey], targets: &mut Vec<Option<Target>>) {
        targets.clear();
        let mut in_older = Vec::new();
        {
            let generations = self.generations.read();
            generations.newer.touch(keys);
            for (position, &key) in keys.iter().enumerate() {
                let target = generations.newer.get(key);
                if target.is_none()
                    && let Some(found) = generations.older.get(key)
                {
                    in_older.push((key, found));
                    targets.push(Some(found));
                    debug_assert_eq!(targets.len(), position + 1);
                    continue;
                }
                targets.push(target);
            }
        }
        if !in_older.is_empty() {
            self.insert_all(&in_older);
        }
    }

    pub(crate) fn insert_all(&self, entries: &[(SeriesKey, Target)]) {
        let mut generations = self.generations.write();
        for &(key, target) in entries {
            if generations.newer.len >= self.capacity {
                let full = std::mem::replace(&mut generations.newer, Table::new());
                generations.older = full;
            }
            generations.newer.insert(key, target);
        }
    }

    /// Bytes of both tables.
    pub(crate) fn resident_bytes(&self) -> usize {
        let generations = self.generations.read();
        (generations.newer.slots.len() + generations.older.slots.len()) * size_of::<Slot>()
    }

    pub(crate) fn len(&self) -> usize {
        let generations = self.generations.read();
        generations.newer.len + generations.older.len
    }
}

/// Open addressing with linear probing; a power of two of slots, at most three quarters used.
#[derive(Debug)]
struct Table {
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: SeriesKey,
    target: Target,
}

/// A shard number no cluster has.
const FREE: ShardId = ShardId(u32::MAX);

const EMPTY_SLOT: Slot = Slot {
    key: SeriesKey { home: 0, rest: 0 },
    target: Target {
        shard: FREE,
        id: SeriesId(0),
    },
};

impl Table {
    fn new() -> Table {
        Table {
            slots: Vec::new(),
            len: 0,
        }
    }

    /// Pulls the home slots of all keys towards the processor.
    fn touch(&self, keys: &[SeriesKey]) {
        if self.slots.is_empty() {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut mix = 0u32;
        for key in keys {
            mix ^= self.slots[key.home as usize & mask].target.id.0;
        }
        std::hint::black_box(mix);
    }

    fn get(&self, key: SeriesKey) -> Option<Target> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = &self.slots[self.position(key)];
        (slot.target.shard != FREE).then_some(slot.target)
    }

    fn insert(&mut self, key: SeriesKey, target: Target) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let position = self.position(key);
        self.len += usize::from(self.slots[position].target.shard == FREE);
        self.slots[position] = Slot { key, target };
    }

    /// The slot that holds the key, or the free one where it belongs. There always is a free one.
    fn position(&self, key: SeriesKey) -> usize {
        let mask = self.slots.len() - 1;
        let mut position = key.home as usize & mask;
        while self.slots[position].target.shard != FREE && self.slots[position].key != key {
            position = (position + 1) & mask;
        }
        position
    }

    fn grow(&mut self) {
        let wanted = (self.slots.len() * 2).max(1024);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY_SLOT; wanted]);
        for slot in old.into_iter().filter(|slot| slot.target.shard != FREE) {
            let position = self.position(slot.key);
            self.slots[position] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> SeriesKey {
        SeriesKeyer::new(7, "t", LabelEncoding::Packed).key(&number.to_le_bytes())
    }

    fn target(number: u64) -> Target {
        Target {
            shard: ShardId(number as u32 % 8),
            id: SeriesId(number as u32),
        }
    }

    fn lookup(cache: &SeriesCache, numbers: impl Iterator<Item = u64>) -> Vec<Option<Target>> {
        let keys: Vec<SeriesKey> = numbers.map(key).collect();
        let mut targets = Vec::new();
        cache.lookup_all(&keys, &mut targets);
        targets
    }

    #[test]
    fn what_was_inserted_is_found_and_overwritten() {
        let cache = SeriesCache::new(100_000);
        cache.insert_all(&(0..10_000).map(|n| (key(n), target(n))).collect::<Vec<_>>());
        let found = lookup(&cache, 0..10_001);
        assert!((0..10_000).all(|n| found[n as usize] == Some(target(n))));
        assert_eq!(found[10_000], None);
        cache.insert_all(&[(key(3), target(99))]);
        assert_eq!(lookup(&cache, 3..4), [Some(target(99))]);
        assert_eq!(cache.len(), 10_000);
    }

    #[test]
    fn size_is_bounded_and_what_is_used_stays() {
        let cache = SeriesCache::new(200);
        for n in 0..10_000 {
            cache.insert_all(&[(key(n), target(n))]);
            assert_eq!(lookup(&cache, 0..1), [Some(target(0))], "after {n}");
            assert!(cache.len() <= 200);
        }
    }

    #[test]
    fn tenants_and_encodings_do_not_share_keys() {
        let key = |tenant, encoding| SeriesKeyer::new(7, tenant, encoding).key(b"labels");
        let keys = [
            key("a", LabelEncoding::Packed),
            key("b", LabelEncoding::Packed),
            key("a", LabelEncoding::RemoteWriteV1),
        ];
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
    }
}
