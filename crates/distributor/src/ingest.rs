//! What remote write and scrapes have in common: rows in, answers of the shards out.

use std::fmt::Write as _;

use vigie_cluster::Placement;
use vigie_model::{
    InvalidLabels, Labels, METRIC_NAME, MetricMetadata, SeriesId, ShardId, TenantId, series_hash,
};
use vigie_proto::v1::RejectReason;

use crate::error::WriteError;
use crate::lane::{LaneOutcome, LaneRow, LaneSeries, ShardWrite};
use crate::series_cache::{SeriesKey, Target};

/// Label sets beyond this are refused: no exporter comes near, and one series must not fill a batch.
const MAX_LABEL_SET_BYTES: usize = 64 << 10;

/// Samples in the shape a front end received them.
pub(crate) trait SeriesSource: Sync {
    /// One key per series.
    fn keys(&self) -> &[SeriesKey];
    /// Decodes the labels of a series; asked for series the cache does not know.
    fn labels(&self, series: usize) -> Result<Labels, InvalidLabels>;
    /// All samples, with the index of their series.
    fn rows(&self) -> impl Iterator<Item = Row> + Send;
    fn metadata(&self) -> &[(&str, MetricMetadata)];
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) series: u32,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
}

/// What became of the samples of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteSummary {
    pub appended: u64,
    pub out_of_order: u64,
    pub out_of_bounds: u64,
    pub too_old: u64,
    pub duplicate_timestamp: u64,
    /// Samples of series whose labels are invalid; skipped, as Prometheus does.
    pub invalid_series: u64,
    /// Samples of series whose label sets are larger than a batch should carry.
    pub oversized_series: u64,
    /// What is wrong with the first sample that was not stored.
    pub first_rejected: Option<String>,
}

impl WriteSummary {
    pub fn rejected(&self) -> u64 {
        self.out_of_order
            + self.out_of_bounds
            + self.too_old
            + self.duplicate_timestamp
            + self.oversized_series
    }

    /// Samples that are stored become an error of those that are not.
    pub(crate) fn into_result(self) -> Result<WriteSummary, WriteError> {
        match &self.first_rejected {
            Some(first) if self.rejected() > 0 => Err(WriteError::Rejected {
                first: first.clone(),
                rejected: self.rejected(),
                appended: self.appended,
            }),
            _ => Ok(self),
        }
    }

    fn count_oversized(&mut self) {
        self.oversized_series += 1;
        self.first_rejected
            .get_or_insert_with(|| format!("label set exceeds the limit of {MAX_LABEL_SET_BYTES} bytes"));
    }

    fn count_rejected(&mut self, reason: RejectReason, row: Row, labels: impl FnOnce() -> String) {
        let (counter, text) = match reason {
            RejectReason::OutOfOrder => (&mut self.out_of_order, "out of order sample"),
            RejectReason::TooOld => (&mut self.too_old, "too old sample"),
            RejectReason::DuplicateTimestamp => {
                (&mut self.duplicate_timestamp, "duplicate sample for timestamp")
            }
            RejectReason::OutOfBounds | RejectReason::UnknownSeries | RejectReason::Unspecified => {
                (&mut self.out_of_bounds, "out of bounds")
            }
        };
        *counter += 1;
        if self.first_rejected.is_none() {
            let mut message = text.to_owned();
            let _ = write!(message, " {}: series {}", row.timestamp_ms, labels());
            self.first_rejected = Some(message);
        }
    }
}

/// The rows of one round, dealt to shards, and what is needed to read the answers.
pub(crate) struct Round {
    shards: Vec<ShardRound>,
}

/// One shard's part of a round.
#[derive(Default)]
pub(crate) struct ShardRound {
    pub(crate) write: ShardWrite,
    /// The request's row behind each of `write.rows`.
    rows: Vec<Row>,
    /// The request's series behind each of `write.declares`.
    declared_series: Vec<u32>,
}

/// How far a series has been resolved within a round.
#[derive(Clone, Copy)]
enum Route {
    Unresolved,
    To(ShardId, LaneSeries),
    Invalid,
    Oversized,
}

