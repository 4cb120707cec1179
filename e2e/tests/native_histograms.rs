//! A real Prometheus scrapes native histograms, exponential ones and such with custom buckets, and sends them on in
//! both versions of remote write; custom buckets in version 2.0 only, as it drops them in the other. What is stored must be what was sent, and queries must answer alike.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vigie_e2e::{
    Api, Layout, QueryData, StartOptions, System, SystemKind, Target, TargetOptions, differences, free_port,
    now_ms, progress, vigie_binary, wait_until_sent,
};

const TOLERANCE: f64 = 1e-9;
const RECORDED: Duration = Duration::from_secs(40);
/// The time range of the queries; the recording is longer by the longest range in them.
const SHOWN_MS: i64 = 16_000;
const STEP_MS: i64 = 2_000;

/// Those of the sender itself, whose handlers are asked while it is recorded.
const NATIVE: &str = "prometheus_http_request_duration_seconds{job=\"native\"}";
/// The same histograms made from their classic buckets.
const CUSTOM: &str = "prometheus_http_request_duration_seconds{job=\"custom\"}";

const QUERIES: &[&str] = &[
    "histogram_count(H)",
    "histogram_sum(H)",
    "histogram_avg(rate(H[10s]))",
    "histogram_quantile(0.9, sum by (handler) (rate(H[10s])))",
    "histogram_quantile(0.5, sum(H))",
    "histogram_fraction(0, 0.001, sum(increase(H[10s])))",
    "histogram_stddev(sum(H))",
    "count(H)",
    "resets(H[15s])",
    "changes(H[15s])",
    "count_over_time(H[15s])",
    "histogram_count(avg_over_time(H[15s]))",
    "histogram_sum(last_over_time(H[15s]) * 2)",
    // Counts may be equal, and which of equals are shown depends on their order in the store.
    "topk(2, histogram_sum(H))",
];

#[test]
fn version_1_carries_native_histograms() {
    check(Layout::AllInOne, "prometheus.WriteRequest", &[NATIVE]);
}

#[test]
fn version_2_carries_native_histograms() {
    check(Layout::Roles, "io.prometheus.write.v2.Request", &[NATIVE, CUSTOM]);
}

#[track_caller]
fn check(layout: Layout, message: &str, selectors: &[&str]) {
    if let Err(error) = compare(layout, message, selectors) {
        panic!("{error:?}");
    }
}

