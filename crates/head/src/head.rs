//! The state of a shard, and reading a series' samples from it.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use vigie_model::{Exemplar, Labels, MetricMetadata, SeriesId, ShardId, TenantId};

use crate::batch::Rows;
use crate::checkpoint::Journal;
use crate::histograms::HistogramTable;
use crate::index::{LabelsTable, labels_hash};
use crate::out_of_order::LateSamples;
use crate::recent::RecentBatches;
use crate::series::{NO_WINDOW, Series, SeriesTable};
use crate::starts::{SeriesStarts, StartTable, with_starts};
use crate::tenant::Tenant;
use crate::waiting::WaitingChunks;
use crate::{ExemplarError, ExemplarStats, RowError, TenantStats};

/// A chunk, open or sealed, of floats or histograms, as `vigie_chunk` reads it.
pub type ChunkBytes = Bytes;

/// What must be equal on all replicas of a shard, and for the life of the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadOptions {
    pub shard: ShardId,
    /// Chunks never cross a multiple of this.
    pub window_ms: i64,
    /// A chunk with so many samples is sealed.
    pub samples_per_chunk: usize,
    /// A chunk is sealed, too, when its encoded samples take so many bytes. So values that hardly change
    /// make long chunks, which cost the store least, and the others do not pile up in memory.
    pub bytes_per_chunk: usize,
}

impl HeadOptions {
    /// Windows of two hours, which are 480 samples at the usual interval of 15 s. At three to four bytes
    /// a sample, 400 bytes are about 120 samples.
    pub fn new(shard: ShardId) -> HeadOptions {
        HeadOptions {
            shard,
            window_ms: 7_200_000,
            samples_per_chunk: 480,
            bytes_per_chunk: 400,
        }
    }
}

/// What became of an entry's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// The ids of the declared series, new or not, in the order of declaration.
    pub declared: Vec<SeriesId>,
    /// Row numbers, ascending, and why they were not taken.
    pub rejected: Vec<(u32, RowError)>,
    pub appended: u32,
    /// Rows that were here already, to the bit: taken, without effect.
    pub duplicates: u32,
    /// Positions of exemplars in the batch, ascending, and why they were not taken.
    pub rejected_exemplars: Vec<(u32, ExemplarError)>,
}

/// One shard's series and newest samples, of all tenants.
#[derive(Debug)]
pub struct Head {
    pub(crate) options: HeadOptions,
    pub(crate) series: SeriesTable,
    /// Sealed chunks that are not known to be in the store.
    pub(crate) waiting: WaitingChunks,
    /// By series id, of those series that have, or had, late samples.
    pub(crate) late: BTreeMap<u32, LateSamples>,
    pub(crate) histograms: HistogramTable,
    pub(crate) starts: StartTable,
    /// Series ids by tenant and labels.
    pub(crate) by_labels: LabelsTable,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) tenant_indexes: HashMap<TenantId, u32>,
    pub(crate) next_id: u32,
    /// Sum of the hashes of all chunks ever sealed.
    pub(crate) sealed_digest: u128,
    pub(crate) recent: RecentBatches,
    pub(crate) journal: Journal,
    /// Kept to be filled again.
    pub(crate) rows: Rows,
}

impl Head {
    /// An empty head. Options out of range are brought into it.
    pub fn new(options: HeadOptions) -> Head {
        Head {
            options: HeadOptions {
                shard: options.shard,
                window_ms: options.window_ms.max(1),
                samples_per_chunk: options.samples_per_chunk.clamp(1, vigie_chunk::MAX_CHUNK_SAMPLES),
                bytes_per_chunk: options.bytes_per_chunk,
            },
            series: SeriesTable::default(),
            waiting: WaitingChunks::default(),
            late: BTreeMap::new(),
            histograms: HistogramTable::default(),
            starts: StartTable::default(),
            by_labels: LabelsTable::default(),
            tenants: Vec::new(),
            tenant_indexes: HashMap::new(),
            next_id: 0,
            sealed_digest: 0,
            recent: RecentBatches::default(),
            journal: Journal::default(),
            rows: Rows::default(),
        }
    }

