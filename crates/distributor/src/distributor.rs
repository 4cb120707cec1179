//! The distributor itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vigie_cluster::{Directory, Placement};
use vigie_config::TenantsConfig;
use vigie_model::{Labels, METRIC_NAME, ShardId, TenantId, series_hash};
use vigie_proto::v1;
use vigie_runtime::{ByteBudget, Clock, Metrics, SystemClock};

use crate::buffers::Buffers;
use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;
use crate::ingest::{Round, Row, SeriesSource, WriteSummary};
use crate::lane::Lane;
use crate::metrics::DistributorMetrics;
use crate::remote_write::{RemoteWriteVersion, RequestV1, RequestV2, decompress};
use crate::rules::{Heard, RequestRules, TenantRules};
use crate::scraped::ScrapedRows;
use crate::series_cache::{LabelEncoding, SeriesCache, SeriesKeyer};

/// A series may vanish between two rounds only if it was idle for the whole retention, so a second
/// round nearly never happens and a third means that something is badly wrong.
const MAX_ROUNDS: usize = 3;

/// Metadata known to be stored; forgotten all at once when there is this much of it.
const MAX_KNOWN_METADATA: usize = 100_000;

#[derive(Debug, Clone)]
pub struct DistributorOptions {
    /// Largest request after decompression.
    pub max_decoded_bytes: usize,
    /// Decoded bytes of all requests being written.
    pub max_inflight_bytes: u64,
    /// Series remembered with their shard and id.
    pub series_cache_entries: usize,
    /// How long a batch is retried before its requests fail.
    pub commit_timeout: Duration,
    /// Seed of the series keys: random per process and kept to itself.
    pub secret: u64,
    /// Tells when rates are filled up and replicas silent.
    pub clock: Arc<dyn Clock>,
    /// Exemplars are sent on; otherwise they are dropped.
    pub exemplars: bool,
    /// When samples began to count is sent on; otherwise it is dropped.
    pub start_timestamps: bool,
}

impl DistributorOptions {
    /// Prometheus's own limit for requests, and room for a few million series.
    pub fn new(secret: u64) -> DistributorOptions {
        DistributorOptions {
            max_decoded_bytes: 32 << 20,
            max_inflight_bytes: 256 << 20,
            series_cache_entries: 8 << 20,
            commit_timeout: Duration::from_secs(20),
            secret,
            clock: Arc::new(SystemClock),
            exemplars: false,
            start_timestamps: false,
        }
    }
}

/// Shards, batches and commits samples. Lives behind an `Arc`, shared by all requests.
#[derive(Debug)]
pub struct Distributor {
    options: DistributorOptions,
    directory: Arc<Directory>,
    cache: SeriesCache,
    known_metadata: Mutex<HashSet<u64>>,
    budget: ByteBudget,
    /// One per shard; made when the number of shards is known.
    lanes: OnceCell<Vec<Arc<Lane>>>,
    tasks: TaskTracker,
    buffers: Buffers,
    shutdown: CancellationToken,
    rules: TenantRules,
    metrics: DistributorMetrics,
}

impl Distributor {
    pub fn new(options: DistributorOptions, directory: Arc<Directory>, metrics: &Metrics) -> Distributor {
        Distributor {
            cache: SeriesCache::new(options.series_cache_entries),
            known_metadata: Mutex::default(),
            budget: ByteBudget::new(options.max_inflight_bytes),
            lanes: OnceCell::new(),
            tasks: TaskTracker::new(),
            buffers: Buffers::default(),
            shutdown: CancellationToken::new(),
            rules: TenantRules::new(Arc::clone(&options.clock)),
            metrics: DistributorMetrics::register(metrics),
            options,
            directory,
        }
    }

    /// Sets what tenants may send, from the next request on.
    pub fn set_tenants(&self, config: Arc<TenantsConfig>) {
        self.rules.set(config);
    }

