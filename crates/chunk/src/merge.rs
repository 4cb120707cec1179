//! Several chunks of one series as one column of samples, and as fewer chunks.

use crate::histogram::MAX_CELLS;
use crate::{
    ChunkError, ChunkInfo, ChunkValues, HistogramSample, MAX_CHUNK_SAMPLES, decode_histograms_into,
    decode_with_starts_into, seal_histograms, seal_with_starts,
};

/// The samples of a series in ascending time; a time is in one of the columns only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesSamples {
    pub times_ms: Vec<i64>,
    /// As long as `times_ms`.
    pub values: Vec<f64>,
    /// When each of the values began to count, 0 where that is not known; empty if it is known of none.
    pub starts_ms: Vec<i64>,
    pub histograms: Vec<HistogramSample>,
}

/// Decodes a chunk of any kind and seals it, which makes an open one smaller.
///
/// A chunk without samples is inconsistent here, as there is nothing to seal.
pub fn reseal(bytes: &[u8]) -> Result<Vec<u8>, ChunkError> {
    match ChunkInfo::read(bytes)?.values {
        ChunkValues::Floats => {
            let (mut times_ms, mut values, mut starts_ms) = (Vec::new(), Vec::new(), Vec::new());
            decode_with_starts_into(bytes, &mut times_ms, &mut values, &mut starts_ms)?;
            seal_with_starts(&times_ms, &values, &starts_ms).map_err(|_| NOT_SEALED)
        }
        ChunkValues::Histograms => {
            let mut histograms = Vec::new();
            decode_histograms_into(bytes, &mut histograms)?;
            seal_histograms(&histograms).map_err(|_| NOT_SEALED)
        }
    }
}

/// Decodes chunks of one series, of any kind and number.
///
/// Chunks may come in any order and overlap. Where several have a sample at the same time, the one of
/// the chunk that starts first stays, and of those that start together the one given first.
pub fn read_series<C: AsRef<[u8]>>(chunks: &[C]) -> Result<SeriesSamples, ChunkError> {
    let mut ordered = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let bytes = chunk.as_ref();
        ordered.push((ChunkInfo::read(bytes)?, bytes));
    }
    ordered.sort_by_key(|(info, _)| info.min_time_ms);
    // A count in a header is not vouched for before decoding: nothing is reserved by it.
    let mut samples = SeriesSamples::default();
    // Where the samples of each chunk end in the two columns, for when it matters whose come first.
    let mut ends = Vec::with_capacity(ordered.len());
    for (info, bytes) in &ordered {
        match info.values {
            ChunkValues::Floats => decode_with_starts_into(
                bytes,
                &mut samples.times_ms,
                &mut samples.values,
                &mut samples.starts_ms,
            )?,
            ChunkValues::Histograms => decode_histograms_into(bytes, &mut samples.histograms)?,
        }
        ends.push((samples.times_ms.len(), samples.histograms.len()));
    }
    if !samples.starts_ms.is_empty() {
        samples.starts_ms.resize(samples.times_ms.len(), 0);
    }
    let floats_ascend = samples.times_ms.windows(2).all(|pair| pair[0] < pair[1]);
    if samples.histograms.is_empty() {
        if !floats_ascend {
            samples.sort_floats();
        }
    } else if !floats_ascend || !samples.histograms_ascend_apart() {
        samples = samples.resolve(&ends);
    }
    Ok(samples)
}

/// As [`read_series`], but seals the samples into as few chunks of `max_samples` as hold them, ascending in
/// time and not overlapping. Long chunks cost fewest bytes a sample, and reading one sample of a chunk
/// decodes all of it. Empty chunks add nothing.
pub fn merge<C: AsRef<[u8]>>(chunks: &[C], max_samples: usize) -> Result<Vec<Vec<u8>>, ChunkError> {
    read_series(chunks)?.seal(max_samples.clamp(1, MAX_CHUNK_SAMPLES))
}

const NOT_SEALED: ChunkError = ChunkError::Inconsistent("samples cannot be sealed");