fn compare(layout: Layout, message: &str, selectors: &[&str]) -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let mut target = Target::start(&TargetOptions::new(layout, &vigie_binary()?, dir.path()))?;
    let sender = start_sender(
        dir.path(),
        &target.write_url(),
        message,
        selectors.contains(&CUSTOM),
    )?;
    let sender_api = Api::new(sender.base_url())?;
    progress(format!("recording for {RECORDED:?}"));
    let start_ms = now_ms()?;
    while now_ms()? < start_ms + RECORDED.as_millis() as i64 {
        for path in ["/-/healthy", "/api/v1/labels", "/api/v1/query?query=up"] {
            sender_api.get(path)?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let end_ms = now_ms()? / STEP_MS * STEP_MS;
    wait_until_sent(
        &sender_api,
        end_ms + 2 * STEP_MS,
        &[
            "samples_failed_total",
            "histograms_failed_total",
            "histograms_dropped_total",
        ],
    )?;
    target.check_running()?;
    let api = target.api()?;
    let compared = compare_samples(&sender_api, &api, selectors, end_ms)
        .and_then(|()| compare_queries(&sender_api, &api, selectors, end_ms))
        .and_then(|()| {
            let reader = start_reader(dir.path(), api.base())?;
            let reader_api = Api::new(reader.base_url())?;
            compare_samples(&sender_api, &reader_api, selectors, end_ms).context("by remote read")
        })
        .and_then(|()| {
            progress("killing the target");
            target.kill9(&[])?;
            target.start_missing()?;
            compare_samples(&sender_api, &target.api()?, selectors, end_ms).context("after a kill")
        });
    compared.with_context(|| format!("{layout:?}; logs:\n{}", target.log_tails()))
}

/// Every histogram in the words of the API.
fn compare_samples(sender: &Api, target: &Api, selectors: &[&str], end_ms: i64) -> Result<()> {
    for selector in selectors {
        let sorted = |api: &Api| -> Result<Vec<_>> {
            let mut series = api.samples(selector, end_ms - SHOWN_MS, end_ms)?;
            series.sort_by(|left, right| left.labels.cmp(&right.labels));
            Ok(series)
        };
        let (sent, stored) = (sorted(sender)?, sorted(target)?);
        let histograms: usize = sent.iter().map(|series| series.histograms.len()).sum();
        ensure!(
            histograms > 10,
            "{selector} has {histograms} histograms, so they test nothing"
        );
        ensure!(
            sent.len() == stored.len(),
            "{selector}: {} series instead of {}",
            stored.len(),
            sent.len()
        );
        for (sent, stored) in sent.iter().zip(&stored) {
            ensure!(
                sent.labels == stored.labels,
                "{:?} instead of {:?}",
                stored.labels,
                sent.labels
            );
            ensure!(
                sent.histograms == stored.histograms,
                "{:?}:\n{:?}\ninstead of\n{:?}",
                sent.labels,
                stored.histograms,
                sent.histograms
            );
        }
        progress(format!("{histograms} histograms of {selector} are what was sent"));
    }
    Ok(())
}

fn compare_queries(sender: &Api, target: &Api, selectors: &[&str], end_ms: i64) -> Result<()> {
    let mut wrong = Vec::new();
    for selector in selectors {
        for query in QUERIES {
            let query = query.replace('H', selector);
            let ask = |api: &Api| -> Result<(QueryData, QueryData)> {
                let range = api.range(&query, end_ms - SHOWN_MS, end_ms, STEP_MS)?;
                Ok((api.instant(&query, end_ms)?, range))
            };
            let expected = ask(sender).context("ask the sender")?;
            ensure!(
                !expected.1.series.is_empty(),
                "{query} shows nothing, so it tests nothing"
            );
            let actual = ask(target)?;
            let mut found = differences(&expected.0, &actual.0, TOLERANCE);
            found.extend(differences(&expected.1, &actual.1, TOLERANCE));
            if !found.is_empty() {
                wrong.push(format!("{query}\n    {}", found.join("\n    ")));
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} queries differ:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    progress(format!(
        "{} queries answered as the sender does",
        selectors.len() * QUERIES.len()
    ));
    Ok(())
}

/// A Prometheus that has nothing itself and reads from the target.
fn start_reader(dir: &Path, read_base: &str) -> Result<System> {
    let dir = dir.join("reader");
    std::fs::create_dir(&dir).context("make a folder")?;
    let options = StartOptions {
        scrape_config: format!("remote_read:\n- {{url: '{read_base}/api/v1/read', read_recent: true}}\n"),
        ..StartOptions::new(dir)
    };
    System::start(SystemKind::Prometheus, &options)
}

fn start_sender(dir: &Path, write_url: &str, message: &str, has_custom: bool) -> Result<System> {
    let port = free_port()?;
    let custom = if has_custom {
        format!(
            "\x20 - job_name: custom\n\
             \x20   scrape_native_histograms: false\n\
             \x20   convert_classic_histograms_to_nhcb: true\n\
             \x20   static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        )
    } else {
        String::new()
    };
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         \x20 - job_name: native\n\
         \x20   scrape_native_histograms: true\n\
         \x20   static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n\
         {custom}\
         remote_write:\n\
         \x20 - url: {write_url}\n\
         \x20   protobuf_message: {message}\n\
         \x20   send_native_histograms: true\n\
         \x20   queue_config: {{max_shards: 1, capacity: 20000, batch_send_deadline: 500ms}}\n"
    );
    let dir = dir.join("sender");
    std::fs::create_dir(&dir).context("make a folder")?;
    let options = StartOptions {
        scrape_config: config,
        port: Some(port),
        ..StartOptions::new(dir)
    };
    System::start(SystemKind::Prometheus, &options)
}