    /// Takes a remote write request: the snappy-compressed body.
    ///
    /// Samples refused for their time or value fail the request with [`WriteError::Rejected`]; all
    /// others of the request are stored nevertheless.
    pub async fn remote_write(
        &self,
        tenant: &TenantId,
        version: RemoteWriteVersion,
        body: &[u8],
    ) -> Result<WriteSummary, WriteError> {
        // Leased for the compressed size first, so that a flood is shed before any work is done.
        let _compressed = self.lease(body.len())?;
        let decoded = decompress(body, self.options.max_decoded_bytes, &self.buffers)?;
        let _decoded = self.lease(decoded.len())?;
        let rules = self.rules.for_request(tenant);
        let secret = self.options.secret ^ rules.salt();
        let (mut summary, mut complaints) = match version {
            RemoteWriteVersion::V1 => {
                let request = RequestV1::scan(&decoded, secret, tenant)?;
                (self.ingest_pushed(tenant, &rules, &request).await?, Vec::new())
            }
            RemoteWriteVersion::V2 => {
                let mut request = RequestV2::scan(&decoded, secret, tenant)?;
                if !self.options.start_timestamps {
                    request.forget_starts();
                }
                let complaints = request.complaints_of_empty_series();
                (self.ingest_pushed(tenant, &rules, &request).await?, complaints)
            }
        };
        if summary.is_from_standby {
            return Ok(summary);
        }
        summary.complaints.append(&mut complaints);
        summary.into_result()
    }

    /// Takes samples of scrapes. Refused samples are counted in the summary.
    pub async fn write_scraped(
        &self,
        tenant: &TenantId,
        request: &v1::WriteRequest,
    ) -> Result<WriteSummary, WriteError> {
        let exemplars: usize = request.exemplars.iter().map(exemplars_bytes).sum();
        let histograms: usize = request.histograms.iter().map(|record| record.len()).sum();
        let rows = request.timestamps_ms.len() * 24;
        let _lease = self.lease(request.labels.len() + rows + exemplars + histograms)?;
        let rules = self.rules.for_request(tenant);
        let secret = self.options.secret ^ rules.salt();
        let keyer = SeriesKeyer::new(secret, tenant.as_str(), LabelEncoding::Packed);
        let mut rows = ScrapedRows::new(request, keyer)?;
        if !self.options.start_timestamps {
            rows.forget_starts();
        }
        let summary = self.ingest(tenant, &rules, &rows).await?;
        Ok(summary)
    }