    pub fn options(&self) -> &HeadOptions {
        &self.options
    }

    /// The number of the window a time is in; times before 1970 count to the first.
    pub fn window_of(&self, time_ms: i64) -> u32 {
        u32::try_from(time_ms.max(0) / self.options.window_ms).unwrap_or(NO_WINDOW)
    }

    /// How many series there are, of all tenants.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// How many series a tenant has.
    pub fn tenant_series_count(&self, tenant: &TenantId) -> u64 {
        self.tenant(tenant).map_or(0, |tenant| tenant.index.all.len())
    }

    /// The tenants that have, or had, series here. The position is the tenant's index in the store.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.tenants.iter().map(|tenant| &tenant.id)
    }

    /// The index under which the store keeps the tenant.
    pub fn tenant_index(&self, tenant: &TenantId) -> Option<u32> {
        self.tenant_indexes.get(tenant).copied()
    }

    /// The tenant's oldest and newest sample time, if it has samples.
    pub fn time_range(&self, tenant: &TenantId) -> Option<(i64, i64)> {
        self.tenant(tenant)?.times_ms
    }

    /// A series' labels; empty if there is no such series.
    pub fn labels(&self, id: SeriesId) -> Labels {
        let mut packed = Vec::with_capacity(256);
        self.pack_labels(id, &mut packed);
        Labels::from_packed(&packed).unwrap_or_default()
    }

    /// Appends a series' labels in packed form to `packed`; false if there is no such series.
    pub fn pack_labels(&self, id: SeriesId, packed: &mut Vec<u8>) -> bool {
        let Some(series) = self.series.get(id.0) else {
            return false;
        };
        self.tenants[series.tenant as usize]
            .index
            .pack_labels(self.series.pairs_of(series), packed);
        true
    }

    /// The metrics of a tenant that something is known of, by name.
    pub fn metadata(&self, tenant: &TenantId) -> impl Iterator<Item = (&str, &MetricMetadata)> {
        self.tenant(tenant)
            .into_iter()
            .flat_map(|tenant| tenant.metadata.iter().map(|(name, metadata)| (&**name, metadata)))
    }

    /// A series' exemplars between two times, both inclusive, by time.
    pub fn exemplars(&self, id: SeriesId, start_ms: i64, end_ms: i64) -> impl Iterator<Item = &Exemplar> {
        let tenant = self.series.get(id.0).map(|series| series.tenant as usize);
        tenant
            .into_iter()
            .flat_map(move |tenant| self.tenants[tenant].exemplars.of_series(id.0, start_ms, end_ms))
    }

    /// How many exemplars there are, of all tenants.
    pub fn exemplar_stats(&self) -> ExemplarStats {
        let stats = self.tenants.iter().map(|tenant| tenant.exemplars.stats());
        stats.fold(ExemplarStats::default(), ExemplarStats::plus)
    }

    /// What /api/v1/status/tsdb shows of a tenant, lists cut to `limit`.
    pub fn stats(&self, tenant: &TenantId, limit: usize) -> TenantStats {
        self.tenant(tenant)
            .map(|tenant| TenantStats::of(tenant, self, limit))
            .unwrap_or_default()
    }

    /// Appends the chunks with samples from `start_ms` to `end_ms`, both inclusive, that may not be in
    /// the store: sealed ones, late samples, and a copy of the open one.
    ///
    /// Chunks of late samples overlap the others; in these, and in chunks read from the store in the
    /// meantime, a time may come up twice.
    pub fn chunks(&self, id: SeriesId, start_ms: i64, end_ms: i64, chunks: &mut Vec<ChunkBytes>) {
        let Some(series) = self.series.get(id.0) else {
            return;
        };
        let before = chunks.len();
        chunks.extend(
            self.waiting
                .chain(series.waiting)
                .filter(|chunk| {
                    let (oldest, newest) = chunk.times_ms();
                    oldest <= end_ms && newest >= start_ms
                })
                .map(|chunk| chunk.to_bytes()),
        );
        // Oldest first, as they were sealed.
        chunks[before..].reverse();
        let starts = self.starts.get(&id.0);
        if let Some(late) = self.late.get(&id.0) {
            let late = late.chunks(start_ms, end_ms, starts.and_then(SeriesStarts::late));
            chunks.extend(late.map(Bytes::from));
        }
        if let (Some(first), Some(last)) = (series.open.first_time_ms(), series.open.last_time_ms())
            && first <= end_ms
            && last >= start_ms
        {
            let open = with_starts(&series.open, starts.map(|starts| &starts.open));
            chunks.push(Bytes::from(open));
        }
        if let Some(beside) = self.histograms.get(&id.0) {
            beside.chunks(start_ms, end_ms, chunks);
        }
    }

    /// Whether [`Head::chunks`] would find anything, without copying it.
    pub fn has_samples(&self, id: SeriesId, start_ms: i64, end_ms: i64) -> bool {
        let Some(series) = self.series.get(id.0) else {
            return false;
        };
        let open = series.open.first_time_ms().zip(series.open.last_time_ms());
        open.is_some_and(|(first, last)| first <= end_ms && last >= start_ms)
            || self.waiting.chain(series.waiting).any(|chunk| {
                let (oldest, newest) = chunk.times_ms();
                oldest <= end_ms && newest >= start_ms
            })
            || self
                .late
                .get(&id.0)
                .is_some_and(|late| late.has_samples(start_ms, end_ms))
            || self
                .histograms
                .get(&id.0)
                .is_some_and(|beside| beside.has_samples(start_ms, end_ms))
    }

    /// The times, both inclusive, between which the store may hold samples of a series; `None` if it
    /// cannot hold any. The range errs on the large side.
    pub fn has_persisted(&self, id: SeriesId) -> Option<(i64, i64)> {
        let series = self.series.get(id.0)?;
        if series.oldest_sealed_window == NO_WINDOW {
            return None;
        }
        let oldest_ms = i64::from(series.oldest_sealed_window).saturating_mul(self.options.window_ms);
        let histograms_from = || self.histograms.get(&id.0)?.open.first_time_ms();
        let open_from = series.open.first_time_ms().or_else(histograms_from);
        let in_order_ms = open_from.map(|first| first.saturating_sub(1));
        let late_ms = self
            .late
            .get(&id.0)
            .filter(|late| late.sealed_count > 0)
            .map(|late| late.sealed_max_ms);
        Some((oldest_ms, in_order_ms.max(late_ms)?))
    }

    pub(crate) fn tenant(&self, tenant: &TenantId) -> Option<&Tenant> {
        self.tenants.get(*self.tenant_indexes.get(tenant)? as usize)
    }

    /// The index of a tenant, which is entered if it is new.
    pub(crate) fn enter_tenant(&mut self, tenant: &TenantId) -> u32 {
        if let Some(&index) = self.tenant_indexes.get(tenant) {
            return index;
        }
        let index = self.tenants.len() as u32;
        self.tenants.push(Tenant::new(tenant.clone()));
        self.tenant_indexes.insert(tenant.clone(), index);
        index
    }

    /// Enters a series under an id that is free.
    pub(crate) fn insert_series(&mut self, id: u32, tenant: u32, packed_labels: &[u8]) {
        let index = &mut self.tenants[tenant as usize].index;
        let pairs = index.insert_series(packed_labels, id);
        let hash = labels_hash(tenant, pairs);
        let list = self.series.pairs.insert(pairs);
        let series = &self.series;
        self.by_labels.insert(hash, id, |id| series.labels_hash(id));
        self.series.insert(id, Series::new(tenant, list, hash));
    }

    /// The id of the series whose labels are these pairs.
    pub(crate) fn find_series(&self, tenant: u32, pairs: &[u32]) -> Option<u32> {
        let hash = labels_hash(tenant, pairs);
        self.by_labels.find(hash, |id| {
            self.series.get(id).is_some_and(|series| {
                series.labels_hash == hash
                    && series.tenant == tenant
                    && self.series.pairs_of(series).eq(pairs.iter().copied())
            })
        })
    }
}
