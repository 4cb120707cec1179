//! Series that change between floats and histograms, both with start times, through checkpoints, compaction and a
//! restart.

use vigie_chunk::{FlatHistogram, SeriesSamples, read_series};
use vigie_head::batch::HistogramRecord;
use vigie_model::{Histogram, Span};

use super::*;

fn histogram(number: i64) -> FlatHistogram {
    let counts = [number * 3, number + number % 7, 5];
    let histogram = Histogram {
        schema: 2,
        zero_threshold: 0.001,
        count: counts.iter().sum::<i64>() as u64,
        sum: number as f64 * 0.37,
        positive_spans: vec![Span {
            offset: -1,
            length: 3,
        }],
        positive_deltas: vec![counts[0], counts[1] - counts[0], counts[2] - counts[1]],
        ..Histogram::default()
    };
    // Some series are sent as floats.
    if number % 1000 < 500 {
        FlatHistogram::from_integer(&histogram).unwrap()
    } else {
        FlatHistogram::from_float(&histogram.to_float()).unwrap()
    }
}

/// Whether the sample is a float: all of an hour now and then.
fn is_float(number: i64) -> bool {
    number / 60 % 9 == 4
}

async fn write(ingester: &Ingester, minutes: i64) {
    let numbers: Vec<i64> = (0..minutes).collect();
    for numbers in numbers.chunks(60) {
        let mut encoder = BatchEncoder::new();
        let tenant = encoder.tenant(&TenantId::new("one").unwrap());
        let labels = Labels::from_pairs([("__name__", "m")]).unwrap();
        let declared = encoder.declare(tenant, labels.as_packed());
        // Every tenth comes an hour late.
        let late = numbers
            .iter()
            .map(|number| number - 60)
            .filter(|number| number % 10 == 7);
        let late: Vec<i64> = late.filter(|number| *number >= 0).collect();
        let in_order = numbers.iter().copied().filter(|number| number % 10 != 7);
        for number in in_order.chain(late) {
            let time_ms = START_MS + number * INTERVAL_MS;
            if is_float(number) {
                encoder.next_began_at(number);
                encoder.push_declared(declared, time_ms, number as f64);
                continue;
            }
            let mut record = Vec::new();
            histogram(number).write(&mut record);
            let record = HistogramRecord {
                start_ms: START_MS,
                record: &record,
            };
            encoder.push_declared_histogram(declared, time_ms, record);
        }
        let request = v1::PushRequest {
            shard: 0,
            batch: Bytes::from(encoder.finish()),
        };
        let outcome = ingester.push(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(outcome.rejected, []);
    }
}

async fn read(ingester: &Ingester) -> (SeriesSamples, usize) {
    let request = v1::SelectRequest {
        tenant: "one".to_owned(),
        matchers: matchers_to_wire(&[Matcher::equal("__name__", "m")]),
        start_ms: 0,
        end_ms: i64::MAX,
        ..Default::default()
    };
    let mut stream = ingester.select(Request::new(request)).await.unwrap().into_inner();
    let mut chunks = Vec::new();
    while let Some(message) = stream.next().await {
        chunks.extend(
            message
                .unwrap()
                .series
                .into_iter()
                .flat_map(|series| series.chunks),
        );
    }
    (read_series(&chunks).unwrap(), chunks.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_keeps_histograms() {
    let directory = tempfile::tempdir().unwrap();
    let minutes = 30 * 60;
    let now_ms = START_MS + minutes * INTERVAL_MS;
    let ingester = open(directory.path(), now_ms).await;
    write(&ingester, minutes).await;
    let (before, chunks_before) = read(&ingester).await;
    // The last hour's late samples have not come.
    assert!(before.times_ms.len() + before.histograms.len() >= minutes as usize - 6);
    for (time_ms, value) in before.times_ms.iter().zip(&before.values) {
        assert_eq!(START_MS + *value as i64 * INTERVAL_MS, *time_ms);
    }
    for (start_ms, value) in before.starts_ms.iter().zip(&before.values) {
        assert_eq!(*start_ms, *value as i64);
    }
    assert_eq!(before.starts_ms.len(), before.times_ms.len());
    for sample in &before.histograms {
        let number = (sample.time_ms - START_MS) / INTERVAL_MS;
        assert!(sample.histogram == histogram(number) && !is_float(number) && sample.start_ms == START_MS);
    }
    let report = ingester.compact(CompactedSpans::Closed).await.unwrap();
    assert!(report.spans >= 2 && report.written_bytes < report.replaced_bytes);
    let (after, chunks_after) = read(&ingester).await;
    assert!(after == before && chunks_after < chunks_before);
    ingester.shutdown().await;
    let ingester = open(directory.path(), now_ms).await;
    assert!(read(&ingester).await.0 == before);
    let again = ingester.compact(CompactedSpans::Closed).await.unwrap();
    assert_eq!(again.written_bytes, 0, "nothing is left to join");
}
