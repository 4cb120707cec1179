//! Housekeeping of a whole ingester.

mod histograms;
mod local;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use tonic::Request;
use vigie_head::batch::BatchEncoder;
use vigie_model::{Labels, Matcher, TenantId};
use vigie_proto::{Ingester as _, matchers_to_wire, v1};
use vigie_runtime::{Clock, Metrics};
use vigie_storage::SPAN_WINDOWS;

use crate::retention::Retention;
use crate::{CompactedSpans, Ingester, IngesterOptions};

const WINDOW_MS: i64 = 7_200_000;
const SPAN_MS: i64 = WINDOW_MS * SPAN_WINDOWS as i64;
/// The start of a span.
const START_MS: i64 = 40_000 * SPAN_MS;
const INTERVAL_MS: i64 = 60_000;
const SERIES: u32 = 5;
const HOUR_MS: i64 = 3_600_000;
const TENANTS: [&str; 2] = ["one", "two"];

#[derive(Debug)]
struct FixedClock(i64);

impl Clock for FixedClock {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

async fn open(directory: &Path, now_ms: i64) -> Ingester {
    let mut options = IngesterOptions::new(directory.to_owned(), 2);
    options.out_of_order_window_ms = HOUR_MS;
    options.retention_ms = 0;
    Ingester::open(options, Arc::new(FixedClock(now_ms)), &Metrics::new())
        .await
        .unwrap()
}

fn value(series: u32, number: i64) -> f64 {
    match series {
        0 => 7.25,
        1 => number as f64 * 12.0,
        2 => number as f64 * 0.1,
        3 => f64::from_bits(0x7ff8_0000_0000_0000 | number as u64),
        _ => (number as f64).sqrt(),
    }
}

/// Writes `hours` of samples of both tenants, with one sample in `late_every` an hour late; 0 for none.
async fn write(ingester: &Ingester, hours: std::ops::Range<i64>, late_every: i64) {
    let per_hour = HOUR_MS / INTERVAL_MS;
    for hour in hours {
        for (shard, tenant) in [0, 1].into_iter().zip(TENANTS) {
            let mut encoder = BatchEncoder::new();
            let tenant = encoder.tenant(&TenantId::new(tenant).unwrap());
            for series in 0..SERIES {
                let labels =
                    Labels::from_pairs([("__name__", "m"), ("series", &series.to_string())]).unwrap();
                let declared = encoder.declare(tenant, labels.as_packed());
                let is_late = |number: &i64| late_every > 0 && number % late_every == 7;
                let late = (hour - 1) * per_hour..hour * per_hour;
                let late = late.filter(|number| *number >= 0).filter(is_late);
                let in_order = (hour * per_hour..(hour + 1) * per_hour).filter(|number| !is_late(number));
                for number in in_order.chain(late) {
                    encoder.push_declared(declared, START_MS + number * INTERVAL_MS, value(series, number));
                }
            }
            let request = v1::PushRequest {
                shard,
                batch: Bytes::from(encoder.finish()),
            };
            ingester.push(Request::new(request)).await.unwrap();
        }
    }
}

type Samples = BTreeMap<Vec<u8>, BTreeMap<i64, u64>>;

/// Every sample of a tenant, and of how many chunks they came.
async fn read(ingester: &Ingester, tenant: &str, start_ms: i64, end_ms: i64) -> (Samples, usize) {
    let request = v1::SelectRequest {
        tenant: tenant.to_owned(),
        matchers: matchers_to_wire(&[Matcher::equal("__name__", "m")]),
        start_ms,
        end_ms,
        ..Default::default()
    };
    let mut stream = ingester.select(Request::new(request)).await.unwrap().into_inner();
    let (mut samples, mut chunks) = (Samples::new(), 0);
    while let Some(message) = stream.next().await {
        for series in message.unwrap().series {
            let held = samples.entry(series.labels.to_vec()).or_default();
            chunks += series.chunks.len();
            for chunk in &series.chunks {
                let (mut times, mut values) = (Vec::new(), Vec::new());
                vigie_chunk::decode_into(chunk, &mut times, &mut values).unwrap();
                held.extend(times.into_iter().zip(values.into_iter().map(f64::to_bits)));
            }
            held.retain(|time, _| (start_ms..=end_ms).contains(time));
        }
    }
    (samples, chunks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_keeps_every_bit() {
    let directory = tempfile::tempdir().unwrap();
    let now_ms = START_MS + 30 * HOUR_MS;
    let ingester = open(directory.path(), now_ms).await;
    write(&ingester, 0..30, 50).await;
    let ranges = [
        (START_MS, now_ms),
        (START_MS + 9 * HOUR_MS, START_MS + 10 * HOUR_MS),
        (START_MS + 23 * HOUR_MS, START_MS + 25 * HOUR_MS),
        (START_MS + 29 * HOUR_MS, now_ms),
    ];
    let mut before = Vec::new();
    for (start, end) in ranges {
        before.push(read(&ingester, "one", start, end).await);
    }
    let first = &before[0].0;
    assert_eq!(first.len(), SERIES as usize);
    // The last hour's late samples have not come.
    assert!(first.values().all(|samples| samples.len() >= 30 * 60 - 2));
    let report = ingester.compact(CompactedSpans::Closed).await.unwrap();
    assert_eq!(report.spans, 4, "two spans of two shards");
    assert!(report.written_bytes < report.replaced_bytes);
    for reopened in [false, true] {
        let ingester = if reopened {
            ingester.shutdown().await;
            &open(directory.path(), now_ms).await
        } else {
            &ingester
        };
        for ((start, end), (samples, _)) in ranges.into_iter().zip(&before) {
            let (found, _) = read(ingester, "one", start, end).await;
            assert!(found == *samples, "reopened: {reopened}, from {start} to {end}");
        }
        let (_, chunks) = read(ingester, "one", START_MS, START_MS + 2 * SPAN_MS - 1).await;
        // One for each span, and the late samples that are in memory.
        assert_eq!(chunks, 3 * SERIES as usize);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_spans_are_compacted_when_asked_and_again_when_closed() {
    let directory = tempfile::tempdir().unwrap();
    let now_ms = START_MS + 30 * HOUR_MS;
    let ingester = open(directory.path(), now_ms).await;
    write(&ingester, 0..20, 50).await;
    let (before, _) = read(&ingester, "one", START_MS, now_ms).await;
    let closed = ingester.compact(CompactedSpans::Closed).await.unwrap();
    assert_eq!(closed.spans, 2, "one span of two shards");
    let report = ingester.compact(CompactedSpans::All).await.unwrap();
    assert_eq!(report.spans, 2, "the next");
    assert!(report.written_bytes < report.replaced_bytes);
    assert!(read(&ingester, "one", START_MS, now_ms).await.0 == before);
    write(&ingester, 20..30, 0).await;
    let (longer, _) = read(&ingester, "one", START_MS, START_MS + 2 * SPAN_MS - 1).await;
    let again = ingester.compact(CompactedSpans::Closed).await.unwrap();
    assert_eq!(again.spans, 2, "what came later is joined to what was joined");
    let (joined, chunks) = read(&ingester, "one", START_MS, START_MS + 2 * SPAN_MS - 1).await;
    assert!(joined == longer);
    // One for each span, and the late samples that are in memory.
    assert_eq!(chunks, 3 * SERIES as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_drops_whole_spans() {
    let directory = tempfile::tempdir().unwrap();
    let now_ms = START_MS + 40 * HOUR_MS;
    let ingester = open(directory.path(), now_ms).await;
    write(&ingester, 0..40, 0).await;
    ingester.compact(CompactedSpans::Closed).await.unwrap();
    let mut retention = Retention {
        state: ingester.state().clone(),
        clock: Arc::new(FixedClock(now_ms)),
        retention_ms: 0,
        tenant_retention_ms: [(TenantId::new("two").unwrap(), 20 * HOUR_MS)].into(),
        retention_bytes: u64::MAX,
    };
    let shards: Vec<_> = ingester.shards().cloned().collect();
    async fn oldest(ingester: &Ingester, tenant: &str) -> i64 {
        let (samples, _) = read(ingester, tenant, 0, i64::MAX).await;
        let times = samples.values().filter_map(|samples| samples.keys().next());
        (times.min().unwrap() - START_MS) / SPAN_MS
    }
    for shard in &shards {
        retention.drop_expired(shard).await;
    }
    retention.drop_oversized(&shards).await;
    assert_eq!(oldest(&ingester, "one").await, 0);
    assert_eq!(oldest(&ingester, "two").await, 1, "20 hours ago is in span 1");
    retention.retention_bytes = 1;
    for expected in [1, 2, 3, 3] {
        retention.drop_oversized(&shards).await;
        assert_eq!(oldest(&ingester, "one").await, expected);
    }
    assert_eq!(oldest(&ingester, "two").await, 3);
}
