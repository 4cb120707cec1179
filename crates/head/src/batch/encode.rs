//! Building a batch.

use std::collections::HashMap;

use vigie_model::{MetricKind, MetricMetadata, SeriesId, TenantId, write_uvarint, write_varint};

use super::exemplars::ExemplarColumn;
use super::header::{CHECKSUM_AT, HEADER_BYTES, KIND_BATCH, ROW_COUNT_AT, VERSION};
use super::histograms::HistogramColumn;
use super::section;
use super::starts::StartColumn;

/// A tenant's position in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantIndex(pub u32);

/// The position of a series, declared with its labels, in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredIndex(pub u32);

/// A native histogram in a row.
#[derive(Debug, Clone, Copy)]
pub struct HistogramRecord<'a> {
    /// When it began to count; 0 if that is not known.
    pub start_ms: i64,
    /// As [`vigie_chunk::FlatHistogram::write`] writes it.
    pub record: &'a [u8],
}

/// Collects the samples for one shard, of any tenants, in columns.
///
/// A row of a known series costs 10 to 12 bytes. Rows are numbered in the order they are pushed; the
/// outcome refers to these numbers.
#[derive(Debug, Default)]
pub struct BatchEncoder {
    tenant_indexes: HashMap<TenantId, TenantIndex>,
    tenants: Vec<u8>,
    declared: Vec<u8>,
    declared_count: u32,
    metadata: Vec<u8>,
    metadata_count: u32,
    row_kinds: Vec<u8>,
    /// Length of the run of rows of one kind that is not yet in `row_kinds`.
    run: u64,
    run_is_declared: bool,
    known_ids: Vec<u8>,
    last_known: u32,
    declared_indexes: Vec<u8>,
    last_declared: u32,
    times: Vec<u8>,
    last_time_ms: i64,
    floats: Vec<u8>,
    histograms: HistogramColumn,
    pub(super) exemplars: ExemplarColumn,
    starts: StartColumn,
}

impl BatchEncoder {
    pub fn new() -> BatchEncoder {
        BatchEncoder::default()
    }

    /// With room for about this many floats of known series.
    pub fn with_capacity(rows: usize) -> BatchEncoder {
        BatchEncoder {
            known_ids: Vec::with_capacity(rows * 2),
            times: Vec::with_capacity(rows + 8),
            floats: Vec::with_capacity(rows * 8),
            ..BatchEncoder::default()
        }
    }

    /// The tenant's index, the same at every call.
    pub fn tenant(&mut self, tenant: &TenantId) -> TenantIndex {
        if let Some(&index) = self.tenant_indexes.get(tenant) {
            return index;
        }
        let index = TenantIndex(self.tenant_indexes.len() as u32);
        self.tenant_indexes.insert(tenant.clone(), index);
        write_bytes(&mut self.tenants, tenant.as_str().as_bytes());
        index
    }

    /// Names a series whose id is not known, by its packed labels. Declaring a series that exists, or
    /// twice, is harmless.
    pub fn declare(&mut self, tenant: TenantIndex, packed_labels: &[u8]) -> DeclaredIndex {
        let index = DeclaredIndex(self.declared_count);
        self.declared_count += 1;
        write_uvarint(&mut self.declared, u64::from(tenant.0));
        write_bytes(&mut self.declared, packed_labels);
        index
    }

    #[inline]
    pub fn push_known(&mut self, series: SeriesId, time_ms: i64, value: f64) {
        self.count_row(false);
        write_varint(
            &mut self.known_ids,
            i64::from(series.0) - i64::from(self.last_known),
        );
        self.last_known = series.0;
        self.push_sample(time_ms, value);
    }

    #[inline]
    pub fn push_declared(&mut self, series: DeclaredIndex, time_ms: i64, value: f64) {
        self.count_row(true);
        let difference = i64::from(series.0) - i64::from(self.last_declared);
        write_varint(&mut self.declared_indexes, difference);
        self.last_declared = series.0;
        self.push_sample(time_ms, value);
    }

    /// Says when the float that is pushed next began to count; 0 says that it is not known, as saying nothing
    /// does.
    pub fn next_began_at(&mut self, start_ms: i64) {
        self.starts.push(self.row_count(), start_ms);
    }

    /// A row of a known series whose value is a native histogram.
    pub fn push_known_histogram(&mut self, series: SeriesId, time_ms: i64, value: HistogramRecord<'_>) {
        self.histograms
            .push(self.row_count() as u32, value.start_ms, value.record);
        self.push_known(series, time_ms, 0.0);
    }

    /// As [`BatchEncoder::push_known_histogram`], of a declared series.
    pub fn push_declared_histogram(
        &mut self,
        series: DeclaredIndex,
        time_ms: i64,
        value: HistogramRecord<'_>,
    ) {
        self.histograms
            .push(self.row_count() as u32, value.start_ms, value.record);
        self.push_declared(series, time_ms, 0.0);
    }

