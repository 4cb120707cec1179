//! Reading an entry. Everything is checked before anything is applied.

use vigie_model::{MetricKind, MetricMetadata, TenantId, read_uvarint};

use super::header::{
    CHECKSUM_AT, HEADER_BYTES, KIND_BATCH, KIND_RETAIN, RETAIN_BYTES, ROW_COUNT_AT, Stamp, VERSION, field,
};
use super::{CorruptEntry, ExemplarView, Rows, histograms, section, starts};
use crate::index::are_labels;

/// A parsed log entry.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    Batch(Box<BatchView<'a>>),
    Retain { cutoff_ms: i64 },
}

impl<'a> Entry<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Entry<'a>, CorruptEntry> {
        let [kind, version, ..] = *bytes else {
            return Err(CorruptEntry::Truncated);
        };
        if version != VERSION {
            return Err(CorruptEntry::UnknownVersion(version));
        }
        match kind {
            KIND_BATCH => BatchView::parse(bytes).map(|view| Entry::Batch(Box::new(view))),
            KIND_RETAIN => parse_retain(bytes),
            unknown => Err(CorruptEntry::UnknownKind(unknown)),
        }
    }
}

fn parse_retain<'a>(bytes: &[u8]) -> Result<Entry<'a>, CorruptEntry> {
    let (fields, checksum) = bytes.split_last_chunk::<4>().ok_or(CorruptEntry::Truncated)?;
    if bytes.len() != RETAIN_BYTES || crc32c::crc32c(fields) != u32::from_le_bytes(*checksum) {
        return Err(CorruptEntry::Checksum);
    }
    let cutoff = fields.last_chunk::<8>().ok_or(CorruptEntry::Truncated)?;
    Ok(Entry::Retain {
        cutoff_ms: i64::from_le_bytes(*cutoff),
    })
}

/// A series named by its labels.
#[derive(Debug)]
pub(crate) struct Declared<'a> {
    /// Position in the batch's tenants.
    pub(crate) tenant: usize,
    /// Valid and not empty.
    pub(crate) packed_labels: &'a [u8],
}

/// A batch whose tables are read and whose columns are still packed.
#[derive(Debug, Default)]
pub(crate) struct BatchView<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) row_count: usize,
    pub(crate) tenants: Vec<TenantId>,
    pub(crate) declared: Vec<Declared<'a>>,
    /// Position in the batch's tenants, metric name, and what it is.
    pub(crate) metadata: Vec<(usize, &'a str, MetricMetadata)>,
    pub(crate) exemplars: Vec<ExemplarView<'a>>,
    row_kinds: &'a [u8],
    known_ids: &'a [u8],
    declared_indexes: &'a [u8],
    times: &'a [u8],
    floats: &'a [u8],
    histograms: &'a [u8],
    starts: &'a [u8],
}

