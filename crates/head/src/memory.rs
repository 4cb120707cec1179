//! Where a head's memory goes.

use crate::Head;

/// Bytes on the heap, by what they hold. What allocators add is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The rows of all series, and the table that finds them by id.
    pub rows_bytes: usize,
    /// Which labels each series has, and the table that finds series by them.
    pub labels_bytes: usize,
    /// Label pairs, and which series have them.
    pub index_bytes: usize,
    /// Samples of open chunks, late ones, histograms and start times included.
    pub open_chunks_bytes: usize,
    /// Sealed chunks that wait for a checkpoint.
    pub waiting_chunks_bytes: usize,
    pub waiting_chunks: usize,
}

impl Head {
    /// Visits all series and label pairs: some ten milliseconds for a million series.
    pub fn memory(&self) -> MemoryUsage {
        let (waiting_chunks, waiting_chunks_bytes) = self.waiting.usage();
        let late = self.late.values().map(|late| late.heap_bytes());
        let open = self.series.iter().map(|(_, series)| series.open.heap_bytes());
        let histograms = self.histograms.values().map(|beside| beside.heap_bytes());
        let starts = self.starts.values().map(|starts| starts.heap_bytes());
        MemoryUsage {
            rows_bytes: self.series.heap_bytes(),
            labels_bytes: self.series.pairs.heap_bytes() + self.by_labels.heap_bytes(),
            index_bytes: self.tenants.iter().map(|tenant| tenant.index.heap_bytes()).sum(),
            open_chunks_bytes: open.chain(late).chain(histograms).chain(starts).sum(),
            waiting_chunks_bytes,
            waiting_chunks,
        }
    }
}

impl MemoryUsage {
    pub fn total_bytes(&self) -> usize {
        self.rows_bytes
            + self.labels_bytes
            + self.index_bytes
            + self.open_chunks_bytes
            + self.waiting_chunks_bytes
    }
}
