//! A distributor, near or far, as the place where scraped samples go.

use async_trait::async_trait;
use tonic::{Code, Request, Status};
use vigie_proto::{DistributorHandle, v1};
use vigie_scraper::{SampleSink, ScrapeBatch, ScrapedExemplar, ScrapedSample, SinkError, WriteSummary};

/// Samples that go into one request, so that a scrape of any size is sent in messages that fit.
const SAMPLES_PER_REQUEST: usize = 10_000;

pub(crate) struct DistributorSink(pub(crate) DistributorHandle);

#[async_trait]
impl SampleSink for DistributorSink {
    async fn write(&self, batch: &ScrapeBatch) -> Result<WriteSummary, SinkError> {
        let mut total = WriteSummary {
            // No column holds histograms yet.
            dropped_histograms: batch.histograms.len() as u64,
            ..WriteSummary::default()
        };
        let mut metadata: Vec<v1::FamilyMetadata> = batch
            .metadata
            .iter()
            .map(|(name, metadata)| v1::FamilyMetadata::new(name, metadata))
            .collect();
        let mut exemplars = of_series(&batch.exemplars);
        let mut chunks = batch.samples.chunks(SAMPLES_PER_REQUEST).peekable();
        while let Some(samples) = chunks.next() {
            let mut request = columns(batch.tenant.as_str(), samples, std::mem::take(&mut metadata));
            if chunks.peek().is_none() {
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

fn columns(tenant: &str, samples: &[ScrapedSample], metadata: Vec<v1::FamilyMetadata>) -> v1::WriteRequest {
    let label_bytes = samples.iter().map(|sample| sample.labels.as_packed().len()).sum();
    let mut labels = Vec::with_capacity(label_bytes);
    let mut label_lengths = Vec::with_capacity(samples.len());
    for sample in samples {
        let packed = sample.labels.as_packed();
        labels.extend_from_slice(packed);
        label_lengths.push(packed.len() as u32);
    }
    v1::WriteRequest {
        tenant: tenant.to_owned(),
        labels: labels.into(),
        label_lengths,
        timestamps_ms: samples.iter().map(|sample| sample.timestamp_ms).collect(),
        value_bits: samples.iter().map(|sample| sample.value.to_bits()).collect(),
        metadata,
        exemplars: Vec::new(),
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
