//! Native histograms of a request on their way to shards.

use vigie_chunk::FlatHistogram;

use crate::ingest::{NO_HISTOGRAM, Row};
use crate::lane::{LaneHistogram, LaneSeries};

/// The histograms of a request, as records that go into batches unchanged.
#[derive(Debug, Default)]
pub(crate) struct Histograms {
    rows: Vec<HistogramRow>,
    /// One after the other.
    records: Vec<u8>,
    /// What no histogram can be, and why.
    refused: Vec<(Row, String)>,
}

#[derive(Debug, Clone, Copy)]
struct HistogramRow {
    series: u32,
    timestamp_ms: i64,
    start_ms: i64,
    record_end: usize,
}

impl Histograms {
    /// All of them, refused ones included.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.refused.len()
    }

    /// Times are that of the sample and when it began to count, which is 0 if not known.
    pub(crate) fn push(&mut self, series: u32, times_ms: (i64, i64), histogram: &FlatHistogram) {
        histogram.write(&mut self.records);
        self.rows.push(HistogramRow {
            series,
            timestamp_ms: times_ms.0,
            start_ms: times_ms.1,
            record_end: self.records.len(),
        });
    }

    /// Where start times are not kept.
    pub(crate) fn forget_starts(&mut self) {
        for row in &mut self.rows {
            row.start_ms = 0;
        }
    }

    pub(crate) fn refuse(&mut self, series: u32, timestamp_ms: i64, why: String) {
        let row = Row {
            series,
            histogram: NO_HISTOGRAM,
            timestamp_ms,
            value: 0.0,
            start_ms: 0,
        };
        self.refused.push((row, why));
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row> + Send {
        self.rows.iter().zip(0..).map(|(row, histogram)| Row {
            series: row.series,
            histogram,
            timestamp_ms: row.timestamp_ms,
            value: 0.0,
            start_ms: 0,
        })
    }

    pub(crate) fn refused(&self) -> &[(Row, String)] {
        &self.refused
    }

    /// A row as it goes to its shard.
    pub(crate) fn to_shard(&self, histogram: u32, series: LaneSeries) -> LaneHistogram {
        let at = histogram as usize;
        let row = &self.rows[at];
        let start = at.checked_sub(1).map_or(0, |before| self.rows[before].record_end);
        LaneHistogram {
            series,
            timestamp_ms: row.timestamp_ms,
            start_ms: row.start_ms,
            record: start..row.record_end,
        }
    }

    /// What [`LaneHistogram::record`] points into.
    pub(crate) fn records(&self) -> &[u8] {
        &self.records
    }
}
