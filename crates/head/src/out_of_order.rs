//! Samples that came late.

use vigie_chunk::OpenChunk;

use crate::RowError;

/// A series' late samples, sorted by time, apart from those in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LateSamples {
    /// Time and value bits.
    pub(crate) samples: Vec<(i64, u64)>,
    /// How many chunks of late samples were sealed.
    pub(crate) sealed_count: u32,
    /// The newest time in them.
    pub(crate) sealed_max_ms: i64,
}

impl LateSamples {
    /// Whether the series could as well have none.
    pub(crate) fn is_unused(&self) -> bool {
        self.samples.is_empty() && self.sealed_count == 0
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<(i64, u64)>()
    }

    /// Takes a sample; false if it is here already.
    pub(crate) fn insert(&mut self, time_ms: i64, bits: u64) -> Result<bool, RowError> {
        match self.samples.binary_search_by_key(&time_ms, |sample| sample.0) {
            Ok(at) if self.samples[at].1 == bits => Ok(false),
            Ok(_) => Err(RowError::DuplicateTimestamp),
            Err(at) => {
                self.samples.insert(at, (time_ms, bits));
                Ok(true)
            }
        }
    }

    /// The samples from `start_ms` to `end_ms`, both inclusive, as chunks.
    pub(crate) fn chunks(&self, start_ms: i64, end_ms: i64) -> Vec<OpenChunk> {
        let from = self.samples.partition_point(|sample| sample.0 < start_ms);
        let to = self.samples.partition_point(|sample| sample.0 <= end_ms);
        self.samples
            .get(from..to)
            .unwrap_or_default()
            .chunks(vigie_chunk::MAX_CHUNK_SAMPLES)
            .map(chunk_of)
            .collect()
    }
}

/// A chunk of sorted samples, at most as many as a chunk holds.
pub(crate) fn chunk_of(samples: &[(i64, u64)]) -> OpenChunk {
    let mut chunk = OpenChunk::new();
    for &(time_ms, bits) in samples {
        // Times ascend strictly and the count is bounded, so nothing is refused.
        let appended = chunk.append(time_ms, f64::from_bits(bits));
        debug_assert!(appended.is_ok());
    }
    chunk
}
