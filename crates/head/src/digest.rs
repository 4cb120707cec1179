//! Comparing replicas.

use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use crate::Head;

impl Head {
    /// A hash of the logical state: equal on replicas that applied the same entries, whenever they took
    /// checkpoints or were restored from one. Walks all series.
    pub fn digest(&self) -> u128 {
        let mut record = Vec::new();
        let mut digest = xxh3_128(&self.meta());
        for (id, series) in self.series.iter() {
            record.clear();
            record.extend_from_slice(&series.tenant.to_le_bytes());
            self.pack_labels(id, &mut record);
            self.write_head(&mut record, id, series);
            // A sum, so that the order in which series are visited never matters.
            digest = digest.wrapping_add(xxh3_128_with_seed(&record, u64::from(id.0)));
        }
        digest
    }
}