impl Round {
    /// Deals `rows` to shards. `targets` holds what the cache knows of each series; labels are
    /// decoded for the others only, once per series.
    pub(crate) fn deal<S: SeriesSource>(
        source: &S,
        rows: impl Iterator<Item = Row>,
        targets: &[Option<Target>],
        tenant: &TenantId,
        placement: &Placement,
        summary: &mut WriteSummary,
    ) -> Round {
        let shard_count = placement.shard_count() as usize;
        let per_shard = targets.len() / shard_count + targets.len() / 16 + 4;
        let mut shards: Vec<ShardRound> = (0..shard_count)
            .map(|_| {
                let mut shard = ShardRound::default();
                shard.write.rows.reserve(per_shard);
                shard.rows.reserve(per_shard);
                shard
            })
            .collect();
        let mut routes: Vec<Route> = targets
            .iter()
            .map(|target| target.map_or(Route::Unresolved, |t| Route::To(t.shard, LaneSeries::Known(t.id))))
            .collect();
        for row in rows {
            let route = &mut routes[row.series as usize];
            if let Route::Unresolved = route {
                *route = match source.labels(row.series as usize) {
                    Ok(labels) if labels.as_packed().len() > MAX_LABEL_SET_BYTES => Route::Oversized,
                    // Prometheus wants a metric name and nothing else of a label set that is well formed.
                    Ok(labels) if labels.get(METRIC_NAME).is_some() => {
                        let shard = placement.shard_of(series_hash(tenant, &labels));
                        Route::To(shard, shards[shard.0 as usize].declare(row.series, labels))
                    }
                    Ok(_) | Err(_) => Route::Invalid,
                };
            }
            match *route {
                Route::To(shard, series) => shards[shard.0 as usize].push(row, series),
                Route::Oversized => summary.count_oversized(),
                Route::Invalid | Route::Unresolved => summary.invalid_series += 1,
            }
        }
        Round { shards }
    }

    pub(crate) fn add_metadata(&mut self, shard: ShardId, name: &str, metadata: &MetricMetadata) {
        self.shards[shard.0 as usize]
            .write
            .metadata
            .push((name.to_owned(), metadata.clone()));
    }

    /// The parts that have anything to send.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (ShardId, &ShardRound)> {
        self.shards
            .iter()
            .enumerate()
            .filter(|(_, part)| !part.rows.is_empty() || !part.write.metadata.is_empty())
            .map(|(shard, part)| (ShardId(shard as u32), part))
    }
}

impl ShardRound {
    fn declare(&mut self, series: u32, labels: Labels) -> LaneSeries {
        let index = self.write.declares.len() as u32;
        self.write.declares.push(labels);
        self.declared_series.push(series);
        LaneSeries::Declared(index)
    }

    fn push(&mut self, row: Row, series: LaneSeries) {
        self.write.rows.push(LaneRow {
            series,
            timestamp_ms: row.timestamp_ms,
            value: row.value,
        });
        self.rows.push(row);
    }

    /// Takes a shard's answer: counts, new cache entries, and rows whose series has to be declared.
    pub(crate) fn conclude<S: SeriesSource>(
        &self,
        shard: ShardId,
        outcome: &LaneOutcome,
        source: &S,
        summary: &mut WriteSummary,
        learned: &mut Vec<(SeriesKey, Target)>,
        undeclared: &mut Vec<Row>,
    ) {
        for (&series, &id) in self.declared_series.iter().zip(outcome.declared()) {
            learned.push((
                source.keys()[series as usize],
                Target {
                    shard,
                    id: SeriesId(id),
                },
            ));
        }
        let mut not_appended = 0;
        for (index, reason) in outcome.rejected() {
            let Some(&row) = self.rows.get(index) else {
                continue;
            };
            not_appended += 1;
            if reason == RejectReason::UnknownSeries {
                undeclared.push(row);
            } else {
                summary.count_rejected(reason, row, || describe(source.labels(row.series as usize)));
            }
        }
        summary.appended += (self.rows.len() - not_appended) as u64;
    }
}

fn describe(labels: Result<Labels, InvalidLabels>) -> String {
    labels.map_or_else(|error| error.to_string(), |labels| labels.to_string())
}
