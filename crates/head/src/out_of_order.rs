//! Samples that came late.

use crate::RowError;
use crate::starts::{LateStarts, chunk_of};

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

    /// The samples from `start_ms` to `end_ms`, both inclusive, as chunks, with those of their start times that
    /// are known.
    pub(crate) fn chunks<'a>(
        &'a self,
        start_ms: i64,
        end_ms: i64,
        starts: Option<&'a LateStarts>,
    ) -> impl Iterator<Item = Vec<u8>> + 'a {
        self.within(start_ms, end_ms)
            .chunks(vigie_chunk::MAX_CHUNK_SAMPLES)
            .map(move |samples| chunk_of(samples, starts))
    }

    /// Whether [`LateSamples::chunks`] would give any.
    pub(crate) fn has_samples(&self, start_ms: i64, end_ms: i64) -> bool {
        !self.within(start_ms, end_ms).is_empty()
    }

    fn within(&self, start_ms: i64, end_ms: i64) -> &[(i64, u64)] {
        let from = self.samples.partition_point(|sample| sample.0 < start_ms);
        let to = self.samples.partition_point(|sample| sample.0 <= end_ms);
        self.samples.get(from..to).unwrap_or_default()
    }
}
