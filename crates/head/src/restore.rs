//! Rebuilding a head from its last durable checkpoint.

use vigie_chunk::{ChunkError, OpenChunk};
use vigie_model::{SeriesId, ShardId, TenantId, read_uvarint, read_varint};

use crate::batch::{CorruptEntry, take_metadata, take_str};
use crate::checkpoint::{VERSION, VERSION_WITH_HISTOGRAMS, VERSION_WITH_STARTS};
use crate::exemplars::Exemplars;
use crate::histograms::SeriesHistograms;
use crate::index::are_labels;
use crate::out_of_order::LateSamples;
use crate::recent::RecentBatches;
use crate::starts::SeriesStarts;
use crate::tenant::Tenant;
use crate::{Head, HeadOptions};

/// A checkpoint cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("checkpoint of the shard is corrupt: {0}")]
    Meta(&'static str),
    #[error("checkpoint of series {} is corrupt: {reason}", id.0)]
    Series { id: SeriesId, reason: &'static str },
    #[error("open chunk of series {} is corrupt", id.0)]
    Chunk {
        id: SeriesId,
        #[source]
        source: ChunkError,
    },
}

impl Head {
    /// Rebuilds the head that the checkpoint was taken from, sealed chunks aside: they are in the store.
    ///
    /// `series` and `heads` are the records of all images up to this one, less the removed and the
    /// replaced ones. It is fastest by ascending id.
    pub fn restore<S, H>(
        meta: &[u8],
        series: impl IntoIterator<Item = (SeriesId, S)>,
        heads: impl IntoIterator<Item = (SeriesId, H)>,
    ) -> Result<Head, RestoreError>
    where
        S: AsRef<[u8]>,
        H: AsRef<[u8]>,
    {
        let mut head = restore_meta(meta)?;
        let series = series.into_iter();
        head.by_labels.reserve(series.size_hint().0, |_| 0); // Nothing is in it yet.
        for (id, record) in series {
            head.restore_series(id, record.as_ref())?;
        }
        for (id, record) in heads {
            head.restore_head(id, record.as_ref())?;
        }
        Ok(head)
    }

    fn restore_series(&mut self, id: SeriesId, mut record: &[u8]) -> Result<(), RestoreError> {
        let corrupt = |reason| RestoreError::Series { id, reason };
        let tenant = read_uvarint(&mut record)
            .and_then(|tenant| u32::try_from(tenant).ok())
            .filter(|&tenant| (tenant as usize) < self.tenants.len())
            .ok_or(corrupt("unknown tenant"))?;
        if !are_labels(record) {
            return Err(corrupt("invalid labels"));
        }
        if id.0 >= self.next_id || self.series.get(id.0).is_some() {
            return Err(corrupt("id is not free"));
        }
        self.insert_series(id.0, tenant, record);
        Ok(())
    }

    fn restore_head(&mut self, id: SeriesId, mut record: &[u8]) -> Result<(), RestoreError> {
        let corrupt = |reason| RestoreError::Series { id, reason };
        let window_ms = self.options.window_ms;
        let series = self.series.get_mut(id.0).ok_or(corrupt("head without series"))?;
        let ([version, window @ ..], rest) = record
            .split_first_chunk::<5>()
            .ok_or(corrupt("head is truncated"))?;
        if ![VERSION, VERSION_WITH_HISTOGRAMS, VERSION_WITH_STARTS].contains(version) {
            return Err(corrupt("unknown version"));
        }
        series.oldest_sealed_window = u32::from_le_bytes(*window);
        record = rest;
        let late = read_late(&mut record).ok_or(corrupt("late samples are truncated"))?;
        if late.is_unused() {
            self.late.remove(&id.0);
        } else {
            self.late.insert(id.0, late);
        }
        let (mut starts, mut has_histograms) = (SeriesStarts::default(), *version == VERSION_WITH_HISTOGRAMS);
        if *version == VERSION_WITH_STARTS {
            starts = SeriesStarts::read_late(&mut record).ok_or(corrupt("start times are truncated"))?;
            let (flag, rest) = record.split_first().ok_or(corrupt("head is truncated"))?;
            has_histograms = *flag == 1;
            record = rest;
        }
        let unreadable = |source| RestoreError::Chunk { id, source };
        let mut histograms_from = None;
        if has_histograms {
            let histograms = SeriesHistograms::read(&mut record).map_err(unreadable)?;
            histograms_from = histograms.open.first_time_ms();
            self.histograms.insert(id.0, histograms);
        } else {
            self.histograms.remove(&id.0);
        }
        (series.open, starts.open) = OpenChunk::from_bytes_with_starts(record).map_err(unreadable)?;
        if starts.is_unused() {
            self.starts.remove(&id.0);
        } else {
            self.starts.insert(id.0, starts);
        }
        if let Some(first) = series.open.first_time_ms().or(histograms_from) {
            u32::try_from(first / window_ms).map_err(|_| corrupt("time is out of bounds"))?;
        }
        Ok(())
    }
}

fn read_late(input: &mut &[u8]) -> Option<LateSamples> {
    let sealed_count = u32::try_from(read_uvarint(input)?).ok()?;
    let sealed_max_ms = read_varint(input)?;
    let mut samples = Vec::new();
    let mut time_ms = 0i64;
    for _ in 0..read_uvarint(input)? {
        time_ms = time_ms.wrapping_add(read_varint(input)?);
        let (bits, rest) = input.split_first_chunk::<8>()?;
        *input = rest;
        samples.push((time_ms, u64::from_le_bytes(*bits)));
    }
    Some(LateSamples {
        samples,
        sealed_count,
        sealed_max_ms,
    })
}

fn restore_meta(bytes: &[u8]) -> Result<Head, RestoreError> {
    let (content, checksum) = bytes
        .split_last_chunk::<4>()
        .ok_or(RestoreError::Meta("truncated"))?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
        return Err(RestoreError::Meta("checksum does not match"));
    }
    let (&version, mut input) = content.split_first().ok_or(RestoreError::Meta("truncated"))?;
    if version != VERSION {
        return Err(RestoreError::Meta("unknown version"));
    }
    let mut head = read_head_fields(&mut input).ok_or(RestoreError::Meta("truncated"))?;
    let tenants = read_uvarint(&mut input).ok_or(RestoreError::Meta("truncated"))?;
    for index in 0..tenants {
        let tenant = read_tenant(&mut input).map_err(|_| RestoreError::Meta("invalid tenant"))?;
        head.tenant_indexes.insert(tenant.id.clone(), index as u32);
        head.tenants.push(tenant);
    }
    head.recent = RecentBatches::read(&mut input).ok_or(RestoreError::Meta("invalid recent batches"))?;
    if !input.is_empty() {
        read_exemplars(&mut input, &mut head.tenants).ok_or(RestoreError::Meta("invalid exemplars"))?;
    }
    Ok(head)
}