    /// Says what a metric is. The last word on a name counts.
    pub fn metadata(&mut self, tenant: TenantIndex, name: &str, metadata: &MetricMetadata) {
        self.metadata_count += 1;
        write_uvarint(&mut self.metadata, u64::from(tenant.0));
        write_metadata(&mut self.metadata, name, metadata);
    }

    pub fn row_count(&self) -> usize {
        self.floats.len() / 8
    }

    /// Whether there is nothing to send: neither rows nor series nor metadata.
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty()
            && self.declared_count == 0
            && self.metadata_count == 0
            && self.exemplars.count == 0
    }

    /// The size [`BatchEncoder::finish`] will give, to within 100 bytes.
    pub fn len_bytes(&self) -> usize {
        HEADER_BYTES
            + self.tenants.len()
            + self.declared.len()
            + self.metadata.len()
            + self.row_kinds.len()
            + self.known_ids.len()
            + self.declared_indexes.len()
            + self.times.len()
            + self.floats.len()
            + self.histograms.records.len()
            + self.exemplars.bytes.len()
            + self.starts.len_bytes()
    }

    /// The batch, its leader's part still empty: see [`super::stamp`].
    pub fn finish(mut self) -> Vec<u8> {
        if self.run > 0 {
            write_uvarint(&mut self.row_kinds, self.run);
        }
        let mut out = Vec::with_capacity(self.len_bytes() + 100);
        out.resize(HEADER_BYTES, 0);
        out[0] = KIND_BATCH;
        out[1] = VERSION;
        let row_count = self.row_count() as u32;
        out[ROW_COUNT_AT..ROW_COUNT_AT + 4].copy_from_slice(&row_count.to_le_bytes());
        let counted = [
            (section::TENANTS, self.tenant_indexes.len() as u32, &self.tenants),
            (section::DECLARED, self.declared_count, &self.declared),
            (section::METADATA, self.metadata_count, &self.metadata),
        ];
        for (id, count, records) in counted {
            if count > 0 {
                let mut prefix = Vec::with_capacity(5);
                write_uvarint(&mut prefix, u64::from(count));
                write_section(&mut out, id, &[&prefix, records]);
            }
        }
        let columns = [
            (section::ROW_KINDS, &self.row_kinds),
            (section::KNOWN_IDS, &self.known_ids),
            (section::DECLARED_INDEXES, &self.declared_indexes),
            (section::TIMES, &self.times),
            (section::FLOATS, &self.floats),
        ];
        for (id, column) in columns {
            if !column.is_empty() {
                write_section(&mut out, id, &[column]);
            }
        }
        if self.histograms.count > 0 {
            let mut count = Vec::with_capacity(5);
            write_uvarint(&mut count, u64::from(self.histograms.count));
            write_section(&mut out, section::HISTOGRAMS, &[&count, &self.histograms.records]);
        }
        if self.exemplars.count > 0 {
            let mut prefix = Vec::with_capacity(5);
            write_uvarint(&mut prefix, u64::from(self.exemplars.count));
            write_section(&mut out, section::EXEMPLARS, &[&prefix, &self.exemplars.bytes]);
        }
        let (count, runs) = self.starts.finish();
        if count > 0 {
            let mut prefix = Vec::with_capacity(5);
            write_uvarint(&mut prefix, u64::from(count));
            write_section(&mut out, section::STARTS, &[&prefix, runs]);
        }
        let checksum = crc32c::crc32c(&out[HEADER_BYTES..]);
        out[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    #[inline]
    fn count_row(&mut self, is_declared: bool) {
        if self.run_is_declared != is_declared {
            // Runs alternate and start with known series, so the first may be empty.
            write_uvarint(&mut self.row_kinds, self.run);
            self.run = 0;
            self.run_is_declared = is_declared;
        }
        self.run += 1;
    }

    #[inline]
    fn push_sample(&mut self, time_ms: i64, value: f64) {
        write_varint(&mut self.times, time_ms.wrapping_sub(self.last_time_ms));
        self.last_time_ms = time_ms;
        self.floats.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// A section: its id, its length in four bytes, its content.
fn write_section(out: &mut Vec<u8>, id: u8, parts: &[&[u8]]) {
    out.push(id);
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&(length as u32).to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Name, kind, help and unit; also used in checkpoints.
pub(crate) fn write_metadata(out: &mut Vec<u8>, name: &str, metadata: &MetricMetadata) {
    write_bytes(out, name.as_bytes());
    out.push(match metadata.kind {
        MetricKind::Unknown => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    });
    write_bytes(out, metadata.help.as_bytes());
    write_bytes(out, metadata.unit.as_bytes());
}
