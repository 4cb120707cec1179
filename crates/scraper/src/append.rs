//! From the body of an answer to samples.

use vigie_exposition::{
    Entry, Exemplar as Exposed, Exposition, ExpositionOptions, Format, HistogramSeries, LabelPair,
    NativeValue, Series, SyntaxError,
};
use vigie_model::{Exemplar, FloatHistogram, Labels, MetricMetadata, stale_nan};

use crate::cache::{Meeting, SeriesCache, ValueKind};
use crate::metadata::MetadataStore;
use crate::sample_labels::SampleRules;
use crate::{ScrapeError, ScrapedExemplar, ScrapedHistogram, ScrapedSample, native};

/// Samples further ahead of the clock are dropped.
const MAX_AHEAD_MS: i64 = 10 * 60 * 1000;

/// What a scrape amounts to.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) values: Values,
    pub(crate) metadata: Vec<(String, MetricMetadata)>,
    pub(crate) counts: Counts,
}

/// What goes to the sink.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub(crate) samples: Vec<ScrapedSample>,
    pub(crate) histograms: Vec<ScrapedHistogram>,
    pub(crate) exemplars: Vec<ScrapedExemplar>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Samples in the body.
    pub(crate) scraped: u64,
    /// Samples left after relabelling.
    pub(crate) added: u64,
    /// Series the previous scrape did not have.
    pub(crate) series_added: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_bounds: u64,
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) format: Format,
    pub(crate) options: ExpositionOptions,
    pub(crate) exemplars: bool,
    /// The time of the scrape.
    pub(crate) time_ms: i64,
}

/// The memory of a target between scrapes.
#[derive(Debug)]
pub(crate) struct SeriesAppender {
    cache: SeriesCache,
    last_len: usize,
}

impl SeriesAppender {
    pub(crate) fn new(cache_seed: u64) -> SeriesAppender {
        SeriesAppender {
            cache: SeriesCache::new(cache_seed),
            last_len: 0,
        }
    }

    /// Reads a body and adds staleness markers for series that are gone. After an error nothing of
    /// the body counts but the counts; [`SeriesAppender::fail`] must follow.
    pub(crate) fn append(
        &mut self,
        rules: &SampleRules,
        reading: Reading,
        body: &[u8],
        metadata: &mut MetadataStore,
    ) -> Result<Collected, (ScrapeError, Counts)> {
        let mut pass = Pass {
            rules,
            reading,
            max_time_ms: reading.time_ms.saturating_add(MAX_AHEAD_MS),
            cache: &mut self.cache,
            values: Values {
                samples: Vec::with_capacity(self.last_len),
                ..Values::default()
            },
            counts: Counts::default(),
            is_over_bucket_limit: false,
        };
        let outcome = pass.read(body, metadata);
        let Pass {
            mut values, counts, ..
        } = pass;
        if let Err(error) = outcome {
            metadata.fail();
            return Err((error, counts));
        }
        self.last_len = values.samples.len();
        self.cache
            .finish(|labels, kind| values.mark_stale(labels, kind, reading.time_ms));
        Ok(Collected {
            values,
            metadata: metadata.finish(),
            counts,
        })
    }

    /// Staleness markers for all series, as a failed scrape exposes none; and whether the cache had
    /// grown so much in failing scrapes that it was swept.
    pub(crate) fn fail(&mut self, time_ms: i64) -> (Values, bool) {
        let mut values = Values::default();
        let was_swept = self
            .cache
            .fail(|labels, kind| values.mark_stale(labels, kind, time_ms));
        (values, was_swept)
    }

    /// Forgets how series are stored. Those the next scrape does not store again are marked then.
    pub(crate) fn reset(&mut self) {
        self.cache.reset();
    }

    pub(crate) fn series_count(&self) -> usize {
        self.cache.len()
    }
}

impl Values {
    fn mark_stale(&mut self, labels: &Labels, kind: ValueKind, timestamp_ms: i64) {
        match kind {
            ValueKind::Float => self.samples.push(staleness_marker(labels, timestamp_ms)),
            ValueKind::Histogram => self.histograms.push(ScrapedHistogram {
                labels: labels.clone(),
                timestamp_ms,
                start_timestamp_ms: None,
                value: NativeValue::Float(FloatHistogram::stale()),
            }),
        }
    }
}

/// One walk through a body.
struct Pass<'a> {
    rules: &'a SampleRules,
    reading: Reading,
    max_time_ms: i64,
    cache: &'a mut SeriesCache,
    values: Values,
    counts: Counts,
    is_over_bucket_limit: bool,
}

/// A sample of either kind, before it is known whether and where it is stored.
struct Met<'a> {
    raw: &'a [u8],
    kind: ValueKind,
    timestamp_ms: Option<i64>,
}

/// A sample that is stored.
struct Stored {
    labels: Labels,
    timestamp_ms: i64,
}