fn read_exemplars(input: &mut &[u8], tenants: &mut [Tenant]) -> Option<()> {
    for _ in 0..read_uvarint(input)? {
        let index = usize::try_from(read_uvarint(input)?).ok()?;
        tenants.get_mut(index)?.exemplars = Exemplars::read(input)?;
    }
    Some(())
}

fn read_head_fields(input: &mut &[u8]) -> Option<Head> {
    let shard = ShardId(u32::try_from(read_uvarint(input)?).ok()?);
    let window_ms = read_varint(input)?;
    let samples_per_chunk = usize::try_from(read_uvarint(input)?).ok()?;
    let bytes_per_chunk = usize::try_from(read_uvarint(input)?).ok()?;
    let mut head = Head::new(HeadOptions {
        shard,
        window_ms,
        samples_per_chunk,
        bytes_per_chunk,
    });
    head.next_id = u32::try_from(read_uvarint(input)?).ok()?;
    let (digest, rest) = input.split_first_chunk::<16>()?;
    head.sealed_digest = u128::from_le_bytes(*digest);
    *input = rest;
    Some(head)
}

fn read_tenant(input: &mut &[u8]) -> Result<Tenant, CorruptEntry> {
    let id = TenantId::new(take_str(input)?).map_err(|_| CorruptEntry::Tenant)?;
    let mut tenant = Tenant::new(id);
    let (&has_times, rest) = input.split_first().ok_or(CorruptEntry::Truncated)?;
    *input = rest;
    if has_times == 1 {
        let oldest = read_varint(input).ok_or(CorruptEntry::Truncated)?;
        let newest = read_varint(input).ok_or(CorruptEntry::Truncated)?;
        tenant.times_ms = Some((oldest, newest));
    }
    for _ in 0..read_uvarint(input).ok_or(CorruptEntry::Truncated)? {
        let (name, metadata) = take_metadata(input)?;
        tenant.metadata.insert(name.into(), metadata);
    }
    Ok(tenant)
}