    /// Refuses new writes, commits those already taken, and ends the tasks.
    pub async fn shutdown(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn lease(&self, bytes: usize) -> Result<vigie_runtime::ByteLease, WriteError> {
        self.metrics.inflight_bytes.set(self.budget.held_bytes() as i64);
        self.budget
            .try_lease(bytes as u64)
            .map_err(|error| WriteError::Overloaded(error.to_string()))
    }

    /// What was pushed may come from one replica of a pair.
    async fn ingest_pushed<S: SeriesSource>(
        &self,
        tenant: &TenantId,
        rules: &RequestRules,
        source: &S,
    ) -> Result<WriteSummary, WriteError> {
        match self.rules.hear(rules, tenant, source)? {
            Heard::Accepted => self.ingest(tenant, rules, source).await,
            Heard::Standby => {
                self.metrics.standby_samples.inc_by(sample_count(source) as u64);
                Ok(WriteSummary {
                    is_from_standby: true,
                    ..WriteSummary::default()
                })
            }
        }
    }

    async fn ingest<S: SeriesSource>(
        &self,
        tenant: &TenantId,
        rules: &RequestRules,
        source: &S,
    ) -> Result<WriteSummary, WriteError> {
        if rules.has_rate() {
            let samples = sample_count(source);
            self.rules.take(rules, tenant, samples).inspect_err(|_| {
                self.metrics.rate_limited_samples.inc_by(samples as u64);
            })?;
        }
        let unavailable = |error: vigie_cluster::DirectoryError| WriteError::Unavailable(error.to_string());
        let placement = self.directory.placement().await.map_err(unavailable)?;
        let lanes = self.lanes(&placement).await;
        let mut summary = WriteSummary::default();
        let mut targets = Vec::with_capacity(source.keys().len());
        self.cache.lookup_all(source.keys(), &mut targets);
        self.metrics.observe_lookup(
            targets.len(),
            targets.iter().filter(|target| target.is_none()).count(),
        );

        let exemplars = if self.options.exemplars {
            source.exemplars()
        } else {
            summary.exemplars = source.exemplar_count() as u64;
            Vec::new()
        };
        summary.count_invalid_histograms(source);
        let mut round = Round::deal(
            source,
            source.rows().chain(source.histograms().rows()),
            &targets,
            tenant,
            &placement,
            rules,
            &mut summary,
        );
        round.deal_exemplars(source, (0..).zip(&exemplars), tenant, &placement, rules);
        let new_metadata = self.add_new_metadata(&mut round, tenant, source, &placement);
        let mut stale = Stale::default();
        for _ in 0..MAX_ROUNDS {
            self.commit_round(
                lanes,
                tenant,
                source,
                &exemplars,
                &round,
                &mut summary,
                &mut stale,
            )
            .await?;
            if stale.rows.is_empty() && stale.exemplars.is_empty() {
                self.remember_metadata(new_metadata);
                self.metrics.observe_write(&summary, source.histograms().len());
                return Ok(summary);
            }
            // The cache knew ids that are gone. Without it every series is declared anew.
            targets.fill(None);
            round = Round::deal(
                source,
                stale.rows.drain(..),
                &targets,
                tenant,
                &placement,
                rules,
                &mut summary,
            );
            let unnamed = stale.exemplars.drain(..);
            let unnamed = unnamed.filter_map(|at| Some((at, exemplars.get(at as usize)?)));
            round.deal_exemplars(source, unnamed, tenant, &placement, rules);
        }
        Err(WriteError::Unavailable(
            "series ids keep changing; send the request again".to_owned(),
        ))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a part of `ingest` with all that it works on"
    )]
    async fn commit_round<S: SeriesSource>(
        &self,
        lanes: &[Arc<Lane>],
        tenant: &TenantId,
        source: &S,
        exemplars: &[SeriesExemplar],
        round: &Round,
        summary: &mut WriteSummary,
        stale: &mut Stale,
    ) -> Result<(), WriteError> {
        let records = source.histograms().records();
        let answers: Vec<_> = round
            .parts()
            .map(|(shard, part)| {
                (
                    shard,
                    part,
                    lanes[shard.0 as usize].submit(tenant, &part.write, records),
                )
            })
            .collect();
        let mut learned = Vec::new();
        let mut failed = None;
        for (shard, part, answer) in answers {
            match answer.await {
                Ok(Ok(outcome)) => {
                    part.conclude(shard, &outcome, source, summary, &mut learned, &mut stale.rows);
                    part.conclude_exemplars(&outcome, source, exemplars, summary, &mut stale.exemplars);
                }
                Ok(Err(error)) => failed = Some(error),
                Err(_) => failed = Some(WriteError::Unavailable("the server is shutting down".to_owned())),
            }
        }
        if !learned.is_empty() {
            self.cache.insert_all(&learned);
            self.metrics.cache_entries.set(self.cache.len() as i64);
            self.metrics.cache_bytes.set(self.cache.resident_bytes() as i64);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Adds metadata not seen before to the round; gives back its fingerprints.
    fn add_new_metadata<S: SeriesSource>(
        &self,
        round: &mut Round,
        tenant: &TenantId,
        source: &S,
        placement: &Placement,
    ) -> HashSet<u64> {
        let mut fresh = HashSet::new();
        if source.families().is_empty() {
            return fresh;
        }
        let known = self.known_metadata.lock();
        for family in source.families() {
            if known.contains(&family.fingerprint) || fresh.contains(&family.fingerprint) {
                continue;
            }
            // The home of a family's metadata is that of the series with its name and no labels.
            let Ok(labels) = Labels::from_pairs([(METRIC_NAME, family.name)]) else {
                continue;
            };
            if !labels.is_empty() {
                round.add_metadata(placement.shard_of(series_hash(tenant, &labels)), family);
                fresh.insert(family.fingerprint);
            }
        }
        fresh
    }

    fn remember_metadata(&self, fingerprints: HashSet<u64>) {
        if fingerprints.is_empty() {
            return;
        }
        let mut known = self.known_metadata.lock();
        if known.len() + fingerprints.len() > MAX_KNOWN_METADATA {
            known.clear();
        }
        known.extend(fingerprints);
    }

    async fn lanes(&self, placement: &Placement) -> &[Arc<Lane>] {
        self.lanes
            .get_or_init(|| async {
                (0..placement.shard_count())
                    .map(|shard| {
                        let metrics = self.metrics.lane.clone();
                        let lane = Arc::new(Lane::new(ShardId(shard), self.options.commit_timeout, metrics));
                        let run = Arc::clone(&lane).run(Arc::clone(&self.directory), self.shutdown.clone());
                        self.tasks.spawn(run);
                        lane
                    })
                    .collect()
            })
            .await
    }
}

/// What a round has to send again, as its series' ids are gone.
#[derive(Default)]
struct Stale {
    rows: Vec<Row>,
    /// Positions in the request.
    exemplars: Vec<u32>,
}

/// Floats and histograms of a request.
fn sample_count<S: SeriesSource>(source: &S) -> usize {
    source.rows().count() + source.histograms().len()
}

/// Roughly what the exemplars of a series take while they are on their way.
fn exemplars_bytes(series: &v1::SeriesExemplars) -> usize {
    let labels = series.exemplars.iter().map(|exemplar| exemplar.labels.len() + 64);
    series.labels.len() + labels.sum::<usize>()
}