impl Pass<'_> {
    fn read(&mut self, body: &[u8], metadata: &mut MetadataStore) -> Result<(), ScrapeError> {
        let mut exposition = Exposition::new(self.reading.format, body, self.reading.options);
        while let Some(entry) = exposition.next()? {
            match entry {
                Entry::Series(series) => self.series(&series)?,
                Entry::Histogram(series) => self.histogram(*series)?,
                Entry::Type { name, kind } => metadata.set_kind(&name, kind),
                Entry::Help { name, text } => metadata.set_help(&name, &text),
                Entry::Unit { name, unit } => metadata.set_unit(&name, unit),
                Entry::Comment(_) => {}
            }
        }
        // The body is read to its end all the same, so that the report tells the true number.
        if self.is_over_limit(self.counts.added) {
            return Err(ScrapeError::SampleLimit);
        }
        if self.is_over_bucket_limit {
            return Err(ScrapeError::BucketLimit);
        }
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> Result<(), ScrapeError> {
        let met = Met {
            raw: series.raw,
            kind: ValueKind::Float,
            timestamp_ms: series.timestamp_ms,
        };
        let Some(Stored { labels, timestamp_ms }) = self.meet(&met, || series.labels())? else {
            return Ok(());
        };
        if let Some(exposed) = series.exemplar
            && self.reading.exemplars
            && let Some(exemplar) = read_exemplar(&exposed, timestamp_ms)
        {
            self.values.exemplars.push(ScrapedExemplar {
                series: labels.clone(),
                exemplar,
            });
        }
        self.values.samples.push(ScrapedSample {
            labels,
            timestamp_ms,
            start_timestamp_ms: self.start(series.start_timestamp_ms),
            value: series.value,
        });
        Ok(())
    }

    fn histogram(&mut self, mut series: HistogramSeries<'_>) -> Result<(), ScrapeError> {
        let met = Met {
            raw: series.raw,
            kind: ValueKind::Histogram,
            timestamp_ms: series.timestamp_ms,
        };
        let Some(Stored { labels, timestamp_ms }) = self.meet(&met, || series.labels())? else {
            return Ok(());
        };
        match native::limit(&mut series.value, &self.rules.config) {
            // As with the sample limit, the rest of the body is counted.
            Err(ScrapeError::BucketLimit) => {
                self.is_over_bucket_limit = true;
                return Ok(());
            }
            limited => limited?,
        }
        if self.reading.exemplars {
            let mut exemplars: Vec<Exemplar> = series
                .exemplars
                .iter()
                .filter_map(|exposed| read_exemplar(&exposed, timestamp_ms))
                .collect();
            exemplars.sort_by(Exemplar::order);
            let exemplars = exemplars.into_iter().map(|exemplar| ScrapedExemplar {
                series: labels.clone(),
                exemplar,
            });
            self.values.exemplars.extend(exemplars);
        }
        self.values.histograms.push(ScrapedHistogram {
            labels,
            timestamp_ms,
            start_timestamp_ms: self.start(series.start_timestamp_ms),
            value: series.value,
        });
        Ok(())
    }

    /// Counts a sample and finds what it is stored under; nothing if it is not stored.
    fn meet<'s>(
        &mut self,
        met: &Met<'_>,
        exposed: impl FnOnce() -> Result<Vec<LabelPair<'s>>, SyntaxError>,
    ) -> Result<Option<Stored>, ScrapeError> {
        self.counts.scraped += 1;
        let config = &self.rules.config;
        let own_time = met.timestamp_ms.filter(|_| config.honor_timestamps);
        let track = own_time.is_none() || config.track_timestamps_staleness;
        let timestamp_ms = own_time.unwrap_or(self.reading.time_ms);
        let key = self.cache.key(met.raw);
        let labels = match self.cache.meet(key, track, met.kind) {
            Some((labels, _)) if labels.is_empty() => return Ok(None),
            Some((_, Meeting::Again)) if own_time.is_none() => {
                self.counts.added += 1;
                self.counts.duplicates += 1;
                return Ok(None);
            }
            Some((labels, _)) => labels.clone(),
            None => {
                let labels = self.rules.stored_labels(exposed()?)?;
                if labels.is_empty() {
                    self.cache.insert(key, labels, false, met.kind);
                    return Ok(None);
                }
                // Series beyond the limit are not stored, so remembering them would only cost.
                if self.is_over_limit(self.counts.added + 1) {
                    self.counts.added += 1;
                    return Ok(None);
                }
                self.cache.insert(key, labels.clone(), track, met.kind);
                self.counts.series_added += 1;
                labels
            }
        };
        self.counts.added += 1;
        if self.is_over_limit(self.counts.added) {
            return Ok(None);
        }
        if timestamp_ms > self.max_time_ms {
            self.counts.out_of_bounds += 1;
            return Ok(None);
        }
        Ok(Some(Stored { labels, timestamp_ms }))
    }

    fn start(&self, exposed_ms: Option<i64>) -> Option<i64> {
        exposed_ms.filter(|_| self.reading.options.start_timestamps)
    }

    fn is_over_limit(&self, samples: u64) -> bool {
        let limit = self.rules.config.limits.samples;
        limit > 0 && samples > limit
    }
}

/// Nothing if it cannot be kept, which is no reason to fail a scrape.
fn read_exemplar(exposed: &Exposed<'_>, scraped_at_ms: i64) -> Option<Exemplar> {
    let exemplar = Exemplar {
        labels: Labels::from_pairs(exposed.labels().ok()?).ok()?,
        value: exposed.value,
        timestamp_ms: exposed.timestamp_ms.unwrap_or(scraped_at_ms),
        has_own_time: exposed.timestamp_ms.is_some(),
    };
    exemplar.fits().then_some(exemplar)
}

pub(crate) fn staleness_marker(labels: &Labels, timestamp_ms: i64) -> ScrapedSample {
    ScrapedSample {
        labels: labels.clone(),
        timestamp_ms,
        start_timestamp_ms: None,
        value: stale_nan(),
    }
}

#[cfg(test)]
mod tests;
