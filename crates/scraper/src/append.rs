//! From the body of an answer to samples.

use vigie_exposition::{Entry, Format, Parser, Series};
use vigie_model::{Labels, MetricMetadata, stale_nan};

use crate::cache::{Meeting, SeriesCache};
use crate::metadata::MetadataStore;
use crate::sample_labels::SampleRules;
use crate::{ScrapeError, ScrapedSample};

/// Samples further ahead of the clock are dropped.
const MAX_AHEAD_MS: i64 = 10 * 60 * 1000;

/// What a scrape amounts to.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) samples: Vec<ScrapedSample>,
    pub(crate) metadata: Vec<(String, MetricMetadata)>,
    pub(crate) counts: Counts,
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
        format: Format,
        body: &[u8],
        time_ms: i64,
        metadata: &mut MetadataStore,
    ) -> Result<Collected, (ScrapeError, Counts)> {
        let mut pass = Pass {
            rules,
            time_ms,
            max_time_ms: time_ms.saturating_add(MAX_AHEAD_MS),
            cache: &mut self.cache,
            samples: Vec::with_capacity(self.last_len),
            counts: Counts::default(),
        };
        let outcome = Parser::new(format, body)
            .ok_or(ScrapeError::Protobuf)
            .and_then(|parser| pass.read(parser, metadata));
        let Pass {
            mut samples, counts, ..
        } = pass;
        if let Err(error) = outcome {
            metadata.fail();
            return Err((error, counts));
        }
        self.last_len = samples.len();
        self.cache
            .finish(|labels| samples.push(staleness_marker(labels, time_ms)));
        Ok(Collected {
            samples,
            metadata: metadata.finish(),
            counts,
        })
    }

    /// Staleness markers for all series, as a failed scrape exposes none; and whether the cache had
    /// grown so much in failing scrapes that it was swept.
    pub(crate) fn fail(&mut self, time_ms: i64) -> (Vec<ScrapedSample>, bool) {
        let mut samples = Vec::new();
        let was_swept = self
            .cache
            .fail(|labels| samples.push(staleness_marker(labels, time_ms)));
        (samples, was_swept)
    }

    /// Forgets how series are stored. Those the next scrape does not store again are marked then.
    pub(crate) fn reset(&mut self) {
        self.cache.reset();
    }

    pub(crate) fn series_count(&self) -> usize {
        self.cache.len()
    }
}

/// One walk through a body.
struct Pass<'a> {
    rules: &'a SampleRules,
    time_ms: i64,
    max_time_ms: i64,
    cache: &'a mut SeriesCache,
    samples: Vec<ScrapedSample>,
    counts: Counts,
}

impl Pass<'_> {
    fn read(&mut self, mut parser: Parser<'_>, metadata: &mut MetadataStore) -> Result<(), ScrapeError> {
        while let Some(entry) = parser.next()? {
            match entry {
                Entry::Series(series) => self.series(&series)?,
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
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> Result<(), ScrapeError> {
        self.counts.scraped += 1;
        let config = &self.rules.config;
        let own_time = series.timestamp_ms.filter(|_| config.honor_timestamps);
        let track = own_time.is_none() || config.track_timestamps_staleness;
        let timestamp_ms = own_time.unwrap_or(self.time_ms);
        let key = self.cache.key(series.raw);
        let labels = match self.cache.meet(key, track) {
            Some((labels, _)) if labels.is_empty() => return Ok(()),
            Some((_, Meeting::Again)) if own_time.is_none() => {
                self.counts.added += 1;
                self.counts.duplicates += 1;
                return Ok(());
            }
            Some((labels, _)) => labels.clone(),
            None => {
                let labels = self.rules.stored_labels(series)?;
                if labels.is_empty() {
                    self.cache.insert(key, labels, false);
                    return Ok(());
                }
                // Series beyond the limit are not stored, so remembering them would only cost.
                if self.is_over_limit(self.counts.added + 1) {
                    self.counts.added += 1;
                    return Ok(());
                }
                self.cache.insert(key, labels.clone(), track);
                self.counts.series_added += 1;
                labels
            }
        };
        self.counts.added += 1;
        if self.is_over_limit(self.counts.added) {
            return Ok(());
        }
        if timestamp_ms > self.max_time_ms {
            self.counts.out_of_bounds += 1;
            return Ok(());
        }
        self.samples.push(ScrapedSample {
            labels,
            timestamp_ms,
            value: series.value,
        });
        Ok(())
    }

    fn is_over_limit(&self, samples: u64) -> bool {
        let limit = self.rules.config.limits.samples;
        limit > 0 && samples > limit
    }
}

pub(crate) fn staleness_marker(labels: &Labels, timestamp_ms: i64) -> ScrapedSample {
    ScrapedSample {
        labels: labels.clone(),
        timestamp_ms,
        value: stale_nan(),
    }
}