impl<'a> BatchView<'a> {
    fn parse(bytes: &'a [u8]) -> Result<BatchView<'a>, CorruptEntry> {
        let (header, mut body) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(CorruptEntry::Truncated)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(field(header, CHECKSUM_AT)) {
            return Err(CorruptEntry::Checksum);
        }
        let mut view = BatchView {
            stamp: Stamp::read(header)?,
            row_count: u32::from_le_bytes(field(header, ROW_COUNT_AT)) as usize,
            ..BatchView::default()
        };
        let mut previous = 0;
        while !body.is_empty() {
            let (id, content) = take_section(&mut body)?;
            if id <= previous {
                return Err(CorruptEntry::Inconsistent("order of sections"));
            }
            previous = id;
            match id {
                section::TENANTS => view.read_tenants(content)?,
                section::DECLARED => view.read_declared(content)?,
                section::METADATA => view.read_metadata(content)?,
                section::ROW_KINDS => view.row_kinds = content,
                section::KNOWN_IDS => view.known_ids = content,
                section::DECLARED_INDEXES => view.declared_indexes = content,
                section::TIMES => view.times = content,
                section::FLOATS => view.floats = content,
                section::HISTOGRAMS => view.histograms = content,
                section::EXEMPLARS => view.read_exemplars(content)?,
                section::STARTS => view.starts = content,
                unknown => return Err(CorruptEntry::UnknownSection(unknown)),
            }
        }
        // With this, the row count is bounded by the size of the entry.
        if view.floats.len() != view.row_count * 8 || view.times.len() < view.row_count {
            return Err(CorruptEntry::Inconsistent("row count"));
        }
        Ok(view)
    }

    fn read_tenants(&mut self, mut input: &'a [u8]) -> Result<(), CorruptEntry> {
        for _ in 0..take_uvarint(&mut input)? {
            let name = take_str(&mut input)?;
            let tenant = TenantId::new(name).map_err(|_| CorruptEntry::Tenant)?;
            self.tenants.push(tenant);
        }
        expect_end(input)
    }

    fn read_declared(&mut self, mut input: &'a [u8]) -> Result<(), CorruptEntry> {
        for _ in 0..take_uvarint(&mut input)? {
            let tenant = self.take_tenant(&mut input)?;
            let packed_labels = take_bytes(&mut input)?;
            if !are_labels(packed_labels) {
                return Err(CorruptEntry::Labels);
            }
            self.declared.push(Declared {
                tenant,
                packed_labels,
            });
        }
        expect_end(input)
    }

    fn read_metadata(&mut self, mut input: &'a [u8]) -> Result<(), CorruptEntry> {
        for _ in 0..take_uvarint(&mut input)? {
            let tenant = self.take_tenant(&mut input)?;
            let (name, metadata) = take_metadata(&mut input)?;
            self.metadata.push((tenant, name, metadata));
        }
        expect_end(input)
    }

    fn take_tenant(&self, input: &mut &'a [u8]) -> Result<usize, CorruptEntry> {
        let position = usize::try_from(take_uvarint(input)?).unwrap_or(usize::MAX);
        if position < self.tenants.len() {
            Ok(position)
        } else {
            Err(CorruptEntry::Inconsistent("tenant index"))
        }
    }

    /// Unpacks the columns.
    pub(crate) fn rows_into(&self, rows: &mut Rows) -> Result<(), CorruptEntry> {
        rows.clear();
        rows.read_kinds(self.row_kinds, self.row_count)?;
        rows.read_known(self.known_ids)?;
        rows.read_declared(self.declared_indexes, self.declared.len())?;
        rows.read_times(self.times)?;
        rows.read_floats(self.floats);
        histograms::read(self.histograms, self.row_count, &mut rows.histograms)?;
        starts::read(self.starts, self.row_count, &mut rows.starts)
    }
}

fn take_section<'a>(body: &mut &'a [u8]) -> Result<(u8, &'a [u8]), CorruptEntry> {
    let ([id, length @ ..], rest) = body.split_first_chunk::<5>().ok_or(CorruptEntry::Truncated)?;
    let (content, rest) = rest
        .split_at_checked(u32::from_le_bytes(*length) as usize)
        .ok_or(CorruptEntry::Truncated)?;
    *body = rest;
    Ok((*id, content))
}

pub(crate) fn take_uvarint(input: &mut &[u8]) -> Result<u64, CorruptEntry> {
    read_uvarint(input).ok_or(CorruptEntry::Truncated)
}

pub(crate) fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], CorruptEntry> {
    let length = usize::try_from(take_uvarint(input)?).unwrap_or(usize::MAX);
    let (taken, rest) = input.split_at_checked(length).ok_or(CorruptEntry::Truncated)?;
    *input = rest;
    Ok(taken)
}

pub(crate) fn take_str<'a>(input: &mut &'a [u8]) -> Result<&'a str, CorruptEntry> {
    std::str::from_utf8(take_bytes(input)?).map_err(|_| CorruptEntry::Inconsistent("text is not UTF-8"))
}

/// Reads what [`super::encode::write_metadata`] wrote.
pub(crate) fn take_metadata<'a>(input: &mut &'a [u8]) -> Result<(&'a str, MetricMetadata), CorruptEntry> {
    let name = take_str(input)?;
    let (&kind, rest) = input.split_first().ok_or(CorruptEntry::Truncated)?;
    *input = rest;
    let kind = match kind {
        0 => MetricKind::Unknown,
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => return Err(CorruptEntry::Inconsistent("metric kind")),
    };
    let help = take_str(input)?.to_owned();
    let unit = take_str(input)?.to_owned();
    Ok((name, MetricMetadata { kind, help, unit }))
}

pub(super) fn expect_end(input: &[u8]) -> Result<(), CorruptEntry> {
    if input.is_empty() {
        Ok(())
    } else {
        Err(CorruptEntry::Inconsistent("bytes after the last record"))
    }
}
