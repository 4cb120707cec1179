//! What remote write and scrapes have in common: rows in, answers of the shards out.

use vigie_cluster::Placement;
use vigie_model::{
    InvalidLabels, Labels, METRIC_NAME, MetricKind, MetricMetadata, SeriesId, ShardId, TenantId, series_hash,
};
use vigie_proto::v1::RejectReason;

use crate::error::WriteError;
use crate::exemplars::SeriesExemplar;
use crate::histograms::Histograms;
use crate::lane::{LaneHistogram, LaneOutcome, LaneRow, LaneSeries, ShardWrite};
use crate::rules::RequestRules;
use crate::series_cache::{SeriesKey, Target};

/// Label sets beyond this are refused: no exporter comes near, and one series must not fill a batch.
const MAX_LABEL_SET_BYTES: usize = 64 << 10;

/// Samples in the shape a front end received them.
pub(crate) trait SeriesSource: Sync {
    /// How many different complaints an answer can carry.
    const MAX_COMPLAINTS: usize = 1;

    /// One key per series.
    fn keys(&self) -> &[SeriesKey];
    /// Decodes the labels of a series; asked for series the cache does not know.
    fn labels(&self, series: usize) -> Result<Labels, InvalidLabels>;
    /// All floats, with the index of their series.
    fn rows(&self) -> impl Iterator<Item = Row> + Send;
    /// What is said of metric families; may repeat itself.
    fn families(&self) -> &[Family<'_>];
    fn histograms(&self) -> &Histograms;

    /// Those that can be kept. Asked for only where exemplars are wanted.
    fn exemplars(&self) -> Vec<SeriesExemplar> {
        Vec::new()
    }

    /// How many there are, if the sender wants to know how many were taken.
    fn exemplar_count(&self) -> usize {
        0
    }

    /// What to say of an exemplar that is older than those the series has; usually nothing.
    fn exemplar_rejection(&self, _series: usize) -> Option<String> {
        None
    }

    /// What to say of a series whose labels are invalid. None: its samples are skipped in silence.
    fn complaint(&self, _series: usize) -> Option<String> {
        None
    }

    /// What to say of a sample that was not stored.
    fn rejection(&self, what: &str, row: Row) -> String {
        format!(
            "{what} {}: series {}",
            row.timestamp_ms,
            self.describe(row.series as usize)
        )
    }

    /// The labels of a series as text.
    fn describe(&self, series: usize) -> String {
        self.labels(series)
            .map_or_else(|error| error.to_string(), |labels| labels.to_string())
    }
}

/// Type, help and unit of a metric family, as a request states them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family<'a> {
    /// Stands for the rest: a family whose fingerprint is known is not looked at again.
    pub(crate) fingerprint: u64,
    pub(crate) name: &'a str,
    pub(crate) kind: MetricKind,
    pub(crate) help: &'a str,
    pub(crate) unit: &'a str,
}

/// Says that a row is a float.
pub(crate) const NO_HISTOGRAM: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) series: u32,
    /// Position in [`SeriesSource::histograms`], or [`NO_HISTOGRAM`]: `value` counts.
    pub(crate) histogram: u32,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
    /// When a float began to count; 0 if that is not known. Histograms have theirs with them.
    pub(crate) start_ms: i64,
}

/// What became of the samples of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteSummary {
    /// Floats stored.
    pub appended: u64,
    /// Native histograms stored.
    pub appended_histograms: u64,
    /// Native histograms that contradict themselves.
    pub invalid_histograms: u64,
    pub out_of_order: u64,
    pub out_of_bounds: u64,
    pub too_old: u64,
    pub duplicate_timestamp: u64,
    /// Samples of series whose labels are invalid; skipped, as Prometheus does.
    pub invalid_series: u64,
    /// Samples of series that are refused with a complaint: larger than a batch should carry, or
    /// invalid where the protocol can say so.
    pub refused_series: u64,
    /// The request came from the replica of a pair that is not listened to: nothing of it is stored.
    pub is_from_standby: bool,
    /// Exemplars kept, or dropped because none are.
    pub exemplars: u64,
    pub out_of_order_exemplars: u64,
    /// What is wrong with what was not stored, as far as an answer can carry it.
    pub complaints: Vec<String>,
}

impl WriteSummary {
    pub fn rejected(&self) -> u64 {
        self.out_of_order
            + self.out_of_bounds
            + self.too_old
            + self.duplicate_timestamp
            + self.refused_series
            + self.invalid_histograms
    }

    /// Samples that are stored become part of an error if others are not.
    pub(crate) fn into_result(self) -> Result<WriteSummary, WriteError> {
        if self.complaints.is_empty() {
            return Ok(self);
        }
        Err(WriteError::Rejected {
            message: self.complaints.join("\n"),
            rejected: self.rejected(),
            appended: self.appended,
            appended_histograms: self.appended_histograms,
        })
    }

    /// Keeps a complaint if the answer has room for it.
    pub(crate) fn complain<S: SeriesSource>(&mut self, complaint: impl FnOnce() -> String) {
        if self.complaints.len() < S::MAX_COMPLAINTS {
            self.complaints.push(complaint());
        }
    }