impl SeriesSamples {
    fn sort_floats(&mut self) {
        // The sort is stable, so of two samples at the same time the one given first stays.
        let mut order: Vec<usize> = (0..self.times_ms.len()).collect();
        order.sort_by_key(|at| self.times_ms[*at]);
        order.dedup_by_key(|at| self.times_ms[*at]);
        self.values = order.iter().map(|at| self.values[*at]).collect();
        if !self.starts_ms.is_empty() {
            self.starts_ms = order.iter().map(|at| self.starts_ms[*at]).collect();
        }
        self.times_ms = order.iter().map(|at| self.times_ms[*at]).collect();
    }

    /// Whether histograms ascend and none is at the time of a float. Floats ascend.
    fn histograms_ascend_apart(&self) -> bool {
        let ascend = self
            .histograms
            .windows(2)
            .all(|pair| pair[0].time_ms < pair[1].time_ms);
        ascend
            && self
                .histograms
                .iter()
                .all(|sample| self.times_ms.binary_search(&sample.time_ms).is_err())
    }

    /// Sorts, and keeps one sample for each time. `ends` says which samples came in which chunk.
    fn resolve(self, ends: &[(usize, usize)]) -> SeriesSamples {
        let chunk_of = |at: usize, end: fn(&(usize, usize)) -> usize| {
            ends.partition_point(|chunk_end| end(chunk_end) <= at)
        };
        let floats =
            (0..self.times_ms.len()).map(|at| (self.times_ms[at], chunk_of(at, |end| end.0), Ok(at)));
        let histograms = self.histograms.iter().enumerate();
        let histograms = histograms.map(|(at, sample)| (sample.time_ms, chunk_of(at, |end| end.1), Err(at)));
        let mut all: Vec<(i64, usize, Result<usize, usize>)> = floats.chain(histograms).collect();
        all.sort_by_key(|(time_ms, chunk, _)| (*time_ms, *chunk));
        all.dedup_by_key(|(time_ms, ..)| *time_ms);
        let mut resolved = SeriesSamples::default();
        for (time_ms, _, at) in all {
            match at {
                Ok(at) => {
                    resolved.times_ms.push(time_ms);
                    resolved.values.push(self.values[at]);
                    resolved.starts_ms.extend(self.starts_ms.get(at));
                }
                Err(at) => resolved.histograms.push(self.histograms[at].clone()),
            }
        }
        resolved
    }

    /// Runs of floats and runs of histograms, each in chunks.
    fn seal(&self, max_samples: usize) -> Result<Vec<Vec<u8>>, ChunkError> {
        let mut sealed = Vec::new();
        let (mut float, mut histogram) = (0, 0);
        while float < self.times_ms.len() || histogram < self.histograms.len() {
            let next_histogram_ms = self.histograms.get(histogram).map(|sample| sample.time_ms);
            let before = |time_ms: &i64| next_histogram_ms.is_none_or(|next_ms| *time_ms < next_ms);
            let floats_end = float + self.times_ms[float..].partition_point(before);
            for start in (float..floats_end).step_by(max_samples) {
                let range = start..floats_end.min(start + max_samples);
                let starts_ms = self.starts_ms.get(range.clone()).unwrap_or_default();
                let chunk = seal_with_starts(&self.times_ms[range.clone()], &self.values[range], starts_ms);
                sealed.push(chunk.map_err(|_| NOT_SEALED)?);
            }
            float = floats_end;
            let next_float_ms = self.times_ms.get(float);
            let before =
                |sample: &HistogramSample| next_float_ms.is_none_or(|next_ms| sample.time_ms < *next_ms);
            let run_end = histogram + self.histograms[histogram..].partition_point(before);
            while histogram < run_end {
                let end = fitting(&self.histograms[histogram..run_end], max_samples) + histogram;
                sealed.push(seal_histograms(&self.histograms[histogram..end]).map_err(|_| NOT_SEALED)?);
                histogram = end;
            }
        }
        Ok(sealed)
    }
}

/// How many of the histograms go into one chunk: at least one.
fn fitting(histograms: &[HistogramSample], max_samples: usize) -> usize {
    let mut cells = 0;
    let fits = histograms.iter().take(max_samples).take_while(|sample| {
        cells += sample.histogram.heap_bytes() / size_of::<u64>();
        cells <= MAX_CELLS
    });
    fits.count().max(1)
}
