//! A distributor, near or far, as the place where scraped samples go.

use async_trait::async_trait;
use bytes::Bytes;
use tonic::{Code, Request, Status};
use vigie_chunk::FlatHistogram;
use vigie_exposition::NativeValue;
use vigie_model::Labels;
use vigie_proto::{DistributorHandle, v1};
use vigie_scraper::{
    SampleSink, ScrapeBatch, ScrapedExemplar, ScrapedHistogram, ScrapedSample, SinkError, WriteSummary,
};

/// Samples that go into one request, so that a scrape of any size is sent in messages that fit.
const SAMPLES_PER_REQUEST: usize = 10_000;
/// Bytes of histograms after which no more are added to a request: one takes as much as it has buckets.
const HISTOGRAM_BYTES_PER_REQUEST: usize = 1 << 20;

pub(crate) struct DistributorSink(pub(crate) DistributorHandle);

#[async_trait]
impl SampleSink for DistributorSink {
    async fn write(&self, batch: &ScrapeBatch) -> Result<WriteSummary, SinkError> {
        let mut total = WriteSummary::default();
        let mut metadata: Vec<v1::FamilyMetadata> = batch
            .metadata
            .iter()
            .map(|(name, metadata)| v1::FamilyMetadata::new(name, metadata))
            .collect();
        let mut exemplars = of_series(&batch.exemplars);
        let (mut samples, mut histograms) = (&batch.samples[..], &batch.histograms[..]);
        while !samples.is_empty() || !histograms.is_empty() {
            let mut columns = Columns::default();
            columns.take_samples(&mut samples);
            columns.take_histograms(&mut histograms)?;
            let mut request = columns.into_request(batch.tenant.as_str(), std::mem::take(&mut metadata));
            if samples.is_empty() && histograms.is_empty() {
                // Behind all samples, as some may be the first of their series.
                request.exemplars = std::mem::take(&mut exemplars);
            }
            let answer = self
                .0
                .write(Request::new(request))
                .await
                .map_err(sink_error)?
                .into_inner();
            total.out_of_order += answer.out_of_order;
            total.duplicate += answer.duplicate_timestamp;
            total.out_of_bounds += answer.out_of_bounds + answer.too_old;
            total.out_of_order_exemplars += answer.out_of_order_exemplars;
        }
        Ok(total)
    }
}

/// The rows of one request: floats, then histograms.
#[derive(Default)]
struct Columns {
    labels: Vec<u8>,
    label_lengths: Vec<u32>,
    timestamps_ms: Vec<i64>,
    start_timestamps_ms: Vec<i64>,
    value_bits: Vec<u64>,
    histogram_rows: Vec<u32>,
    histograms: Vec<Bytes>,
}

impl Columns {
    /// Takes as many as fit.
    fn take_samples(&mut self, samples: &mut &[ScrapedSample]) {
        let (taken, left) = samples.split_at(samples.len().min(SAMPLES_PER_REQUEST));
        *samples = left;
        self.labels
            .reserve(taken.iter().map(|sample| sample.labels.as_packed().len()).sum());
        for sample in taken {
            self.push(
                &sample.labels,
                sample.timestamp_ms,
                sample.start_timestamp_ms,
                sample.value.to_bits(),
            );
        }
    }

    /// Takes as many as there is room for.
    fn take_histograms(&mut self, histograms: &mut &[ScrapedHistogram]) -> Result<(), SinkError> {
        let mut bytes = 0;
        while self.label_lengths.len() < SAMPLES_PER_REQUEST
            && bytes < HISTOGRAM_BYTES_PER_REQUEST
            && let Some((scraped, left)) = histograms.split_first()
        {
            *histograms = left;
            let flat = match &scraped.value {
                NativeValue::Integer(histogram) => FlatHistogram::from_integer(histogram),
                NativeValue::Float(histogram) => FlatHistogram::from_float(histogram),
            };
            let flat = flat.ok_or_else(|| SinkError {
                retryable: false,
                message: format!(
                    "native histogram {} has too many buckets to be stored",
                    scraped.labels
                ),
            })?;
            let mut record = Vec::new();
            flat.write(&mut record);
            bytes += record.len();
            self.histogram_rows.push(self.label_lengths.len() as u32);
            self.histograms.push(record.into());
            self.push(
                &scraped.labels,
                scraped.timestamp_ms,
                scraped.start_timestamp_ms,
                0,
            );
        }
        Ok(())
    }

    fn push(&mut self, labels: &Labels, timestamp_ms: i64, start_ms: Option<i64>, bits: u64) {
        let packed = labels.as_packed();
        self.labels.extend_from_slice(packed);
        self.label_lengths.push(packed.len() as u32);
        self.timestamps_ms.push(timestamp_ms);
        self.start_timestamps_ms.push(start_ms.unwrap_or(0));
        self.value_bits.push(bits);
    }

    fn into_request(mut self, tenant: &str, metadata: Vec<v1::FamilyMetadata>) -> v1::WriteRequest {
        if self.start_timestamps_ms.iter().all(|start_ms| *start_ms == 0) {
            self.start_timestamps_ms.clear();
        }
        v1::WriteRequest {
            tenant: tenant.to_owned(),
            labels: self.labels.into(),
            label_lengths: self.label_lengths,
            timestamps_ms: self.timestamps_ms,
            value_bits: self.value_bits,
            metadata,
            histogram_rows: self.histogram_rows,
            histograms: self.histograms,
            start_timestamps_ms: self.start_timestamps_ms,
            exemplars: Vec::new(),
        }
    }
}

/// Neighbours of one series together.
fn of_series(exemplars: &[ScrapedExemplar]) -> Vec<v1::SeriesExemplars> {
    exemplars
        .chunk_by(|left, right| left.series == right.series)
        .map(|same| v1::SeriesExemplars {
            labels: same[0].series.as_packed().to_vec().into(),
            exemplars: same.iter().map(|scraped| (&scraped.exemplar).into()).collect(),
        })
        .collect()
}

fn sink_error(status: Status) -> SinkError {
    let retryable = matches!(
        status.code(),
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded
    );
    SinkError {
        retryable,
        message: status.message().to_owned(),
    }
}