    /// Counts the histograms that are refused for what they say. Where the labels are invalid too, those
    /// have been complained of, or are skipped in silence.
    pub(crate) fn count_invalid_histograms<S: SeriesSource>(&mut self, source: &S) {
        for (row, what) in source.histograms().refused() {
            let labels = source.labels(row.series as usize);
            if labels.is_ok_and(|labels| labels.get(METRIC_NAME).is_some()) {
                self.invalid_histograms += 1;
                self.complain::<S>(|| source.rejection(what, *row));
            } else {
                self.invalid_series += 1;
            }
        }
    }

    fn count_rejected<S: SeriesSource>(&mut self, reason: RejectReason, row: Row, source: &S) {
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
        self.complain::<S>(|| source.rejection(text, row));
    }
}

/// The rows of one round, dealt to shards, and what is needed to read the answers.
pub(crate) struct Round {
    pub(crate) shards: Vec<ShardRound>,
    /// One per series of the request.
    pub(crate) routes: Vec<Route>,
}

/// One shard's part of a round.
#[derive(Default)]
pub(crate) struct ShardRound {
    pub(crate) write: ShardWrite,
    /// The request's row behind each of `write.rows`.
    rows: Vec<Row>,
    /// The request's row behind each of `write.histograms`.
    histogram_rows: Vec<Row>,
    /// The position in the request of each of `write.exemplars`.
    pub(crate) exemplars: Vec<u32>,
    /// The request's series behind each of `write.declares`.
    declared_series: Vec<u32>,
}

/// How far a series has been resolved within a round.
#[derive(Clone, Copy)]
pub(crate) enum Route {
    Unresolved,
    To(ShardId, LaneSeries),
    /// Without a word.
    Skipped,
    /// With a complaint, made when the route was found.
    Refused,
}

/// Prometheus wants a metric name and nothing else of a label set that is well formed.
pub(crate) fn is_storable(labels: &Labels) -> bool {
    labels.get(METRIC_NAME).is_some() && labels.as_packed().len() <= MAX_LABEL_SET_BYTES
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
        rules: &RequestRules,
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
                    Ok(labels) if labels.as_packed().len() > MAX_LABEL_SET_BYTES => {
                        summary.complain::<S>(|| {
                            format!("label set exceeds the limit of {MAX_LABEL_SET_BYTES} bytes")
                        });
                        Route::Refused
                    }
                    Ok(labels) if is_storable(&labels) => match rules.apply(labels) {
                        Ok(labels) => {
                            let shard = placement.shard_of(series_hash(tenant, &labels));
                            Route::To(shard, shards[shard.0 as usize].declare(row.series, labels))
                        }
                        Err(complaint) => {
                            summary.complain::<S>(|| complaint);
                            Route::Refused
                        }
                    },
                    Ok(_) | Err(_) => match source.complaint(row.series as usize) {
                        Some(complaint) => {
                            summary.complain::<S>(|| complaint);
                            Route::Refused
                        }
                        None => Route::Skipped,
                    },
                };
            }
            match *route {
                Route::To(shard, series) if row.histogram == NO_HISTOGRAM => {
                    shards[shard.0 as usize].push(row, series);
                }
                Route::To(shard, series) => {
                    let histogram = source.histograms().to_shard(row.histogram, series);
                    shards[shard.0 as usize].push_histogram(row, histogram);
                }
                Route::Refused => summary.refused_series += 1,
                Route::Skipped | Route::Unresolved => summary.invalid_series += 1,
            }
        }
        Round { shards, routes }
    }

    pub(crate) fn add_metadata(&mut self, shard: ShardId, family: &Family<'_>) {
        let metadata = MetricMetadata {
            kind: family.kind,
            help: family.help.to_owned(),
            unit: family.unit.to_owned(),
        };
        self.shards[shard.0 as usize]
            .write
            .metadata
            .push((family.name.to_owned(), metadata));
    }

    /// The parts that have anything to send.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (ShardId, &ShardRound)> {
        self.shards
            .iter()
            .enumerate()
            .filter(|(_, part)| !part.write.is_empty())
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
        if row.start_ms != 0 {
            self.write.starts.push((self.write.rows.len(), row.start_ms));
        }
        self.write.rows.push(LaneRow {
            series,
            timestamp_ms: row.timestamp_ms,
            value: row.value,
        });
        self.rows.push(row);
    }

    fn push_histogram(&mut self, row: Row, histogram: LaneHistogram) {
        self.write.histograms.push(histogram);
        self.histogram_rows.push(row);
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
        let mut appended = [self.rows.len() as u64, self.histogram_rows.len() as u64];
        for (index, reason) in outcome.rejected() {
            let histogram = || self.histogram_rows.get(index - self.rows.len());
            let Some(&row) = self.rows.get(index).or_else(histogram) else {
                continue;
            };
            appended[usize::from(row.histogram != NO_HISTOGRAM)] -= 1;
            if reason == RejectReason::UnknownSeries {
                undeclared.push(row);
            } else {
                summary.count_rejected(reason, row, source);
            }
        }
        summary.appended += appended[0];
        summary.appended_histograms += appended[1];
    }
}
